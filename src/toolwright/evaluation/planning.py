"""How good a planner is: are the steps, the links and the arguments right, and does the plan reach its goal in the world?

`node_f1`, `link_f1`: F1 of the sets of tools and of producer → consumer pairs (Wu et al., "Can graph learning improve planning in LLM-based agents?", 2024, who
call them n-F1 and l-F1); `acc`: share with node_f1 of at least 0.99; `exact`: the same calls with the same arguments and links, whatever the steps are called;
`valid`: a plan was found, and no check finds a problem; `success`: what it changes in the world is what the goal wants, and its answers hold what was asked. A
goal without a plan counts 0 in all of them.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import Any

from toolwright.data.goal_states import succeeds
from toolwright.evaluation.statistics import mean_intervals
from toolwright.planning.graph import DependencyGraph
from toolwright.planning.protocol import Context, Plan, Planner
from toolwright.planning.references import replace
from toolwright.planning.validate import PlanningError, check_plan
from toolwright.types import JSON, InputError, Metric, PlanExample, Step, Tool
from toolwright.world.engine import World

ALMOST = 0.99  # node_f1 that counts as right in `acc`, as the authors have it


@dataclass(frozen=True, slots=True)
class PlanningReport:
    """Metrics of a planner, what was measured, and each test case."""

    metrics: dict[str, Metric]
    config: JSON
    examples: list[JSON]

    def to_json(self) -> JSON:
        return {"metrics": {name: metric.model_dump() for name, metric in self.metrics.items()}, "config": self.config, "examples": self.examples}


def set_f1(gold: set[Any], found: set[Any]) -> float:
    """F1 of two sets; 1 when both are empty."""
    return 2 * len(gold & found) / (len(gold) + len(found)) if gold or found else 1.0


def tool_links(steps: Sequence[Step]) -> set[tuple[str, str]]:
    """Producer → consumer pairs of tools, by references and `depends_on`."""
    graph = DependencyGraph(steps)
    return {(graph.steps[a].tool, graph.steps[b].tool) for a, b in graph.links}


def canonical(steps: Sequence[Step]) -> Counter[str]:
    """The plan without its steps' names: each step as its tool, its arguments and, in place of references, the steps they refer to."""
    said: dict[str, str] = {}
    graph = DependencyGraph(steps)
    for step in graph.ordered():
        arguments = replace(step.arguments, lambda reference: f"<{said[reference.step]}{reference.path}>" if reference.step in said else str(reference))
        needs = sorted(said[other] for other in graph.needs[step.id])
        said[step.id] = json.dumps([step.tool, arguments, needs], sort_keys=True)
    return Counter(said.values())


def plan_scores(gold: Sequence[Step], found: Sequence[Step] | None) -> dict[str, float]:
    """The metrics that need no tools and no world; all 0 without a plan."""
    if found is None or DependencyGraph(found).cycles():
        return dict.fromkeys(("node_f1", "link_f1", "acc", "exact"), 0.0)
    nodes = set_f1({step.tool for step in gold}, {step.tool for step in found})
    same = canonical(gold) == canonical(found)
    return {"node_f1": nodes, "link_f1": set_f1(tool_links(gold), tool_links(found)), "acc": float(nodes >= ALMOST), "exact": float(same)}


def evaluate_planner(
    planner: Planner,
    tools: Sequence[Tool],
    examples: Sequence[PlanExample],
    *,
    config: JSON,
    world: World | None = None,
    gold_tools: bool = False,
    context: Callable[[PlanExample], Context] = lambda _: Context(),
    progress: Callable[[Sequence[PlanExample]], Iterable[PlanExample]] = iter,
    seed: int = 0,
) -> PlanningReport:
    """Plan every goal and score the plans.

    Args:
        planner: what is measured.
        tools: the catalogue.
        examples: goals with gold plans, at least one.
        config: what to record beside the figures.
        world: where plans are run; without one `success` is not measured.
        gold_tools: give the planner the gold plan's tools alone.
        context: what the planner may know of each goal.
        progress: wraps the goals, to show how far it is.
        seed: of the intervals.
    """
    known = {tool.name: tool for tool in tools}
    _check_examples(examples, known)
    rows: list[dict[str, float]] = []
    cases: list[JSON] = []
    beyond: list[int] = []
    for example in progress(examples):
        offered = [known[name] for name in dict.fromkeys(step.tool for step in example.steps)] if gold_tools else tools
        began = time.perf_counter()
        told = replace_fields(context(example), exact_tools=gold_tools)
        plan, error = _planned(planner, example.goal, offered, told)
        seconds = time.perf_counter() - began
        steps = plan.steps if plan is not None else None
        row = plan_scores(example.steps, steps)
        row["valid"] = float(steps is not None and not check_plan(steps, known))
        if world is not None:
            row["success"] = float(steps is not None and row["valid"] == 1.0 and succeeds(world, example, DependencyGraph(steps).ordered()))
            if row["success"] and steps is not None:
                beyond.append(len(steps) - len(example.steps))
        rows.append(row)
        written = [step.model_dump(mode="json") for step in steps or ()]
        cost = {"seconds": seconds, "tokens": plan.tokens if plan is not None else 0}
        cases.append({"id": example.id, **row, **cost, "error": error, "steps": written, "tags": example.tags})
    seconds_each = sorted(case["seconds"] for case in cases)
    about = {
        **config,
        "goals": len(examples),
        "tools": len(known),
        "gold_tools": gold_tools,
        "seed": seed,
        "milliseconds_p50": 1000 * seconds_each[len(seconds_each) // 2],
        "tokens_mean": sum(case["tokens"] for case in cases) / len(cases),
        "steps_beyond": sum(beyond) / len(beyond) if beyond else None,
        "errors": Counter(case["error"].split(":")[0] for case in cases if case["error"]).most_common(10),
    }
    return PlanningReport(by_group(rows, examples, seed), about, cases)


def by_group(rows: Sequence[Mapping[str, float]], examples: Sequence[PlanExample], seed: int) -> dict[str, Metric]:
    """Means with intervals, over all goals and over those of each tag. Goals that differ in their values alone are drawn together."""
    groups: dict[str, list[int]] = {"": list(range(len(rows)))}
    for i, example in enumerate(examples):
        for tag in example.tags:
            groups.setdefault(f"/{tag}", []).append(i)
    found: dict[str, Metric] = {}
    for group, members in groups.items():
        columns = {name: [rows[i][name] for i in members] for name in rows[0]}
        clusters = [examples[i].id.rsplit(".", 1)[0] if examples[i].world else examples[i].id for i in members]
        found |= {f"planning.{name}{group}": metric for name, metric in mean_intervals(columns, clusters, seed).items()}
    return found


def _planned(planner: Planner, goal: str, tools: Sequence[Tool], context: Context) -> tuple[Plan | None, str | None]:
    try:
        return planner.plan(goal, tools, context), None
    except PlanningError as error:
        return None, str(error)


def _check_examples(examples: Sequence[PlanExample], known: Mapping[str, Tool]) -> None:
    if not examples:
        raise InputError("no goals: there is nothing to plan")
    for example in examples:
        for step in example.steps:
            if step.tool not in known:
                raise InputError(f"goal {example.id!r} names the tool {step.tool!r}, which the catalogue of {len(known)} does not hold")
