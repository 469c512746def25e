"""`toolwright data build`: every file of the data, the same bytes for the same seed, with hashes."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Literal

from toolwright.data.agent_benchmark import Material, build_calls, build_selection, build_timing
from toolwright.data.agent_plans import build_plans
from toolwright.data.agent_sft import build_dialogues
from toolwright.data.versions import version_of
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
from toolwright.world.load import load_domains
from toolwright.world.spec import Domain

SPLITS: tuple[Split, ...] = ("train", "dev", "test")
Part = tuple[Literal["agent_benchmark", "agent_sft"], Split]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is built."""

    fills: dict[Split, int]  # how often each sentence frame is filled from the world's rows
    examples: dict[Split, dict[str, int]]  # of each task of agent_benchmark, at most
    dialogues: dict[Split, int]  # of agent_sft


FULL = Sizes(
    fills={"train": 4, "dev": 2, "test": 3},
    examples={
        "train": {"selection": 9600, "timing": 8000, "calls": 6000, "planning": 3000},
        "dev": {"selection": 480, "timing": 400, "calls": 300, "planning": 200},
        "test": {"selection": 2400, "timing": 2000, "calls": 1500, "planning": 1000},
    },
    dialogues={"train": 4000, "dev": 500},
)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A built data directory, opened."""

    directory: Path
    tools: dict[str, Tool]
    sha256: str
    seed: int
    parts: dict[str, str]  # of the world: domain → foundation, standard or unseen

    def world(self) -> World:
        """The world that the data was made in, as it was then."""
        return World([domain for domain in load_domains() if domain.domain in self.parts], self.seed)

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


def build_data(
    domains: Sequence[Domain],
    out: Path,
    seed: int = 0,
    *,
    sizes: Sizes = FULL,
    workers: int = 1,
    progress: Callable[[Sequence[Part]], Iterable[Part]] = iter,
) -> JSON:
    """Write all files under `out` and return the manifest.

    Foundation domains lend tools to the catalogue and a fifth of the training dialogues, and stand in no benchmark: others are tested on.

    Args:
        domains: files of the world.
        out: the folder.
        seed: the same seed gives the same bytes, with any number of workers.
        sizes: how much.
        workers: processes that build side by side.
        progress: goes through the parts.
    """
    world = World(domains, seed)
    if all(domain.part == "foundation" for domain in domains):
        raise InputError("every domain is a foundation domain; at least one other is needed to test on")
    write_catalog(out / "agent_tools.jsonl", world.tools.values())
    parts: list[Part] = [("agent_benchmark", "train"), ("agent_sft", "train"), ("agent_benchmark", "test"), ("agent_benchmark", "dev"), ("agent_sft", "dev")]
    build = partial(_build_part, domains, out, seed, sizes)
    if workers == 1:
        for part in progress(parts):
            build(part, world)
    else:
        with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
            running = {part: pool.submit(build, part) for part in parts}
            for part in progress(parts):
                running[part].result()
    files = {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(out.rglob("*.jsonl"))}
    sha256 = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
    manifest: JSON = {
        "version": version_of(sha256),
        "seed": seed,
        "domains": {domain.domain: domain.part for domain in domains},
        "files": files,
        "sha256": sha256,
        "versions": {"toolwright": version("toolwright"), "faker": version("faker"), "python": sys.version.split()[0]},
    }
    write_text(out / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    from toolwright.data.datasheet import datasheet

    write_text(out / "DATASHEET.md", datasheet(open_data(out)))
    return manifest


def _build_part(domains: Sequence[Domain], out: Path, seed: int, sizes: Sizes, part: Part, world: World | None = None) -> None:
    """Write the files of one part. What is done in the world is undone, so that parts do not depend on one another."""
    world = world or World(domains, seed)
    spoken = [domain for domain in domains if domain.part != "foundation"]
    kind, split = part
    if kind == "agent_sft":
        write_records(out / kind / f"{split}.jsonl", build_dialogues(spoken, world, split, sizes.dialogues[split], seed))
        return
    most = sizes.examples[split]
    material = Material.gather(spoken, world, split, sizes.fills[split], seed)
    plans = build_plans(spoken, world, split, most["planning"], seed)
    made: dict[str, list[Any]] = {
        "selection": build_selection(material, plans, most["selection"]),
        "timing": build_timing(material, most["timing"]),
        "calls": build_calls(material, most["calls"]),
        "planning": plans,
    }
    for task, examples in made.items():
        write_records(out / kind / task / f"{split}.jsonl", examples)


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
