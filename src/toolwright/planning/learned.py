"""Planning without a language model, in milliseconds, learned from plans.

Five parts, each a file: which tools the goal is likely to need (`likely`), which others those need for their ids (`closure`), what each argument is
(`arguments`, on `candidates`), and in which order steps that nothing links come (`order`). What comes out is checked like any plan; a step that no argument can
be found for is left out when the rest stands without it.

Read as shallow as it is: values stand in the goal or in another step's answer (lists give their first member), nothing is calculated, each tool is used once,
and a list of objects holds one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Self

import numpy as np

from toolwright.planning.arguments import ArgumentScorer
from toolwright.planning.candidates import Goal, Habits, Slot, read_goal
from toolwright.planning.closure import closed
from toolwright.planning.forest import Forest
from toolwright.planning.graph import DependencyGraph
from toolwright.planning.likely import Encode, Likely, LikelyTools, best_set
from toolwright.planning.order import ToolOrder
from toolwright.planning.protocol import Context, Plan
from toolwright.planning.validate import PlanningError, Problem, check_plan
from toolwright.tools.values import read
from toolwright.types import JSON, InputError, Step, Tool, write_text

CONFIG, ARRAYS = "planner.json", "planner.npz"
VERSION = 1


class LearnedPlanner:
    """Plans from what was learned.

    Args:
        likely: which tools.
        scorer: which arguments.
        order: in which order.
        encoder: the name of the encoder that `likely` uses, to load it again.
    """

    name = "learned"

    def __init__(self, likely: LikelyTools, scorer: ArgumentScorer, order: ToolOrder, encoder: str) -> None:
        self.likely = likely
        self.scorer = scorer
        self.order = order
        self.encoder = encoder
        self._indexed: Sequence[Tool] = ()

    def plan(self, goal: str, tools: Sequence[Tool], context: Context) -> Plan:
        """Steps for the goal. Raises `PlanningError` where none stands; it knows no second way, so that it plans no failed goal anew."""
        if context.failed or context.done:
            raise PlanningError("the learned planner knows no other way to this goal")
        if not tools:
            raise PlanningError("there are no tools to plan with")
        self._index(tools)
        found = self.likely.likely(goal)
        reading = read(goal, _day(context.now))
        told = read_goal(goal, reading, found.clauses)
        chosen = self._chosen(found, told, tools, context)
        at = {tool.name: i for i, tool in enumerate(tools)}
        places = [int(found.by_clause[:, at[tool.name]].argmax()) for tool in chosen]
        ordered = self.order.order([tool.name for tool in chosen], [place / len(found.clauses) for place in places])
        slots = [Slot(f"s{number + 1}", chosen[i], places[i]) for number, i in enumerate(ordered)]
        steps = self._chain(slots) if not any(tool.properties for tool in chosen) else self._filled(slots, told)
        return Plan(tuple(self._sound(steps, {tool.name: tool for tool in tools}, context)))

    def _index(self, tools: Sequence[Tool]) -> None:
        """Read a catalogue, unless it is the last one."""
        if len(tools) != len(self._indexed) or any(one is not other for one, other in zip(tools, self._indexed, strict=True)):
            self.likely.index(tools)
            self._indexed = list(tools)

    def _chosen(self, found: Likely, told: Goal, tools: Sequence[Tool], context: Context) -> list[Tool]:
        """The tools of the plan, at most as many as it may have steps."""
        if context.exact_tools:
            return list(tools)
        chosen = [tools[i] for i in best_set(found.probability)]
        chance = {tool.name: float(p) for tool, p in zip(tools, found.probability, strict=True)}
        return closed(chosen, tools, told.reading, self.scorer.habits, lambda name: chance[name])[: context.budget.steps]

    def _chain(self, slots: Sequence[Slot]) -> list[Step]:
        """Tools that take no arguments can be linked by their order alone."""
        return [Step(id=slot.id, tool=slot.tool.name, depends_on=(slots[i - 1].id,) if i else ()) for i, slot in enumerate(slots)]

    def _filled(self, slots: Sequence[Slot], told: Goal) -> list[Step]:
        arguments = self.scorer.fill(slots, told)
        return DependencyGraph([Step(id=slot.id, tool=slot.tool.name, arguments=arguments[slot.id]) for slot in slots]).ordered()

    def _sound(self, steps: Sequence[Step], tools: dict[str, Tool], context: Context) -> list[Step]:
        """The steps that have no problem and need none that has; none may be missing where the tools are given."""
        left, problems = list(steps), list[Problem]()
        while found := check_plan(left, tools):
            problems = found
            if context.exact_tools:
                break
            wrong = {problem.step for problem in found}
            gone = wrong | DependencyGraph(left).after(sorted(wrong))
            left = [step for step in left if step.id not in gone]
        if not left or (context.exact_tools and problems):
            raise PlanningError("no arguments were found for these steps", problems)
        return left

    def save(self, directory: Path) -> None:
        """Write a folder that `load` reads: numbers and texts alone."""
        arrays: dict[str, Any] = {**self.likely.arrays(), **self.scorer.forest.arrays("forest"), "order.weights": np.asarray(self.order.weights_)}
        directory.mkdir(parents=True, exist_ok=True)
        temporary = directory / f".{ARRAYS}"
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
        temporary.replace(directory / ARRAYS)
        config = {
            "version": VERSION,
            "encoder": self.encoder,
            "likely": self.likely.config(),
            "habits": self.scorer.habits.to_json(),
            "order": self.order.to_json(),
        }
        write_text(directory / CONFIG, json.dumps(config, ensure_ascii=False))

    @classmethod
    def load(cls, directory: Path, encode: Encode | None = None) -> Self:
        """Read a folder that `save` wrote.

        Args:
            directory: the folder.
            encode: in place of the encoder that it names.

        Raises:
            InputError: the folder is no trained planner.
        """
        config = _config(directory)
        with np.load(directory / ARRAYS, allow_pickle=False) as file:
            arrays = dict(file)
        if encode is None:
            from toolwright.encoders import load_encoder

            encode = load_encoder(config["encoder"]).encode
        likely = LikelyTools.restored(encode, config["likely"], arrays)
        scorer = ArgumentScorer(Forest.from_arrays(arrays, "forest"), Habits.from_json(config["habits"]))
        return cls(likely, scorer, ToolOrder.from_json(config["order"], arrays["order.weights"]), config["encoder"])


def _config(directory: Path) -> JSON:
    path = directory / CONFIG
    if not path.is_file() or not (directory / ARRAYS).is_file():
        raise InputError(f"{directory}: holds no {CONFIG} with {ARRAYS}; expected a folder that `toolwright train planner` wrote")
    try:
        config: Any = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from error
    if not isinstance(config, dict) or config.get("version") != VERSION:
        raise InputError(f"{path}: got version {config.get('version') if isinstance(config, dict) else config!r:.40}; expected {VERSION}")
    return config


def _day(now: str) -> date | None:
    try:
        return date.fromisoformat(now[:10]) if now else None
    except ValueError as error:
        raise InputError(f"now: got {now!r}; expected ISO 8601, such as 2026-03-02T09:00") from error
