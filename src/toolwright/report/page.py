"""The report: one self-contained page, figures as PNG, tables as Markdown and CSV; reads files only."""

from __future__ import annotations

import base64
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib import pyplot as plt

from toolwright.report.charts import bars, loss_curves, seconds_bars
from toolwright.report.tables import HEADLINES, comma_separated, markdown, percent, read_comparisons, read_results, rows_of, verdict
from toolwright.types import write_text


def write_report(folder: Path) -> Path:
    """Write `report.html`, `results.md`, `results.csv` and `figures/*.png` from `results.jsonl`; returns the page's path."""
    results = read_results(folder)
    rows = rows_of(results)
    (folder / "figures").mkdir(exist_ok=True)
    drawn = {"bars": bars(rows), "loss": loss_curves(rows, folder), "seconds": seconds_bars(rows)}
    images: dict[str, str] = {}
    for name, figure in drawn.items():
        if figure is not None:
            path = folder / "figures" / f"{name}.png"
            figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
            plt.close(figure)
            images[name] = base64.b64encode(path.read_bytes()).decode()
    write_text(folder / "results.md", markdown(rows))
    write_text(folder / "results.csv", comma_separated(results))
    environment = Environment(loader=PackageLoader("toolwright.report", "."), autoescape=select_autoescape(default=True))
    environment.globals.update(percent=percent, verdict=verdict, headlines=HEADLINES)
    page = environment.get_template("page.html.jinja").render(rows=rows, results=results, comparisons=read_comparisons(folder), images=images)
    write_text(folder / "report.html", page)
    return folder / "report.html"
