"""Every dialogue seen has the same chance to be kept (algorithm R; Vitter, "Random Sampling with a Reservoir", 1985)."""

from __future__ import annotations

import random
from collections.abc import Sequence

from toolwright.continual.buffer import Buffer, Seen


class Reservoir(Buffer):
    """The t-th dialogue takes a random place with probability capacity / t."""

    def add(self, phase: Sequence[Seen]) -> None:
        for one in phase:
            place = random.Random(f"{self.seed}/{self.seen}").randrange(self.seen + 1)
            self.seen += 1
            if len(self.kept) < self.capacity:
                self.kept.append(one)
            elif place < self.capacity:
                self.kept[place] = one
