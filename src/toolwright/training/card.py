"""The model card beside every trained adapter: what was trained on what, how, and the hashes by which both are known again."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolwright.types import write_text

LIBRARIES = ("toolwright", "torch", "transformers", "trl", "peft")


def write_card(folder: Path, settings: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write `README.md` into the folder of an adapter or checkpoint, in the form that model hubs read.

    Args:
        folder: where the weights are.
        settings: of the training, by name.
        facts: what came of it, by name: hashes, counts, seconds.
    """
    whole = settings["adapter"] == "full"
    base = [] if Path(settings["model"]).is_dir() or settings["model"] == "nano" else [f"base_model: {settings['model']}"]
    head = ["---", *base, f"library_name: {'transformers' if whole else 'peft'}", "pipeline_tag: text-generation", "tags: [toolwright, tool-use]", "---"]
    kind = "All weights of" if whole else "An adapter for"
    text = [
        *head,
        "",
        f"# {kind} {settings['model']}, trained to use tools",
        "",
        "Trained by supervised fine-tuning on dialogues with tool calls; only the assistant's turns are trained on.",
        "",
        *_table("what came of it", facts),
        *_table("setting", settings),
        *_table("library", {name: version(name) for name in LIBRARIES}),
    ]
    write_text(folder / "README.md", "\n".join(text))


def _table(title: str, rows: Mapping[str, Any]) -> list[str]:
    return [f"| {title} | |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), ""]
