"""Catalogues of tools: read from files of any form and Python modules, written as `tools.jsonl`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from toolwright.schema import read_tool, write_tool
from toolwright.tools.functions import tools_of_module
from toolwright.tools.openapi import tools_of_openapi
from toolwright.types import InputError, Tool, read_lines, write_text

SOURCES = "an OpenAPI 3 file (.json, .yaml), tool JSON (.json, .jsonl) in OpenAI, Anthropic or MCP form, a Python file (.py) or a dotted module name"

DATA_SUFFIXES = (".json", ".jsonl", ".yaml", ".yml")


def read_catalog(path: Path) -> list[Tool]:
    """The tools of a JSON Lines file, each line in any of the forms; names are unique."""
    tools: list[Tool] = []
    lines: dict[str, int] = {}
    for number, value in read_lines(path):
        try:
            tool = read_tool(value)
        except InputError as error:
            raise InputError(f"{path}:{number}: {error}") from error
        if tool.name in lines:
            raise InputError(f"{path}:{number}: tool {tool.name!r} stands on line {lines[tool.name]} already; names are unique")
        lines[tool.name] = number
        tools.append(tool)
    if not tools:
        raise InputError(f"{path}: holds no tools; expected one a line")
    return tools


def write_catalog(path: Path, tools: Iterable[Tool]) -> None:
    """Write tools in OpenAI form, one a line."""
    write_text(path, "".join(json.dumps(write_tool(tool), ensure_ascii=False) + "\n" for tool in tools))


def import_tools(sources: Sequence[str]) -> list[Tool]:
    """The tools of every source in order; a name that two of them share is refused."""
    tools: list[Tool] = []
    owner: dict[str, str] = {}
    for source in sources:
        for tool in import_source(source):
            if tool.name in owner:
                raise InputError(f"{source}: tool {tool.name!r} comes from {owner[tool.name]} already; names are unique")
            owner[tool.name] = source
            tools.append(tool)
    return tools


def import_source(source: str) -> list[Tool]:
    """The tools of one source: see `SOURCES`."""
    path = Path(source)
    dotted = not path.exists() and path.suffix not in DATA_SUFFIXES and all(part.isidentifier() for part in source.split("."))
    if path.suffix == ".py" or dotted:
        return tools_of_module(source)
    if not path.is_file():
        raise InputError(f"{source}: no such file; expected {SOURCES}")
    if path.suffix == ".jsonl":
        return read_catalog(path)
    if path.suffix not in DATA_SUFFIXES:
        raise InputError(f"{source}: got a {path.suffix or 'nameless'} file; expected {SOURCES}")
    value = _parse(path)
    if isinstance(value, dict) and ("openapi" in value or "swagger" in value):
        return tools_of_openapi(value, source)
    items = value["tools"] if isinstance(value, dict) and isinstance(value.get("tools"), list) else value
    tools = []
    for i, item in enumerate(items if isinstance(items, list) else [items]):
        if not isinstance(item, dict):
            raise InputError(f"{source}: item {i}: got {item!r:.60}; expected a tool object")
        try:
            tools.append(read_tool(item))
        except InputError as error:
            raise InputError(f"{source}: item {i}: {error}") from error
    return tools


def _parse(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    try:
        return json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=_JsonYaml)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: not JSON: {error.msg}") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: not YAML: {error.problem}") from error


class _JsonYaml(yaml.CSafeLoader):
    """YAML as JSON would have it: dates stay text."""


def _as_text(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_JsonYaml.add_constructor("tag:yaml.org,2002:timestamp", _as_text)
