"""What a tool's return schema says about a part of its answer: can the path of a reference be there, and of which type is it.

Schemas are followed through objects, arrays, `$ref` within the document and the branches of `anyOf`, `oneOf` and `allOf`. A schema that says nothing about a
part leaves it open; an object that lists its properties and does not speak of others has only those, stricter than JSON Schema and true of real tools.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from toolwright.types import JSON

ANYTHING: frozenset[str] = frozenset({"string", "number", "integer", "boolean", "array", "object", "null"})


@dataclass(frozen=True, slots=True)
class Place:
    """The schemas that a part of an answer may follow; `open` where nothing is said of it. Without either there is no such part."""

    schemas: tuple[JSON, ...]
    open: bool = False

    @property
    def exists(self) -> bool:
        return self.open or bool(self.schemas)

    @property
    def types(self) -> frozenset[str]:
        """JSON types that the part may have."""
        return ANYTHING if self.open else frozenset().union(*(types_of(schema) for schema in self.schemas))

    @property
    def values(self) -> list[object] | None:
        """All values it may have, where every schema lists them."""
        if self.open or not self.schemas or any("enum" not in schema for schema in self.schemas):
            return None
        return [value for schema in self.schemas for value in schema["enum"]]

    @property
    def keys(self) -> list[str]:
        """Names of the properties that stand here, to say what is allowed."""
        return sorted({name for schema in self.schemas for name in schema.get("properties", ())})


def types_of(schema: JSON) -> frozenset[str]:
    """JSON types that a schema allows by its `type`, `enum` or `const`."""
    if (kind := schema.get("type")) is not None:
        return frozenset([kind] if isinstance(kind, str) else kind)
    values = schema.get("enum", [schema["const"]] if "const" in schema else None)
    return ANYTHING if values is None else frozenset(json_type(value) for value in values)


def json_type(value: object) -> str:
    """The JSON type of a value; whole numbers are `integer`."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "array" if isinstance(value, list | tuple) else "object"


def find(root: JSON | None, path: Sequence[str | int]) -> Place:
    """Where a path leads in a return schema; everything is open when there is no schema."""
    if root is None:
        return Place((), open=True)
    here, is_open = list(plain_schemas(root, root)), False
    for key in path:
        following: list[JSON] = []
        for schema in here:
            step = _within(schema, key)
            is_open = is_open or step is True
            if isinstance(step, dict):
                following.extend(plain_schemas(step, root))
        if is_open:
            return Place((), open=True)
        here = following
    return Place(tuple(here), open=any(not schema for schema in here))


def plain_schemas(schema: JSON, root: JSON) -> Iterator[JSON]:
    """The schema itself, with its references followed and its branches taken apart."""
    left, seen = [schema], set()
    while left:
        one = left.pop()
        if id(one) in seen or not isinstance(one, dict):
            continue
        seen.add(id(one))
        branches = [branch for keyword in ("anyOf", "oneOf", "allOf") for branch in one.get(keyword, ())]
        if "$ref" in one:
            branches.append(_target(one["$ref"], root))
        left.extend(branches)
        if not branches or "properties" in one or "items" in one:
            yield one


def _within(schema: JSON, key: str | int) -> JSON | bool:
    """The schema of a part; True where it is open, False where it cannot be."""
    types = types_of(schema)
    if isinstance(key, int):
        if "array" not in types or key >= schema.get("maxItems", key + 1):
            return False
        first = schema.get("prefixItems", [])
        found = first[key] if key < len(first) else schema.get("items", True)
        return found if isinstance(found, dict | bool) else True
    if "object" not in types:
        return False
    properties = schema.get("properties")
    if properties is not None and key in properties:
        found = properties[key]
        return found if isinstance(found, dict | bool) else True
    further = schema.get("additionalProperties", properties is None)
    return True if "patternProperties" in schema else further if isinstance(further, dict | bool) else True


def _target(reference: object, root: JSON) -> JSON:
    """What `#/$defs/name` points at; anything (`{}`) where it leads out of the document."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return {}
    value: object = root
    for key in reference.removeprefix("#").strip("/").split("/") if reference != "#" else ():
        name = key.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return {}
    return value if isinstance(value, dict) else {}
