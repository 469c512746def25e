"""The `toolwright` command.

Commands import what they need when they run, so that help and word search stay fast and free of torch.

Exit codes: 0 done, 1 something failed (named on stderr), 2 wrong input (named: place, value received, values allowed).
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from toolwright import __version__
from toolwright.cli import compare, data, decide, evaluate, mcp, plan, select, tools, train
from toolwright.types import InputError

app = typer.Typer(
    help="Makes language models good at using tools, and proves it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(tools.app, name="tools")
app.add_typer(data.app, name="data")
app.add_typer(evaluate.app, name="evaluate")
app.add_typer(train.app, name="train")
app.command()(select.select)
app.command()(decide.decide)
app.command()(plan.plan)
app.command()(plan.run)
app.command()(mcp.mcp)
app.command()(compare.compare)
app.command()(compare.report)


@app.callback()
def _version(version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", is_eager=True)] = False) -> None:
    if version:
        typer.echo(f"toolwright {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line; wrong input is one line on stderr and exit code 2."""
    try:
        app()
    except InputError as error:
        typer.echo(f"toolwright: {error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
