"""Word search as data 1.0 was built with: it finds the hard candidates that stand beside the right tools.

Frozen data must come from frozen code, so that this does not follow `toolwright.selection`, which may get better at any time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import bm25s
import numpy as np

from toolwright.types import Tool

CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]+|[0-9]+|[^\W\d_{CJK}]+")
IDEOGRAMS = re.compile(f"[{CJK}]")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with i me my we "
    "our you your do does can could would please".split()
)


def words(text: str) -> list[str]:
    """The words of a text as they are indexed: identifiers split, Chinese, Japanese and Korean by character pairs."""
    found: list[str] = []
    for word in WORD.findall(CAMEL.sub(" ", text).lower()):
        if IDEOGRAMS.match(word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word not in STOP_WORDS:
            found.append(word)
    return found


def tool_text(tool: Tool) -> str:
    """What is known of a tool in words: name, description, parameter names, keywords."""
    spoken = tool.extras.get("keywords")
    keywords = " ".join(str(word) for listed in spoken.values() for word in listed) if isinstance(spoken, dict) else ""
    return " ".join((tool.name, tool.description, *tool.properties, keywords))


class WordSearch:
    """BM25 (Lucene's variant, k1 = 1.5, b = 0.75) over the tools' words.

    Args:
        tools: the catalogue.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        order = sorted(tools, key=lambda tool: tool.name)
        self.names = [tool.name for tool in order]
        self.position = {name: i for i, name in enumerate(self.names)}
        texts = [words(tool_text(tool)) for tool in order]
        self.vocabulary = {word: i for i, word in enumerate(dict.fromkeys(word for text in texts for word in text))}
        self.index = bm25s.BM25(k1=1.5, b=0.75, method="lucene")
        self.index.index(([[self.vocabulary[word] for word in text] for text in texts], self.vocabulary), show_progress=False)

    def nearest(self, text: str, count: int, among: Sequence[str]) -> list[str]:
        """The `count` tools of these that share most with a text, the best first, equals in order of name."""
        ids = [self.vocabulary[word] for word in words(text) if word in self.vocabulary]
        scores = self.index.get_scores_from_ids(ids) if ids else np.zeros(len(self.names), dtype=np.float32)
        pool = np.sort([self.position[name] for name in among])
        return [self.names[i] for i in pool[np.argsort(-scores[pool], kind="stable")[:count]]]
