"""What a method's accuracy cost: samples, tokens, seconds, memory and floating-point operations; and the area under its learning curve.

What choosing dialogues took counts: a curve begins only where it ended, and until then the model is the untrained one.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwright.report.tables import Row, curve_of, half_interval
from toolwright.types import Result

STAGES = ("load", "select", "train", "evaluate")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a method cost, the mean over its finished seeds; None where cells do not say.

    Attributes:
        seconds: by stage.
        tokens: trained on.
        selection_tokens: read to choose what to train on.
        tokens_per_second: trained on, by the seconds of training.
        rss, gpu: the most memory held, bytes.
        flops: by stage, see `flops`.
    """

    method: str
    seconds: dict[str, float]
    samples: float
    tokens: float
    selection_tokens: float
    tokens_per_second: float | None
    rss: float | None
    gpu: float | None
    flops: dict[str, float] | None


def flops(result: Result) -> dict[str, float] | None:
    """Floating-point operations by stage: a token costs 2·N forward and 4·N backward, N the parameters without embeddings (Kaplan et al., "Scaling Laws for
    Neural Language Models", 2020, section 2.1, which leaves out attention over the context).

    Training counts 6·N a token, choosing and testing 2·N. An adapter needs no gradients of the weights it leaves alone, so that for LoRA the figure of
    training is up to half too high; a strategy that chooses by gradients costs up to three times what is counted. None where the cell does not say N.
    """
    if not result.parameters:
        return None
    n = float(result.parameters)
    return {"select": 2 * n * result.selection_tokens, "train": 6 * n * result.tokens, "evaluate": 2 * n * result.evaluation_tokens}


def cost_of(row: Row) -> Cost:
    """The mean cost of a method's finished cells."""
    done = row.done
    mean = lambda values: sum(values) / len(values)  # noqa: E731  a word for what each line does
    speeds = [result.tokens / result.seconds["train"] for result in done if result.tokens and result.seconds.get("train")]
    operations = [found for result in done if (found := flops(result)) is not None]
    memory = {kind: [float(r.peak_memory_bytes[kind]) for r in done if r.peak_memory_bytes.get(kind)] for kind in ("rss", "gpu")}
    return Cost(
        method=row.method,
        seconds={stage: mean([result.seconds.get(stage, 0.0) for result in done]) for stage in STAGES},
        samples=mean([result.samples for result in done]),
        tokens=mean([result.tokens for result in done]),
        selection_tokens=mean([result.selection_tokens for result in done]),
        tokens_per_second=mean(speeds) if speeds else None,
        rss=mean(memory["rss"]) if memory["rss"] else None,
        gpu=mean(memory["gpu"]) if memory["gpu"] else None,
        flops={stage: mean([found[stage] for found in operations]) for stage in ("select", "train", "evaluate")} if len(operations) == len(done) else None,
    )


@dataclass(frozen=True, slots=True)
class Curve:
    """One metric of one cell while it trained: what had been spent, choosing included, and what dev gave then.

    Attributes:
        samples, tokens, seconds: spent until each point, ascending.
        values: between 0 and 1; the first is the untrained model's where the cell measured it.
    """

    method: str
    seed: int
    samples: tuple[float, ...]
    tokens: tuple[float, ...]
    seconds: tuple[float, ...]
    values: tuple[float, ...]


def curves_of(folder: Path, rows: Sequence[Row], key: str) -> list[Curve]:
    """The curves of a metric, of all finished cells that wrote one."""
    found = []
    for row in rows:
        for result in row.done:
            points = [point for point in curve_of(folder, result) if key in point.metrics]
            if not points:
                continue
            chosen_at = (0.0, float(result.selection_tokens), result.seconds.get("select", 0.0))
            line = [(float(p.samples), float(p.tokens), p.seconds, p.metrics[key].value) for p in points]
            if points[0].step == 0:  # untrained until the dialogues are chosen
                line = [line[0], (*chosen_at, line[0][3]), *((x + chosen_at[0], t + chosen_at[1], s + chosen_at[2], v) for x, t, s, v in line[1:])]
            else:
                line = [(x + chosen_at[0], t + chosen_at[1], s + chosen_at[2], v) for x, t, s, v in line]
            samples, tokens, seconds, values = zip(*line, strict=True)
            found.append(Curve(row.method, result.seed, samples, tokens, seconds, values))
    return found


def area(spent: Sequence[float], values: Sequence[float], until: float) -> float:
    """The mean height of a learning curve from 0 to `until`, straight lines between points; before the first point the curve has its height, after the last
    one that of the last.

    Args:
        spent: ascending, any unit.
        values: as many.
        until: above 0.
    """
    if until <= 0 or not spent or len(spent) != len(values):
        raise ValueError(f"area: {len(spent)} points with {len(values)} values until {until}; expected as many, at least one, until above 0")
    xs, ys = [0.0, *spent, max(until, spent[-1])], [values[0], *values, values[-1]]
    total = 0.0
    for (x0, y0), (x1, y1) in zip(zip(xs, ys, strict=True), zip(xs[1:], ys[1:], strict=True), strict=False):
        end = min(x1, until)
        if end > x0:
            y_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            total += (end - x0) * (y0 + y_end) / 2
    return total / until


@dataclass(frozen=True, slots=True)
class Area:
    """A method's area under a learning curve over its seeds, against tokens and against samples: the mean, and half its 95 % interval where seeds give one."""

    method: str
    tokens: float
    tokens_half: float | None
    samples: float
    samples_half: float | None
    seeds: int


def areas(curves: Sequence[Curve]) -> list[Area]:
    """Each method's area, up to the smallest budget that all of them spent."""
    found = []
    for method in dict.fromkeys(curve.method for curve in curves):
        own = [curve for curve in curves if curve.method == method]
        by_unit = {}
        for unit in ("tokens", "samples"):
            until = min(getattr(curve, unit)[-1] for curve in curves)
            if until <= 0:
                return []
            by_unit[unit] = [area(getattr(curve, unit), curve.values, until) for curve in own]
        means = {unit: sum(values) / len(values) for unit, values in by_unit.items()}
        halves = {unit: half_interval(values) for unit, values in by_unit.items()}
        found.append(Area(method, means["tokens"], halves["tokens"], means["samples"], halves["samples"], len(own)))
    return found


def costs_comma_separated(costs: Sequence[Cost]) -> str:
    """What each method cost, one a line; empty where not known."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    stages = [f"{stage}_seconds" for stage in STAGES]
    writer.writerow(["method", *stages, "samples", "tokens", "selection_tokens", "tokens_per_second", "rss_bytes", "gpu_bytes", *FLOPS_COLUMNS])
    for one in costs:
        operations = [one.flops[stage] if one.flops else "" for stage in ("select", "train", "evaluate")]
        figures = ["" if value is None else value for value in (one.tokens_per_second, one.rss, one.gpu)]
        seconds = [one.seconds[stage] for stage in STAGES]
        writer.writerow([one.method, *seconds, one.samples, one.tokens, one.selection_tokens, *figures, *operations])
    return text.getvalue()


FLOPS_COLUMNS = ("select_flops", "train_flops", "evaluate_flops")
