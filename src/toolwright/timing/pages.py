"""A page is what the classifier reads: the conversation, the tools that suit it best with what is given and missing, and the rules' evidence

The best `DETAILED` tools are told with their required parameters, each with its value or a question mark, and their description; the others with name
and a few words. What does not fit is cut: the conversation at its beginning, a tool at its end. So a page has some 200 tokens, however many tools are
at hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolwright.timing.evidence import collect, evidence_names
from toolwright.timing.match import Match
from toolwright.timing.question import spoken
from toolwright.types import JSON, Message

SHOWN = 10  # tools on a page
DETAILED = 4
TURNS = 6
TURN_CHARACTERS = 1500  # of a turn, its end
CONVERSATION_TOKENS = 96
DETAILED_TOKENS = 36
NAMED_TOKENS = 7
CHOICES = 8  # of an enum
VALUE_CHARACTERS = 16  # of a value that is given
ROLES = {"system": "rules", "user": "user", "assistant": "assistant", "tool": "result"}


@dataclass(frozen=True, slots=True)
class Page:
    """Token ids of the conversation and of each tool, separators left out, and the figures: turns, tools, and the evidence."""

    conversation: tuple[int, ...]
    tools: tuple[tuple[int, ...], ...]
    figures: tuple[float, ...]

    def __len__(self) -> int:
        """Tokens, separators included."""
        return len(self.conversation) + sum(len(tool) + 1 for tool in self.tools) + 2


def write_page(messages: Sequence[Message], matches: Sequence[Match], tools: int, tokenizer: Any) -> Page:
    """The page of a conversation.

    Args:
        messages: the conversation, at least one turn.
        matches: the tools that suit best, the best first.
        tools: how many are at hand in all.
        tokenizer: of the encoder; special tokens are added by `collate`.
    """
    said = " ".join(f"{ROLES[message.role]}: {_turn(message)}" for message in messages[-TURNS:])
    told = [
        _ids(tokenizer, detailed(match))[:DETAILED_TOKENS] if rank < DETAILED else _ids(tokenizer, named(match))[:NAMED_TOKENS]
        for rank, match in enumerate(matches[:SHOWN])
    ]
    evidence = collect(messages, matches).wanted
    figures = (math.tanh(len(messages) / 6), math.log1p(tools) / 8, *(evidence.get(name, 0.0) for name in evidence_names()))
    return Page(tuple(_ids(tokenizer, said)[-CONVERSATION_TOKENS:]), tuple(map(tuple, told)), figures)


def figure_count() -> int:
    """How many figures a page has."""
    return 2 + len(evidence_names())


def detailed(match: Match) -> str:
    """`move pallet | pallet id = HU-3340; to bin = ? | Moves a whole pallet …`: what is needed stands before the description, so that it is not cut."""
    asked = [_slot(name, match.tool.properties.get(name, {}), match) for name in match.tool.required]
    return f"{spoken(match.tool.name)} | {'; '.join(asked) or 'needs nothing'} | {match.tool.description[:240]}"


def named(match: Match) -> str:
    """Name and the beginning of the description."""
    return f"{spoken(match.tool.name)}: {match.tool.description[:80]}"


def collate(pages: Sequence[Page], tokenizer: Any) -> dict[str, np.ndarray]:
    """Pages as arrays, B pages of at most T tokens: `input_ids`, `attention_mask`, `token_type_ids` (B, T; type 1 for tools) and `figures` (B, F)."""
    longest = max(len(page) for page in pages)
    ids = np.full((len(pages), longest), tokenizer.pad_token_id, dtype=np.int64)
    mask, kinds = np.zeros_like(ids), np.zeros_like(ids)
    for row, page in enumerate(pages):
        line = [tokenizer.cls_token_id, *page.conversation, tokenizer.sep_token_id]
        half = len(line)
        for tool in page.tools:
            line += [*tool, tokenizer.sep_token_id]
        ids[row, : len(line)], mask[row, : len(line)], kinds[row, half : len(line)] = line, 1, 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": kinds, "figures": np.array([page.figures for page in pages], dtype=np.float32)}


def _slot(name: str, schema: JSON, match: Match) -> str:
    if name not in match.missing:
        return f"{spoken(name)} = {str(match.given.get(name, '?'))[:VALUE_CHARACTERS]}"
    choices = schema.get("enum")
    told = f" ({', '.join(spoken(str(one)) for one in choices[:CHOICES])})" if isinstance(choices, list) else ""
    return f"{spoken(name)}{told} = ?"


def _turn(message: Message) -> str:
    called = " ".join(f"calls {spoken(call.name)}" for call in message.tool_calls)
    return f"{message.content[-TURN_CHARACTERS:]} {called}".strip()


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text.encode("utf-8", "replace").decode("utf-8"), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    return ids
