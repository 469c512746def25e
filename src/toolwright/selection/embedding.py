"""Selection by meaning: the cosine between a request and each tool's name and description."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from toolwright.encoders import load_encoder
from toolwright.selection.evidence import description_text
from toolwright.selection.shelf import Shelf
from toolwright.selection.texts import Query, query_text
from toolwright.selection.vectors import VectorIndex
from toolwright.types import InputError, Selection, Tool, write_text

NEAR = 100  # tools that the cells propose, where vectors stand in cells; at least as many as are wanted


class EmbeddingSelector:
    """Nearest tools by an encoder's vectors.

    Args:
        encoder: `minilm`, any sentence-transformers model or an OpenAI-compatible server: see `toolwright.encoders`.
    """

    def __init__(self, encoder: str = "minilm") -> None:
        self.encoder = encoder

    def fit(self, tools: Sequence[Tool]) -> Self:
        if not tools:
            raise InputError("a selector needs at least one tool to choose from; got none")
        self.encoder_ = load_encoder(self.encoder)
        self.shelf_, self.index_ = Shelf(), VectorIndex(self.encoder_.dimension)
        self.add(tools)
        return self

    def add(self, tools: Sequence[Tool]) -> None:
        self.shelf_.add(tools)
        self.index_.add(self.encoder_.encode([description_text(tool) for tool in tools]))

    def remove(self, names: Sequence[str]) -> None:
        self.shelf_.remove(names)

    def select(self, query: Query, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        text = query_text(query)
        vectors = self.encoder_.encode([text])
        pool = self.shelf_.pool(candidates)
        rows = self.index_.candidates(vectors, max(NEAR, 2 * top_k)) if pool is None and self.index_.coded else pool
        scores = self.index_.scores(vectors, rows)[:, 0]
        best = self.shelf_.best(scores, top_k, text, pool, rows=rows)
        return Selection(best.tools, len(self.shelf_) if pool is None else len(pool), index=self.index_.kind)

    def save(self, folder: Path) -> None:
        self.shelf_.save(folder)
        self.index_.save(folder / "meanings")
        write_text(folder / "selector.json", json.dumps({"selector": "embedding", "encoder": self.encoder}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        selector = cls(json.loads((folder / "selector.json").read_text(encoding="utf-8"))["encoder"])
        selector.encoder_ = load_encoder(selector.encoder)
        selector.shelf_, selector.index_ = Shelf.load(folder), VectorIndex.load(folder / "meanings")
        return selector
