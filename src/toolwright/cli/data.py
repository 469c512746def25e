"""`toolwright data`: build, check and count benchmark and training data."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

app = typer.Typer(help="Build, check and count benchmark and training data.", no_args_is_help=True)


class Format(StrEnum):
    """How the data is written."""

    jsonl = "jsonl"
    parquet = "parquet"


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Where to write the data.")] = Path("data"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
    domains: Annotated[str | None, typer.Option(help="Domains to build from, separated by commas; all when not given.", metavar="DOMAIN,...")] = None,
    format: Annotated[Format, typer.Option(help="parquet: also as Parquet with a dataset card, for Hugging Face datasets.")] = Format.jsonl,
) -> None:
    """Write agent_tools, agent_benchmark and agent_sft from the world's domains."""
    from toolwright.cli.progress import track
    from toolwright.data.build import build_data, open_data
    from toolwright.data.parquet import write_parquet
    from toolwright.world.load import domains_named, load_domains

    chosen = domains_named(domains, "--domains") if domains else load_domains()
    manifest = build_data(chosen, out, seed, workers=os.cpu_count() or 1, progress=lambda parts: track(parts, "building"))
    for name in manifest["files"]:
        lines = sum(1 for _ in (out / name).open(encoding="utf-8"))
        typer.echo(f"{lines:7,}  {out / name}", err=True)
    if format is Format.parquet:
        write_parquet(open_data(out), out / "parquet")
        typer.echo(f"         {out / 'parquet'}", err=True)
    typer.echo(f"version {manifest['version']}, sha256 {manifest['sha256']}", err=True)


@app.command()
def check(
    domain: Annotated[str | None, typer.Option(help="One domain file only, without the gates of the whole data.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data built before; built anew when not given.")] = None,
) -> None:
    """Hold every domain file and the data built from them to their gates, and name each offender; exit code 1 when there is one."""
    from toolwright.data.checks import domain_offenders, share_without_shared_words
    from toolwright.types import InputError
    from toolwright.world.engine import World
    from toolwright.world.load import load_domains

    domains = load_domains()
    if domain is not None and domain not in {one.domain for one in domains}:
        raise InputError(f"--domain: got {domain!r}; allowed: {', '.join(one.domain for one in domains)}")
    chosen = [one for one in domains if domain in (None, one.domain)]
    offenders = list(domain_offenders(chosen, World(domains)))
    for offender in offenders:
        typer.echo(offender, err=True)
    requests = sum(len(tool.requests.of(split)) for one in chosen for tool in one.tools for split in ("train", "dev", "test"))
    typer.echo(f"{len(chosen)} domains, {sum(len(one.tools) for one in chosen)} tools, {requests:,} requests, {len(offenders)} offenders")
    typer.echo(f"{share_without_shared_words(chosen):.0%} of the requests share no content word with their tool")
    failed = bool(offenders)
    if domain is None:
        failed |= not _gates_hold(data)
    raise typer.Exit(code=1 if failed else 0)


def _gates_hold(data: Path | None) -> bool:
    """Print every gate with its figure; offenders go to stderr."""
    from toolwright.cli.progress import track
    from toolwright.data.build import build_data, open_data
    from toolwright.data.gates import GATES
    from toolwright.data.versions import version_of
    from toolwright.world.load import load_domains

    domains = load_domains()
    with TemporaryDirectory() as folder:
        if data is None:
            build_data(domains, Path(folder), workers=os.cpu_count() or 1, progress=lambda parts: track(parts, "building"))
        opened = open_data(data or Path(folder))
        typer.echo(f"data version {version_of(opened.sha256)}, sha256 {opened.sha256}")
        found = [gate(domains, opened) for gate in track(GATES, "checking")]
    for gate in found:
        typer.echo(f"{'holds' if gate.holds else 'FAILS'}  {gate.name:58} {gate.shown:>9}   {gate.bound}")
        if not gate.holds:
            for offender in gate.offenders:
                typer.echo(f"       {offender}", err=True)
    return all(gate.holds for gate in found)


@app.command()
def stats(data: Annotated[Path, typer.Argument(help="A directory that `toolwright data build` wrote.")]) -> None:
    """Count what the data holds, by task, split and group; exit code 1 when a file has fewer lines than it should."""
    from rich.console import Console
    from rich.table import Table

    from toolwright.data.build import open_data
    from toolwright.data.stats import counts, tools_by_part

    opened = open_data(data)
    found = counts(opened)
    table = Table("task", "split", "lines", "wanted", "groups", box=None)
    for count in found:
        short = "" if count.lines >= count.wanted else "[red]"
        groups = ", ".join(f"{name} {number:,}" for name, number in count.groups.items())
        table.add_row(count.task, count.split, f"{short}{count.lines:,}", f"{count.wanted:,}", groups)
    console = Console()
    console.print(table)
    for part, (domains, tools) in tools_by_part(opened).items():
        console.print(f"{part}: {domains} domains, {tools:,} tools")
    raise typer.Exit(code=0 if all(count.lines >= count.wanted for count in found) else 1)
