"""What tools take and return, flattened: each parameter and each returned field with its type, its meaning and the words that it goes by.

A list counts with its first member (`bookings[0].booking_id`): look-ups give the best match first.
"""

from __future__ import annotations

import itertools
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
        pattern: of texts, or of the texts in a list.
        form: JSON Schema's `format`, likewise.
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
    def key(self) -> str:
        """The path in one word."""
        return ".".join(map(str, self.path))

    @property
    def name(self) -> str:
        return next((key for key in reversed(self.path) if isinstance(key, str)), "")

    @property
    def scalar(self) -> bool:
        return not self.types & {"array", "object"}


def parameters_of(tool: Tool) -> tuple[Field, ...]:
    """A tool's parameters; of objects and lists of objects their parts."""
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
    return tuple(field for name, schema in key.tool.properties.items() for field in _taken((name,), schema, meanings.get(name, ""), name in required))


def _taken(path: tuple[str | int, ...], schema: Any, meaning: str, required: bool) -> Iterator[Field]:
    """A parameter, or the parts of one that is an object or a list of objects, of which the first is built."""
    inner = schema.get("items") if isinstance(schema, dict) and schema.get("type") == "array" else schema
    if isinstance(inner, dict) and isinstance(inner.get("properties"), dict) and inner["properties"] and len(path) < DEEPEST:
        place = path if inner is schema else (*path, 0)
        needed = set(inner.get("required", ()))
        for name, part in inner["properties"].items():
            yield from _taken((*place, name), part, "", required and name in needed)
    else:
        yield _field(path, schema, meaning, required, said=True)


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
    inner = schema.get("items")
    item = inner if isinstance(inner, dict) else schema
    spoken = words(name) + (words(str(schema.get("description", ""))) if said else [])
    return Field(
        path=path,
        types=types_of(schema) - {"null"},
        meaning=meaning,
        pattern=str(item.get("pattern", "")),
        form=str(item.get("format", "")),
        words=frozenset(spoken),
        required=required,
        schema=schema,
        listed=listed,
    )


def part_at(value: Any, path: tuple[str | int, ...]) -> tuple[bool, Any]:
    """Whether arguments have a part, and the part."""
    for key in path:
        try:
            value = value[key]
        except (KeyError, IndexError, TypeError):
            return False, None
    return True, value


def put_at(arguments: JSON, path: tuple[str | int, ...], value: Any) -> None:
    """Set a part of arguments, with the object or the list of one object around it."""
    here: Any = arguments
    for key, after in itertools.pairwise(path):
        if isinstance(key, str):
            here = here.setdefault(key, [] if isinstance(after, int) else {})
        else:
            if not here:
                here.append({})
            here = here[0]
    here[path[-1]] = value


def _meanings(tool: Tool, part: str) -> JSON:
    meanings = tool.extras.get("meanings")
    found = meanings.get(part) if isinstance(meanings, dict) else None
    return found if isinstance(found, dict) else {}
