"""`toolwright train planner`: learn to plan from plans, without a language model.

Learned from the planning examples of agent_benchmark's train split, and, to know tools that no plan uses, from its requests for single tools. Goals that differ
in their values alone count once each time something is counted, and never teach about themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from toolwright.encoders import load_encoder
from toolwright.planning.arguments import ArgumentScorer, rightness
from toolwright.planning.candidates import Goal, Habits, Slot, describe, everything_offered, is_right, read_goal
from toolwright.planning.forest import Forest
from toolwright.planning.learned import LearnedPlanner
from toolwright.planning.likely import LikelyTools
from toolwright.planning.order import ToolOrder
from toolwright.tools.values import read
from toolwright.types import InputError, PlanExample, SelectionExample, Tool
from toolwright.world.tables import TODAY

Told = Callable[[str, int, int], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlannerSettings:
    """What to learn from, and how much."""

    encoder: str = "minilm-tokens"
    fillings: int = 3  # examples of each goal that differ in their values alone
    requests: int = 4  # requests for each tool
    trees: int = 120
    leaves: int = 31
    seed: int = 0


def goal_of(example: PlanExample) -> str:
    """The goal that an example fills with values: what is left out together."""
    return example.id.rsplit(".", 1)[0]


def train_planner(
    settings: PlannerSettings,
    tools: Sequence[Tool],
    plans: Sequence[PlanExample],
    requests: Sequence[SelectionExample],
    out: Path,
    told: Told = lambda *_: None,
    encode: Callable[[Sequence[str]], np.ndarray] | None = None,
) -> LearnedPlanner:
    """Learn a planner and write it to a folder.

    Args:
        settings: how.
        tools: the catalogue; plans and requests name its tools.
        plans: to learn from.
        requests: single requests, to know tools that no plan uses.
        out: the folder.
        told: is told stage, done and total.
        encode: in place of the encoder that the settings name.

    Raises:
        InputError: there is no plan, or one names an unknown tool.
    """
    known = {tool.name: tool for tool in tools}
    for example in plans:
        for step in example.steps:
            if step.tool not in known:
                raise InputError(f"plan {example.id!r} names the tool {step.tool!r}, which the catalogue of {len(known)} does not hold")
    kept = first_of_each(plans, goal_of, settings.fillings)
    if not kept:
        raise InputError("there is no plan to learn from")
    single = [one for one in requests if len(one.tools) == 1 and one.tools[0] in known]
    single = first_of_each(single, lambda one: one.tools[0], settings.requests)
    encoding = encode or load_encoder(settings.encoder).encode
    told("tools", 0, 1)
    goals = [*(example.goal for example in kept), *(one.query for one in single)]
    used = [*([step.tool for step in example.steps] for example in kept), *(list(one.tools) for one in single)]
    groups = [*(goal_of(example) for example in kept), *(f"request {one.id}" for one in single)]
    likely = LikelyTools(encoding).fit(goals, used, groups, tools, judged=len(kept))
    told("tools", 1, 1)
    habits = Habits()
    for example in plans:
        habits.see(goal_of(example), example.steps, known)
    rows, right, sequences, places = [], [], [], []
    for number, example in enumerate(kept):
        goal, slots = read_example(example, known, likely)
        sequences.append([slot.tool.name for slot in slots])
        places.append([slot.clause / len(goal.clauses) for slot in slots])
        for features, labels in examples_of(example, goal, slots, habits):
            rows.append(features)
            right.append(labels)
        told("arguments", number + 1, len(kept))
    told("trees", 0, 1)
    forest = Forest.train(np.concatenate(rows), np.concatenate(right), trees=settings.trees, leaves=settings.leaves, seed=settings.seed)
    told("trees", 1, 1)
    planner = LearnedPlanner(likely, ArgumentScorer(forest, habits), ToolOrder().fit(sequences, places), settings.encoder)
    planner.save(out)
    return planner


def first_of_each(items: Sequence[T], key: Callable[[T], str], most: int) -> list[T]:
    """The first items of each key."""
    seen: Counter[str] = Counter()
    kept = []
    for item in items:
        seen[key(item)] += 1
        if seen[key(item)] <= most:
            kept.append(item)
    return kept


def read_example(example: PlanExample, tools: dict[str, Tool], likely: LikelyTools) -> tuple[Goal, list[Slot]]:
    """A goal as the planner reads it, and its steps, each with the clause that speaks of it most."""
    found = likely.likely(example.goal)
    goal = read_goal(example.goal, read(example.goal, TODAY), found.clauses)
    at = {name: i for i, name in enumerate(likely.tools_)}
    return goal, [Slot(step.id, tools[step.tool], int(found.by_clause[:, at[step.tool]].argmax())) for step in example.steps]


def examples_of(example: PlanExample, goal: Goal, slots: Sequence[Slot], habits: Habits) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each parameter of each step, its candidates' features and which of them are right."""
    by = {slot.id: slot for slot in slots}
    given = {step.id: step.arguments for step in example.steps}
    every, takers = everything_offered(slots, goal)
    for slot, wanted, found in every:
        labels = rightness(given[slot.id], wanted, found, [is_right(one, wanted, given[slot.id]) for one in found])
        yield describe(slot, wanted, found, by, goal, takers, habits, goal_of(example)), labels
