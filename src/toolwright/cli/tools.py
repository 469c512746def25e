"""`toolwright tools`: bring your own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Bring your own tools.", no_args_is_help=True)


@app.command("import")
def import_(
    sources: Annotated[list[str], typer.Argument(help="OpenAPI 3 file, tool JSON of any form, Python file or dotted module name.")],
    out: Annotated[Path, typer.Option(help="Where to write the catalogue.")] = Path("tools.jsonl"),
) -> None:
    """Read tools from OpenAPI files, tool JSON (OpenAI, Anthropic, MCP) and Python modules, and write tools.jsonl."""
    from toolwright.tools.catalog import import_tools, write_catalog

    tools = import_tools(sources)
    write_catalog(out, tools)
    typer.echo(f"{len(tools)} tools from {len(sources)} source{'s' * (len(sources) > 1)} → {out} ({out.stat().st_size / 1e6:.1f} MB)", err=True)
