"""What planners tell a model, and how its steps are read: the prompts and forms that planners with a model share."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from toolwright.planning.protocol import Context
from toolwright.planning.validate import Problem, check_plan
from toolwright.types import JSON, Step, Tool

STEP_FORM: JSON = {
    "type": "object",
    "properties": {
        "id": {"type": "string", "pattern": "^\\w+$"},
        "tool": {"type": "string"},
        "arguments": {"type": "object"},
        "depends_on": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["id", "tool", "arguments"],
    "additionalProperties": False,
}

ABOUT_STEPS = (
    'A step is {"id", "tool", "arguments", "depends_on"?}. Where an argument is a value that an earlier step returns, write a reference to it as a whole text, '
    '"$s1.order_id" or "$s2.rooms[0].number"; within a longer text write "${s1.total}". Use `depends_on` only for an order that no reference gives. Take '
    "values from the goal word for word, give required parameters, and leave out optional ones that the goal does not speak of."
)


def tools_said(tools: Sequence[Tool]) -> str:
    """Tools for a prompt, one a line: name, parameters, what they return, description."""
    return "\n".join(f"{tool.name}({_fields(tool.parameters)}) -> {_returned(tool.returns)}: {tool.description}" for tool in tools)


def context_said(context: Context) -> str:
    """What has happened so far, for a prompt; empty at the start."""
    lines = [f"Now: {context.now}"] if context.now else []
    if context.done:
        lines.append("Done already, with answers that new steps may refer to:")
        lines += [
            f"{step.id}: {step.tool}({json.dumps(step.arguments, ensure_ascii=False)}) -> {clipped(context.answers.get(step.id))}" for step in context.done
        ]
    if context.failed:
        lines.append(f"What went wrong: {context.failed}")
    return "\n".join(lines)


def clipped(answer: Any, most: int = 600) -> str:
    """An answer as a prompt shows it."""
    text = json.dumps(answer, ensure_ascii=False)
    return text if len(text) <= most else text[:most] + "…"


def read_steps(found: Sequence[JSON], before: Sequence[Step], tools: Mapping[str, Tool], most: int) -> tuple[tuple[Step, ...], list[Problem]]:
    """Steps as a model wrote them, and the problems of the plan that they make with the steps before them."""
    steps = tuple(Step(id=one["id"], tool=one["tool"], arguments=one["arguments"], depends_on=tuple(one.get("depends_on", ()))) for one in found)
    problems = check_plan([*before, *steps], tools)
    if len(before) + len(steps) > most:
        problems.append(Problem("too_long", steps[-1].id if steps else "", "", f"the plan has {len(before) + len(steps)} steps", f"use at most {most}"))
    return steps, problems


def _fields(schema: JSON) -> str:
    required = set(schema.get("required", ()))
    return ", ".join(f"{name}{'' if name in required else '?'}: {_kind(kind)}" for name, kind in schema.get("properties", {}).items())


def _returned(schema: JSON | None) -> str:
    return "{" + ", ".join(f"{name}: {_kind(kind)}" for name, kind in schema.get("properties", {}).items()) + "}" if schema else "anything"


def _kind(schema: Any) -> str:
    """A schema in a few words."""
    if not isinstance(schema, dict):
        return "any"
    if "enum" in schema:
        return "|".join(json.dumps(value, ensure_ascii=False) for value in schema["enum"])
    kind = schema.get("type", "any")
    kind = "|".join(kind) if isinstance(kind, list) else kind
    if "array" in kind:
        return f"[{_kind(schema.get('items'))}]"
    if "object" in kind and "properties" in schema:
        return "{" + _fields(schema) + "}"
    return f"{kind} {schema['pattern']}" if "pattern" in schema else f"{kind} {schema['format']}" if "format" in schema else str(kind)
