"""Loaders of public benchmark files, in their authors' own formats.

They are read from the directory named by `--public-data` or TOOLWRIGHT_PUBLIC_DATA.

MetaTool (Huang et al., ICLR 2024): a request and the one of 199 tools that serves it, or the two that do; Subtask 3 offers ten tools of which none serves
the request, Subtask 4 ten of which two do. Seal-Tools (Wu et al., 2024): requests for one to five of 4,076 tools. ToolLinkOS (Lumer et al., 2025): requests for
one of 573 tools and all that it depends on, with the dependencies in the tools or hidden.
"""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolwright.types import JSON, InputError, SelectionExample, Tool, read_lines

VARIABLE = "TOOLWRIGHT_PUBLIC_DATA"
JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean", "dict": "object", "list": "array"}
OFFERED = re.compile(r"^\d+\. tool name: (.*?), tool description:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SelectionSet:
    """Requests with their gold tools, and the catalogue they choose from."""

    tools: tuple[Tool, ...]
    examples: tuple[SelectionExample, ...]


def public_directory(given: Path | None = None) -> Path:
    """The directory of public data: the one given, else the environment variable's. Raises `InputError` when there is neither."""
    value = given or (Path(os.environ[VARIABLE]) if os.environ.get(VARIABLE) else None)
    if value is None:
        raise InputError(f"public data: no directory given; pass --public-data DIR or set {VARIABLE}")
    if not value.is_dir():
        raise InputError(f"public data: {value} is no directory")
    return value


def metatool_single(directory: Path) -> SelectionSet:
    """MetaTool's single-tool requests: 20,614 over 199 tools."""
    tools = metatool_tools(directory)
    path = public_file(directory / "metatool" / "all_clean_data.csv")
    with path.open(encoding="utf-8", newline="") as lines:
        examples = [
            SelectionExample(id=f"metatool_single_{number}", query=row["Query"], tools=(row["Tool"],)) for number, row in enumerate(csv.DictReader(lines))
        ]
    return SelectionSet(tuple(tools), tuple(examples))


def metatool_multi(directory: Path) -> SelectionSet:
    """MetaTool's two-tool requests: 497."""
    tools = metatool_tools(directory)
    rows = json.loads(public_file(directory / "metatool" / "multi_tool_query_golden.json").read_text(encoding="utf-8"))
    examples = [SelectionExample(id=f"metatool_multi_{i}", query=row["query"], tools=tuple(row["tool"])) for i, row in enumerate(rows)]
    return SelectionSet(tuple(tools), tuple(examples))


def metatool_absent(directory: Path) -> SelectionSet:
    """MetaTool's Subtask 3: 995 requests whose tool is not among the ten offered, so that none is right."""
    rows = json.loads(public_file(directory / "metatool" / "Task2-Subtask3.json").read_text(encoding="utf-8"))
    examples = [
        SelectionExample(id=f"metatool_absent_{i}", query=row["query"], tools=(), candidates=tuple(OFFERED.findall(row["action_prompt"])))
        for i, row in enumerate(rows)
    ]
    return SelectionSet(tuple(metatool_tools(directory)), tuple(examples))


def metatool_two(directory: Path) -> SelectionSet:
    """MetaTool's Subtask 4: 497 requests, ten tools offered, two of them right."""
    rows = json.loads(public_file(directory / "metatool" / "Task2-Subtask4.json").read_text(encoding="utf-8"))
    examples = [
        SelectionExample(id=f"metatool_two_{i}", query=row["query"], tools=tuple(row["tool"]), candidates=tuple(OFFERED.findall(row["action_prompt"])))
        for i, row in enumerate(rows)
    ]
    return SelectionSet(tuple(metatool_tools(directory)), tuple(examples))


def sealtools(directory: Path) -> SelectionSet:
    """Seal-Tools: 4,076 tools, 700 dev and 700 in-domain requests, tagged so."""
    tools = []
    for _, row in read_lines(public_file(directory / "sealtools" / "tool.jsonl")):
        properties = {name: _parameter(about) for name, about in row["parameters"].items()}
        tools.append(Tool(name=row["api_name"], description=row["api_description"], parameters=_object(properties, row.get("required", []))))
    examples = []
    for part in ("dev", "test_in_domain"):
        for _, row in read_lines(public_file(directory / "sealtools" / f"{part}.jsonl")):
            gold = tuple(dict.fromkeys(call["api"] for call in row["calling"]))
            examples.append(SelectionExample(id=f"sealtools_{row['id']}", query=row["query"], tools=gold, tags=(part,)))
    return SelectionSet(tuple(tools), tuple(examples))


def toollinkos(directory: Path) -> SelectionSet:
    """ToolLinkOS: 573 tools that say what they depend on, 1,569 requests; gold is a tool and all that it depends on."""
    tools = []
    for part in ("core_tools", "regular_tools"):
        for row in json.loads(public_file(directory / "toollinkos" / f"{part}.json").read_text(encoding="utf-8")):
            properties = {one["name"]: _parameter(one) for one in row["parameters"]}
            required = [one["name"] for one in row["parameters"] if one.get("required")]
            needs = [other["name"] for other in row["depends_on"]]
            tools.append(Tool(name=row["name"], description=row["description"], parameters=_object(properties, required), extras={"depends_on": needs}))
    rows = json.loads(public_file(directory / "toollinkos" / "instances.json").read_text(encoding="utf-8"))
    examples = [SelectionExample(id=f"toollinkos_{i}", query=row["user_query"], tools=tuple(row["golden_function_names"])) for i, row in enumerate(rows)]
    return SelectionSet(tuple(tools), tuple(examples))


def toollinkos_hidden(directory: Path) -> SelectionSet:
    """ToolLinkOS with the dependencies taken out of the tools."""
    chosen = toollinkos(directory)
    return SelectionSet(tuple(tool.model_copy(update={"extras": {}}) for tool in chosen.tools), chosen.examples)


def _parameter(about: JSON) -> JSON:
    kept = {key: about[key] for key in ("description", "enum", "default") if about.get(key) is not None}
    named = about.get("type")
    return {"type": JSON_TYPES.get(named, named), **kept} if named else kept


def _object(properties: JSON, required: list[str]) -> JSON:
    return {"type": "object", "properties": properties, "required": required}


def metatool_tools(directory: Path) -> Iterator[Tool]:
    """MetaTool's 199 tools in order of name."""
    described: dict[str, str] = json.loads(public_file(directory / "metatool" / "plugin_des.json").read_text(encoding="utf-8"))
    return (Tool(name=name, description=text) for name, text in sorted(described.items()))


def public_file(path: Path) -> Path:
    """The path itself. Raises `InputError` where there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; docs/public-data.md tells where the public files come from")
    return path


SELECTION_SETS = {
    "metatool-single": metatool_single,
    "metatool-multi": metatool_multi,
    "metatool-absent": metatool_absent,
    "metatool-two": metatool_two,
    "sealtools": sealtools,
    "toollinkos": toollinkos,
    "toollinkos-hidden": toollinkos_hidden,
}
