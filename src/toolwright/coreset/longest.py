"""The second control: the dialogues in which the assistant says most (Zhao et al., "Long Is More for Alignment", 2024)."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep, highest
from toolwright.types import Dialogue


def longest(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """The `keep` dialogues whose assistant turns, calls included, have most characters."""
    check_keep(dialogues, keep)
    return highest(np.array([said(dialogue) for dialogue in dialogues]), keep)


def said(dialogue: Dialogue) -> int:
    """Characters of all that the assistant writes."""
    turns = [message for message in dialogue.messages if message.role == "assistant"]
    return sum(len(turn.content) + sum(len(call.name) + len(json.dumps(call.arguments, ensure_ascii=False)) for call in turn.tool_calls) for turn in turns)
