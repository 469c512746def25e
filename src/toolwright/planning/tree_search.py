"""Depth-first search over partial plans, with look-back: the model proposes several next steps, the best is tried first, a dead end goes back to the others.

DFSDT of ToolLLM (Qin et al., 2024), over plans that are checked and not run: a proposal with problems is cut off at once, and its problems are shown where the
search goes on. Bounded in nodes, questions, tokens and seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwright.models.chat import ChatModel
from toolwright.planning.asking import ABOUT_STEPS, STEP_FORM, context_said, read_steps, tools_said
from toolwright.planning.protocol import Context, Plan, Spending
from toolwright.planning.repair import ask
from toolwright.planning.validate import PlanningError, Problem
from toolwright.selection import Selector
from toolwright.types import JSON, Message, Step, Tool

PROPOSE = (
    "You search for a plan of tool calls. You see the steps chosen so far and what was tried here and failed. Answer with one JSON object "
    '{"proposals": [{"step": {...}, "confidence": 0.0 to 1.0}], "verdict": "go on" | "complete" | "dead end"}: up to three different next steps; "complete" '
    f'without proposals when the steps reach the goal; "dead end" when they cannot. {ABOUT_STEPS}'
)
PROPOSALS_FORM: JSON = {
    "type": "object",
    "properties": {
        "proposals": {
            "type": "array",
            "maxItems": 3,
            "items": {
                "type": "object",
                "properties": {"step": STEP_FORM, "confidence": {"type": "number", "minimum": 0, "maximum": 1}},
                "required": ["step", "confidence"],
            },
        },
        "verdict": {"enum": ["go on", "complete", "dead end"]},
    },
    "required": ["verdict"],
}


@dataclass(frozen=True, slots=True)
class _Proposed:
    verdict: str
    steps: tuple[Step, ...]  # sound ones, the most confident first
    problems: tuple[Problem, ...]  # of those cut off


class TreeSearchPlanner:
    """Proposes, tries, goes back.

    Args:
        model: who is asked.
        selector: fitted on the tools.
        top_k: candidates shown.
        nodes: partial plans looked at, at most.
    """

    name = "tree_search"

    def __init__(self, model: ChatModel, selector: Selector, top_k: int = 12, nodes: int = 40) -> None:
        self.model = model
        self.selector = selector
        self.top_k = top_k
        self.nodes = nodes

    def plan(self, goal: str, tools: Sequence[Tool], context: Context) -> Plan:
        known = {tool.name: tool for tool in tools}
        spending = Spending(context.budget)
        shown = [known[name] for name in self.selector.select(goal, self.top_k).names if name in known]
        left: list[tuple[Step, ...]] = [()]
        dead: list[str] = []
        problems: tuple[Problem, ...] = ()
        for _ in range(self.nodes):
            if not left:
                raise PlanningError(f"every branch that {self.model.name} proposed is a dead end", problems)
            steps = left.pop()
            proposed = self._propose(goal, shown, known, context, spending, steps, dead)
            problems = proposed.problems or problems
            if proposed.verdict == "complete" and steps:
                return Plan(steps, tokens=spending.tokens, asked=spending.asked)
            if not proposed.steps:
                dead.append(" → ".join(f"{step.tool}({step.arguments})" for step in steps)[:300] or "the start")
                continue
            left.extend((*steps, step) for step in reversed(proposed.steps))
        raise PlanningError(f"no plan within {self.nodes} partial plans", problems)

    def _propose(
        self,
        goal: str,
        shown: Sequence[Tool],
        tools: Mapping[str, Tool],
        context: Context,
        spending: Spending,
        steps: tuple[Step, ...],
        dead: Sequence[str],
    ) -> _Proposed:
        """What could come next; proposals with problems are left out as long as one is sound."""
        chosen = "\n".join(step.model_dump_json() for step in steps)
        parts = (
            context_said(context),
            f"Tools:\n{tools_said(shown)}",
            f"Goal: {goal}",
            f"Steps so far:\n{chosen}" if chosen else "",
            "Dead ends:\n" + "\n".join(dead[-5:]) if dead else "",
        )

        def read(found: JSON) -> tuple[_Proposed, Sequence[Problem]]:
            verdict = found["verdict"]
            if verdict == "complete" and not steps:
                return _Proposed(verdict, (), ()), [Problem("empty", "", "", "there is no step yet", "propose the first one")]
            sound: list[Step] = []
            cut: list[Problem] = []
            for proposal in sorted(found.get("proposals", ()), key=lambda one: -one["confidence"]) if verdict == "go on" else ():
                new, problems = read_steps([proposal["step"]], [*context.done, *steps], tools, context.budget.steps)
                sound.extend(() if problems else new)
                cut.extend(problems)
            if verdict == "go on" and not sound:
                cut = cut or [Problem("empty", "", "", "nothing is proposed", "propose a step, or say complete or dead end")]
                return _Proposed(verdict, (), tuple(cut)), cut
            return _Proposed(verdict, tuple(sound), tuple(cut)), ()

        messages = [Message(role="system", content=PROPOSE), Message(role="user", content="\n".join(part for part in parts if part))]
        return ask(self.model, messages, PROPOSALS_FORM, read, spending)
