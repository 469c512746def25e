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
    selector: Annotated[str, typer.Option("--with", help="Which selector to measure: a name, or a folder one was saved in.")] = "keyword",
    encoder: Annotated[str | None, typer.Option(help="What reads meaning: minilm, a sentence-transformers folder or hub id, http(s)://HOST/v1#MODEL.")] = None,
    model: Annotated[str | None, typer.Option(help="The cross-encoder of two_stage: a folder or hub id.")] = None,
    fail_under: Annotated[Path | None, typer.Option(help="Results of before, as --out writes them: exit code 1 when a figure is below its interval.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write metrics, configuration and every case as JSON.")] = None,
) -> None:
    """Score a selector on requests with known tools; random and majority stand beside it."""
    from toolwright.cli.progress import track
    from toolwright.data.public import SELECTION_SETS, SelectionSet, public_directory
    from toolwright.evaluation.selectors import evaluate_selector, worse_than
    from toolwright.selection.opening import open_selector
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import InputError, SelectionExample, read_records, write_text

    if public is not None:
        if public not in SELECTION_SETS:
            raise InputError(f"--public: got {public!r}; allowed: {', '.join(SELECTION_SETS)}")
        chosen = SELECTION_SETS[public](public_directory(public_data))
    elif tools is not None and data is not None:
        chosen = SelectionSet(tuple(read_catalog(tools)), tuple(read_records(data, SelectionExample)))
    else:
        raise InputError("what to evaluate on: got neither --public NAME nor both --tools and --data")
    ranker = open_selector(selector, chosen.tools, encoder=encoder, model=model, option="--with")
    config = {"selector": selector, "encoder": encoder, "model": model, "data": public or str(data)}
    report = evaluate_selector(ranker, chosen.tools, chosen.examples, config=config, progress=lambda items: track(items, "ranking"))
    if out is not None:
        write_text(out, json.dumps(report.to_json(), ensure_ascii=False, indent=1))
    show(report, selector)
    if fail_under is not None and (worse := worse_than(report.metrics, fail_under)):
        typer.echo("\n".join(("below what it was:", *worse)), err=True)
        raise typer.Exit(1)


def show(report: SelectionReport, name: str) -> None:
    """Print the figures as a table: the selector, and the baselines beside it."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    about = report.config
    console.print(
        f"{about['requests']:,} requests, {about['tools']:,} tools, {about['milliseconds_per_query']:.2f} ms a query (median); 95 % intervals", highlight=False
    )
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("metric")
    for column in (name, "random", "majority"):
        table.add_column(column, justify="right")
    for key, metric in report.metrics.items():
        base = [report.baselines[row].get(key) for row in ("random", "majority")]
        table.add_row(key, f"{100 * metric.value:.1f} [{100 * metric.low:.1f}, {100 * metric.high:.1f}]", *(f"{100 * b.value:.1f}" if b else "" for b in base))
    console.print(table)
