"""Which of a tool's parameters a conversation has given: spans of the text assigned to parameters

`fill` gives each parameter the span that suits it best, required ones first and no span twice; `missing` names the required ones that nobody gave. A
parameter is known by its JSON Schema (`pattern`, `enum`, `format`, type, bounds) and by the words of its name and description. Every turn counts, the
newest first: what was asked for before, what the assistant said, and what a tool answered. A `pattern` decides by itself, except where plain words fit it.
Reading is shallow: an `enum` that is told in other words than its own, or a free text without quotation marks, may be overlooked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from toolwright.tools.spans import READ_LIMIT, Span
from toolwright.tools.values import Conversation, Reading, candidates, read, words_of
from toolwright.tools.vocabulary import singular
from toolwright.types import JSON, InputError, Tool

ENOUGH = 0.5  # score from which a span is taken for a parameter


@dataclass(frozen=True, slots=True)
class Filled:
    """Arguments read from a conversation, with the span that each came from; lists and objects have those of their parts in `parts`."""

    arguments: JSON
    spans: dict[str, Span] = field(default_factory=dict)
    parts: dict[str, tuple[Span, ...]] = field(default_factory=dict)


def fill(conversation: Conversation | Reading, tool: Tool, today: date | None = None) -> Filled:
    """The arguments of a call that the conversation gives.

    Args:
        conversation: a text, messages, or what `read` made of them.
        tool: whose parameters are looked for.
        today: what "tomorrow" counts from; without it such a day is given in the words it was said in.

    Raises:
        InputError: the tool's properties are no JSON Schema objects.
    """
    reading = conversation if isinstance(conversation, Reading) else read(conversation, today)
    arguments: JSON = {}
    spans: dict[str, Span] = {}
    parts: dict[str, tuple[Span, ...]] = {}
    used: set[tuple[int, int, int]] = set()
    required = set(tool.required)
    for names in ([n for n in tool.properties if n in required], [n for n in tool.properties if n not in required]):
        scored = []
        for order, name in enumerate(names):
            schema = tool.properties[name]
            if not isinstance(schema, dict):
                raise InputError(f"parameter {name!r} of {tool.name!r}: got {schema!r:.60}; expected a JSON Schema object")
            if schema.get("type") in ("array", "object"):
                continue
            scored += [(-score, order, rank, name, span, value) for rank, (score, span, value) in enumerate(candidates(name, schema, reading))]
        for score, _, _, name, span, value in sorted(scored, key=lambda one: one[:3]):
            place = (span.turn, span.start, span.end)
            needed = ENOUGH if name in required else ENOUGH + 0.2
            if name not in arguments and place not in used and -score >= needed:
                arguments[name], spans[name] = value, span
                used.add(place)
        for name in names:
            if tool.properties[name].get("type") in ("array", "object") and (name in required or _named(name, tool.properties[name], reading)):
                value, members = _several(name, tool.properties[name], reading, used)
                if members:
                    arguments[name], parts[name] = value, tuple(members)
                    used |= {(span.turn, span.start, span.end) for span in members}
    return Filled(arguments, spans, parts)


def missing(conversation: Conversation | Reading, tool: Tool, today: date | None = None) -> list[str]:
    """The required parameters that the conversation does not give, in the order of the schema."""
    given = fill(conversation, tool, today).arguments
    return [name for name in tool.required if name not in given]


PIECE = r"[\w'’-]+(?: [\w'’-]+){0,2}"
ENUMERATION = re.compile(
    rf"(?:{PIECE}, ){{1,12}}{PIECE},? (?:and|or) [\w'’-]+(?: [\w'’-]+)?|[A-Z][\w'’-]+(?: [A-Z][\w'’-]+)? and [A-Z][\w'’-]+(?: [A-Z][\w'’-]+)?"
)


def _named(name: str, schema: JSON, reading: Reading) -> bool:
    """Whether a word of the parameter's own name is said."""
    said = frozenset(singular(span.text) for span in reading.tokens)
    return bool(words_of(name) & said)


def _several(name: str, schema: JSON, reading: Reading, used: set[tuple[int, int, int]]) -> tuple[Any, list[Span]]:
    """The members of a list, or the fields of an object."""
    if schema.get("type") == "object":
        inner = schema.get("properties", {})
        inner = inner if isinstance(inner, dict) else {}
        if not inner:
            return {}, [span for span in reading.spans if span.kind in ("number", "quoted")][:1]
        whole = fill(reading, Tool(name="object", parameters={"type": "object", "properties": inner, "required": schema.get("required", [])}))
        members = [*whole.spans.values(), *(span for spans in whole.parts.values() for span in spans)]
        return whole.arguments, members if all(key in whole.arguments for key in schema.get("required", [])) else []
    item = schema.get("items", {})
    if not isinstance(item, dict) or item.get("type") in ("array", "object"):
        members = [span for span in reading.spans if span.kind in ("number", "quoted", "code") and (span.turn, span.start, span.end) not in used]
        return [span.value for span in members], members
    free = [
        (score, span, value)
        for score, span, value in candidates(name, {**item, "description": schema.get("description", "")}, reading)
        if score >= ENOUGH and (span.turn, span.start, span.end) not in used
    ]
    members = list({(span.turn, span.start): span for _, span, _ in sorted(free, key=lambda one: one[0])}.values())
    values = list({str(value): value for _, span, value in free if span in members}.values())
    if item.get("type") == "string" and not {"enum", "pattern"} & set(item):
        listed = _listed(reading)
        if len(listed) >= 2:
            values, members = [span.value for span in listed], listed
    least = schema.get("minItems", 1)
    return values, members if isinstance(least, int) and len(members) >= max(1, least) else []


def _listed(reading: Reading) -> list[Span]:
    """The members of the last enumeration: "pens, tote bags and sweets"."""
    for i in range(len(reading.turns) - 1, -1, -1):
        if found := list(ENUMERATION.finditer(reading.turns[i][:READ_LIMIT])):
            last = found[-1]
            pieces = [(match.start(), match[0].strip()) for match in re.finditer(r"(?:(?!,| and | or ).)+", last[0]) if match[0].strip()]
            pieces = [(start, re.sub(r"^(?:and|or) ", "", text)) for start, text in pieces]
            return [Span("quoted", text, text, last.start() + start, last.start() + start + len(text), turn=i) for start, text in pieces]
    return []
