"""Loaders of public benchmark files, in their authors' own formats.

They are read from the directory named by `--public-data` or TOOLWRIGHT_PUBLIC_DATA.

MetaTool (Huang et al., ICLR 2024): a request and the one of 199 tools that serves it, or the two that do.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolwright.types import InputError, SelectionExample, Tool

VARIABLE = "TOOLWRIGHT_PUBLIC_DATA"


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


def metatool_tools(directory: Path) -> Iterator[Tool]:
    """MetaTool's 199 tools in order of name."""
    described: dict[str, str] = json.loads(public_file(directory / "metatool" / "plugin_des.json").read_text(encoding="utf-8"))
    return (Tool(name=name, description=text) for name, text in sorted(described.items()))


def public_file(path: Path) -> Path:
    """The path itself. Raises `InputError` where there is no such file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file; docs/public-data.md tells where the public files come from")
    return path


SELECTION_SETS = {"metatool-single": metatool_single, "metatool-multi": metatool_multi}
