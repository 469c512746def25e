"""Results as tables: Markdown and CSV, one row a method, seeds averaged."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from toolwright.types import Comparison, InputError, Metric, Result, explain, read_lines

# What a reader wants first: the metric's key and its title.
HEADLINES = {
    "selection.top_1": "Selection Top-1",
    "selection.top_1/unseen_tools": "… unseen tools",
    "selection.top_1/shuffled_descriptions": "… descriptions shuffled",
    "timing.accuracy": "Timing accuracy",
    "calls.copied": "Copied arguments",
    "calls.exact": "Exact calls",
}


@dataclass(frozen=True, slots=True)
class Row:
    """A method over its seeds: the mean of each metric, and the mean of the bounds of its intervals (test cases vary, seeds do not)."""

    method: str
    results: tuple[Result, ...]

    @property
    def done(self) -> list[Result]:
        return [result for result in self.results if result.status == "done"]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.status == "failed"]

    def metric(self, key: str) -> Metric | None:
        found = [result.metrics[key] for result in self.done if key in result.metrics]
        if not found:
            return None
        value = sum(metric.value for metric in found) / len(found)
        low, high = (sum(bounds) / len(found) for bounds in zip(*((metric.low, metric.high) for metric in found), strict=True))
        return Metric(value=value, low=low, high=high, n=found[0].n)

    def mean(self, numbers: Sequence[float]) -> float | None:
        return sum(numbers) / len(numbers) if numbers else None


def read_results(folder: Path) -> list[Result]:
    """The results of a comparison. Raises `InputError` where there are none."""
    path = folder / "results.jsonl"
    results = []
    for number, value in read_lines(path):
        try:
            results.append(Result.model_validate(value))
        except ValidationError as error:
            raise InputError(f"{path}:{number}: {explain(error, Result)}") from error
    if not results:
        raise InputError(f"{path}: holds no results yet")
    return results


def read_comparisons(folder: Path) -> list[Comparison]:
    """The paired tests of a comparison; none where nothing could be compared."""
    path = folder / "comparisons.jsonl"
    return [Comparison.model_validate(value) for _, value in read_lines(path)] if path.is_file() else []


def verdict(comparison: Comparison) -> str:
    """The outcome of a paired test in words."""
    if not comparison.significant:
        return "no significant difference"
    better = comparison.second if comparison.difference.value > 0 else comparison.first
    return f"{better} is better"


def rows_of(results: Sequence[Result]) -> list[Row]:
    """Results by method, in the order of the file."""
    return [Row(method, tuple(r for r in results if r.method == method)) for method in dict.fromkeys(r.method for r in results)]


def percent(metric: Metric | None) -> str:
    return "–" if metric is None else f"{100 * metric.value:.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]"


def markdown(rows: Sequence[Row]) -> str:
    """A table in percent with 95 % intervals."""
    head = ["method", "seeds done", *HEADLINES.values(), "steps", "train s"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        seconds = row.mean([result.seconds.get("train", 0.0) for result in row.done])
        steps = row.done[0].steps if row.done else 0
        cells = [percent(row.metric(key)) for key in HEADLINES] if row.done else [f"failed: {row.failed[0].error}"] + ["–"] * (len(HEADLINES) - 1)
        lines.append(
            "| "
            + " | ".join([row.method, f"{len(row.done)} of {len(row.results)}", *cells, str(steps) if steps else "–", f"{seconds:.0f}" if seconds else "–"])
            + " |"
        )
    return "\n".join(lines) + "\n"


def comma_separated(results: Sequence[Result]) -> str:
    """Every metric of every cell, one a line."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["method", "seed", "status", "metric", "value", "low", "high", "n"])
    for result in results:
        if result.status == "failed":
            writer.writerow([result.method, result.seed, result.status, result.error, "", "", "", ""])
        for key, metric in result.metrics.items():
            writer.writerow([result.method, result.seed, result.status, key, metric.value, metric.low, metric.high, metric.n])
    return text.getvalue()


def losses_of(folder: Path, result: Result) -> list[tuple[int, float]]:
    """Training loss by step; a step done twice after a cut counts once."""
    path = folder / "cells" / f"{result.method}-s{result.seed}" / "losses.jsonl"
    if not path.is_file():
        return []
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return sorted({line["step"]: line["loss"] for line in lines}.items())
