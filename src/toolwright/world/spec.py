"""Domain files: one YAML file declares a service's data, its tools and what people say to them.

A tool's behaviour is SQL over the domain's own tables, so that a domain is data, not code:

    need: SELECT ...     must return a row, else `not_found` (or the `error` named); `message` may name parameters in braces
    forbid: SELECT ...   must return no row, else `conflict` (or the `error` named)
    do: INSERT ...       changes the world
    give: SELECT ...     the answer: one row as an object, or a mapping of names to queries for lists

Parameters are bound by name (`:booking_id`), never pasted. Every query may also use `today()`, `now()` and `new_id('BK-####')`.
`docs/domains.md` is the author's guide; `load.py` reads and checks the files.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from toolwright.types import JSON, Effect, ErrorType, Record, Split, Tool
from toolwright.world.goals import SLOT, Goals

SCALARS = ("string", "integer", "number", "boolean")


class FieldType(Record):
    """A column of an entity: its JSON Schema type, what it means, and how the values of a new world are made."""

    type: Literal["string", "integer", "number", "boolean"] = "string"
    format: str | None = None
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    nullable: bool = False
    meaning: str | None = None
    said: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    make: Any = None

    @property
    def schema_(self) -> JSON:
        """The JSON Schema of the field's values."""
        keys = ("format", "pattern", "enum", "minimum", "maximum")
        kind: Any = [self.type, "null"] if self.nullable else self.type
        given = {key: getattr(self, key) for key in keys if getattr(self, key) is not None}
        if self.enum is not None:
            given["enum"] = [*self.enum, None] if self.nullable else list(self.enum)
        return {"type": kind, **given}


class Entity(Record):
    """A table: how many rows a new world has, and its fields; the first field is the primary key."""

    rows: int = Field(ge=0, le=2000)
    fields: dict[str, FieldType]

    @property
    def key(self) -> str:
        return next(iter(self.fields))


class Parameter(Record):
    """A parameter of a tool. `field` takes type, format, enum and meaning from an entity's column; `schema` adds any JSON Schema."""

    field: str | None = None
    description: str = Field(min_length=3)
    optional: bool = False
    default: Any = None
    type: Literal["string", "integer", "number", "boolean", "array", "object"] | None = None
    format: str | None = None
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    minimum: int | float | None = None
    maximum: int | float | None = None
    items: JSON | None = None
    properties: JSON | None = None
    min_items: int | None = None
    required: tuple[str, ...] | None = None
    meaning: str | None = None
    said: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    make: Any = None
    ask: str | None = None


class RunStep(Record):
    """One step of a tool's behaviour; exactly one of `need`, `forbid`, `do`, `give`."""

    need: str | None = None
    forbid: str | None = None
    do: str | None = None
    give: str | dict[str, str] | None = None
    error: ErrorType | None = None
    message: str | None = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [kind for kind in ("need", "forbid", "do", "give") if getattr(self, kind) is not None]
        if len(kinds) != 1:
            raise ValueError(f"a step has one of need, forbid, do, give; this has {kinds or 'none'}")
        if kinds[0] in ("need", "forbid") and not self.message:
            raise ValueError(f"a {kinds[0]} step wants a message for the caller")
        return self

    @property
    def queries(self) -> list[str]:
        if isinstance(self.give, dict):
            return list(self.give.values())
        return [query for query in (self.need, self.forbid, self.do, self.give) if isinstance(query, str)]

    @property
    def raises(self) -> ErrorType | None:
        if self.need is not None:
            return self.error or "not_found"
        if self.forbid is not None:
            return self.error or "conflict"
        return None


def _as_saying(value: Any) -> Any:
    return {"say": value} if isinstance(value, str | list) else value


class Saying(Record):
    """Something a person says: a text with `{slots}`, or a list of turns (user, assistant, user ...).

    `with` gives arguments that the words imply without naming their value; `like` names the tool whose example rows fill the slots of a
    sentence that calls no tool; `reply` is what a good assistant answers; `elsewhere` names other domains that could do what an `unable` sentence
    asks for, so that their tools are never offered beside it.
    """

    say: str | tuple[str, ...]
    with_: JSON = Field(default_factory=dict, alias="with")
    like: str | None = None
    reply: str | None = None
    elsewhere: tuple[str, ...] = ()

    @property
    def turns(self) -> tuple[str, ...]:
        return (self.say,) if isinstance(self.say, str) else self.say

    @property
    def slots(self) -> list[str]:
        """Names of the slots in order, each once."""
        return list(dict.fromkeys(match[0] for turn in self.turns for match in SLOT.findall(turn)))


Sayings = tuple[Annotated[Saying, BeforeValidator(_as_saying)], ...]


class Requests(Record):
    """What people say, by split; `zh` are Chinese requests, for testing only."""

    train: Sayings = ()
    dev: Sayings = ()
    test: Sayings = ()
    zh: Sayings = ()

    def of(self, split: Split) -> Sayings:
        sayings: Sayings = getattr(self, split)
        return sayings


class ToolSpec(Record):
    """A tool as its domain file declares it.

    Under `requests` stands all that a call needs, under `clarify` something required is missing, and under `follow` it was said in the turns before.
    `reply` reports what a call came to; `each` tells one item of a list that the reply names.
    """

    name: str = Field(pattern=r"^[A-Za-z][\w.\-]*$")
    description: str = Field(min_length=20)
    effect: Effect
    unseen: bool = False
    parameters: dict[str, Parameter] = Field(default_factory=dict)
    returns: dict[str, Any]
    run: tuple[RunStep, ...] = Field(min_length=1)
    example: str | None = None
    reply: str
    each: str | None = None
    keywords: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    requests: Requests
    clarify: Requests = Requests()
    follow: Requests = Requests()

    @property
    def errors(self) -> list[ErrorType]:
        """Error types a call may end in, sorted."""
        return sorted({step.raises for step in self.run if step.raises} | {"invalid_argument"})


