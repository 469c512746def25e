"""`toolwright decide`: should a tool be called now?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from toolwright.models.chat import ChatModel
    from toolwright.timing.protocol import TimingDecider
    from toolwright.types import Message

DeciderName = Annotated[str, typer.Option("--decider", help="rules, llm, or a folder that `train decider` or `train bands` wrote.")]
ModelName = Annotated[str | None, typer.Option("--model", help="What llm asks: http(s)://HOST/v1#MODEL, nano, a folder or a hub id.")]


def decider_of(name: str, model: ChatModel | None, option: str = "--decider") -> TimingDecider:
    """A decider by name; wrong names are told with the option they came from."""
    from toolwright.timing.opening import open_decider
    from toolwright.types import InputError

    try:
        return open_decider(name, model)
    except InputError as error:
        raise InputError(f"{option}: {error}") from error


def decide(
    message: Annotated[str | None, typer.Argument(help="What was said; or give --messages.")] = None,
    tools: Annotated[Path | None, typer.Option(help="A catalogue: tools.jsonl.")] = None,
    messages: Annotated[Path | None, typer.Option(help="A whole conversation instead: a JSON list in OpenAI chat form.")] = None,
    decider: DeciderName = "rules",
    model: ModelName = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON only.")] = False,
) -> None:
    """Say whether to call a tool, answer, ask for what is missing, or decline; and why."""
    from dataclasses import asdict

    from toolwright.cli.models import open_chat_model
    from toolwright.models.chat import ModelError
    from toolwright.timing.llm import TimingError
    from toolwright.tools.catalog import read_catalog
    from toolwright.types import TIMING_LABELS, InputError, Message

    if tools is None:
        raise InputError("--tools is missing; expected a catalogue: tools.jsonl")
    if (message is None) == (messages is None):
        raise InputError("what was said: give either a MESSAGE or --messages FILE")
    said = read_conversation(messages) if messages is not None else [Message(role="user", content=message or "")]
    try:
        decision = decider_of(decider, open_chat_model(model) if model else None).decide(said, read_catalog(tools))
    except (TimingError, ModelError) as error:
        typer.echo(f"toolwright: {error}", err=True)
        raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps(asdict(decision), ensure_ascii=False))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    odds = ", ".join(f"{label} {100 * decision.probabilities[label]:.0f} %" for label in TIMING_LABELS)
    console.print(Text.assemble((decision.outcome, "bold"), f"  ({odds})"))
    if decision.tool and decision.outcome in ("call", "clarify"):
        console.print(Text.assemble("tool: ", (decision.tool, "cyan")))
    if decision.question:
        console.print(Text(f"ask:  {decision.question}"))
    for reason in decision.reasons:
        console.print(Text(f"- {reason}", style="dim"))


def read_conversation(path: Path) -> list[Message]:
    """The messages of a file. Raises `InputError` for what is no list of messages in OpenAI chat form."""
    from toolwright.types import InputError, Message

    if not path.is_file():
        raise InputError(f"--messages: {path}: no such file")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Message.from_openai(message) for message in found]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"--messages: {path}: no conversation in OpenAI chat form ({' '.join(str(error).split())[:120]})") from error
