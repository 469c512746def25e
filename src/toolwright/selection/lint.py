"""`toolwright tools lint`: what is wrong with a catalogue before any model reads it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from toolwright.encoders import Encoder
from toolwright.models.hub import NANO
from toolwright.schema import write_tool
from toolwright.selection.evidence import description_text
from toolwright.selection.hostile import suspicions
from toolwright.selection.texts import stems
from toolwright.selection.words import WordIndex
from toolwright.types import InputError, Tool

Kind = Literal["hostile", "missing", "short", "copied", "undescribed", "confusable"]
SHORTEST = 4  # words of a description
CONFUSABLE = {"words": 0.75, "meaning": 0.9}  # likeness from which two tools are told
CHUNK = 2000  # tools compared with all at a time


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to look at; `score` is how alike two tools are, 0 to 1."""

    kind: Kind
    tool: str
    text: str
    other: str = ""
    score: float = 0.0


def lint(tools: Sequence[Tool], encoder: Encoder | None = None) -> list[Finding]:
    """Everything found, by tool; pairs after that, the most alike first.

    Args:
        tools: the catalogue.
        encoder: what likeness of meaning is read with; None for words alone.
    """
    found: list[Finding] = []
    described: dict[str, str] = {}
    for tool in tools:
        found += [Finding("hostile", tool.name, text) for text in suspicions(tool)]
        plain = " ".join(tool.description.lower().split())
        if not plain:
            found.append(Finding("missing", tool.name, "has no description"))
        elif len(stems(plain)) < SHORTEST:
            found.append(Finding("short", tool.name, f"is described in {len(plain.split())} words: {tool.description!r:.60}"))
        elif plain in described:
            found.append(Finding("copied", tool.name, f"has the description of {described[plain]}", described[plain], 1.0))
        described.setdefault(plain, tool.name)
        bare = [name for name, schema in tool.properties.items() if not (isinstance(schema, dict) and schema.get("description"))]
        if bare:
            found.append(Finding("undescribed", tool.name, f"parameters without a description: {', '.join(bare[:5])}"))
    return [*found, *confusable(tools, encoder)]


def confusable(tools: Sequence[Tool], encoder: Encoder | None = None) -> list[Finding]:
    """Pairs of tools that a selector will confuse, the most alike first.

    Likeness of words: a tool's own name and description as the request, the other's BM25 score over its own, the lesser of both directions. Likeness of
    meaning: the cosine of the encoder's vectors.
    """
    texts = [description_text(tool) for tool in tools]
    means = "words" if encoder is None else "meaning"
    likeness = _word_likeness(texts) if encoder is None else _cosines(encoder.encode(texts))
    pairs = [
        (float(likeness[i, j]), *sorted((tools[i].name, tools[j].name))) for i, j in zip(*np.nonzero(np.triu(likeness, 1) >= CONFUSABLE[means]), strict=True)
    ]
    ordered = sorted(pairs, key=lambda pair: (-pair[0], pair[1:]))
    return [Finding("confusable", first, f"is alike {second} in {means}: {score:.2f}", second, round(score, 4)) for score, first, second in ordered]


def token_costs(tools: Sequence[Tool], tokenizer: Path = NANO) -> dict[str, int]:
    """Tokens of each definition in OpenAI's JSON form, by the tokenizer of a model's folder."""
    from tokenizers import Tokenizer

    path = tokenizer / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"--tokenizer: {tokenizer} holds no tokenizer.json; expected a model's folder")
    reader = Tokenizer.from_file(str(path))
    written = [json.dumps(write_tool(tool.model_copy(update={"extras": {}, "returns": None})), ensure_ascii=False) for tool in tools]
    return {tool.name: len(encoded.ids) for tool, encoded in zip(tools, reader.encode_batch(written, add_special_tokens=False), strict=True)}


def _word_likeness(texts: Sequence[str]) -> np.ndarray:
    index = WordIndex()
    read = [stems(text) for text in texts]
    index.add(read)
    scores = np.concatenate([index.scores(read[at : at + CHUNK]).T for at in range(0, len(read), CHUNK)])  # (request, tool)
    own = np.maximum(np.diag(scores), 1e-9)[:, None]
    share = scores / own
    return np.minimum(share, share.T)


def _cosines(vectors: np.ndarray) -> np.ndarray:
    return vectors @ vectors.T
