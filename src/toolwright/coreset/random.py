"""The control that every clever choice must beat: dialogues drawn at random."""

from __future__ import annotations

import random as _random
from collections.abc import Sequence

from toolwright.types import Dialogue, InputError


def random(dialogues: Sequence[Dialogue], keep: int, *, seed: int) -> list[int]:
    """`keep` dialogues drawn uniformly without replacement."""
    if not 1 <= keep <= len(dialogues):
        raise InputError(f"coreset: keep is {keep}; expected 1 to {len(dialogues)}, the number of dialogues")
    return sorted(_random.Random(seed).sample(range(len(dialogues)), keep))
