"""What a coreset strategy is: dialogues in, the indices of those to train on out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from toolwright.types import Dialogue


class Strategy(Protocol):
    """Chooses `keep` dialogues; the same inputs give the same choice."""

    def __call__(self, dialogues: Sequence[Dialogue], keep: int, *, seed: int) -> list[int]:
        """Indices of the chosen dialogues, ascending, each once."""
        ...
