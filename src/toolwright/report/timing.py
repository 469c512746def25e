"""Figures of a decider from its results file: the confusion matrix, risk against coverage, and the cost curve."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from toolwright.report.theme import SETTINGS, TRAINED
from toolwright.types import JSON, TIMING_LABELS


def confusion(results: JSON) -> Figure:
    """How often each outcome was decided for each that was right; rows add up to 100 %."""
    counts = [[results["confusion"][gold][predicted] for predicted in TIMING_LABELS] for gold in TIMING_LABELS]
    rows = [label for label, row in zip(TIMING_LABELS, counts, strict=True) if sum(row)]
    shares = [[cell / sum(row) for cell in row] for row in counts if sum(row)]
    figure, axes = plt.subplots(figsize=(5, 0.9 + 0.75 * len(rows)))
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for y, row in enumerate(shares):
        for x, share in enumerate(row):
            axes.text(x, y, f"{100 * share:.0f} %", ha="center", va="center", color="white" if share > 0.55 else "#222222")
    axes.set_xticks(range(4), TIMING_LABELS)
    axes.set_yticks(range(len(rows)), [f"{label} (n = {sum(results['confusion'][label].values())})" for label in rows])
    axes.set_xlabel("decided")
    axes.set_ylabel("right")
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    figure.tight_layout()
    return figure


def risk_coverage(results: JSON) -> Figure:
    """Share of wrong decisions among the most confident ones."""
    curve = results["curves"]["risk_coverage"]
    figure, axes = plt.subplots(figsize=(5.5, 3.4))
    axes.plot([100 * point["coverage"] for point in curve], [100 * point["risk"] for point in curve], color=TRAINED[0], linewidth=1.8, marker="o", markersize=3)
    axes.set_xlabel("coverage: the most confident decisions (%)")
    axes.set_ylabel("wrong among them (%)")
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, 102)
    axes.grid(color="#eeeeee")
    figure.tight_layout()
    return figure


def cost(results: JSON) -> Figure:
    """Mean cost by how dear a wrong call is, beside always and never calling."""
    curve = results["curves"]["cost"]
    across = [point["cost_of_a_wrong_call"] for point in curve]
    figure, axes = plt.subplots(figsize=(5.5, 3.4))
    named = (("cost", "decider", TRAINED[0]), ("always", "always calls", TRAINED[1]), ("never", "never calls", "#8c8c8c"))
    for key, label, shade in named:
        axes.plot(across, [point[key] for point in curve], color=shade, linewidth=1.8, label=label)
    axes.set_xlabel("cost of a wrong call (a missed one costs 1 minus that)")
    axes.set_ylabel("mean cost a turn")
    axes.set_ylim(bottom=0)
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False)
    figure.tight_layout()
    return figure


FIGURES: dict[str, Callable[[JSON], Figure]] = {"confusion": confusion, "risk_coverage": risk_coverage, "cost": cost}


def draw(results: JSON, folder: Path) -> list[Path]:
    """Write every figure of `evaluate timing --out` as PNG; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    with plt.rc_context(SETTINGS):
        for name, make in FIGURES.items():
            figure = make(results)
            figure.savefig(folder / f"timing_{name}.png")
            plt.close(figure)
            files.append(folder / f"timing_{name}.png")
    return files
