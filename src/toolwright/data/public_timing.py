"""Public sets that ask whether to call at all: MetaTool's Task 1 and Subtask 3, and BFCL's irrelevance beside its calls

They know two answers, not four. MetaTool (Huang et al., ICLR 2024), Task 1: does a request need a tool, its 199 at hand; Subtask 3: ten tools, none
of them the right one. BFCL v4, non-live (Patil et al., ICML 2025): requests that no given function serves, against those that one or several do.
Nothing is fitted on them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from toolwright.data.public import metatool_tools, public_file
from toolwright.types import JSON, InputError, Message, TimingExample, TimingLabel, Tool, read_lines

Scoring = Literal["four", "needs_a_tool", "makes_a_call"]

BFCL_CALLS = ("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple")
JSON_TYPES = {
    "dict": "object", "HashMap": "object", "float": "number", "double": "number", "long": "integer", "tuple": "array", "Array": "array", "ArrayList": "array",
    "String": "string", "char": "string", "Boolean": "boolean",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TimingSet:
    """Conversations with the tools at hand, by the keys that the examples name them with, and how they are scored."""

    tools: dict[str, Tool]
    examples: tuple[TimingExample, ...]
    scoring: Scoring


def metatool_task1(directory: Path) -> TimingSet:
    """Does the request need a tool? 520 that do (`call`) and 520 that do not (`answer`), with MetaTool's 199 tools at hand."""
    tools = {tool.name: tool for tool in metatool_tools(directory)}
    rows = _rows(directory / "metatool" / "Task1.json", ("query", "label"))
    labels: dict[str, TimingLabel] = {"positive": "call", "negative": "answer"}
    examples = [_example(f"metatool_task1_{i}", row["query"], tuple(tools), labels[row["label"]]) for i, row in enumerate(rows)]
    return TimingSet(tools, tuple(examples), "needs_a_tool")


def metatool_subtask3(directory: Path) -> TimingSet:
    """Ten tools at hand, none of them the right one: 995 requests, all of them `unable`."""
    rows = _rows(directory / "metatool" / "Task2-Subtask3.json", ("query", "action_prompt"))
    tools: dict[str, Tool] = {}
    examples = []
    for i, row in enumerate(rows):
        listed = re.findall(r"^\d+\. tool name: (.*?), tool description: (.*)$", row["action_prompt"], re.M)
        keys = []
        for name, described in listed:
            key = f"{name}\0{described}"  # the same name may be described in two ways
            tools.setdefault(key, Tool(name=name, description=re.sub(r"^\['|'\]$", "", described)))
            keys.append(key)
        examples.append(_example(f"metatool_subtask3_{i}", row["query"], tuple(keys), "unable"))
    return TimingSet(tools, tuple(examples), "makes_a_call")


def bfcl_irrelevance(directory: Path) -> TimingSet:
    """Is a call to be made? 240 requests that none of the given functions serves (`unable`), and the 1,150 non-live ones that some do (`call`)."""
    tools: dict[str, Tool] = {}
    examples = []
    for category in ("irrelevance", *BFCL_CALLS):
        label: TimingLabel = "unable" if category == "irrelevance" else "call"
        for _, row in read_lines(public_file(directory / "bfcl" / f"BFCL_v4_{category}.json")):
            keys = []
            for function in row["function"]:
                key = f"{row['id']}/{function['name']}"
                tools[key] = Tool(name=function["name"], description=function.get("description", ""), parameters=_schema(function["parameters"]))
                keys.append(key)
            messages = tuple(Message(role=turn["role"], content=turn["content"]) for turn in row["question"][0])
            examples.append(TimingExample(id=row["id"], messages=messages, tools=tuple(keys), label=label, tags=(category,)))
    return TimingSet(tools, tuple(examples), "makes_a_call")


TIMING_SETS: dict[str, Callable[[Path], TimingSet]] = {
    "metatool-task1": metatool_task1,
    "metatool-subtask3": metatool_subtask3,
    "bfcl-irrelevance": bfcl_irrelevance,
}


def _example(id_: str, query: str, tools: tuple[str, ...], label: TimingLabel) -> TimingExample:
    return TimingExample(id=id_, messages=(Message(role="user", content=query),), tools=tools, label=label)


def _rows(path: Path, keys: tuple[str, ...]) -> Iterator[JSON]:
    for i, row in enumerate(json.loads(public_file(path).read_text(encoding="utf-8"))):
        if missing := [key for key in keys if key not in row]:
            raise InputError(f"{path}: row {i} has no {missing[0]!r}; got {sorted(row)}")
        yield row


def _schema(schema: Any) -> Any:
    """BFCL's type names as JSON Schema has them; `any` and unnamed types are left open."""
    if isinstance(schema, list):
        return [_schema(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    read = {key: _schema(value) for key, value in schema.items()}
    kind = schema.get("type")
    if isinstance(kind, str):
        read["type"] = JSON_TYPES.get(kind, kind)
        if kind in ("any", ""):
            del read["type"]
    return read
