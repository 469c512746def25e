"""Data mix and order: tasks by weight, and rows from easy to hard.

Weights are the mission's. The curriculum scores by the untrained model's loss, which for curricula is what a transferred or self-taught scoring function is
(Hacohen & Weinshall, "On the Power of Curriculum Learning", 2019), and paces by competence that grows with the square root of the steps (Platanios et al.,
"Competence-based Curriculum Learning", 2019, eq. 7). Little should be hoped for: curricula help where the budget is short or data is noisy, and seldom
else (Wu, Dyer & Neyshabur, "When Do Curricula Work?", 2021).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

from toolwright.types import Dialogue, InputError

T = TypeVar("T")

TASK_WEIGHTS = {"selection": 0.35, "planning": 0.30, "timing": 0.20, "general": 0.15}
# Which of them a dialogue's task belongs to: what it chiefly exercises.
TASK_OF = {
    "call": "selection",
    "parallel": "selection",
    "correct": "selection",
    "plan": "planning",
    "timing": "timing",
    "clarify": "timing",
    "talk": "general",
}
COMPETENCE = 0.1  # share of the rows, the easiest, that training begins with (Platanios et al.: 0.01, of far more sentences)


def in_shares(dialogues: Sequence[Dialogue], items: Sequence[T], seed: int) -> list[T]:
    """As many of `items` (one a dialogue) as there are, each task by its weight: drawn anew in random order when a task has too few, left out when too many.

    Weights of tasks that no dialogue has go to the others, in proportion. Raises `InputError` for a task that has no weight.
    """
    groups: dict[str, list[T]] = {name: [] for name in TASK_WEIGHTS}
    for dialogue, item in zip(dialogues, items, strict=True):
        if dialogue.task not in TASK_OF:
            raise InputError(f"mix: dialogue {dialogue.id!r} has task {dialogue.task!r}; allowed: {', '.join(TASK_OF)}")
        groups[TASK_OF[dialogue.task]].append(item)
    present = {name: weight for name, weight in TASK_WEIGHTS.items() if groups[name]}
    found: list[T] = []
    for name, weight in present.items():
        wanted = round(weight / sum(present.values()) * len(dialogues))
        found += [groups[name][i] for i in in_rounds(len(groups[name]), wanted, random.Random(f"mix/{name}/{seed}"))]
    return found


def in_rounds(size: int, wanted: int, source: random.Random) -> list[int]:
    """`wanted` indices below `size`: all in a new random order, again and again."""
    order: list[int] = []
    while len(order) < wanted:
        order += source.sample(range(size), size)
    return order[:wanted]


def from_easy_to_hard(difficulty: Sequence[float], wanted: int, seed: int) -> list[int]:
    """Indices of `wanted` rows, each drawn evenly from those easy enough for the competence reached by then.

    Args:
        difficulty: of each row, higher is harder.
        wanted: rows in all.
        seed: of the draws.
    """
    source = random.Random(f"curriculum/{seed}")
    easiest = sorted(range(len(difficulty)), key=lambda i: (difficulty[i], i))
    order = []
    for position in range(wanted):
        competence = (position / wanted * (1 - COMPETENCE**2) + COMPETENCE**2) ** 0.5
        order.append(source.choice(easiest[: max(1, round(competence * len(easiest)))]))
    return order
