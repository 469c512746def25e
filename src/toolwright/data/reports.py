"""Reports: what an assistant says after a call, in the words of the tool's `reply`. What the answer leaves empty is not read out."""

from __future__ import annotations

import re
from typing import Any

from toolwright.data.fill import Request, plain, render, whole
from toolwright.types import JSON
from toolwright.world.engine import World
from toolwright.world.goals import SLOT
from toolwright.world.spec import ToolSpec

TOLD_ITEMS = 12  # of a list
LABEL = r"[^.,;:{}()\"]*: "  # before a slot that stands by itself: "labels: {labels}"
NONE_OF_THEM = re.compile(r"\{total\}(?= (?:above|at|below|due|for|found|from|in|of|on|to|under|with)\b)")


def report(tool: ToolSpec, request: Request, world: World) -> str:
    """The report of a call; an argument that was left out has its default, and of a list the first few items are told."""
    known = world.tools[tool.name]
    meanings = known.extras["meanings"]
    schemas = {**known.properties, **(known.returns or {})["properties"]}
    defaults = {name: parameter.default for name, parameter in tool.parameters.items() if parameter.default is not None}
    values = {**defaults, **request.call.arguments, **request.result.content}
    shown = {
        name: told_value(value, schemas[name], meanings["returns"].get(name) or meanings["parameters"].get(name))
        for name, value in values.items()
        if not (isinstance(value, list) and any(isinstance(item, dict) for item in value))
    }
    reply, asked = tool.reply, " ".join(request.turns[::2]).lower()
    if tool.each is not None and (name := told_list(tool)):
        fields = schemas[name]["items"]["properties"]
        items = [
            render(
                without_labels(tool.each, item, asked),
                {field: told_value(value, fields[field], meanings["returns"].get(f"{name}[].{field}")) for field, value in item.items()},
            )
            for item in values[name][:TOLD_ITEMS]
        ]
        total = values.get("total") if schemas.get("total", {}).get("type") == "integer" else None  # of what the list gives the first of
        more = max(len(values[name]), total or 0) - len(items)
        shown[name] = "; ".join([*items, *([f"{more} more"] if more else [])])
        if not items:
            reply = without_list(without_label(reply, name), name)
    reply = without_labels(reply, values, asked)
    return render(reply, {slot: shown.get(slot, "it") or "none" for slot, _ in SLOT.findall(reply)})


def without_list(reply: str, name: str) -> str:
    """The reply where the list has no items: "I found {total}, newest first: {runs}." becomes "I found none."."""
    end = rf"(?=: \{{{name}\}})"
    reply = re.sub(rf"[,;] [a-z -]+ first{end}", "", reply)
    reply = re.sub(rf"(?: \(\{{total\}} in all\)|, \{{total\}} in all){end}", "", reply)
    if "{total}" in reply.split(f"{{{name}}}")[0]:
        reply = reply.replace(f": {{{name}}}", "")
    reply = re.sub(r"\{total\} (?=[a-z])", "no ", NONE_OF_THEM.sub("none", reply)).replace("{total}", "none")
    return _capital(reply)


def without_labels(text: str, values: JSON, asked: str) -> str:
    """The text without the labels of what is empty or not so, unless it was asked for."""
    for label, name in re.findall(rf"({LABEL})\{{(\w+)\}}", text):
        nothing = name in values and (values[name] is None or values[name] is False or values[name] == [])
        if nothing and not any(word in asked for word in re.findall(r"[a-z]{4,}", label.lower())):
            text = without_label(text, name)
    return text


def without_label(reply: str, name: str) -> str:
    """The reply without "label: {name}", where the slot stands by itself; unchanged where it is part of a sentence."""
    slot = rf"\{{{name}\}}"
    reply = re.sub(rf"(?<=[.!?]) {LABEL}{slot}\.", "", reply)  # a sentence of its own
    reply = re.sub(rf"[,;] {LABEL}{slot}(?=[.,;)]|$)", "", reply)  # after others
    reply = re.sub(rf" \({LABEL}{slot}\)", "", reply)
    return _capital(re.sub(rf"(^|(?<=[.!?]) ){LABEL}{slot}[,;] ", r"\1", reply))  # before others


def _capital(text: str) -> str:
    """The text with its sentences beginning in capitals."""
    return re.sub(r"(?:^|(?<=[a-z}\")][.!?]) )[a-z]", lambda match: match[0].upper(), text)


def told_list(tool: ToolSpec) -> str | None:
    """The list of the answer whose items the reply tells, if there is one."""
    slots = [slot for slot, _ in SLOT.findall(tool.reply)]
    return next((slot for slot in slots if isinstance(given := tool.returns.get(slot), dict) and isinstance(given.get("list"), dict)), None)


def told_value(value: Any, schema: JSON, meaning: str | None) -> str:
    """A value of an answer as people tell it: sums with their cents, choices without underscores, moments without the T."""
    value = whole(value)
    if isinstance(value, list):
        return plain([told_value(item, schema.get("items", {}), meaning) for item in value])
    if meaning == "money" and isinstance(value, float):
        return f"{value:.2f}"
    if isinstance(value, str) and "enum" in schema:
        return value.replace("_", " ")
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        return value.replace("T", " ")
    return plain(value)
