"""The figure of every bench: a cost over a size, both on logarithmic axes, ours drawn bold and peers dashed."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any


def draw_growth(rows: list[dict[str, Any]], x: str, y: str, ours: Collection[str], labels: tuple[str, str, str], path: Path) -> None:
    """Draw `row[y]` over `row[x]`, a line for each `row["row"]`; rows that failed have no `y`. `labels`: of both axes, and the title."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for name in dict.fromkeys(row["row"] for row in rows if y in row):
        points = [(row[x], row[y]) for row in rows if row["row"] == name and y in row]
        axes.plot(*zip(*points, strict=True), marker="o", label=name, linewidth=2.5 if name in ours else 1, linestyle="-" if name in ours else "--")
    axes.set(xscale="log", yscale="log", xlabel=labels[0], ylabel=labels[1], title=labels[2])
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3, which="both")
    figure.tight_layout()
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
