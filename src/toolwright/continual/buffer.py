"""What is kept of dialogues seen: a number of places, a rule for who leaves, and drawing from what is there evenly by tool.

The four rules are sibling files: `reservoir`, `ring`, `herding`, `surprise`.
"""

from __future__ import annotations

import json
import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolwright.types import Dialogue, InputError, read_records, write_records, write_text


@dataclass(frozen=True, slots=True)
class Seen:
    """A dialogue with what was known of it when it was seen: its unit vector and the model's mean loss on it."""

    dialogue: Dialogue
    vector: tuple[float, ...] = ()
    loss: float = 0.0


class Buffer(ABC):
    """Keeps at most `capacity` dialogues; the same phases with the same seed give the same content.

    Args:
        capacity: places, 1 or more.
        seed: of all that is drawn.
    """

    def __init__(self, capacity: int, seed: int = 0) -> None:
        if capacity < 1:
            raise InputError(f"buffer: capacity is {capacity}; expected 1 or more")
        self.capacity = capacity
        self.seed = seed
        self.kept: list[Seen] = []
        self.seen = 0  # dialogues offered so far
        self.phases: list[int] = []  # how many of `kept`, in their order, belong to each phase, where the rule shares places out among phases

    @abstractmethod
    def add(self, phase: Sequence[Seen]) -> None:
        """Take in the dialogues of a phase that has ended, in their order."""

    def draw(self, count: int) -> list[Dialogue]:
        """`count` of the dialogues kept, without repetition as far as there are enough, evenly by the first tool that they call."""
        if not self.kept and count:
            raise InputError(f"buffer: {count} dialogues wanted, but nothing was kept yet")
        source = random.Random(f"{self.seed}/{self.seen}/{count}")
        drawn: list[Dialogue] = []
        while len(drawn) < count:
            drawn += balanced([one.dialogue for one in self.kept], min(count - len(drawn), len(self.kept)), source)
        return drawn

    def save(self, folder: Path) -> None:
        """Write what is kept; `load` continues as if nothing had been between."""
        write_records(folder / "kept.jsonl", [one.dialogue for one in self.kept])
        rows = [[one.loss, *one.vector] for one in self.kept]
        np.save(folder / "kept.npy", np.array(rows, dtype=np.float64))
        write_text(folder / "state.json", json.dumps({"seen": self.seen, "phases": self.phases}))

    def load(self, folder: Path) -> None:
        """Take up what `save` wrote."""
        dialogues = read_records(folder / "kept.jsonl", Dialogue)
        rows = np.load(folder / "kept.npy").reshape(len(dialogues), -1)
        self.kept = [Seen(one, tuple(row[1:]), row[0]) for one, row in zip(dialogues, rows.tolist(), strict=True)]
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        self.seen, self.phases = int(state["seen"]), list(state["phases"])


def theme(dialogue: Dialogue) -> str:
    """The first tool that a dialogue calls; its task where it calls none."""
    return next((call.name for message in dialogue.messages for call in message.tool_calls), dialogue.task)


def balanced(dialogues: Sequence[Dialogue], count: int, source: random.Random) -> list[Dialogue]:
    """`count` of them in random order, each tool as often as every other as far as it can be."""
    order = source.sample(range(len(dialogues)), len(dialogues))
    turn: Counter[str] = Counter()
    ranked: list[tuple[int, int, int]] = []
    for i in order:
        name = theme(dialogues[i])
        ranked.append((turn[name], len(ranked), i))
        turn[name] += 1
    return [dialogues[i] for _, _, i in sorted(ranked)[:count]]
