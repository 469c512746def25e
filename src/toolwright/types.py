"""What every part speaks: tools, calls, conversations, results, and their JSON Lines.

Everything here is frozen and knows nothing of the rest of the package. A file is one JSON object a line in UTF-8; a line that does not fit
is refused with its file, its line, what came and what is allowed (`InputError`, which the command line turns into exit code 2).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

JSON = dict[str, Any]
Effect = Literal["read", "search", "create", "update", "transition", "delete", "compute"]
ErrorType = Literal["invalid_argument", "not_found", "conflict", "forbidden"]
TimingLabel = Literal["call", "answer", "clarify", "unable"]
Split = Literal["train", "dev", "test"]

TIMING_LABELS: tuple[TimingLabel, ...] = ("call", "answer", "clarify", "unable")


class InputError(ValueError):
    """Wrong input from outside: one line that names the place, the value received and what is allowed."""


class Record(BaseModel):
    """A frozen object that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Tool(Record):
    """One tool a model may call.

    `parameters` and `returns` are JSON Schema objects. `extras` stands under `"x-toolwright"` in files: category, effect, meaning types,
    keywords by language, and whatever other forms of a tool carry that ours has no place for.
    """

    name: str = Field(min_length=1)
    description: str = ""
    parameters: JSON = Field(default_factory=lambda: {"type": "object", "properties": {}})
    returns: JSON | None = None
    extras: JSON = Field(default_factory=dict)

    @property
    def properties(self) -> dict[str, JSON]:
        """The schema of each parameter by its name."""
        properties: dict[str, JSON] = self.parameters.get("properties", {})
        return properties

    @property
    def required(self) -> list[str]:
        """Names of the parameters that a call must give."""
        return list(self.parameters.get("required", []))


class ToolCall(Record):
    """One call: the tool's name and its arguments; `id` ties the result to it."""

    name: str
    arguments: JSON
    id: str = ""


class Message(Record):
    """One turn in OpenAI chat form; a tool's turn answers the call named by `tool_call_id`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None

    @classmethod
    def from_openai(cls, message: Mapping[str, Any]) -> Message:
        """Read OpenAI chat form, where a call's arguments are a JSON string inside `function`."""
        data = dict(message)
        calls = [
            ToolCall(
                id=call.get("id", ""),
                name=call["function"]["name"],
                arguments=json.loads(call["function"]["arguments"]) if isinstance(call["function"]["arguments"], str) else call["function"]["arguments"],
            )
            for call in data.pop("tool_calls", None) or ()
        ]
        return cls(**{**data, "content": data.get("content") or ""}, tool_calls=tuple(calls))

    def to_openai(self) -> JSON:
        """Write OpenAI chat form; keys without a value are left out."""
        message: JSON = {"role": self.role, "content": self.content}
        if self.tool_calls:
            functions = ({"name": call.name, "arguments": json.dumps(call.arguments, ensure_ascii=False)} for call in self.tool_calls)
            message["tool_calls"] = [{"id": call.id, "type": "function", "function": f} for call, f in zip(self.tool_calls, functions, strict=True)]
        if self.tool_call_id is not None:
            message["tool_call_id"] = self.tool_call_id
        return message


class SelectionExample(Record):
    """A request and the tools that serve it; `tools: []` means that none does. `accept` lists other sets that are as good."""

    id: str
    query: str
    tools: tuple[str, ...]
    accept: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = ()
    candidates: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


class TimingExample(Record):
    """A conversation, the tools at hand, and what the next turn should be."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    label: TimingLabel
    tags: tuple[str, ...] = ()


class ExpectedCall(Record):
    """A call with, for each argument, the values that are accepted; `copied` names those that stand word for word in the conversation."""

    name: str
    arguments: dict[str, list[Any]]
    copied: tuple[str, ...] = ()


class CallExample(Record):
    """A conversation and the calls that answer it."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    calls: tuple[ExpectedCall, ...]
    tags: tuple[str, ...] = ()


class Step(Record):
    """One call of a plan; arguments may refer to answers of other steps (`$s1.order_id`)."""

    id: str
    tool: str
    arguments: JSON = Field(default_factory=dict)
    depends_on: tuple[str, ...] = ()


class PlanExample(Record):
    """A goal, the plan that reaches it, the world it is reached in, and what must hold then."""

    id: str
    goal: str
    candidates: tuple[str, ...] = ()
    world: JSON | None = None
    steps: tuple[Step, ...]
    goal_state: JSON | None = None
    answer: JSON | None = None
    tags: tuple[str, ...] = ()


class Dialogue(Record):
    """A whole conversation to learn from, in OpenAI chat form, with the tools that were offered."""

    id: str
    messages: tuple[Message, ...]
    tools: tuple[str, ...]
    split: Split
    task: str
    tags: tuple[str, ...] = ()

    def to_json(self) -> JSON:
        """The object of one line of a dialogue file."""
        return {**self.model_dump(mode="json"), "messages": [message.to_openai() for message in self.messages]}


class Metric(Record):
    """A measured figure: its 95 % interval and the number of test cases behind it."""

    value: float
    low: float
    high: float
    n: int


