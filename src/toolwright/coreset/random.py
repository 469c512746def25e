"""The control that every clever choice must beat: dialogues drawn at random."""

from __future__ import annotations

import random as _random
from collections.abc import Sequence

from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue


def random(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """`keep` dialogues drawn uniformly without replacement."""
    check_keep(dialogues, keep)
    return sorted(_random.Random(seed).sample(range(len(dialogues)), keep))
