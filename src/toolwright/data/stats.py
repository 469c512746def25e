"""What the built data holds, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from toolwright.data.build import FULL, SPLITS, Dataset

TASKS = ("selection", "timing", "planning", "calls")


@dataclass(frozen=True, slots=True)
class Count:
    """How many lines a file holds, how many it should hold at least, and how they divide."""

    task: str
    split: str
    lines: int
    wanted: int
    groups: dict[str, int]


def counts(data: Dataset) -> list[Count]:
    """One count for each file of examples, benchmark first."""
    found = []
    for task in TASKS:
        for split in SPLITS:
            examples: list[Any] = getattr(data, task)(split)
            found.append(Count(task, split, len(examples), FULL.examples[split][task], _groups(task, examples)))
    for split, wanted in FULL.dialogues.items():
        dialogues = data.dialogues(split)
        found.append(Count("dialogues", split, len(dialogues), wanted, dict(Counter(one.task for one in dialogues))))
    return found


def _groups(task: str, examples: list[Any]) -> dict[str, int]:
    """How the examples of a task divide: by label, or by the tags that metrics are split by."""
    if task == "timing":
        groups = Counter(example.label for example in examples)
    else:
        groups = Counter(tag for example in examples for tag in example.tags if not tag.startswith("domain_"))
    return dict(sorted(groups.items()))


def tools_by_part(data: Dataset) -> dict[str, tuple[int, int]]:
    """Part of the world → how many domains and how many tools it has."""
    domains = Counter(data.parts.values())
    tools = Counter(data.parts[tool.extras["category"]] for tool in data.tools.values())
    return {part: (domains[part], tools[part]) for part in sorted(domains)}
