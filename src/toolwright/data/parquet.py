"""The data as Parquet files with a dataset card, as Hugging Face `datasets` loads them.

Nested values (messages, tools, calls, steps) stand as JSON text: Arrow would give every object the keys of all others, filled with nulls.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolwright.data.build import FULL, SPLITS, Dataset
from toolwright.data.datasheet import datasheet
from toolwright.data.stats import TASKS
from toolwright.schema import write_tool
from toolwright.types import write_text


def write_parquet(data: Dataset, out: Path) -> None:
    """Write one Parquet file for each task and split under `out`, the catalogue, and the card as README.md."""
    configs = {"agent_tools": {"train": [write_tool(tool) for tool in data.tools.values()]}}
    for task in TASKS:
        configs[task] = {split: [example.model_dump(mode="json") for example in getattr(data, task)(split)] for split in SPLITS}
    configs["agent_sft"] = {split: [dialogue.to_json() for dialogue in data.dialogues(split)] for split in FULL.dialogues}
    lines = ["---", "license: apache-2.0", "language: [en, zh]", "configs:"]
    for name, splits in configs.items():
        lines += [f"- config_name: {name}", "  data_files:"]
        for split, rows in splits.items():
            folder = out / name
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.Table.from_pylist([_flat(row) for row in rows]), folder / f"{split}.parquet")
            lines += [f"  - split: {split}", f"    path: {name}/{split}.parquet"]
    write_text(out / "README.md", "\n".join([*lines, "---", "", datasheet(data)]))


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Objects, and lists of anything but texts, as JSON text."""
    return {key: value if _plain(value) else json.dumps(value, ensure_ascii=False) for key, value in row.items()}


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float) or (isinstance(value, list) and all(isinstance(item, str) for item in value))
