"""Dialogues whose mean stays near the mean of all that a phase had (Rebuffi et al., "iCaRL", 2017, algorithm 4)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from toolwright.continual.buffer import Buffer, Seen


class Herding(Buffer):
    """Every phase has the same number of places; each phase's exemplars stand in order, so that the last ones leave first."""

    def add(self, phase: Sequence[Seen]) -> None:
        self.seen += len(phase)
        groups = [*self._groups(), herd(phase, min(len(phase), self.capacity))]
        share, extra = divmod(self.capacity, len(groups))
        kept = [group[: share + (i < extra)] for i, group in enumerate(groups)]
        self.kept = [one for group in kept for one in group]
        self.phases = [len(group) for group in kept]

    def _groups(self) -> list[list[Seen]]:
        ends = np.cumsum([0, *self.phases]).tolist()
        return [self.kept[begin:end] for begin, end in pairwise(ends)]


def herd(seen: Sequence[Seen], count: int) -> list[Seen]:
    """`count` of them, each time the one that brings the mean of those chosen nearest to the mean of all."""
    if not count:
        return []
    vectors = np.array([one.vector for one in seen])
    mean, total = vectors.mean(0), np.zeros(vectors.shape[1])
    left = np.ones(len(seen), dtype=bool)
    chosen: list[Seen] = []
    for k in range(1, count + 1):
        away = np.linalg.norm(mean - (total + vectors) / k, axis=1)
        best = int(np.where(left, away, np.inf).argmin())
        left[best] = False
        total += vectors[best]
        chosen.append(seen[best])
    return chosen
