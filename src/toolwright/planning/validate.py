"""Is a plan sound? Every problem is found before anything runs, each with where it is and how to mend it.

Structure (ids, unknown steps, cycles), tools (do they exist, does a call have the arguments that their schemas want) and links (does the producer return
what is referred to, and does its type fit). An argument that is a reference is open until its step has run: the producer's return schema judges it instead.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolwright.planning.graph import DependencyGraph
from toolwright.planning.references import WHOLE, Reference, references
from toolwright.planning.returned import Place, find, types_of
from toolwright.schema import SchemaError, schema_errors
from toolwright.types import Step, Tool

KINDS = {  # JSON Schema's keyword → what it means for a plan
    "required": "missing_argument",
    "additionalProperties": "unknown_argument",
    "unevaluatedProperties": "unknown_argument",
    "type": "wrong_type",
}
OVER_PARTS = {"anyOf", "oneOf", "not", "if", "contains", "const", "enum", "uniqueItems"}  # judge a value by its parts, open ones included
ID = re.compile(r"\w+")
SUGGESTIONS = 20  # unknown names for which near ones are looked up; looking is slow in a large catalogue


class PlanningError(RuntimeError):
    """There is no valid plan; `problems` are those of the last attempt."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        said = "; ".join(str(problem) for problem in problems[:5])
        super().__init__(f"{message}: {said}" if said else message)
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a plan.

    Attributes:
        kind: `duplicate_id`, `bad_id`, `unknown_step`, `cycle`, `unknown_tool`, `missing_argument`, `unknown_argument`, `wrong_type`, `wrong_value`,
            `unknown_field`, `type_clash`, `too_deep`.
        step: the step it is in.
        where: the place within the step, such as `arguments.lines.0.item`; empty for the step as a whole.
        message: what is wrong.
        mend: what would make it right.
        members: of a cycle, all its steps.
    """

    kind: str
    step: str
    where: str
    message: str
    mend: str
    members: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"step {self.step!r}{f', {self.where}' if self.where else ''}: {self.message}; {self.mend}"


def check_plan(steps: Sequence[Step], tools: Mapping[str, Tool]) -> list[Problem]:
    """Every problem of a plan, in the order of its steps for each kind; empty when it can run. Linear in steps and links."""
    graph = DependencyGraph(steps)
    return [*check_structure(graph), *_check_tools(graph, tools), *_check_links(graph, tools)]


def check_structure(graph: DependencyGraph) -> list[Problem]:
    """What is wrong with a plan whatever its tools."""
    return list(_structure(graph))


def _structure(graph: DependencyGraph) -> Iterator[Problem]:
    for name in graph.duplicates:
        yield Problem("duplicate_id", name, "id", "another step has this id", "give each step an id of its own")
    for name in graph.steps:
        if not ID.fullmatch(name):
            yield Problem("bad_id", name[:80], "id", "is no name that a reference could use", "use letters, digits and underscores, such as s1")
    for name in graph.steps:
        if name in graph.too_deep:
            yield Problem("too_deep", name, "arguments", "values are nested deeper than 64 levels", "give flatter values")
    several = ", ".join(list(graph.steps)[:12]) + (", …" if len(graph.steps) > 12 else "")
    for name, other in graph.missing:
        yield Problem("unknown_step", name, "", f"needs step {other[:80]!r}, which the plan does not have", f"refer to one of {several}")
    for members in graph.cycles():
        listed = ", ".join(members[:12]) + (f" and {len(members) - 12} more" if len(members) > 12 else "")
        said = "needs its own answer" if len(members) == 1 else f"{listed} wait for each other"
        yield Problem("cycle", members[0], "", said, "take out a reference or a depends_on between them", members)


def _check_tools(graph: DependencyGraph, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    near: dict[str, str] = {}
    for name, step in graph.steps.items():
        tool = tools.get(step.tool)
        if tool is None:
            if step.tool not in near:
                similar = difflib.get_close_matches(step.tool[:80], tools, n=3) if len(near) < SUGGESTIONS else []
                near[step.tool] = f"did you mean {' or '.join(similar)}?" if similar else f"name one of the {len(tools)} tools at hand"
            yield Problem("unknown_tool", name, "tool", f"there is no tool {step.tool[:80]!r}", near[step.tool])
        elif name not in graph.too_deep:
            yield from _check_arguments(step, tool)


def _check_arguments(step: Step, tool: Tool) -> Iterator[Problem]:
    errors = schema_errors(tool.parameters, step.arguments)
    if not errors:
        return
    open_paths = set(paths_of_references(step.arguments))
    around = {path[:cut] for path in open_paths for cut in range(len(path))}
    for error in errors:
        if error.path in open_paths or (error.keyword in OVER_PARTS and error.path in around):
            continue
        where = ".".join(("arguments", *(str(part) for part in error.path)))
        yield Problem(KINDS.get(error.keyword, "wrong_value"), step.id, where, error.message[:300], _mending(error, tool))


def _mending(error: SchemaError, tool: Tool) -> str:
    if error.keyword == "required":
        return f"give it, or refer to a step that returns it; {tool.name} requires {', '.join(tool.required)}"
    if error.keyword in ("additionalProperties", "unevaluatedProperties"):
        return f"leave it out; {tool.name} takes {', '.join(tool.properties) or 'no arguments'}"
    if error.path and isinstance(error.path[0], str) and (schema := tool.properties.get(error.path[0])) is not None:
        return f"{error.path[0]} takes {str({key: value for key, value in schema.items() if key != 'description'})[:200]}"
    return "follow the tool's parameters"


def _check_links(graph: DependencyGraph, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    for name, step in graph.steps.items():
        for reference in graph.references[name]:
            producer = graph.steps.get(reference.step)
            if producer is not None and producer.tool in tools:
                yield from _check_reference(name, reference, tools[producer.tool])
        consumer = tools.get(step.tool)
        if consumer is not None and graph.references[name]:
            yield from _check_types(step, consumer, graph, tools)


def _check_reference(name: str, reference: Reference, producer: Tool) -> Iterator[Problem]:
    if find(producer.returns, reference.path).exists:
        return
    cut = next(cut for cut in range(len(reference.path), -1, -1) if find(producer.returns, reference.path[:cut]).exists)
    place = find(producer.returns, reference.path[:cut])
    allowed = ", ".join(place.keys) or ("a list, such as [0]" if "array" in place.types else "nothing below it")
    what = str(Reference(reference.step, reference.path[: cut + 1]))
    yield Problem("unknown_field", name, f"reference {reference}", f"{producer.name} does not return {what}", f"it has {allowed} there")


def _check_types(step: Step, consumer: Tool, graph: DependencyGraph, tools: Mapping[str, Tool]) -> Iterator[Problem]:
    for path in paths_of_references(step.arguments):
        text = at(step.arguments, path)
        if not WHOLE.fullmatch(text):
            continue
        reference = next(references(text))
        producer = graph.steps.get(reference.step)
        if producer is None or producer.tool not in tools:
            continue
        given, taken = find(tools[producer.tool].returns, reference.path), find(consumer.parameters, path)
        if clash := clash_of(given, taken):
            yield Problem("type_clash", step.id, ".".join(("arguments", *map(str, path))), f"{reference} {clash}", "refer to a field that fits")


def clash_of(given: Place, taken: Place) -> str | None:
    """Why what a field gives can never be what a parameter takes; None where it may be."""
    if given.open or taken.open or not given.schemas or not taken.schemas:
        return None
    left, right = _widened(given.types), _widened(taken.types)
    if not left & right:
        return f"is {' or '.join(sorted(given.types))}, but {' or '.join(sorted(taken.types))} is wanted"
    if given.values is not None and taken.values is not None and not any(value in taken.values for value in given.values):
        return f"is one of {given.values!r:.100}, but one of {taken.values!r:.100} is wanted"
    patterns = [{schema.get("pattern") for schema in place.schemas if "string" in types_of(schema)} for place in (given, taken)]
    if all(len(found) == 1 and None not in found for found in patterns) and patterns[0] != patterns[1]:
        return f"looks like {next(iter(patterns[0]))}, but {next(iter(patterns[1]))} is wanted"
    return None


def _widened(types: frozenset[str]) -> frozenset[str]:
    """A number may turn out whole, and a whole number is a number; that something may be null makes no fit."""
    found = types - {"null"} or types
    return found | {"integer", "number"} if found & {"integer", "number"} else found


def paths_of_references(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Where in a value the texts stand that hold references."""
    if isinstance(value, str):
        if "$" in value and next(references(value), None) is not None:
            yield path
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from paths_of_references(item, (*path, key))
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from paths_of_references(item, (*path, i))


def at(value: Any, path: Sequence[str | int]) -> Any:
    """The part of a value at a path."""
    for key in path:
        value = value[key]
    return value
