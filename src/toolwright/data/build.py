"""`toolwright data build`: every file of the data, the same bytes for the same seed, with hashes."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from toolwright.data.agent_benchmark import Material, build_calls, build_selection, build_timing
from toolwright.data.agent_plans import build_plans
from toolwright.data.agent_sft import build_dialogues
from toolwright.tools.catalog import write_catalog
from toolwright.types import (
    JSON,
    CallExample,
    Dialogue,
    InputError,
    PlanExample,
    SelectionExample,
    Split,
    TimingExample,
    Tool,
    read_records,
    write_records,
    write_text,
)
from toolwright.world.engine import World
from toolwright.world.spec import Domain

SPLITS: tuple[Split, ...] = ("train", "dev", "test")
FILLS: dict[Split, int] = {"train": 4, "dev": 2, "test": 3}  # how often each sentence frame is filled from the world's rows
SIZES: dict[Split, dict[str, int]] = {  # examples of each task, at most
    "train": {"selection": 9600, "timing": 8000, "calls": 6000, "planning": 3000},
    "dev": {"selection": 480, "timing": 400, "calls": 300, "planning": 200},
    "test": {"selection": 2400, "timing": 2000, "calls": 1500, "planning": 1000},
}
DIALOGUES: dict[Split, int] = {"train": 4000, "dev": 500}


@dataclass(frozen=True, slots=True)
class Dataset:
    """A built data directory, opened."""

    directory: Path
    tools: dict[str, Tool]
    sha256: str
    seed: int
    parts: dict[str, str]  # of the world: domain → foundation, standard or unseen

    def dialogues(self, split: Split) -> list[Dialogue]:
        return read_records(self.directory / "agent_sft" / f"{split}.jsonl", Dialogue)

    def selection(self, split: Split) -> list[SelectionExample]:
        return read_records(self.directory / "agent_benchmark" / "selection" / f"{split}.jsonl", SelectionExample)

    def timing(self, split: Split) -> list[TimingExample]:
        return read_records(self.directory / "agent_benchmark" / "timing" / f"{split}.jsonl", TimingExample)

    def planning(self, split: Split) -> list[PlanExample]:
        return read_records(self.directory / "agent_benchmark" / "planning" / f"{split}.jsonl", PlanExample)

    def calls(self, split: Split) -> list[CallExample]:
        return read_records(self.directory / "agent_benchmark" / "calls" / f"{split}.jsonl", CallExample)


def build_data(domains: Sequence[Domain], out: Path, seed: int = 0, progress: Callable[[Sequence[Split]], Iterable[Split]] = iter) -> JSON:
    """Write all files under `out` and return the manifest; `progress` goes through the splits.

    Foundation domains lend tools to the catalogue and a fifth of the training dialogues, and stand in no benchmark: others are tested on.
    """
    world = World(domains, seed)
    spoken = [domain for domain in domains if domain.part != "foundation"]
    if not spoken:
        raise InputError("every domain is a foundation domain; at least one other is needed to test on")
    write_catalog(out / "agent_tools.jsonl", world.tools.values())
    for split in progress(SPLITS):
        sizes = SIZES[split]
        material = Material.gather(spoken, world, split, FILLS[split], seed)
        plans = build_plans(spoken, world, split, sizes["planning"], seed)
        made: dict[str, list[Any]] = {
            "selection": build_selection(material, plans, sizes["selection"]),
            "timing": build_timing(material, sizes["timing"]),
            "calls": build_calls(material, sizes["calls"]),
            "planning": plans,
        }
        for task, examples in made.items():
            write_records(out / "agent_benchmark" / task / f"{split}.jsonl", examples)
        if split in DIALOGUES:
            write_records(out / "agent_sft" / f"{split}.jsonl", build_dialogues(spoken, world, split, DIALOGUES[split], seed))
    files = {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.rglob("*.jsonl"))}
    manifest: JSON = {
        "seed": seed,
        "domains": {domain.domain: domain.part for domain in domains},
        "files": files,
        "sha256": hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest(),
        "versions": {"toolwright": version("toolwright"), "faker": version("faker"), "python": sys.version.split()[0]},
    }
    write_text(out / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    from toolwright.data.datasheet import datasheet

    write_text(out / "DATASHEET.md", datasheet(open_data(out)))
    return manifest


def open_data(directory: Path) -> Dataset:
    """Open what `build_data` wrote; a file that is missing or changed since raises `InputError`."""
    from toolwright.tools.catalog import read_catalog

    path = directory / "manifest.json"
    if not path.is_file():
        raise InputError(f"{directory}: holds no manifest.json; `toolwright data build --out {directory}` makes the data")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        files, sha256, seed, parts = dict(manifest["files"]), str(manifest["sha256"]), int(manifest["seed"]), dict(manifest["domains"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a manifest of `toolwright data build` ({error!r}); build the data again") from error
    for name, digest in files.items():
        file = directory / name
        if not file.is_file() or hashlib.sha256(file.read_bytes()).hexdigest() != digest:
            raise InputError(f"{file}: {'changed since it was built' if file.is_file() else 'missing'}; build the data again with `toolwright data build`")
    tools = {tool.name: tool for tool in read_catalog(directory / "agent_tools.jsonl")}
    return Dataset(directory, tools, sha256, seed, parts)
