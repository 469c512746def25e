"""`toolwright compare` and `toolwright report`: train methods side by side, and show what came of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from toolwright.types import Metric, Result

SHOWN = {
    "selection.top_1": "Top-1",
    "selection.top_1/unseen_tools": "Top-1 unseen",
    "timing.accuracy": "timing",
    "calls.copied": "copied args",
    "calls.exact": "exact calls",
}


def compare(
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Small pool, few steps, one seed: minutes on two cores.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Whole pool, three seeds.")] = False,
    method: Annotated[list[str] | None, typer.Option(help="A method of the table; may be repeated. Default: all.")] = None,
    methods_file: Annotated[Path | None, typer.Option(help="YAML with methods of your own beside those of the table.")] = None,
    model: Annotated[str, typer.Option(help="`nano`, a folder, or a hub id.")] = "nano",
    data: Annotated[Path | None, typer.Option(help="Built data; default: built from the world into OUTPUT/data.")] = None,
    seeds: Annotated[str | None, typer.Option(help="Seeds instead of the profile's, such as 0,1,2.")] = None,
    output: Annotated[Path, typer.Option(help="Where results, cells and the report go.")] = Path("runs/compare"),
    workers: Annotated[int, typer.Option(min=1, help="Cells run at the same time, each with its share of the cores; seconds are measured so.")] = 1,
) -> None:
    """Train methods at equal budgets, evaluate the adapters from disk, and write a report; finished cells are not repeated."""
    from toolwright.cli.progress import Bars
    from toolwright.comparison.cell import Cell
    from toolwright.comparison.grid import Grid, check_methods, rows_and_methods, run_grid
    from toolwright.comparison.methods import METHODS, PROFILES, TRAINING
    from toolwright.comparison.methods_file import read_methods
    from toolwright.models.hub import model_sha256
    from toolwright.report.page import write_report
    from toolwright.types import InputError

    if quick == full:
        raise InputError(f"which size: got {'both --quick and --full' if quick else 'neither --quick nor --full'}; expected one of them")
    profile = PROFILES["quick" if quick else "full"]
    table = {**METHODS, **(read_methods(methods_file) if methods_file else {})}
    chosen = method or list(table)
    check_methods(chosen, table)
    weights = model_sha256(model)
    numbers = profile.seeds if seeds is None else parse_seeds(seeds)
    folder, sha256 = _open_or_build(data, output)
    training = TRAINING["nano" if model == "nano" else "mission"]
    cells = tuple(
        Cell(row, seed, model, weights, str(folder), sha256, table.get(row), profile, training)
        for row in rows_and_methods(chosen)
        for seed in (numbers if row in table else numbers[:1])
    )
    with Bars() as bars:
        results = run_grid(Grid(output, cells), lambda cell, stage, done, total, word: bars.told(f"{cell} · {stage}", done, total, word), workers)
    page = write_report(output)
    show(results)
    show_tests(output)
    typer.echo(f"report: {page}")
    failed = [result for result in results if result.status == "failed"]
    for result in failed:
        typer.echo(f"failed: {result.method} seed {result.seed}: {result.error}", err=True)
    if failed:
        raise typer.Exit(code=1)


def report(folder: Annotated[Path, typer.Argument(help="The output folder of a comparison.")]) -> None:
    """Draw a comparison's report again from its result files, without running anything."""
    from toolwright.report.page import write_report

    page = write_report(folder)
    show_tests(folder)
    typer.echo(f"report: {page}")


def show_tests(folder: Path) -> None:
    """Print in words what the paired tests of a comparison say; nothing where nothing could be compared."""
    from toolwright.report.tables import read_comparisons
    from toolwright.report.verdicts import caution, findings

    comparisons = read_comparisons(folder)
    for name, sentences in findings(comparisons).items():
        typer.echo(f"{name}: {' '.join(sentences)}")
    if caution(comparisons):
        typer.echo(caution(comparisons))


def parse_seeds(text: str) -> tuple[int, ...]:
    """Whole numbers separated by commas."""
    from toolwright.types import InputError

    try:
        seeds = tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--seeds: got {text!r}; expected whole numbers separated by commas, such as 0,1,2") from error
    if len(set(seeds)) < len(seeds):
        raise InputError(f"--seeds: got {text!r}; expected each seed once")
    return seeds


def _open_or_build(data: Path | None, output: Path) -> tuple[Path, str]:
    from toolwright.cli.progress import track
    from toolwright.data.build import build_data, open_data
    from toolwright.world.load import load_domains

    folder = data or output / "data"
    if data is None and not (folder / "manifest.json").is_file():
        build_data(load_domains(), folder, workers=os.cpu_count() or 1, progress=lambda parts: track(parts, f"building {folder}"))
    return folder, open_data(folder).sha256


def show(results: list[Result]) -> None:
    """Print the table of results, narrow enough for a terminal of 80 columns."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    seeds = {result.seed for result in results}
    table = Table(title="percent, with 95 % intervals", title_style="dim", title_justify="left", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("method", no_wrap=True)
    if len(seeds) > 1:
        table.add_column("seed", justify="right")
    for title in SHOWN.values():
        table.add_column(title, justify="right")
    table.add_column("train s", justify="right")
    for result in results:
        row = [result.method, str(result.seed)] if len(seeds) > 1 else [result.method]
        if result.status == "failed":
            table.add_row(*row, Text("failed", style="red"))
            continue
        figures = [_figure(result.metrics.get(key)) for key in SHOWN]
        table.add_row(*row, *figures, f"{result.seconds.get('train', 0):.0f}" if result.steps else "")
    console.print(table)
    for result in results:
        if result.status == "failed":
            console.print(Text(f"{result.method}, seed {result.seed}, failed: {result.error}", style="red"))


def _figure(metric: Metric | None) -> str:
    if metric is None:
        return "–"
    value, low, high = (f"{100 * number:.0f}" for number in (metric.value, metric.low, metric.high))
    return value if low == high else f"{value} [dim]{low}–{high}[/dim]"
