"""Results read, and as tables: Markdown, CSV and LaTeX, one row a method, seeds put together."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from toolwright.types import Comparison, InputError, Metric, Record, Result, explain, read_lines

# What a reader wants first: the metric's key and its title.
HEADLINES = {
    "selection.top_1": "Selection Top-1",
    "selection.top_1/unseen_tools": "… unseen tools",
    "selection.top_1/shuffled_descriptions": "… descriptions shuffled",
    "timing.accuracy": "Timing accuracy",
    "calls.copied": "Copied arguments",
    "calls.exact": "Exact calls",
    "planning.success": "Plans that succeed",
}
# Of each task, what is drawn: the first is the one that methods are compared by.
PANELS = {
    "Selection": {
        "selection.top_1": "Top-1 of ten candidates",
        "selection.top_1/unseen_tools": "Top-1, tools never trained on",
        "selection.top_1/shuffled_descriptions": "Top-1, descriptions exchanged",
    },
    "Timing": {"timing.accuracy": "Accuracy", "timing.macro_f1": "Macro F1", "timing.over_call": "Called without need (lower is better)"},
    "Calls": {"calls.exact": "Exact calls", "calls.copied": "Arguments copied rightly", "calls.parsed": "Calls that parse"},
    "Planning": {"planning.success": "Success in the world", "planning.node_f1": "Tools, n-F1", "planning.link_f1": "Links, l-F1"},
}
T_975 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)  # Student's t, 97.5 %, for 1 to 9 degrees of freedom


class CurvePoint(Record):
    """One line of a cell's `curve.jsonl`: what the model reached on a slice of dev after so much training; step 0 is before any.

    `samples` counts dialogues seen (one seen twice counts twice), `tokens` those of the rows trained on, padding too, `seconds` those of training alone. What
    choosing dialogues cost stands in the cell's `Result` and is added where curves are drawn.
    """

    step: int
    samples: int
    tokens: int
    seconds: float
    metrics: dict[str, Metric]


@dataclass(frozen=True, slots=True)
class Row:
    """A method over its seeds."""

    method: str
    results: tuple[Result, ...]

    @property
    def done(self) -> list[Result]:
        return [result for result in self.results if result.status == "done"]

    @property
    def failed(self) -> list[Result]:
        return [result for result in self.results if result.status == "failed"]

    @property
    def trained(self) -> bool:
        return any(result.steps for result in self.done)

    def metric(self, key: str) -> Metric | None:
        """The mean over seeds. Its bounds are as far away as test cases and seeds together say: the mean distance of the cells' own bounds (all seeds are
        tested on the same cases), and Student's interval of the seeds' mean, added as independent errors are. None where no cell has it.
        """
        found = [result.metrics[key] for result in self.done if key in result.metrics]
        if not found:
            return None
        value = sum(metric.value for metric in found) / len(found)
        of_seeds = half_interval([metric.value for metric in found]) or 0.0
        below, above = (sum(distances) / len(found) for distances in zip(*((m.value - m.low, m.high - m.value) for m in found), strict=True))
        return Metric(value=value, low=value - (below**2 + of_seeds**2) ** 0.5, high=value + (above**2 + of_seeds**2) ** 0.5, n=found[0].n)

    def mean(self, numbers: Sequence[float]) -> float | None:
        return sum(numbers) / len(numbers) if numbers else None


def half_interval(values: Sequence[float]) -> float | None:
    """Half the 95 % interval of a mean by Student's t; None of a single value, which says nothing of others."""
    count = len(values)
    if count < 2:
        return None
    mean = sum(values) / count
    deviation = (sum((value - mean) ** 2 for value in values) / (count - 1)) ** 0.5
    return (T_975[count - 2] if count - 2 < len(T_975) else 2.2) * deviation / count**0.5


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


def rows_of(results: Sequence[Result]) -> list[Row]:
    """Results by method, in the order of the file."""
    return [Row(method, tuple(r for r in results if r.method == method)) for method in dict.fromkeys(r.method for r in results)]


def shown(rows: Sequence[Row], titles: dict[str, str] = HEADLINES) -> dict[str, str]:
    """Those of the metrics that any row has."""
    return {key: title for key, title in titles.items() if any(row.metric(key) for row in rows)}


def percent(metric: Metric | None) -> str:
    return "–" if metric is None else f"{100 * metric.value:.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]"


def markdown(rows: Sequence[Row]) -> str:
    """A table in percent with 95 % intervals."""
    titles = shown(rows)
    head = ["method", "seeds done", *titles.values(), "steps", "train s"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        seconds = row.mean([result.seconds.get("train", 0.0) for result in row.done])
        steps = row.done[0].steps if row.done else 0
        cells = [percent(row.metric(key)) for key in titles] if row.done else [f"failed: {row.failed[0].error}"] + ["–"] * (len(titles) - 1)
        ends = [str(steps) if steps else "–", f"{seconds:.0f}" if seconds else "–"]
        lines.append("| " + " | ".join([row.method, f"{len(row.done)} of {len(row.results)}", *cells, *ends]) + " |")
    return "\n".join(lines) + "\n"


def latex(rows: Sequence[Row]) -> str:
    """A table for `booktabs`, in percent with 95 % intervals; failed cells are named."""
    titles = shown(rows)
    lines = [f"\\begin{{tabular}}{{l{'r' * len(titles)}}}", "\\toprule", " & ".join(["Method", *map(escaped, titles.values())]) + r" \\", "\\midrule"]
    for row in rows:
        figures = [row.metric(key) for key in titles]
        cells = ["--" if m is None else f"{100 * m.value:.1f} {{\\scriptsize[{100 * m.low:.1f}, {100 * m.high:.1f}]}}" for m in figures]
        if not row.done:
            cells = [f"\\multicolumn{{{len(titles)}}}{{l}}{{failed: {escaped((row.failed[0].error or '')[:80])}}}"]
        lines.append(" & ".join([escaped(row.method), *cells]) + r" \\")
    return "\n".join([*lines, "\\bottomrule", "\\end{tabular}"]) + "\n"


def escaped(text: str) -> str:
    """Text as LaTeX takes it."""
    special = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "…": r"\ldots{}", "<": r"\textless{}", ">": r"\textgreater{}"}
    return "".join(special.get(letter, "\\" + letter if letter in "&%$#_{}" else letter) for letter in text)


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


def curve_of(folder: Path, result: Result) -> list[CurvePoint]:
    """The dev figures of a cell while it trained, by step; a step done twice after a cut counts once. Raises `InputError` for a line of another form."""
    path = folder / "cells" / f"{result.method}-s{result.seed}" / "curve.jsonl"
    if not path.is_file():
        return []
    points = {}
    for number, value in read_lines(path):
        try:
            point = CurvePoint.model_validate(value)
        except ValidationError as error:
            raise InputError(f"{path}:{number}: {explain(error, CurvePoint)}") from error
        points[point.step] = point
    return [points[step] for step in sorted(points)]
