"""The report: one self-contained page, figures as PNG and SVG, tables as Markdown, CSV and LaTeX; reads files only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, PackageLoader, select_autoescape
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from toolwright.report import charts
from toolwright.report.efficiency import Area, Cost, Curve, areas, cost_of, costs_comma_separated, curves_of
from toolwright.report.streams import SUMMARY, Stream, forgetting_told, streams_of
from toolwright.report.tables import PANELS, Row, comma_separated, curve_of, latex, markdown, percent, read_comparisons, read_results, rows_of, shown
from toolwright.report.theme import BESIDE, SETTINGS, store, style_sheet
from toolwright.report.verdicts import caution, findings, markdown_of_tests, tests_comma_separated, title, verdict
from toolwright.types import write_text

TITLES = {
    **{key: f"{task}: {name[0].lower()}{name[1:]}" for task, panels in PANELS.items() for key, name in panels.items()},
    "timing.under_call": "Timing: needed, not called (lower is better)",
    "calls.schema_valid": "Calls: arguments that the schema takes",
    "calls.invented": "Calls: tools invented (lower is better)",
}


def write_report(folder: Path) -> Path:
    """Write `report.html`, `figures/`, `results.md`, `.csv` and `.tex`, `comparisons.csv` and `costs.csv` from `results.jsonl`; returns the page's path."""
    results = read_results(folder)
    rows, comparisons = rows_of(results), read_comparisons(folder)
    costs = [cost_of(row) for row in rows if row.trained]
    streams = streams_of(rows)
    (folder / "figures").mkdir(exist_ok=True)
    curves = {key: curves_of(folder, rows, key) for key in _curve_keys(folder, rows)}
    sections: dict[str, list[str]] = {}
    with plt.rc_context(SETTINGS):
        for section, name, figure in _figures(folder, rows, costs, streams, curves):
            sections.setdefault(section, []).append(store(figure, folder / "figures" / name))
    write_text(folder / "results.md", markdown(rows) + ("\n" + markdown_of_tests(comparisons) if comparisons else ""))
    write_text(folder / "results.csv", comma_separated(results))
    write_text(folder / "results.tex", latex(rows))
    write_text(folder / "comparisons.csv", tests_comma_separated(comparisons))
    write_text(folder / "costs.csv", costs_comma_separated(costs))
    environment = Environment(loader=PackageLoader("toolwright.report", "."), autoescape=select_autoescape(default=True), trim_blocks=True, lstrip_blocks=True)
    environment.globals.update(percent=percent, verdict=verdict, title=title, beside=BESIDE)
    environment.filters.update(number=number, bytes=in_bytes)
    page = environment.get_template("page.html.jinja").render(
        rows=rows,
        results=results,
        comparisons=comparisons,
        findings=findings(comparisons),
        caution=caution(comparisons),
        costs=costs,
        areas=_areas(curves),
        streams=streams,
        forgetting=forgetting_told(streams),
        summary=SUMMARY,
        sections=sections,
        headlines=shown(rows),
        versions=_versions(rows),
        style=style_sheet(),
    )
    write_text(folder / "report.html", page)
    return folder / "report.html"


def _figures(
    folder: Path, rows: Sequence[Row], costs: Sequence[Cost], streams: Sequence[Stream], curves: Mapping[str, Sequence[Curve]]
) -> Iterator[tuple[str, str, Figure]]:
    """Every figure that there is data for: its section of the page, its file's name, and the drawing."""
    methods = [row.method for row in rows]
    for task, panels in PANELS.items():
        for key, name in shown(rows, panels).items():
            yield f"bars {task}", f"bars_{_file(key)}", charts.bars(rows, key, TITLES.get(key, name))
    for key, of_metric in curves.items():
        for unit in ("tokens", "samples"):
            drawn = charts.learning_curves(of_metric, methods, unit, TITLES.get(key, key))
            yield "curves", f"curve_{_file(key)}_{unit}", drawn
    loss = charts.loss_curves(rows, folder)
    if loss is not None:
        yield "curves", "loss", loss
    for stream in streams:
        yield "streams", f"stream_{stream.method}_{_file(stream.metric)}", charts.forgetting_map(stream, f"{stream.method}: {title(stream.metric)}")
    if not costs:
        return
    by_method = {cost.method: cost for cost in costs}
    spent: dict[str, tuple[str, Callable[[Row], float]]] = {
        "seconds": ("seconds of choosing and training", lambda row: by_method[row.method].seconds["select"] + by_method[row.method].seconds["train"]),
        "tokens": ("tokens trained on and read to choose", lambda row: by_method[row.method].tokens + by_method[row.method].selection_tokens),
    }
    if all(cost.flops for cost in costs):
        spent["FLOPs"] = ("floating-point operations", lambda row: sum(v for k, v in (by_method[row.method].flops or {}).items() if k != "evaluate"))
    for panels in PANELS.values():
        key = next(iter(panels))
        if any(row.trained and row.metric(key) for row in rows):
            for unit, (label, of_row) in spent.items():
                yield "cost", f"cost_{_file(key)}_{unit.lower()}", charts.against_cost(rows, key, of_row, label, f"{TITLES[key]}, against {unit}")
    yield "seconds", "seconds", charts.seconds_bars(costs)


def _curve_keys(folder: Path, rows: Sequence[Row]) -> list[str]:
    """The metrics that learning curves hold, those first that methods are compared by."""
    found = {key for row in rows for result in row.done for point in curve_of(folder, result) for key in point.metrics}
    first = [key for panels in PANELS.values() for key in panels if key in found]
    return first + sorted(found - set(first))


def _areas(curves: Mapping[str, Sequence[Curve]]) -> dict[str, list[Area]]:
    """Areas under the learning curves, by title of the metric."""
    return {TITLES.get(key, key): found for key, of_metric in curves.items() if (found := areas(of_metric))}


def _versions(rows: Sequence[Row]) -> list[tuple[str, list[str]]]:
    """Each set of library versions, and the cells that ran with it."""
    cells: dict[str, list[str]] = {}
    for row in rows:
        for result in row.done:
            cells.setdefault(" · ".join(f"{name} {version}" for name, version in result.versions.items()), []).append(f"{row.method}-s{result.seed}")
    return list(cells.items())


def _file(key: str) -> str:
    """A metric's key as a part of a file name."""
    return key.replace(".", "_").replace("/", "_").replace("@", "_at_")


def number(value: float | None) -> str:
    """A count for a table: 1,234; 16.4M; 2.3e15; – where not known."""
    if value is None:
        return "–"
    if value >= 1e12:
        return f"{value:.2e}".replace("e+", "e")
    return f"{value / 1e6:.1f}M" if value >= 1e6 else f"{value:,.0f}"


def in_bytes(value: float | None) -> str:
    """Memory for a table."""
    return "–" if value is None else f"{value / 1e9:.1f} GB"
