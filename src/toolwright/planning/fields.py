"""What tools take and return, flattened: each parameter and each returned field with its type, its meaning and the words that it goes by.

A list counts with its first member (`bookings[0].booking_id`): look-ups give the best match first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from toolwright.planning.returned import plain_schemas, types_of
from toolwright.selection.keyword import words
from toolwright.types import JSON, Tool

DEEPEST = 4  # levels of objects and lists that are looked into


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter of a tool, or a field of its answer.

    Attributes:
        path: where it is; of parameters, names alone.
        types: JSON types, null left out.
        meaning: what it means by `x-toolwright`; empty where nobody says.
        pattern: of texts.
        form: JSON Schema's `format`.
        words: of its name, and of a parameter's description.
        required: whether a call must give it.
        schema: as it stands.
        listed: whether it stands within a list.
    """

    path: tuple[str | int, ...]
    types: frozenset[str]
    meaning: str
    pattern: str
    form: str
    words: frozenset[str]
    required: bool
    schema: JSON
    listed: bool = False

    @property
    def name(self) -> str:
        return next((key for key in reversed(self.path) if isinstance(key, str)), "")

    @property
    def scalar(self) -> bool:
        return not self.types & {"array", "object"}


def parameters_of(tool: Tool) -> tuple[Field, ...]:
    """A tool's parameters."""
    return _parameters(_Named(tool))


def returned_by(tool: Tool) -> tuple[Field, ...]:
    """The scalar fields of a tool's answer, and its lists of scalars; none where nothing is said of it."""
    return _returned(_Named(tool))


class _Named:
    """A tool as a key of a cache: by identity, which is cheaper than by content."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return id(self.tool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Named) and other.tool is self.tool


@lru_cache(maxsize=8192)
def _parameters(key: _Named) -> tuple[Field, ...]:
    meanings = _meanings(key.tool, "parameters")
    required = set(key.tool.required)
    return tuple(_field((name,), schema, meanings.get(name, ""), name in required, said=True) for name, schema in key.tool.properties.items())


@lru_cache(maxsize=8192)
def _returned(key: _Named) -> tuple[Field, ...]:
    return tuple(_walk(key.tool.returns or {}, key.tool.returns or {}, (), "", _meanings(key.tool, "returns"), False))


def _walk(schema: JSON, root: JSON, path: tuple[str | int, ...], written: str, meanings: JSON, listed: bool) -> Iterator[Field]:
    for one in plain_schemas(schema, root):
        types = types_of(one) - {"null"}
        if "properties" in one and len(path) < DEEPEST:
            for name, inner in one["properties"].items():
                if re.fullmatch(r"\w+", name):
                    yield from _walk(inner, root, (*path, name), f"{written}.{name}" if written else name, meanings, listed)
        elif types == {"array"}:
            items = one.get("items")
            if path and not (isinstance(items, dict) and "properties" in items):
                yield _field(path, one, meanings.get(written, ""), False, listed=listed)
            if isinstance(items, dict) and path and len(path) < DEEPEST:
                yield from _walk(items, root, (*path, 0), f"{written}[]", meanings, True)
        elif path and types and types != {"object"}:
            yield _field(path, one, meanings.get(written, ""), False, listed=listed)


def _field(path: tuple[str | int, ...], schema: Any, meaning: str, required: bool, *, said: bool = False, listed: bool = False) -> Field:
    schema = schema if isinstance(schema, dict) else {}
    name = next(key for key in reversed(path) if isinstance(key, str))
    spoken = words(name) + (words(str(schema.get("description", ""))) if said else [])
    return Field(
        path=path,
        types=types_of(schema) - {"null"},
        meaning=meaning,
        pattern=str(schema.get("pattern", "")),
        form=str(schema.get("format", "")),
        words=frozenset(spoken),
        required=required,
        schema=schema,
        listed=listed,
    )


def _meanings(tool: Tool, part: str) -> JSON:
    meanings = tool.extras.get("meanings")
    found = meanings.get(part) if isinstance(meanings, dict) else None
    return found if isinstance(found, dict) else {}
