"""What speaks for each tool: a handful of numbers for every part of a request and every tool.

A request is read as a whole and in its parts, for each of which there are: word search (BM25) in name and description, in parameters, and in the
name alone; likeness of meaning (cosine) to name and description, and to the parameters; and the values it names (`values.py`). How these are
weighed is `fusion.py`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolwright.encoders import Encoder
from toolwright.selection.texts import IS_CJK, WORD, honest, identifier_words, keywords, parts, stems, visible
from toolwright.selection.values import ValueIndex
from toolwright.selection.vectors import VectorIndex
from toolwright.selection.words import WordIndex
from toolwright.types import JSON, Tool

FEATURES = (
    "words",
    "parameter_words",
    "name_words",
    "meaning",
    "parameter_meaning",
    "values",
    "values_share",
    "kinds",
    "enums",
    "missing_values",
    "missing_kinds",
)
WORD_INDEXES = ("described", "parameters", "named")
LONGEST_PARAMETERS = 600  # characters that the encoder reads of them
MOST_LISTED = 20  # values of one enum
MOST_DEPTH = 4
WEIGHED = 5_000  # tools up to which all are weighed
NEAR = 200  # tools that each kind of search proposes where not all are weighed
POSTINGS = 100_000  # of a request's rarest words that are read for proposals


def description_text(tool: Tool) -> str:
    """Name and description as an encoder reads them."""
    return f"{identifier_words(tool.name)}: {honest(tool.description)}"


def parameter_text(tool: Tool) -> str:
    """Names, descriptions and enum values of the parameters, nested ones included."""
    return ". ".join(_parameters(tool.parameters, MOST_DEPTH))


def _parameters(schema: JSON, depth: int) -> Iterator[str]:
    properties = schema.get("properties")
    if depth == 0 or not isinstance(properties, dict):
        return
    for name, inner in properties.items():
        if isinstance(inner, dict):
            listed = inner.get("enum")
            values = " ".join(str(value) for value in listed[:MOST_LISTED]) if isinstance(listed, list) else ""
            yield f"{identifier_words(name)} {visible(str(inner.get('description', '')))} {values}".strip()
            yield from _parameters(inner, depth - 1)
            items = inner.get("items")
            if isinstance(items, dict):
                yield from _parameters(items, depth - 1)


@dataclass(frozen=True, slots=True)
class Found:
    """Evidence for one request.

    Attributes:
        texts: the request, then its parts where it has several.
        rows: the tools that were weighed; None for all.
        features: shape (tools, texts, len(FEATURES)), float32.
        vectors: of the texts, shape (texts, dimension).
    """

    texts: tuple[str, ...]
    rows: np.ndarray | None
    features: np.ndarray
    vectors: np.ndarray


class Evidence:
    """The indexes behind the numbers.

    Args:
        encoder: what meaning is read with.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        self.described, self.parameters, self.named = WordIndex(), WordIndex(), WordIndex(b=0.5)
        self.values = ValueIndex()
        self.meanings, self.parameter_meanings = VectorIndex(encoder.dimension), VectorIndex(encoder.dimension)
        self.gone: set[int] = set()

    def add(self, tools: Sequence[Tool]) -> None:
        """Index further tools."""
        described, parameters = [description_text(tool) for tool in tools], [parameter_text(tool)[:LONGEST_PARAMETERS] for tool in tools]
        self.described.add([stems(" ".join((text, *keywords(tool)))) for tool, text in zip(tools, described, strict=True)])
        self.parameters.add([stems(text) for text in parameters])
        self.named.add([stems(tool.name) for tool in tools])
        self.values.add(tools)
        vectors = self.encoder.encode([*described, *parameters])
        self.meanings.add(vectors[: len(tools)])
        self.parameter_meanings.add(vectors[len(tools) :])

    def remove(self, rows: Sequence[int]) -> None:
        for index in (self.described, self.parameters, self.named, self.values):
            index.remove(rows)
        self.gone |= set(rows)

    def of(self, text: str, rows: np.ndarray | None = None) -> Found:
        """Evidence for a request: of these rows, else of every tool that is left, or of the near ones where there are too many to weigh all."""
        asked = parts(text)
        texts = (text, *asked) if len(asked) > 1 else (text,)
        vectors = self.encoder.encode(texts)
        rows = self.near(texts, vectors) if rows is None else rows
        groups = [stems(one) for one in texts]
        lexical = [index.scores(groups, rows) for index in (self.described, self.parameters, self.named)]
        read = np.array([_latin(one) for one in texts])
        meanings = [index.scores(vectors, rows) * read for index in (self.meanings, self.parameter_meanings)]
        numbers = np.concatenate([np.stack([*lexical, *meanings], axis=2), self.values.scores(texts, rows)], axis=2)
        return Found(texts, rows, numbers.astype(np.float32), vectors)

    def near(self, texts: Sequence[str], vectors: np.ndarray) -> np.ndarray | None:
        """The tools worth weighing, by rows: what words, meaning and rare values propose; None while all are there and few enough to weigh them all."""
        total = len(self.meanings)
        if total <= WEIGHED:
            return np.array([row for row in range(total) if row not in self.gone], dtype=np.int64) if self.gone else None
        proposed = [self.meanings.candidates(vectors, NEAR), self.values.rare(texts[0], 2 * NEAR)]
        proposed += [self.described.nearest(stems(text), NEAR, POSTINGS) for text in texts]
        rows = np.unique(np.concatenate(proposed))
        return rows[~np.isin(rows, list(self.gone))] if self.gone else rows

    def save(self, folder: Path) -> None:
        for name in WORD_INDEXES:
            getattr(self, name).save(folder / name)
        self.values.save(folder / "values")
        self.meanings.save(folder / "meanings")
        self.parameter_meanings.save(folder / "parameter_meanings")
        np.save(folder / "gone.npy", np.array(sorted(self.gone), dtype=np.int64))

    @classmethod
    def load(cls, folder: Path, encoder: Encoder) -> Evidence:
        evidence = cls(encoder)
        for name in WORD_INDEXES:
            setattr(evidence, name, WordIndex.load(folder / name))
        evidence.values = ValueIndex.load(folder / "values")
        evidence.meanings, evidence.parameter_meanings = VectorIndex.load(folder / "meanings"), VectorIndex.load(folder / "parameter_meanings")
        evidence.gone = set(np.load(folder / "gone.npy").tolist())
        return evidence


def _latin(text: str) -> float:
    """Share of a text's letters outside Chinese, Japanese and Korean, which MiniLM does not read; ids and other values are no letters here."""
    written = [word for word in WORD.findall(text) if not word.isdecimal() and not word.isupper()]
    cjk = sum(len(word) for word in written if IS_CJK.match(word))
    return 1.0 - min(1.0, 4 * cjk / max(1, sum(map(len, written)) + 3 * cjk))
