"""Figures: one message each, intervals drawn, in colours that colour-blind readers can tell apart.

The palette is Okabe and Ito's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from toolwright.report.tables import HEADLINES, Row, losses_of

TRAINED = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
BESIDE = {"base": "#8c8c8c", "random": "#c9c9c9", "majority": "#dddddd", "oracle": "#efe6c0"}

plt.rcParams.update({"font.family": "DejaVu Sans", "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "figure.dpi": 150})


def colour(row: Row, rows: Sequence[Row]) -> str:
    """Grey for the rows beside, a colour of its own for each method."""
    trained = [other.method for other in rows if other.method not in BESIDE]
    return BESIDE.get(row.method) or TRAINED[trained.index(row.method) % len(TRAINED)]


def bars(rows: Sequence[Row]) -> Figure:
    """What each method reaches on each task, in percent with 95 % intervals."""
    done = [row for row in rows if row.done]
    figure, panels = plt.subplots(2, 3, figsize=(11, 6.4), sharex=True)
    for axes, (key, title) in zip(panels.flat, HEADLINES.items(), strict=True):
        for i, row in enumerate(reversed(done)):
            metric = row.metric(key)
            if metric is None:
                continue
            value = 100 * metric.value
            axes.barh(i, value, color=colour(row, rows), height=0.72)
            axes.plot([100 * metric.low, 100 * metric.high], [i, i], color="#222222", linewidth=1.4, solid_capstyle="butt")
            axes.text(min(100 * metric.high, 100) + 2, i, f"{value:.0f}", va="center", fontsize=8.5, color="#333333")
        axes.set_yticks(range(len(done)), [row.method for row in reversed(done)])
        axes.tick_params(axis="y", length=0)
        axes.set_xlim(0, 112)
        axes.set_xticks(range(0, 101, 25))
        axes.grid(axis="x", color="#eeeeee")
        axes.set_axisbelow(True)
        axes.set_title(title, loc="left", fontsize=10.5, fontweight="bold")
        if axes in panels[:, 1:].flat:
            axes.set_yticklabels([])
    for axes in panels[1]:
        axes.set_xlabel("percent of test cases")
    figure.tight_layout()
    return figure


def loss_curves(rows: Sequence[Row], folder: Path) -> Figure | None:
    """Training loss by step; None when nothing was trained."""
    figure, axes = plt.subplots(figsize=(7, 3.6))
    drawn = False
    for row in rows:
        for i, result in enumerate(row.done):
            points = losses_of(folder, result)
            if points:
                label = row.method if i == 0 else None
                axes.plot([step for step, _ in points], [loss for _, loss in points], color=colour(row, rows), linewidth=1.6, label=label)
                drawn = True
    if not drawn:
        plt.close(figure)
        return None
    axes.set_xlabel("optimizer step (every method sees the same tokens a step)")
    axes.set_ylabel("loss a trained token (nats)")
    axes.set_ylim(bottom=0)
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False)
    figure.tight_layout()
    return figure


def seconds_bars(rows: Sequence[Row]) -> Figure | None:
    """Where the time of each method went, in seconds; None when nothing was trained."""
    trained = [row for row in rows if any(result.steps for result in row.done)]
    if not trained:
        return None
    figure, axes = plt.subplots(figsize=(7, 0.7 + 0.5 * len(trained)))
    left = [0.0] * len(trained)
    for stage, shade in (("load", "#bbbbbb"), ("select", "#E69F00"), ("train", "#0072B2"), ("evaluate", "#56B4E9")):
        widths = [row.mean([result.seconds.get(stage, 0.0) for result in row.done]) or 0.0 for row in trained]
        axes.barh(range(len(trained)), widths, left=left, color=shade, label=stage, height=0.6)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(trained)), [row.method for row in trained])
    axes.invert_yaxis()
    axes.set_xlabel("seconds")
    axes.legend(frameon=False, ncols=4, loc="lower left", bbox_to_anchor=(0, 1))
    figure.tight_layout()
    return figure
