"""Selection by words: BM25 over a tool's name, description and parameter names.

k1 = 1.5, b = 0.75. Needs neither a model nor torch. An added or removed tool counts in the next query.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np

from toolwright.selection.shelf import Shelf
from toolwright.selection.texts import CAMEL, Query, honest, query_text, tool_text, words
from toolwright.selection.words import WordIndex
from toolwright.types import InputError, Selection, Tool, write_text

__all__ = ["CAMEL", "KeywordSelector", "tool_text", "words"]


class KeywordSelector:
    """BM25 over the tools' words.

    Args:
        k1: how soon further occurrences of a word stop counting.
        b: how far long texts are discounted, 0 to 1.
    """

    def __init__(self, k1: float = 1.5, b: float = 0.75) -> None:
        self.k1 = k1
        self.b = b

    def fit(self, tools: Sequence[Tool]) -> Self:
        if not tools:
            raise InputError("a selector needs at least one tool to choose from; got none")
        self.shelf_, self.index_ = Shelf(), WordIndex(self.k1, self.b)
        self.add(tools)
        if not self.index_.vocabulary:
            raise InputError(f"none of the {len(tools)} tools has a word in its name or description; nothing to search in")
        return self

    def add(self, tools: Sequence[Tool]) -> None:
        self.shelf_.add(tools)
        self.index_.add([words(tool_text(tool.model_copy(update={"description": honest(tool.description)}))) for tool in tools])

    def remove(self, names: Sequence[str]) -> None:
        self.index_.remove(self.shelf_.remove(names))

    def select(self, query: Query, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        text = query_text(query)
        scores = self.index_.scores([words(text)])[:, 0].astype(np.float32)
        return self.shelf_.best(scores, top_k, text, self.shelf_.pool(candidates), matching=0.0)

    def save(self, folder: Path) -> None:
        self.shelf_.save(folder)
        self.index_.save(folder / "words")
        write_text(folder / "selector.json", json.dumps({"selector": "keyword"}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        index = WordIndex.load(folder / "words")
        selector = cls(index.k1, index.b)
        selector.shelf_, selector.index_ = Shelf.load(folder), index
        return selector
