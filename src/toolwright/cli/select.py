"""`toolwright select`: which tools fit a request."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def select(
    query: Annotated[str, typer.Argument(help="What is asked, in plain words.")],
    tools: Annotated[Path, typer.Option(help="A catalogue: tools.jsonl.")],
    selector: Annotated[str, typer.Option(help="Which selector ranks the tools: a name, or a folder one was saved in.")] = "keyword",
    top_k: Annotated[int, typer.Option("-k", "--top-k", min=1, help="How many tools to show.")] = 5,
    encoder: Annotated[str | None, typer.Option(help="What reads meaning: minilm, a sentence-transformers folder or hub id, http(s)://HOST/v1#MODEL.")] = None,
    model: Annotated[
        str | None, typer.Option(help="The cross-encoder of two_stage (folder or hub id), or the chat model of llm (also http(s)://HOST/v1#MODEL).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Show the tools that fit a request best."""
    from toolwright.cli.models import open_chat_model
    from toolwright.selection.opening import open_selector
    from toolwright.tools.catalog import read_catalog

    catalogue = read_catalog(tools)
    chat = open_chat_model(model) if selector == "llm" and model else None
    selection = open_selector(selector, catalogue, encoder=encoder, model=model, chat=chat).select(query, top_k)
    if as_json:
        found = [{"name": tool.name, "score": round(tool.score, 4)} for tool in selection.tools]
        about = {"total_matches": selection.total_matches, "truncated": selection.truncated, "abstains": selection.abstains, "index": selection.index}
        typer.echo(json.dumps({"tools": found, **about, "fits": None if selection.fits is None else round(selection.fits, 4)}))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    described = {tool.name: " ".join(tool.description.split()) for tool in catalogue}
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("score", justify="right")
    table.add_column("tool", style="cyan", no_wrap=True)
    table.add_column("description", no_wrap=True, overflow="ellipsis", ratio=1)
    for tool in selection.tools:
        table.add_row(f"{tool.score:.2f}", Text(tool.name), Text(described[tool.name]))
    console = Console()
    console.print(table if selection.tools else "No tool shares a word with the request.")
    if selection.abstains:
        console.print("Probably no tool fits; these are the nearest.", highlight=False)
    console.print(f"[dim]{selection.total_matches} of {len(catalogue)} tools match[/dim]", highlight=False)
