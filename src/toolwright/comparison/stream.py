"""What a stream did to each of its phases: all of them tested before the first and after each, and average, transfer and forgetting read from that.

A phase is tested with requests to the tools of its domains that training could see: what was never learned cannot be forgotten. Models are loaded from
what each phase left on disk.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from toolwright.comparison.progress import told
from toolwright.continual.stream import Transfer, domains_of, transfer
from toolwright.data.frames import cluster_of, evenly
from toolwright.types import Metric, SelectionExample, write_text

if TYPE_CHECKING:
    from toolwright.comparison.cell import Cell
    from toolwright.data.build import Dataset

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class PhaseScores:
    """Top-1 of ten: `scores[i][j]` on phase j, row 0 untrained, row i after phase i; the metrics of `Transfer` with their intervals; seconds."""

    scores: list[list[float]]
    metrics: dict[str, Metric]
    seconds: float


def phase_items(data: Dataset, groups: Sequence[Sequence[str]], count: int) -> list[list[SelectionExample]]:
    """At most `count` test requests of each phase: English, served by one tool that training could see, of one of the phase's domains."""
    examples = [one for one in data.selection("test") if len(one.tools) == 1 and "zh" not in one.tags and "seen_tools" in one.tags]
    return [evenly([one for one in examples if set(domains_of(one.tags)) & set(group)], count) for group in groups]


def score_phases(cell: Cell, folder: Path, data: Dataset, groups: Sequence[Sequence[str]], adapters: Sequence[Path]) -> PhaseScores:
    """Test all phases with the untrained model and with what each phase left; a row that was measured before is read from its file."""
    items = phase_items(data, groups, cell.profile.phase_items)
    rows, seconds = [], 0.0
    for number, adapter in enumerate((None, *adapters)):
        stored = folder / f"phases_{number}.json"
        if not stored.is_file():
            start = time.perf_counter()
            right = _right(cell, data, items, adapter, f"phases {number}/{len(adapters)}")
            write_text(stored, json.dumps({"right": right, "seconds": time.perf_counter() - start}))
        found = json.loads(stored.read_text(encoding="utf-8"))
        rows.append(found["right"])
        seconds += found["seconds"]
    scores = [[float(np.mean(phase)) for phase in row] for row in rows]
    return PhaseScores(scores, transfer_metrics(rows, [[cluster_of(one.id) for one in phase] for phase in items]), seconds)


def _right(cell: Cell, data: Dataset, items: Sequence[Sequence[SelectionExample]], adapter: Path | None, what: str) -> list[list[float]]:
    from toolwright.evaluation.models import ModelPredictor, offered
    from toolwright.models.local import load_for_evaluation

    predictor = ModelPredictor(load_for_evaluation(cell.model, adapter))
    flat = [(j, example) for j, phase in enumerate(items) for example in phase]
    right: list[list[float]] = [[] for _ in items]
    for j, example in told(flat, what):
        best = predictor.rank(example, offered(data.tools, example.candidates))[0]
        right[j].append(float(best in example.tools or any(best in names for names in example.accept)))
    return right


def transfer_metrics(right: Sequence[Sequence[Sequence[float]]], clusters: Sequence[Sequence[str]], seed: int = 0) -> dict[str, Metric]:
    """`Transfer` of a stream with 95 % bootstrap intervals: within each phase, clusters of test cases are drawn, the same for all rows.

    Args:
        right: 1 or 0 by row (the first untrained), phase and test case.
        clusters: of each phase's test cases.
        seed: of the resampling.
    """
    generator = np.random.default_rng(seed)
    columns, resampled = [], []
    for j, names in enumerate(clusters):
        values = np.array([row[j] for row in right])  # rows × cases
        _, index = np.unique(np.asarray(names), return_inverse=True)
        counts = np.bincount(index).astype(float)
        sums = np.stack([np.bincount(index, weights=row) for row in values])
        drawn = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
        columns.append(values.mean(axis=1))
        resampled.append((drawn @ sums.T) / (drawn @ counts)[:, None])  # resamples × rows
    whole = _read(np.stack(columns, axis=1))
    samples = [_read(matrix) for matrix in np.stack(resampled, axis=2)]
    cases = sum(len(names) for names in clusters)
    found = {}
    for name in Transfer.__dataclass_fields__:
        low, high = np.percentile([getattr(one, name) for one in samples], (2.5, 97.5))
        found[f"continual.{name}"] = Metric(value=getattr(whole, name), low=float(low), high=float(high), n=cases)
    return found


def _read(scores: np.ndarray) -> Transfer:
    """Scores of shape (phases + 1, phases), the untrained row first."""
    return transfer(scores[1:], scores[0])