class Result(Record):
    """One cell of a comparison: what one method with one seed reached, or the error it ended in."""

    method: str
    seed: int
    model: str
    status: Literal["done", "failed"]
    error: str | None = None
    data_version: str = ""
    data_sha256: str = ""
    adapter_sha256: str = ""
    metrics: dict[str, Metric] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(default_factory=dict)
    steps: int = 0
    samples: int = 0
    tokens: int = 0  # trained on
    selection_tokens: int = 0  # read to choose what to train on
    evaluation_tokens: int = 0  # read and written in the test
    parameters: int = 0  # of the model, without embeddings
    peak_memory_bytes: dict[str, int] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    phases: list[str] = Field(default_factory=list)  # of a stream: the domains that each phase brought
    phase_scores: dict[str, list[list[float]]] = Field(default_factory=dict)  # by metric; row 0 untrained, row i after phase i; column j on phase j


class Comparison(Record):
    """How far a second method is from a first on the same test cases: the paired difference, and its p-value after correction."""

    metric: str
    first: str
    second: str
    difference: Metric
    p: float
    significant: bool
    seeds: int = 1  # that both ran with; with one, nothing is said of others


@dataclass(frozen=True, slots=True)
class ScoredTool:
    """A tool's name with the score a selector gave it; higher is better."""

    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Selection:
    """A selector's answer: the best tools in order, how many matched at all, and whether more than these did.

    `fits` is the probability that any tool serves the request, where the selector was fitted to tell; `abstains` says that it is below the fitted
    threshold: the tools are then the nearest ones, and none should be called. `index` says how vectors were searched.
    """

    tools: tuple[ScoredTool, ...]
    total_matches: int
    fits: float | None = None
    abstains: bool = False
    index: str = "exact"

    @property
    def truncated(self) -> bool:
        return self.total_matches > len(self.tools)

    @property
    def names(self) -> list[str]:
        return [tool.name for tool in self.tools]


@dataclass(frozen=True, slots=True)
class Decision:
    """What the next turn should be, and why: the outcome and the probability of each of the four, reasons in words (the weightiest first), the tool that suits
    best and its required arguments that nobody gave, what to ask for `clarify`, and in a hybrid the stage that decided.
    """

    outcome: TimingLabel
    probabilities: Mapping[TimingLabel, float]
    reasons: tuple[str, ...]
    tool: str | None = None
    missing: tuple[str, ...] = ()
    question: str | None = None
    stage: str = ""

    @property
    def confidence(self) -> float:
        """The probability of the outcome."""
        return self.probabilities[self.outcome]


R = TypeVar("R", bound=Record)


def read_lines(path: Path) -> Iterator[tuple[int, JSON]]:
    """The objects of a JSON Lines file with their line numbers, from 1; empty lines are passed over."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a JSON Lines file")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                value = json.loads(line.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise InputError(f"{path}:{number}: not UTF-8 (byte {error.start} of the line); expected one JSON object a line") from error
            except json.JSONDecodeError as error:
                raise InputError(f"{path}:{number}: not JSON ({error.msg} at column {error.colno}); expected one object a line") from error
            if not isinstance(value, dict):
                raise InputError(f"{path}:{number}: got {type(value).__name__} {value!r:.60}; expected an object")
            yield number, value


def read_records(path: Path, kind: type[R]) -> list[R]:
    """Every line of the file as a `kind`; messages may be in OpenAI chat form."""
    records = []
    for number, value in read_lines(path):
        try:
            if isinstance(value.get("messages"), list):
                value = {**value, "messages": [Message.from_openai(message) for message in value["messages"]]}
            records.append(kind.model_validate(value))
        except ValidationError as error:
            raise InputError(f"{path}:{number}: {explain(error, kind)}") from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{path}:{number}: messages are not in OpenAI chat form ({error!r})") from error
    return records


def write_records(path: Path, records: Iterable[Record]) -> None:
    """Write one object a line, to a temporary name first, so that the file is whole or absent."""
    lines = []
    for record in records:
        value = record.model_dump(mode="json", exclude_defaults=True, by_alias=True)
        if messages := getattr(record, "messages", None):
            value["messages"] = [message.to_openai() for message in messages]
        lines.append(json.dumps(value, ensure_ascii=False) + "\n")
    write_text(path, "".join(lines))


def write_text(path: Path, text: str) -> None:
    """Replace the file in one move: a reader sees the old text or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


def explain(error: ValidationError, kind: type[BaseModel]) -> str:
    """The first problem of a validation in one line: where, what came, what is allowed."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"]) or "line"
    if first["type"] == "extra_forbidden":
        owner = next((record for record in (kind, *Record.__subclasses__()) if record.__name__ == error.title), kind)
        if len(first["loc"]) > 1:
            return f"unknown key {where!r}"
        allowed = ", ".join(field.alias or name for name, field in owner.model_fields.items())
        return f"unknown key {where!r}; allowed: {allowed}"
    if first["type"] == "missing":
        return f"key {where!r} is missing; got {sorted(first['input'])!r}" if isinstance(first["input"], dict) else f"key {where!r} is missing"
    return f"{where}: got {first['input']!r:.80}; {first['msg']}"
