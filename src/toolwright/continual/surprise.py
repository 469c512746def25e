"""The dialogues that the model found hardest when they had been trained on (the loss-based side of Isele & Cosgun, "Selective Experience Replay", 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from toolwright.continual.buffer import Buffer, Seen


class Surprise(Buffer):
    """The highest losses stay, whatever phase they are of; of equal ones the older."""

    def add(self, phase: Sequence[Seen]) -> None:
        self.seen += len(phase)
        self.kept = sorted([*self.kept, *phase], key=lambda one: -one.loss)[: self.capacity]
