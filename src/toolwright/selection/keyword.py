"""Selection by words: BM25 over a tool's name, description and parameter names.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), in the Lucene variant of `bm25s`; k1 = 1.5, b = 0.75.
Identifiers are split at `_`, `.`, `-` and case changes; English stop words are dropped; Chinese, Japanese and Korean text counts by character
pairs. Needs neither a model nor torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Self

import bm25s
import numpy as np

from toolwright.types import InputError, ScoredTool, Selection, Tool

CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]+|[0-9]+|[^\W\d_{CJK}]+")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with i me my we "
    "our you your do does can could would please".split()
)


def words(text: str) -> list[str]:
    """The words of a text as they are indexed."""
    found: list[str] = []
    for word in WORD.findall(CAMEL.sub(" ", text).lower()):
        if re.match(f"[{CJK}]", word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word not in STOP_WORDS:
            found.append(word)
    return found


def tool_text(tool: Tool) -> str:
    """What is known of a tool in words: name, description, parameter names, keywords."""
    spoken = tool.extras.get("keywords")
    keywords = " ".join(str(word) for listed in spoken.values() for word in listed) if isinstance(spoken, dict) else ""
    return " ".join((tool.name, tool.description, *tool.properties, keywords))


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
        order = sorted(tools, key=lambda tool: tool.name)
        self.names_ = [tool.name for tool in order]
        self.position_ = {name: i for i, name in enumerate(self.names_)}
        texts = [words(tool_text(tool)) for tool in order]
        self.vocabulary_ = {word: i for i, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
        if not self.vocabulary_:
            raise InputError(f"none of the {len(order)} tools has a word in its name or description; nothing to search in")
        self.index_ = bm25s.BM25(k1=self.k1, b=self.b, method="lucene")
        ids = [[self.vocabulary_[word] for word in text] for text in texts]
        self.index_.index((ids, self.vocabulary_), show_progress=False)
        return self

    def scores(self, query: str) -> np.ndarray:
        """The score of every tool, in order of name."""
        ids = [self.vocabulary_[word] for word in words(query) if word in self.vocabulary_]
        if not ids:
            return np.zeros(len(self.names_), dtype=np.float32)
        scores: np.ndarray = self.index_.get_scores_from_ids(ids)
        return scores

    def select(self, query: str, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        if top_k < 1:
            raise InputError(f"top_k is {top_k!r}; expected 1 or more")
        scores = self.scores(query)
        pool = np.arange(len(self.names_)) if candidates is None else np.sort([self._find(name) for name in candidates])
        pool = pool[scores[pool] > 0] if candidates is None else pool
        best = pool[np.argsort(-scores[pool], kind="stable")[:top_k]]  # names are sorted, so a stable sort breaks ties by name
        return Selection(tuple(ScoredTool(self.names_[i], float(scores[i])) for i in best), total_matches=len(pool))

    def _find(self, name: str) -> int:
        if name not in self.position_:
            raise InputError(f"candidate {name!r} is no tool of this catalogue of {len(self.names_)}")
        return self.position_[name]