class Talk(Record):
    """What people say that calls no tool: `answer` needs none, `unable` asks for what none offers."""

    answer: Requests = Requests()
    unable: Requests = Requests()


class Domain(Record):
    """One domain file, checked."""

    domain: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    part: Literal["foundation", "standard", "unseen"]
    entities: dict[str, Entity]
    tools: tuple[ToolSpec, ...]
    talk: Talk = Talk()
    goals: Goals = Goals()

    def is_unseen(self, tool: ToolSpec) -> bool:
        """Whether nothing that is trained on may show the tool."""
        return tool.unseen or self.part == "unseen"

    def field(self, reference: str) -> FieldType:
        """The column named `entity.field`; a column that refers to another entity has that entity's key type."""
        entity, _, name = reference.partition(".")
        try:
            field = self.entities[entity].fields[name]
        except KeyError:
            raise ValueError(f"{reference!r} names no field; entities: {', '.join(self.entities)}") from None
        if isinstance(field.make, dict) and "ref" in field.make:
            target = field.make["ref"]
            if target not in self.entities:
                raise ValueError(f"{reference!r} refers to the unknown entity {target!r}; entities: {', '.join(self.entities)}")
            referred = self.field(f"{target}.{self.entities[target].key}")
            return referred.model_copy(update={"make": field.make, "nullable": field.nullable, "said": field.said or referred.said})
        return field

    def parameter_field(self, tool: ToolSpec, name: str) -> FieldType:
        """What kind of value a parameter takes, its own keys over those of the field it refers to."""
        parameter = tool.parameters[name]
        found = self.field(parameter.field) if parameter.field else FieldType()
        own = {
            key: getattr(parameter, key)
            for key in ("format", "pattern", "enum", "minimum", "maximum", "meaning", "said", "make")
            if getattr(parameter, key) not in (None, {})
        }
        if parameter.type in SCALARS:
            own["type"] = parameter.type
        return found.model_copy(update=own)

    def parameter_schema(self, tool: ToolSpec, name: str) -> JSON:
        """The JSON Schema of a parameter, description and default included."""
        parameter = tool.parameters[name]
        schema = self.parameter_field(tool, name).model_copy(update={"nullable": False}).schema_
        if parameter.type in ("array", "object"):
            schema = {"type": parameter.type}
        named = {"items": parameter.items, "properties": parameter.properties, "minItems": parameter.min_items}
        schema |= {key: value for key, value in named.items() if value is not None}
        if parameter.required is not None:
            schema["required"] = list(parameter.required)
        if parameter.properties is not None:
            schema["additionalProperties"] = False
        if parameter.default is not None:
            schema["default"] = parameter.default
        return {**schema, "description": parameter.description}

    def required(self, tool: ToolSpec) -> list[str]:
        return [name for name, p in tool.parameters.items() if not p.optional and p.default is None]

    def returns_schema(self, tool: ToolSpec) -> JSON:
        """The JSON Schema of a tool's answer."""
        return _object(self, tool.returns)

    def tool(self, spec: ToolSpec) -> Tool:
        """The tool as a model and a catalogue see it."""
        parameters: JSON = {"type": "object", "properties": {name: self.parameter_schema(spec, name) for name in spec.parameters}}
        if required := self.required(spec):
            parameters["required"] = required
        meanings = {name: meaning for name in spec.parameters if (meaning := self.parameter_field(spec, name).meaning)}
        extras: JSON = {"category": self.domain, "effect": spec.effect, "errors": spec.errors}
        extras |= {"meanings": {"parameters": meanings, "returns": _meanings(self, spec.returns)}}
        extras |= {"keywords": {language: list(words) for language, words in spec.keywords.items()}} if spec.keywords else {}
        return Tool(
            name=spec.name,
            description=spec.description,
            parameters={**parameters, "additionalProperties": False},
            returns=self.returns_schema(spec),
            extras=extras,
        )

    @cached_property
    def by_name(self) -> dict[str, ToolSpec]:
        return {tool.name: tool for tool in self.tools}


def _object(domain: Domain, returns: Mapping[str, Any]) -> JSON:
    properties = {name: _value(domain, value) for name, value in returns.items()}
    return {"type": "object", "properties": properties, "required": list(properties)}


def _value(domain: Domain, value: Any) -> JSON:
    """A return value's schema from its short form: `entity.field`, a scalar type, `{list: {...}}`, or a plain JSON Schema."""
    if isinstance(value, str):
        return {"type": value} if value in SCALARS else domain.field(value).schema_
    if isinstance(value, Mapping) and set(value) == {"list"}:
        return {"type": "array", "items": _object(domain, value["list"])}
    if isinstance(value, Mapping) and "type" in value:
        return {key: given for key, given in value.items() if key != "meaning"}
    raise ValueError(f"return value {value!r}: expected entity.field, one of {', '.join(SCALARS)}, a list of fields, or a JSON Schema")


def _meanings(domain: Domain, returns: Mapping[str, Any]) -> JSON:
    found: JSON = {}
    for name, value in returns.items():
        if isinstance(value, str) and "." in value:
            meaning = domain.field(value).meaning
        elif isinstance(value, Mapping) and "list" in value:
            found |= {f"{name}[].{inner}": m for inner, m in _meanings(domain, value["list"]).items()}
            continue
        else:
            meaning = value.get("meaning") if isinstance(value, Mapping) else None
        if meaning:
            found[name] = meaning
    return found
