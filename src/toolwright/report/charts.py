"""Figures of a comparison: one message each, intervals drawn, each as wide as a phone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, MaxNLocator

from toolwright.report.efficiency import STAGES, Cost, Curve
from toolwright.report.streams import Stream
from toolwright.report.tables import Row, losses_of
from toolwright.report.theme import WIDTH, colour, light, marker

STAGE_COLOURS = dict(zip(STAGES, ("beside", "orange", "blue", "sky"), strict=True))
LABEL_GAP = 0.062  # of the height of the axes, between labels beside curves


def bars(rows: Sequence[Row], key: str, title: str) -> Figure:
    """What each method reaches by one metric, in percent with 95 % intervals."""
    found = [(row, metric) for row in rows if (metric := row.metric(key)) is not None]
    methods = [row.method for row in rows]
    figure, axes = plt.subplots(figsize=(WIDTH, 0.75 + 0.24 * len(found)))
    for i, (row, metric) in enumerate(found):
        low, high = 100 * max(metric.low, 0), 100 * min(metric.high, 1)
        axes.barh(i, 100 * metric.value, color=colour(row.method, methods), height=0.7)
        axes.plot([low, high], [i, i], color=light("ink"), linewidth=1.3, solid_capstyle="butt")
        axes.text(high + 2, i, f"{100 * metric.value:.0f}", va="center", fontsize=8.5)
    axes.set_yticks(range(len(found)), [row.method for row, _ in found])
    axes.tick_params(axis="y", length=0, labelcolor=light("ink"))
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(0, 112)
    axes.set_xticks(range(0, 101, 25))
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel(f"% of test cases (n = {found[0][1].n:,})")
    _titled(figure, title)
    return figure


def loss_curves(rows: Sequence[Row], folder: Path) -> Figure | None:
    """Training loss by step, of the first seed that wrote it; None when nothing was trained."""
    methods = [row.method for row in rows]
    lines = {row.method: points for row in rows for result in row.done[:1] if (points := losses_of(folder, result))}
    if not lines:
        return None
    figure, axes = plt.subplots(figsize=(WIDTH, 3.1))
    for method, points in lines.items():
        axes.plot(*zip(*points, strict=True), color=colour(method, methods), linewidth=1.4, marker=marker(method, methods), markevery=[-1], markersize=4)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("optimizer step; a step is as many tokens for every method")
    axes.set_ylabel("loss a trained token (nats)")
    axes.grid()
    _label_ends(axes, {method: points[-1] for method, points in lines.items()}, methods)
    _titled(figure, "Loss while training")
    return figure


def learning_curves(curves: Sequence[Curve], methods: Sequence[str], unit: str, title: str) -> Figure:
    """A dev metric against what was spent, `tokens` or `samples`, the mean over seeds; a pale band from the lowest seed to the highest."""
    figure, axes = plt.subplots(figsize=(WIDTH, 3.1))
    ends: dict[str, tuple[float, float]] = {}
    for method in dict.fromkeys(curve.method for curve in curves):
        own = [curve for curve in curves if curve.method == method]
        shared = min(len(curve.values) for curve in own)
        spent = [sum(getattr(curve, unit)[i] for curve in own) / len(own) for i in range(shared)]
        values = [[100 * curve.values[i] for curve in own] for i in range(shared)]
        means = [sum(column) / len(column) for column in values]
        if len(own) > 1:
            axes.fill_between(spent, [min(column) for column in values], [max(column) for column in values], color=colour(method, methods), alpha=0.13, lw=0)
        axes.plot(spent, means, color=colour(method, methods), linewidth=1.5, marker=marker(method, methods), markersize=3)
        ends[method] = (spent[-1], means[-1])
    axes.set_xlim(left=0)
    axes.set_ylim(max(axes.get_ylim()[0], 0), max(axes.get_ylim()[1], 1))  # nothing learned is a line on the floor
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel({"tokens": "tokens, those read to choose included", "samples": "dialogues trained on, repetitions counted"}[unit])
    axes.set_ylabel("% of dev cases")
    axes.grid()
    _label_ends(axes, ends, methods)
    _titled(figure, title)
    return figure


def against_cost(rows: Sequence[Row], key: str, spent: Callable[[Row], float], label: str, title: str) -> Figure:
    """Accuracy against what a method spent; the untrained base is the dashed line."""
    methods = [row.method for row in rows]
    figure, axes = plt.subplots(figsize=(WIDTH, 3.1))
    points: dict[str, tuple[float, float]] = {}
    for row in rows:
        metric = row.metric(key)
        if metric is None or not row.trained:
            continue
        x, shade = spent(row), colour(row.method, methods)
        axes.plot([x, x], [100 * max(metric.low, 0), 100 * min(metric.high, 1)], color=shade, linewidth=1.2, alpha=0.6)
        axes.plot([x], [100 * metric.value], marker=marker(row.method, methods), color=shade, markersize=6, linestyle="none")
        points[row.method] = (x, 100 * metric.value)
    least, most = (bound(x for x, _ in points.values()) for bound in (min, max))
    margin = 0.12 * max(most - least, 0.1 * most)
    axes.set_xlim(max(0.0, least - margin), most + margin)
    base = next((metric for row in rows if row.method == "base" and (metric := row.metric(key))), None)
    if base is not None:
        axes.axhline(100 * base.value, color=light("beside"), linestyle="--", linewidth=1)
        axes.text(0.985, 100 * base.value, "base", transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=8, color=light("soft"))
    axes.margins(y=0.12)
    axes.set_ylim(bottom=max(axes.get_ylim()[0], 0))
    axes.xaxis.set_major_formatter(FuncFormatter(short))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlabel(label)
    axes.set_ylabel("% of test cases")
    axes.grid()
    _label_ends(axes, points, methods)
    _titled(figure, title)
    return figure


def seconds_bars(costs: Sequence[Cost]) -> Figure:
    """Where the time of each method went, in seconds."""
    figure, axes = plt.subplots(figsize=(WIDTH, 1.05 + 0.24 * len(costs)))
    left = [0.0] * len(costs)
    for stage, shade in STAGE_COLOURS.items():
        widths = [cost.seconds[stage] for cost in costs]
        axes.barh(range(len(costs)), widths, left=left, color=light(shade), label=stage, height=0.7)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for i, total in enumerate(left):
        axes.text(total, i, f" {total:,.0f}", va="center", fontsize=8.5)
    axes.set_yticks(range(len(costs)), [cost.method for cost in costs])
    axes.tick_params(axis="y", length=0, labelcolor=light("ink"))
    axes.set_ylim(len(costs) - 0.4, -0.6)
    axes.set_xlim(0, 1.16 * max(left))
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("seconds, mean over seeds")
    axes.legend(frameon=False, ncols=4, loc="lower right", bbox_to_anchor=(1.02, 0.99), fontsize=8.5, handlelength=0.9, columnspacing=1, handletextpad=0.4)
    _titled(figure, "Seconds by stage")
    return figure


def forgetting_map(stream: Stream, title: str) -> Figure:
    """The matrix of a stream as a heat map: what is known of each phase after each phase, in percent; the phase just learned is framed."""
    count = len(stream.scores[0])
    figure, axes = plt.subplots(figsize=(WIDTH, 0.95 + 0.34 * (count + 1)))
    shades = plt.get_cmap("cividis")
    top = max(0.01, *(max(line) for line in stream.scores))
    for i, line in enumerate(stream.scores):
        for j, value in enumerate(line):
            axes.add_patch(Rectangle((j, i), 1, 1, facecolor=shades(value / top), edgecolor=light("ground"), linewidth=1.5))
            axes.text(j + 0.5, i + 0.52, f"{100 * value:.0f}", ha="center", va="center", color="#fefefe" if value / top < 0.55 else "#101010")
        if i:
            axes.add_patch(Rectangle((i - 1 + 0.05, i + 0.07), 0.9, 0.86, fill=False, edgecolor=light("vermilion"), linewidth=1.6))
    axes.set_xlim(0, count)
    axes.set_ylim(count + 1, 0)
    axes.set_xticks([j + 0.5 for j in range(count)], [f"phase {j + 1}" for j in range(count)])
    axes.set_yticks([i + 0.5 for i in range(count + 1)], ["untrained", *(f"after phase {i}" for i in range(1, count + 1))])
    axes.tick_params(length=0, labelcolor=light("ink"))
    axes.spines[:].set_visible(False)
    axes.set_xlabel(f"% of each phase's test cases{f', mean of {seeds} seeds' if (seeds := len(stream.phases)) > 1 else ''}")
    _titled(figure, title)
    return figure


def short(value: float, _: object = None) -> str:
    """A number for an axis: 1.5k, 16M, 2.3e15."""
    if abs(value) >= 1e12:
        return f"{value:.2g}".replace("e+", "e")
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels, near where they are wanted, in the same order, at least `gap` apart (closer only where all do not fit between `low` and `high`)."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(1, len(wanted) - 1))
    groups: list[tuple[list[int], float]] = []  # labels that touch, and where the lowest of them stands
    for i in order:
        groups.append(([i], min(max(wanted[i], low), high)))
        while len(groups) > 1 and groups[-2][1] + gap * len(groups[-2][0]) > groups[-1][1] + 1e-12:
            members = groups[-2][0] + groups[-1][0]
            start = sum(wanted[m] - gap * k for k, m in enumerate(members)) / len(members)
            groups[-2:] = [(members, min(max(start, low), high - gap * (len(members) - 1)))]
    placed = [0.0] * len(wanted)
    for members, start in groups:
        for k, member in enumerate(members):
            placed[member] = start + gap * k
    return placed


def _label_ends(axes: Axes, points: Mapping[str, tuple[float, float]], methods: Sequence[str]) -> None:
    """Names of methods to the right of the axes, none over another, each with a fine line from its point."""
    bottom, top = axes.get_ylim()
    left, right = axes.get_xlim()
    heights = [(y - bottom) / (top - bottom) for _, y in points.values()]
    for (method, (x, _)), at, height in zip(points.items(), heights, spread(heights, LABEL_GAP, 0.0, 1.0), strict=True):
        across = (x - left) / (right - left)
        axes.plot([across, 1.0, 1.03], [at, height, height], transform=axes.transAxes, color=colour(method, methods), linewidth=0.6, alpha=0.7, clip_on=False)
        axes.text(1.04, height, method, transform=axes.transAxes, va="center", fontsize=8.5)


def _titled(figure: Figure, title: str) -> None:
    """The title over the whole figure, at its left edge, and everything in its place."""
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.26 / figure.get_figheight()))
    figure.text(0.012, 1 - 0.06 / figure.get_figheight(), title, fontsize=10, fontweight="bold", va="top")
