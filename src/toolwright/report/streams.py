"""What a stream of phases did to what was learned before: its matrix of accuracies, averaged over seeds, and what it comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolwright.report.tables import Row, half_interval


@dataclass(frozen=True, slots=True)
class Stream:
    """One method's stream on one metric.

    Attributes:
        scores: mean over seeds: row 0 untrained, row i after phase i; column j on phase j.
        summary: mean over seeds of `average`, `forgetting`, `backward` and `forward`, and half its 95 % interval where several seeds give one.
        phases: the domains of each phase, of the first seed; None where seeds differ.
    """

    method: str
    metric: str
    scores: tuple[tuple[float, ...], ...]
    summary: dict[str, tuple[float, float | None]]
    phases: tuple[str, ...] | None
    seeds: int


def streams_of(rows: Sequence[Row]) -> list[Stream]:
    """Every method's streams, a metric after the other."""
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
            told = [transfer(matrix) for matrix in matrices]
            summary = {name: (sum(one[name] for one in told) / len(told), half_interval([one[name] for one in told])) for name in told[0]}
            same = len({tuple(result.phases) for result in own}) == 1
            found.append(Stream(row.method, metric, mean, summary, tuple(own[0].phases) if same and own[0].phases else None, len(own)))
    return found


def transfer(matrix: Sequence[Sequence[float]]) -> dict[str, float]:
    """Average accuracy, backward and forward transfer (Lopez-Paz & Ranzato, "Gradient Episodic Memory", 2017) and forgetting (Chaudhry et al., "Riemannian
    Walk", 2018) of a stream: how far each phase but the last fell from its best once it was learned.

    Args:
        matrix: shape (phases + 1, phases): row 0 untrained, row i after phase i.
    """
    untrained, after = matrix[0], matrix[1:]
    count = len(after)
    if not count or any(len(line) != count for line in matrix):
        raise ValueError(f"stream: {len(matrix)} rows of {[len(line) for line in matrix]} columns; expected one row more than columns")
    last = after[-1]
    earlier = range(count - 1)
    mean = lambda values: sum(values) / len(values) if values else 0.0  # noqa: E731
    return {
        "average": mean(list(last)),
        "forgetting": mean([max(line[j] for line in after[:-1]) - last[j] for j in earlier]),
        "backward": mean([last[j] - after[j][j] for j in earlier]),
        "forward": mean([after[j][j + 1] - untrained[j + 1] for j in earlier]),
    }
