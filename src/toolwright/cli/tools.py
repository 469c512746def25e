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


@app.command()
def lint(
    catalogue: Annotated[Path, typer.Argument(help="A catalogue: tools.jsonl.")],
    encoder: Annotated[str | None, typer.Option(help="What likeness of meaning is read with, such as minilm; default: words alone.")] = None,
    tokenizer: Annotated[Path | None, typer.Option(help="A model's folder, whose tokens are counted; default: nano's.")] = None,
    pins: Annotated[Path | None, typer.Option(help="Hashes of approved definitions; what differs from them is told.")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="Write --pins from the definitions as they are.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Tell pairs that will be confused, descriptions that are missing, copied or hostile, and what each tool costs; exit code 1 for hostile texts or drift."""
    import json
    from dataclasses import asdict

    from toolwright.encoders import load_encoder
    from toolwright.models.hub import NANO
    from toolwright.selection.hostile import drift, read_pins, write_pins
    from toolwright.selection.lint import lint as look
    from toolwright.selection.lint import token_costs
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import InputError

    if pin and pins is None:
        raise InputError("--pin: got no --pins FILE to write to")
    tools = read_catalog(catalogue)
    found = look(tools, load_encoder(encoder) if encoder else None)
    costs = token_costs(tools, tokenizer or NANO)
    changed = None
    if pins is not None and pin:
        write_pins(pins, tools)
    elif pins is not None:
        changed = drift(read_pins(pins), tools)
    if as_json:
        about = {"findings": [asdict(one) for one in found], "tokens": costs, "drift": asdict(changed) if changed else None}
        typer.echo(json.dumps(about, ensure_ascii=False))
    else:
        for one in found:
            typer.echo(f"{one.kind:<11}  {one.tool}: {one.text}")
        for word in ("added", "removed", "changed") if changed else ():
            for name in getattr(changed, word):
                typer.echo(f"{'drift':<11}  {name}: {word} since it was pinned")
        dearest = ", ".join(f"{name} {count}" for name, count in sorted(costs.items(), key=lambda pair: (-pair[1], pair[0]))[:3])
        typer.echo(f"{len(tools)} tools, {len(found)} findings, {sum(costs.values()):,} tokens in a prompt (most: {dearest})")
    if any(one.kind == "hostile" for one in found) or (changed is not None and changed.any):
        raise typer.Exit(1)
