"""Step by step: the model names one next call at a time, sees its answer, and says when the goal is reached.

ReAct (Yao et al., 2023): thought, action, observation. Where the context can run steps (`observe`), the model sees real answers; where it cannot, it sees what
each tool returns by its schema, and the plan is made without acting.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolwright.models.chat import ChatModel
from toolwright.planning.asking import ABOUT_STEPS, STEP_FORM, clipped, context_said, read_steps, tools_said
from toolwright.planning.protocol import Context, Plan, Spending
from toolwright.planning.repair import ask
from toolwright.planning.validate import PlanningError, Problem
from toolwright.selection import Selector
from toolwright.types import JSON, Message, Step, Tool

NEXT = (
    "You reach a goal with tools, one call at a time. Answer with one JSON object: "
    '{"thought": "...", "step": {...}} for the next call, or {"thought": "...", "done": true} when nothing is left to do. '
    f"{ABOUT_STEPS}"
)
NEXT_FORM: JSON = {
    "type": "object",
    "properties": {"thought": {"type": "string"}, "step": STEP_FORM, "done": {"const": True}},
    "oneOf": [{"required": ["step"]}, {"required": ["done"]}],
}


class ReactPlanner:
    """One step at a time.

    Args:
        model: who is asked.
        selector: fitted on the tools; candidates are looked up for the goal and for each thought.
        top_k: candidates of each look-up.
    """

    name = "react"

    def __init__(self, model: ChatModel, selector: Selector, top_k: int = 8) -> None:
        self.model = model
        self.selector = selector
        self.top_k = top_k

    def plan(self, goal: str, tools: Sequence[Tool], context: Context) -> Plan:
        known = {tool.name: tool for tool in tools}
        spending = Spending(context.budget)
        shown = dict.fromkeys(self.selector.select(goal, self.top_k).names)
        steps: list[Step] = []
        observed: list[str] = []

        def read(found: JSON) -> tuple[tuple[str, Step | None], list[Problem]]:
            thought = found.get("thought", "")
            if "done" in found:
                nothing = Problem("empty", "", "", "there is no step yet", "name the first call")
                return (thought, None), [] if steps or context.done else [nothing]
            new, problems = read_steps([found["step"]], [*context.done, *steps], known, context.budget.steps)
            return (thought, new[0]), problems

        while True:
            question = "\n".join(
                part
                for part in (
                    context_said(context),
                    f"Tools:\n{tools_said([known[name] for name in shown if name in known])}",
                    f"Goal: {goal}",
                    "Calls so far:\n" + "\n".join(observed) if observed else "",
                )
                if part
            )
            thought, step = ask(self.model, [Message(role="system", content=NEXT), Message(role="user", content=question)], NEXT_FORM, read, spending)
            if step is None:
                break
            steps.append(step)
            answer = clipped(context.observe(step)) if context.observe is not None else "(not run yet)"
            observed.append(f"{step.model_dump_json()} -> {answer}")
            if thought.strip():
                shown |= dict.fromkeys(self.selector.select(thought, self.top_k).names)
        if not steps:
            raise PlanningError(f"{self.model.name} found nothing to do")
        return Plan(tuple(steps), tokens=spending.tokens, asked=spending.asked)
