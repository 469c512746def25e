"""JSON Schema for tools: check arguments; read and write the OpenAI, Anthropic and MCP forms.

The forms convert into each other without loss: what one form has no place for travels in `Tool.extras` (`"x-toolwright"` in files), under
the name of the form it came from, and is written back in that form. Schemas are kept as they are, `$ref` and `$defs` included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import jsonschema_rs

from toolwright.types import JSON, InputError, Tool

Form = Literal["openai", "openai_flat", "anthropic", "mcp"]

EXTRAS = "x-toolwright"
EMPTY_PARAMETERS: JSON = {"type": "object", "properties": {}}

# Where each form keeps its parts, and the keys of its own that ours has no place for.
SCHEMA_KEY = {"openai": "parameters", "openai_flat": "parameters", "anthropic": "input_schema", "mcp": "inputSchema"}
RETURNS_KEY = {"openai": "returns", "openai_flat": "returns", "anthropic": None, "mcp": "outputSchema"}
OWN_KEYS: dict[str, tuple[str, ...]] = {
    "openai": ("strict",),
    "openai_flat": ("strict", "defer_loading"),
    "anthropic": ("type", "cache_control", "strict", "defer_loading", "input_examples", "allowed_callers", "eager_input_streaming"),
    "mcp": ("title", "annotations", "icons", "execution", "_meta"),
}


def form_of(value: Mapping[str, Any]) -> Form:
    """Which form a tool's JSON is in, judged by the keys that only that form has."""
    if "function" in value:
        return "openai"
    if "input_schema" in value:
        return "anthropic"
    if "inputSchema" in value:
        return "mcp"
    if "name" in value:
        return "openai_flat"
    raise InputError(
        f"not a tool: got keys {sorted(value)}; expected OpenAI ('type', 'function'), flat OpenAI ('name', 'parameters'), "
        "Anthropic ('name', 'input_schema') or MCP ('name', 'inputSchema')"
    )


def read_tool(value: Mapping[str, Any]) -> Tool:
    """Read a tool from any of the forms; unknown keys raise `InputError` with those allowed."""
    form = form_of(value)
    outer = dict(value)
    extras = outer.pop(EXTRAS, {})
    if not isinstance(extras, Mapping):
        raise InputError(f"{EXTRAS!r}: got {extras!r:.60}; expected an object")
    extras = dict(extras)
    if form == "openai":
        inner = outer.pop("function")
        if not isinstance(inner, Mapping):
            raise InputError(f"'function': got {inner!r:.60}; expected an object")
        if outer.pop("type", "function") != "function":
            raise InputError(f"'type': got {value['type']!r}; expected 'function'")
        _refuse_unknown(outer, allowed=("type", "function", EXTRAS))
        outer = dict(inner)
    elif form == "openai_flat" and outer.pop("type", "function") != "function":
        raise InputError(f"'type': got {value['type']!r}; expected 'function'")
    own = {key: outer.pop(key) for key in OWN_KEYS[form] if key in outer}
    if own:
        extras[form] = {**extras.get(form, {}), **own}
    name, description = outer.pop("name", None), outer.pop("description", None) or ""
    schema_key, returns_key = SCHEMA_KEY[form], RETURNS_KEY[form]
    parameters = outer.pop(schema_key, None)
    returns = outer.pop(returns_key, None) if returns_key else extras.pop("returns", None)
    _refuse_unknown(outer, allowed=tuple(k for k in ("name", "description", schema_key, returns_key, *OWN_KEYS[form], EXTRAS) if k))
    if not isinstance(name, str) or not name:
        raise InputError(f"'name': got {name!r}; expected a non-empty string")
    if not isinstance(description, str):
        raise InputError(f"'description' of {name!r}: got {description!r:.60}; expected a string")
    for key, schema in ((schema_key, parameters), (returns_key or "returns", returns)):
        if schema is not None:
            check_schema(schema, f"{key!r} of {name!r}")
    return Tool(name=name, description=description, parameters=parameters or EMPTY_PARAMETERS, returns=returns, extras=extras)


def write_tool(tool: Tool, form: Form = "openai") -> JSON:
    """Write a tool in one of the forms; `read_tool` gives the same tool back."""
    extras = dict(tool.extras)
    value: JSON = {"name": tool.name, "description": tool.description, SCHEMA_KEY[form]: tool.parameters}
    if tool.returns is not None:
        if key := RETURNS_KEY[form]:
            value[key] = tool.returns
        else:
            extras["returns"] = tool.returns
    value.update(extras.pop(form, {}))
    outer: JSON = value
    if form == "openai":
        outer = {"type": "function", "function": value}
    elif form == "openai_flat":
        outer = {"type": "function", **value}
    if extras:
        outer[EXTRAS] = extras
    return outer


def check_schema(schema: object, where: str) -> None:
    """Raise `InputError` unless `schema` is a valid JSON Schema object (draft 2020-12)."""
    if not isinstance(schema, dict):
        raise InputError(f"{where}: got {schema!r:.60}; expected a JSON Schema object")
    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        raise InputError(f"{where} is no valid JSON Schema: {error.message}") from error


@dataclass(frozen=True, slots=True)
class SchemaError:
    """One way in which a value breaks a schema: where in the value, which keyword of the schema, and what about it."""

    path: tuple[str | int, ...]
    keyword: str
    message: str

    def __str__(self) -> str:
        where = ".".join(str(part) for part in self.path)
        return f"{where}: {self.message}" if where else self.message


def schema_errors(schema: JSON, value: Any) -> list[SchemaError]:
    """Every way in which a value breaks a schema; empty when there is none. Formats such as `date` are checked.

    What is no JSON at all (keys that are no text, texts that are no Unicode, nesting beyond the validator's depth) is one error, of the keyword `json`.
    """
    try:
        return [
            SchemaError(tuple(error.instance_path), str(error.schema_path[-1]) if error.schema_path else "", error.message)
            for error in _validator(_Frozen(schema)).iter_errors(value)
        ]
    except (ValueError, OverflowError) as error:  # UnicodeEncodeError is a ValueError
        return [SchemaError((), "json", f"is no JSON value: {error}")]


def check_arguments(schema: JSON, arguments: object) -> list[str]:
    """Every problem of a call's arguments under a schema, in words; empty when there is none."""
    return [str(error) for error in schema_errors(schema, arguments)]


def _refuse_unknown(left: Mapping[str, Any], allowed: tuple[str, ...]) -> None:
    if left:
        raise InputError(f"unknown key {next(iter(left))!r} in a tool; allowed: {', '.join(allowed)}")


class _Frozen:
    """A schema as a cache key: equal by identity of the dict, kept alive by the cache."""

    def __init__(self, schema: JSON) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and other.schema is self.schema


@lru_cache(maxsize=4096)
def _validator(key: _Frozen) -> Any:
    return jsonschema_rs.Draft202012Validator(key.schema, validate_formats=True)
