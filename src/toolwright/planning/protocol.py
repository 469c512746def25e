"""What a planner is: a goal, tools and a context in; a plan without problems out, or a `PlanningError`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from toolwright.models.chat import Reply
from toolwright.planning.validate import PlanningError
from toolwright.types import JSON, Step, Tool

Observe = Callable[[Step], JSON]


@dataclass(frozen=True, slots=True)
class SubGoal:
    """A part of a goal: what it is, the steps that serve it, and its own parts."""

    goal: str
    steps: tuple[str, ...] = ()
    parts: tuple[SubGoal, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps that were checked, the sub-goals behind them where the planner has any, and what planning cost."""

    steps: tuple[Step, ...]
    tree: SubGoal | None = None
    tokens: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """The most that one plan may cost; what it does cost is a `PlanningError` once it is more."""

    asked: int = 24  # questions to the model
    tokens: int = 60_000  # prompt and answer together
    seconds: float = 300.0
    steps: int = 16


@dataclass(frozen=True, slots=True)
class Context:
    """What a planner may know besides goal and tools.

    Attributes:
        now: the moment of asking, ISO 8601, for words such as "tomorrow".
        budget: the most that planning may cost.
        done: steps that have run already; new steps may refer to them and must not reuse their ids.
        answers: the answer of each step done.
        failed: what went wrong before, in words, when this is a new plan for the rest.
        exact_tools: the tools offered are those of the plan, each of them to be used.
        observe: runs a step at once and gives its answer, for planners that act as they plan; they may go without it.
    """

    now: str = ""
    budget: Budget = Budget()
    done: tuple[Step, ...] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    failed: str = ""
    exact_tools: bool = False
    observe: Observe | None = None


class Planner(Protocol):
    """Finds the steps that reach a goal. What it returns has no problem that `check_plan` finds."""

    name: str

    def plan(self, goal: str, tools: Sequence[Tool], context: Context) -> Plan:
        """A plan for the goal.

        Raises:
            PlanningError: there is none within the budget; `problems` are those of the last attempt.
        """
        ...


class Spending:
    """What one plan has cost so far, held against its budget."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self.asked = 0
        self.tokens = 0
        self.began = time.monotonic()

    def check(self) -> None:
        """Raise `PlanningError` when nothing is left."""
        for name, spent, most in (("questions", self.asked, self.budget.asked), ("tokens", self.tokens, self.budget.tokens)):
            if spent >= most:
                raise PlanningError(f"no plan within {most} {name}")
        if time.monotonic() - self.began > self.budget.seconds:
            raise PlanningError(f"no plan within {self.budget.seconds:g} seconds")

    def add(self, reply: Reply) -> None:
        self.asked += 1
        self.tokens += reply.tokens
