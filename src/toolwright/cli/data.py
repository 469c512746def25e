"""`toolwright data`: build and check benchmark and training data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Build and check benchmark and training data.", no_args_is_help=True)


@app.command()
def build(
    out: Annotated[Path, typer.Option(help="Where to write the data.")] = Path("data"),
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 0,
) -> None:
    """Write agent_tools, agent_benchmark and agent_sft from the world's domains."""
    from toolwright.data.build import build_data
    from toolwright.world.load import load_domains

    manifest = build_data(load_domains(), out, seed)
    for name in manifest["files"]:
        lines = sum(1 for _ in (out / name).open(encoding="utf-8"))
        typer.echo(f"{lines:7,}  {out / name}", err=True)
    typer.echo(f"sha256 {manifest['sha256']}", err=True)


@app.command()
def check(domain: Annotated[str | None, typer.Option(help="One domain only.")] = None) -> None:
    """Load every domain, run every request in the world, and name each offender; exit code 1 when there is one."""
    from toolwright.data.checks import domain_offenders, share_without_shared_words
    from toolwright.types import InputError
    from toolwright.world.engine import World
    from toolwright.world.load import load_domains

    domains = load_domains()
    if domain is not None:
        known = [one.domain for one in domains]
        domains = [one for one in domains if one.domain == domain]
        if not domains:
            raise InputError(f"--domain: got {domain!r}; allowed: {', '.join(known)}")
    offenders = list(domain_offenders(domains, World(domains)))
    for offender in offenders:
        typer.echo(offender, err=True)
    requests = sum(len(tool.requests.of(split)) for one in domains for tool in one.tools for split in ("train", "dev", "test"))
    typer.echo(f"{len(domains)} domains, {sum(len(one.tools) for one in domains)} tools, {requests:,} requests, {len(offenders)} offenders")
    typer.echo(f"{share_without_shared_words(domains):.0%} of the requests share no content word with their tool")
    raise typer.Exit(code=1 if offenders else 0)
