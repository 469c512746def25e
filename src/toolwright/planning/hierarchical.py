"""Hierarchical planning: a model splits the goal into sub-goals, tools are selected for each, and each becomes steps that link to those before.

The tree of sub-goals is real: a part that is still several things is split again, parts can be shown, and when the rest has to be planned anew only what is not
done is. (Hierarchical task networks, Erol, Hendler and Nau, 1994, with the model in place of the methods; no search over decompositions.)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolwright.models.chat import ChatModel
from toolwright.planning.asking import ABOUT_STEPS, STEP_FORM, context_said, read_steps, tools_said
from toolwright.planning.protocol import Context, Plan, Spending, SubGoal
from toolwright.planning.repair import ask
from toolwright.planning.validate import PlanningError, Problem, check_plan
from toolwright.selection import Selector
from toolwright.types import JSON, Message, Step, Tool

SPLIT = (
    "You split a goal into parts that can be done one after another. Answer with one JSON object "
    '{"parts": [{"goal": "...", "single": true}]}. A part is single when one to three tool calls do it; others are split again. Each part is told so that it '
    "can be understood without the others, with every name, number and date that it needs, word for word. A goal that is small is one single part."
)
FILL = (
    'You turn one part of a goal into tool calls. Answer with one JSON object {"steps": [...]} that holds the steps of this part alone, with new ids. '
    f"{ABOUT_STEPS} Give no step at all when the steps before do this part already."
)
PARTS_FORM: JSON = {
    "type": "object",
    "properties": {
        "parts": {
            "type": "array",
            "minItems": 1,
            "maxItems": 8,
            "items": {
                "type": "object",
                "properties": {"goal": {"type": "string", "minLength": 1}, "single": {"type": "boolean"}},
                "required": ["goal", "single"],
            },
        }
    },
    "required": ["parts"],
}
STEPS_FORM: JSON = {"type": "object", "properties": {"steps": {"type": "array", "maxItems": 8, "items": STEP_FORM}}, "required": ["steps"]}


class HierarchicalPlanner:
    """Splits, selects, fills.

    Args:
        model: who is asked.
        selector: fitted on the tools; finds the candidates of each sub-goal.
        top_k: candidates of a sub-goal.
        depth: how often a part may be split again.
    """

    name = "hierarchical"

    def __init__(self, model: ChatModel, selector: Selector, top_k: int = 8, depth: int = 2) -> None:
        self.model = model
        self.selector = selector
        self.top_k = top_k
        self.depth = depth

    def plan(self, goal: str, tools: Sequence[Tool], context: Context) -> Plan:
        known = {tool.name: tool for tool in tools}
        spending = Spending(context.budget)
        steps: list[Step] = []
        tree = self._branch(goal, goal, known, context, spending, steps, self.depth)
        if not steps:
            raise PlanningError(f"{self.model.name} found no step for any part of the goal")
        if problems := check_plan([*context.done, *steps], known):
            raise PlanningError("the parts do not fit together", problems)
        return Plan(tuple(steps), tree, spending.tokens, spending.asked)

    def _branch(self, goal: str, whole: str, tools: Mapping[str, Tool], context: Context, spending: Spending, steps: list[Step], depth: int) -> SubGoal:
        """Split a goal and plan its parts in order; `steps` grows."""
        messages = [Message(role="system", content=SPLIT), Message(role="user", content=_lines(context_said(context), f"Goal: {goal}"))]
        parts = ask(self.model, messages, PARTS_FORM, lambda found: (found["parts"], ()), spending)
        planned = []
        for part in parts:
            if part["single"] or depth <= 1 or part["goal"] == goal:
                planned.append(self._leaf(part["goal"], whole, tools, context, spending, steps))
            else:
                planned.append(self._branch(part["goal"], whole, tools, context, spending, steps, depth - 1))
        return SubGoal(goal, parts=tuple(planned))

    def _leaf(self, goal: str, whole: str, tools: Mapping[str, Tool], context: Context, spending: Spending, steps: list[Step]) -> SubGoal:
        """Steps for one part, linked to those before."""
        names = self.selector.select(goal, self.top_k).names
        before = [*context.done, *steps]
        shown = [tools[name] for name in dict.fromkeys((*names, *(step.tool for step in before))) if name in tools]
        written = "\n".join(step.model_dump_json() for step in steps)
        question = _lines(
            context_said(context), f"Tools:\n{tools_said(shown)}", f"Steps before:\n{written}" if written else "", f"Whole goal: {whole}", f"Part: {goal}"
        )

        def read(found: JSON) -> tuple[tuple[Step, ...], list[Problem]]:
            return read_steps(found["steps"], before, tools, context.budget.steps)

        found = ask(self.model, [Message(role="system", content=FILL), Message(role="user", content=question)], STEPS_FORM, read, spending)
        steps.extend(found)
        return SubGoal(goal, tuple(step.id for step in found))


def _lines(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
