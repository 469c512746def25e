"""The last dialogues of each tool are kept (a ring a class; Chaudhry et al., "On Tiny Episodic Memories in Continual Learning", 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from toolwright.continual.buffer import Buffer, Seen, theme


class Ring(Buffer):
    """While there is room all are kept; then the oldest of the tool that has most places leaves."""

    def add(self, phase: Sequence[Seen]) -> None:
        places: dict[str, int] = {}
        for one in self.kept:
            places[theme(one.dialogue)] = places.get(theme(one.dialogue), 0) + 1
        for one in phase:
            self.seen += 1
            name = theme(one.dialogue)
            self.kept.append(one)
            places[name] = places.get(name, 0) + 1
            if len(self.kept) > self.capacity:
                fullest = max(places, key=lambda tool: (places[tool], tool == name, tool))
                oldest = next(i for i, other in enumerate(self.kept) if theme(other.dialogue) == fullest)
                del self.kept[oldest]
                places[fullest] -= 1
