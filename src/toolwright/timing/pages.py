"""A page is what the classifier reads: the turns, the tools that suit them best, and which required arguments are given

Texts are kept as texts here, and numbers as numbers; `network` makes vectors of both. Tools and parameters are told in words that do not hang on the
conversation, so that their vectors are made once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from toolwright.timing.match import Match
from toolwright.timing.question import spoken
from toolwright.tools.values import decides
from toolwright.types import JSON, Message

TURNS = 4  # the newest
TURN_CHARACTERS = 600  # of a turn, its end; a tool's result is cut to its beginning
TOOLS = 10
TOOLS_WITH_SLOTS = 4
SLOTS_OF_TOOL = 5
ROLES = ("user", "assistant", "tool", "system")
KINDS = ("pattern", "loose pattern", "enum", "number", "date or time", "text", "switch", "list or object")

TOOL_FIGURES = ("score behind the best", "words", "share of the request's words it knows", "fitting numbers", "strange numbers", "missing", "given", "required")
FIGURES = ("turns", "a result has just come", "length of the newest turn", "tools at hand", "no tool at hand", "numbers that fit no tool")


@dataclass(frozen=True, slots=True)
class Turn:
    """What was said, by whom (an index of `ROLES`), and how many turns ago."""

    text: str
    role: int
    ago: int


@dataclass(frozen=True, slots=True)
class ToolNote:
    """A tool in words, and the numbers that `TOOL_FIGURES` names."""

    text: str
    figures: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SlotNote:
    """A required parameter in words, its tool's rank, whether it is given, and its kind (an index of `KINDS`)."""

    text: str
    rank: int
    given: bool
    kind: int


@dataclass(frozen=True, slots=True)
class Page:
    """A conversation beside its best tools."""

    turns: tuple[Turn, ...]
    tools: tuple[ToolNote, ...]
    slots: tuple[SlotNote, ...]
    figures: tuple[float, ...]


def write_page(messages: Sequence[Message], matches: Sequence[Match], tools: int) -> Page:
    """The page of a conversation.

    Args:
        messages: the conversation, at least one turn.
        matches: the tools that suit best, the best first.
        tools: how many are at hand in all.
    """
    newest = list(messages[-TURNS:])
    turns = tuple(Turn(_said(message), ROLES.index(message.role), len(newest) - 1 - i) for i, message in enumerate(newest))
    shown = matches[:TOOLS]
    notes = tuple(ToolNote(tool_text(match), _tool_figures(match, shown[0])) for match in shown)
    slots = tuple(
        SlotNote(slot_text(name, match.tool.properties.get(name, {})), rank, name not in match.missing, slot_kind(match.tool.properties.get(name, {})))
        for rank, match in enumerate(shown[:TOOLS_WITH_SLOTS])
        for name in match.tool.required[:SLOTS_OF_TOOL]
    )
    figures = (
        math.tanh(len(messages) / 6),
        float(messages[-1].role == "tool"),
        math.tanh(len(messages[-1].content) / 200),
        math.log1p(tools) / 8,
        float(not matches),
        math.tanh(min((match.strange for match in shown), default=0)),
    )
    return Page(turns, notes, slots, figures)


def tool_text(match: Match) -> str:
    """`move pallet: Moves a whole pallet to another bin …`."""
    return f"{spoken(match.tool.name)}: {match.tool.description[:300]}"


def slot_text(name: str, schema: JSON) -> str:
    """`kind: What is wanted (towels, cot, repair)`."""
    choices = f" ({', '.join(spoken(str(one)) for one in schema['enum'][:12])})" if isinstance(schema.get("enum"), list) else ""
    return f"{spoken(name)}: {str(schema.get('description', ''))[:120]}{choices}"


def slot_kind(schema: JSON) -> int:
    """Which of `KINDS` a parameter is."""
    if "enum" in schema:
        return 2
    if "pattern" in schema:
        return 0 if decides(str(schema["pattern"])) else 1
    if schema.get("format") in ("date", "date-time", "time"):
        return 4
    return {"integer": 3, "number": 3, "boolean": 6, "array": 7, "object": 7}.get(str(schema.get("type")), 5)


def _said(message: Message) -> str:
    calls = " ".join(f"calls {spoken(call.name)}" for call in message.tool_calls)
    text = message.content[:TURN_CHARACTERS] if message.role == "tool" else message.content[-TURN_CHARACTERS:]
    return f"{text} {calls}".strip() or "nothing"


def _tool_figures(match: Match, best: Match) -> tuple[float, ...]:
    counts = (match.fitting, match.strange, len(match.missing), len(match.given), len(match.tool.required))
    return (math.tanh((best.score - match.score) / 8), math.tanh(match.words / 12), match.covered, *(math.tanh(count / 3) for count in counts))
