"""Signs of speech acts in the newest turn: negation, hypotheticals, quoted speech, thanks, commands, questions about things …

`signs.yaml` lists them. A sign holds for a sentence, which is its scope: "Don't send it yet" denies its own sentence, not the request beside it. What stands
in quotation marks is somebody else's words and never counts (Austin, 1962; Searle, 1969, on what an utterance does).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from toolwright.tools.spans import read_spans
from toolwright.types import Message

LIMIT = 4000  # characters of the newest turn, its end
SIGNS = Path(__file__).parent / "signs.yaml"
SENTENCE = re.compile(r"(?<=[.!?…])[\"”’']?\s+(?=\S)|\n+|;\s+")
MASKS = {
    "quoted": "QUOTE",
    "date": "DATE",
    "datetime": "DATE",
    "month": "DATE",
    "time": "DATE",
    "code": "CODE",
    "email": "CODE",
    "url": "CODE",
    "phone": "CODE",
}


@dataclass(frozen=True, slots=True)
class Sign:
    """A form of speech: its name, how a reason tells it, and the patterns it is known by."""

    name: str
    because: str
    match: tuple[re.Pattern[str], ...]
    unless: tuple[re.Pattern[str], ...]

    def holds(self, sentence: str) -> bool:
        return any(pattern.search(sentence) for pattern in self.match) and not any(pattern.search(sentence) for pattern in self.unless)


@cache
def signs() -> tuple[Sign, ...]:
    """The signs of `signs.yaml`, in its order."""
    words, *rows = yaml.safe_load(SIGNS.read_text(encoding="utf-8"))
    verbs = "|".join(words["words"].split())
    return tuple(Sign(row["sign"], row["because"], _patterns(row["match"], verbs), _patterns(row.get("unless", ()), verbs)) for row in rows)


def sentences(text: str) -> list[str]:
    """The sentences of a text in lower case, with quotations, dates and codes masked."""
    text = text[-LIMIT:]
    pieces, at = [], 0
    for span in read_spans(text):
        if span.kind in MASKS and span.start >= at:
            pieces += [text[at : span.start].lower(), MASKS[span.kind]]
            at = span.end
    masked = "".join((*pieces, text[at:].lower())).replace("’", "'")
    return [sentence.strip() for sentence in SENTENCE.split(masked) if sentence.strip()]


def shares(messages: Sequence[Message]) -> dict[str, float]:
    """For each sign, the share of the newest turn's sentences it holds for, 0 to 1."""
    found = sentences(messages[-1].content)
    return {sign.name: sum(sign.holds(sentence) for sentence in found) / max(1, len(found)) for sign in signs()}


def _patterns(texts: Sequence[str], verbs: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(text.replace("<COMMAND>", verbs)) for text in texts)
