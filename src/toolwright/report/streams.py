"""What a stream of phases did to what was learned before: its matrix of accuracies, averaged over seeds, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from toolwright.report.tables import Row, percent
from toolwright.types import Metric

SUMMARY = {"average": "average at the end", "forgetting": "forgetting", "backward": "backward transfer", "forward": "forward transfer"}


@dataclass(frozen=True, slots=True)
class Stream:
    """One method's stream on one metric.

    Attributes:
        scores: mean over seeds: row 0 untrained, row i after phase i; column j on phase j.
        summary: what the cells say of the stream, by the names of `SUMMARY`, over test cases and seeds; None where they do not.
        phases: by seed, the domains of each phase.
    """

    method: str
    metric: str
    scores: tuple[tuple[float, ...], ...]
    summary: dict[str, Metric | None]
    phases: dict[int, tuple[str, ...]]


def streams_of(rows: Sequence[Row]) -> list[Stream]:
    """Every method's streams, a metric after the other. Raises `ValueError` where the seeds of a method had other numbers of phases."""
    found = []
    for metric in dict.fromkeys(key for row in rows for result in row.done for key in result.phase_scores):
        for row in rows:
            own = [result for result in row.done if metric in result.phase_scores]
            if not own:
                continue
            matrices = [result.phase_scores[metric] for result in own]
            shapes = {(len(matrix), *map(len, matrix)) for matrix in matrices}
            if len(shapes) > 1:
                raise ValueError(f"{row.method}: phase_scores of {metric} have other shapes in other seeds: {sorted(shapes)}")
            mean = tuple(tuple(sum(cell) / len(cell) for cell in zip(*lines, strict=True)) for lines in zip(*matrices, strict=True))
            summary = {name: row.metric(f"continual.{name}") for name in SUMMARY}
            found.append(Stream(row.method, metric, mean, summary, {result.seed: tuple(result.phases) for result in own}))
    return found


def forgetting_told(streams: Sequence[Stream]) -> list[str]:
    """Of every two streams of a metric, whether one forgets less, the 95 % intervals apart, or whether that is not shown."""
    sentences = []
    for one, other in combinations(streams, 2):
        first, second = one.summary["forgetting"], other.summary["forgetting"]
        if one.metric != other.metric or first is None or second is None:
            continue
        (less, a), (more, b) = sorted(((one.method, first), (other.method, second)), key=lambda pair: pair[1].value)
        if a.high < b.low:
            sentences.append(f"{less} forgets less than {more}: {percent(a)} against {percent(b)} points, intervals apart.")
        else:
            sentences.append(f"That {less} forgets less than {more} is not shown: {percent(a)} against {percent(b)} points, intervals overlap.")
    return sentences
