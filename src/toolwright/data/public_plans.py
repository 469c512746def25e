"""Loaders of public planning sets in the form of GNN4TaskPlan (Wu et al., NeurIPS 2024): a request, and the tools that serve it with the links between them.

UltraTool-plan: 3,527 requests over 260 tools, every plan a chain. TMDB: 100 requests over 46 tools. Tools have a name and a description and no parameters, so
that links are all that connects steps; what a plan does cannot be run.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwright.types import JSON, InputError, PlanExample, Step, Tool, read_lines


@dataclass(frozen=True, slots=True)
class PlanSet:
    """Requests with their plans, the tools they are made of, and the ids of the published test requests (all, and those whose plan is not in train)."""

    tools: tuple[Tool, ...]
    examples: tuple[PlanExample, ...]
    test_ids: frozenset[str] = frozenset()
    novel_ids: frozenset[str] = frozenset()

    def only(self, ids: Iterable[str]) -> tuple[PlanExample, ...]:
        """The requests with these ids, in their order."""
        wanted = set(ids)
        return tuple(example for example in self.examples if example.id in wanted)


def ultratool_plan(directory: Path) -> PlanSet:
    """UltraTool-plan, with the published split of 500 test requests, 58 of which have plans that train does not have."""
    folder = directory / "ultratool_plan"
    return PlanSet(_tools(folder), _examples(folder), _test_ids(folder), frozenset(map(str, _json(folder / "novel_test_ids.json"))))


def tmdb_plan(directory: Path) -> PlanSet:
    """TMDB: every request is a test request."""
    folder = directory / "tmdb_plan"
    examples = _examples(folder)
    return PlanSet(_tools(folder), examples, frozenset(example.id for example in examples))


def _tools(folder: Path) -> tuple[Tool, ...]:
    nodes = _json(folder / "tool_desc.json")["nodes"]
    return tuple(Tool(name=node["id"], description=node["desc"]) for node in sorted(nodes, key=lambda node: node["id"]))


def _examples(folder: Path) -> tuple[PlanExample, ...]:
    path = folder / "data.json"
    found = []
    for number, row in read_lines(path):
        try:
            found.append(_example(row))
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}:{number}: {error!r}; expected id, user_request, task_nodes and task_links") from error
    return tuple(found)


def _example(row: JSON) -> PlanExample:
    """One request; a tool that stands twice is two steps, and links join the steps that follow each other where there is a choice."""
    tools = [node["task"] for node in row["task_nodes"]]
    needs: dict[int, list[str]] = {}
    for link in row["task_links"]:
        sources = [i for i, name in enumerate(tools) if name == link["source"]]
        targets = [i for i, name in enumerate(tools) if name == link["target"]]
        pairs = [(a, b) for b in targets for a in sources if a != b]
        if not pairs:
            raise KeyError(f"link {link} joins no tools of the plan")
        a, b = min(pairs, key=lambda pair: (pair[1] < pair[0], abs(pair[1] - pair[0])))
        needs.setdefault(b, []).append(f"s{a + 1}")
    steps = tuple(Step(id=f"s{i + 1}", tool=name, depends_on=tuple(needs.get(i, ()))) for i, name in enumerate(tools))
    return PlanExample(id=str(row["id"]), goal=row["user_request"].strip(), steps=steps)


def _test_ids(folder: Path) -> frozenset[str]:
    return frozenset(str(one) for ids in _json(folder / "split_ids.json")["test_ids"].values() for one in ids)


def _json(path: Path) -> Any:
    if not path.is_file():
        raise InputError(f"{path}: no such file; docs/public-data.md tells where the public files come from")
    return json.loads(path.read_text(encoding="utf-8"))


PLAN_SETS = {"ultratool-plan": ultratool_plan, "tmdb-plan": tmdb_plan}
