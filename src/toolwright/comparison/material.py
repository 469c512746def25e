"""What a method trains on: dialogues drawn as a pool, tried by the model itself, chosen, mixed and ordered, with what that cost."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from toolwright.comparison.progress import report_progress
from toolwright.types import Dialogue, read_records, write_records, write_text

if TYPE_CHECKING:
    from toolwright.comparison.cell import Cell
    from toolwright.coreset.signals import ModelSignals
    from toolwright.data.build import Dataset

TARGETS = 64  # dialogues of dev that stand for what is wanted, for strategies that ask


@dataclass(frozen=True, slots=True)
class Material:
    """Dialogues to train on, how hard each is where the order asks, and the seconds and tokens that choosing took."""

    dialogues: list[Dialogue]
    difficulty: list[float] | None
    seconds: float
    tokens: int


@dataclass(frozen=True, slots=True)
class Pool:
    """Dialogues to choose from; where the model tried them itself, for each goal whether it succeeded, and the seconds and tokens of trying."""

    dialogues: list[Dialogue]
    succeeded: tuple[bool, ...] = ()
    seconds: float = 0.0
    tokens: int = 0


def pool_of(cell: Cell, folder: Path, data: Dataset) -> Pool:
    """The cell's pool: a seed's dialogues, as they are or with the model's own trajectories in place of what they answer (`trajectories.jsonl`)."""
    dialogues = data.dialogues("train")
    drawn = sorted(random.Random(f"pool/{cell.seed}").sample(range(len(dialogues)), min(cell.profile.pool, len(dialogues))))
    pool = [dialogues[i] for i in drawn]
    if cell.definition is None or cell.definition.source == "pool":
        return Pool(pool)
    stored, about = folder / "trajectories.jsonl", folder / "trajectories.json"
    if not about.is_file():
        from toolwright.models.local import load_model
        from toolwright.training.trajectories import own_trajectories

        start = time.perf_counter()
        progress = partial(report_progress, "trajectories")
        tried = own_trajectories(load_model(cell.model), pool, data.tools, data.world(), cell.seed, progress=progress)
        write_records(stored, tried.dialogues)
        write_text(about, json.dumps({"succeeded": tried.kept, "seconds": time.perf_counter() - start, "tokens": tried.tokens}))
    told = json.loads(about.read_text(encoding="utf-8"))
    return Pool(read_records(stored, Dialogue), tuple(told["succeeded"]), told["seconds"], told["tokens"])


def signals_of(cell: Cell, folder: Path, data: Dataset, dialogues: Sequence[Dialogue], adapter: Path | None = None) -> ModelSignals:
    """What the cell's model, with what it has learned so far, tells of dialogues; kept for other cells too."""
    from toolwright.coreset.signals import ModelSignals
    from toolwright.encoders import load_encoder

    targets = data.dialogues("dev")[:TARGETS]
    cache = folder.parent.parent / "signals"
    return ModelSignals(cell.model, dialogues, data.tools, load_encoder("minilm"), cache, targets, cell.profile.max_length, report_progress, adapter)


def choose(cell: Cell, folder: Path, data: Dataset, pool: Sequence[Dialogue], keep: int, into: Path, adapter: Path | None = None) -> Material:
    """What the cell's method trains on, written down in `into/chosen.json` and read from there the next time.

    Args:
        cell: its `definition` says what to do.
        folder: the cell's.
        data: the tools, and the dialogues that stand for what is wanted.
        pool: dialogues to choose from.
        keep: how many a coreset keeps.
        into: the folder of this training.
        adapter: what has been learned so far, which signals are taken with.
    """
    stored = into / "chosen.json"
    if not stored.is_file():
        write_text(stored, json.dumps(_chosen(cell, folder, data, pool, keep, adapter)))
    found = json.loads(stored.read_text(encoding="utf-8"))
    by_id = {dialogue.id: dialogue for dialogue in pool}
    return Material([by_id[id_] for id_ in found["dialogues"]], found["difficulty"], found["seconds"], found["tokens"])


def _chosen(cell: Cell, folder: Path, data: Dataset, pool: Sequence[Dialogue], keep: int, adapter: Path | None) -> dict[str, object]:
    """Signals that another cell left are charged as if made; without a question nothing is loaded and nothing charged."""
    from toolwright.coreset import STRATEGIES
    from toolwright.training.mix import in_shares

    method = cell.definition
    assert method is not None, f"{cell.method} trains nothing"
    indices, difficulty = list(range(len(pool))), None
    seconds, tokens = 0.0, 0
    if method.coreset is not None or method.order == "curriculum":
        signals = signals_of(cell, folder, data, pool, adapter)
        start = time.perf_counter()
        if method.coreset is not None:
            indices = STRATEGIES[method.coreset](pool, min(keep, len(pool)), signals, seed=cell.seed)
        if method.order == "curriculum":
            difficulty = signals.losses()
        seconds = time.perf_counter() - start - sum(signals.waited) + signals.cost.seconds
        tokens = signals.cost.tokens
    if method.mix == "multitask":
        indices = in_shares([pool[i] for i in indices], indices, cell.seed)
    return {
        "dialogues": [pool[i].id for i in indices],
        "difficulty": None if difficulty is None else [float(difficulty[i]) for i in indices],
        "seconds": seconds,
        "tokens": tokens,
    }
