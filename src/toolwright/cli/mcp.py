"""`toolwright mcp`: the world's tools over the Model Context Protocol."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def mcp(
    world: Annotated[str | None, typer.Option(help="Domains to serve, separated by commas; all when not given.", metavar="DOMAIN,...")] = None,
    database: Annotated[Path | None, typer.Option(help="A file that keeps the world between runs; in memory when not given.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same rows.")] = 0,
) -> None:
    """Serve the world's tools to any MCP client, on standard input and output; every call really runs."""
    from toolwright.types import InputError
    from toolwright.world.engine import World
    from toolwright.world.load import domains_named, load_domains

    domains = domains_named(world, "--world") if world else load_domains()
    try:
        import anyio

        from toolwright.serve.mcp import serve_stdio
    except ModuleNotFoundError as error:
        raise InputError("`toolwright mcp` needs the MCP SDK: pip install 'toolwright[mcp]'") from error
    opened = World(domains, seed, database)
    try:
        anyio.run(serve_stdio, opened)
    finally:
        opened.close()
