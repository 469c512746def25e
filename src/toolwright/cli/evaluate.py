"""`toolwright evaluate`: how good a selector is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from toolwright.evaluation.selectors import SelectionReport

app = typer.Typer(help="Measure selectors and models.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Measure selectors and models."""


@app.command()
def selection(
    tools: Annotated[Path | None, typer.Option(help="A catalogue: tools.jsonl.")] = None,
    data: Annotated[Path | None, typer.Option(help="Requests with their gold tools: selection JSON Lines.")] = None,
    public: Annotated[str | None, typer.Option(help="A public set instead of --tools and --data, such as metatool-single.")] = None,
    public_data: Annotated[Path | None, typer.Option(help="Where the public files are; default: $TOOLWRIGHT_PUBLIC_DATA.")] = None,
    selector: Annotated[str, typer.Option("--with", help="Which selector to measure.")] = "keyword",
    out: Annotated[Path | None, typer.Option(help="Write metrics, configuration and every case as JSON.")] = None,
) -> None:
    """Score a selector on requests with known tools; random and majority stand beside it."""
    from toolwright.cli.progress import track
    from toolwright.data.public import SELECTION_SETS, SelectionSet, public_directory
    from toolwright.evaluation.selectors import evaluate_selector
    from toolwright.selection import SELECTORS
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import InputError, SelectionExample, read_records, write_text

    if selector not in SELECTORS:
        raise InputError(f"--with: got {selector!r}; allowed: {', '.join(SELECTORS)}")
    if public is not None:
        if public not in SELECTION_SETS:
            raise InputError(f"--public: got {public!r}; allowed: {', '.join(SELECTION_SETS)}")
        chosen = SELECTION_SETS[public](public_directory(public_data))
    elif tools is not None and data is not None:
        chosen = SelectionSet(tuple(read_catalog(tools)), tuple(read_records(data, SelectionExample)))
    else:
        raise InputError("what to evaluate on: got neither --public NAME nor both --tools and --data")
    ranker = SELECTORS[selector]().fit(chosen.tools)
    config = {"selector": selector, "data": public or str(data)}
    report = evaluate_selector(ranker, chosen.tools, chosen.examples, config=config, progress=lambda items: track(items, "ranking"))
    if out is not None:
        write_text(out, json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    show(report, selector)


def show(report: SelectionReport, name: str) -> None:
    """Print the figures as a table: the selector, and the baselines beside it."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    about = report.config
    console.print(
        f"{about['requests']:,} requests, {about['tools']:,} tools, {about['milliseconds_per_query']:.2f} ms a query; 95 % intervals", highlight=False
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for column in (name, "random", "majority"):
        table.add_column(column, justify="right")
    for key, metric in report.metrics.items():
        base = [report.baselines[row].get(key) for row in ("random", "majority")]
        table.add_row(key, f"{100 * metric.value:.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]", *(f"{100 * b.value:.1f}" if b else "" for b in base))
    console.print(table)
