"""The evidence that the rules weigh: signs of speech acts, how well the tools match, what is given and missing, what happened in the turns before

Every piece is a number with a name, most of them between 0 and 1, so that the points it gets can be read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from toolwright.timing.match import Match
from toolwright.timing.speech import sentences, signs
from toolwright.types import Message

REFUSED = re.compile(r"\b(?:no|nope|don't|do not|never|stop|forget it|never mind)\b")


@dataclass(frozen=True, slots=True)
class Evidence:
    """Named numbers for the three questions: is a tool wanted, can one do it, is something missing."""

    wanted: dict[str, float]
    doable: dict[str, float]
    missing: dict[str, float]


def collect(messages: Sequence[Message], matches: Sequence[Match]) -> Evidence:
    """The evidence in a conversation.

    Args:
        messages: the conversation, at least one turn.
        matches: the tools that suit best, the best first; empty when none is at hand.
    """
    said = sentences(messages[-1].content)
    spoken: dict[str, float] = {}
    for sign in signs():
        held = [sign.holds(sentence) for sentence in said]
        spoken[sign.name] = sum(held) / max(1, len(held))
        spoken[f"opens:{sign.name}"] = float(bool(held) and held[0])
        spoken[f"ends:{sign.name}"] = float(bool(held) and held[-1])
    fit = match_evidence(matches)
    turns = {
        "later turn": float(len(messages) > 1),
        "after a result": float(messages[-1].role == "tool"),
        "assistant asked": float(len(messages) > 1 and messages[-2].role == "assistant" and messages[-2].content.rstrip().endswith("?")),
        "assistant told": float(len(messages) > 1 and messages[-2].role == "assistant" and not messages[-2].content.rstrip().endswith("?")),
        "refuses what was offered": float(len(messages) > 1 and bool(said) and bool(REFUSED.match(said[0]))),
        "question": float(messages[-1].content.rstrip().endswith("?")),
        "long": math.tanh(len(messages[-1].content) / 200),
        "nothing said": float(not said),
    }
    doable = {**fit, **turns, **{name: spoken[name] for name in ("command", "polite_request", "now_then", "names_records", "names_days", "asks_for_facts")}}
    missing = {
        **fit,
        **turns,
        **{name: spoken[name] for name in ("polite_request", "command", "names_records", "names_days", "asks_for_facts", "fragment", "own_matters")},
    }
    return Evidence({**spoken, **fit, **turns}, doable, missing)


def match_evidence(matches: Sequence[Match]) -> dict[str, float]:
    """How the best tools suit."""
    if not matches:
        return {"no tool at hand": 1.0}
    best, others = matches[0], matches[1:4]
    return {
        "no tool at hand": 0.0,
        "score of the best tool": math.tanh(best.score / 20),
        "its lead": math.tanh((best.score - others[0].score) / 6) if others else 1.0,
        "its words": math.tanh(best.words / 12),
        "share of words it knows": best.covered,
        "its fitting numbers": math.tanh(best.fitting),
        "its strange numbers": math.tanh(best.strange),
        "its missing arguments": math.tanh(len(best.missing)),
        "nothing missing": float(not best.missing),
        "its given arguments": math.tanh(len(best.given) / 2),
        "needs nothing": float(not best.tool.required),
        "one of the next misses nothing": float(any(not other.missing for other in others)),
        "searches or reads": float(str(best.tool.extras.get("effect", "")) in ("search", "read", "compute")),
    }
