"""Requests seen before and the tools that served them: the nearest of them speak for their tools.

Values are taken out of a request's words before they are compared, since `EV-25153` and `EV-16004` are the same wish.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.selection.texts import stems
from toolwright.selection.values import SPECIAL
from toolwright.selection.words import WordIndex

MEMORIES = ("memory_best", "memory_votes", "memory_words", "known")
VOTERS = 40  # nearest requests that vote
SHARPNESS = 20.0  # of a vote in the cosine

Uses = Sequence[Sequence[int]]


def masked_words(text: str) -> list[str]:
    """The stems of a request without its values; a word that stands for nothing where none is left."""
    return stems(" ".join(piece for piece in text.split() if not SPECIAL.search(piece))) or ["_"]


class Memory:
    """Requests with their vectors, their words, and for each the rows of the tools that served it."""

    def __init__(self, vectors: np.ndarray, texts: Sequence[str], uses: Uses) -> None:
        self.words = WordIndex(b=0.3)
        self.words.add([masked_words(text) for text in texts])
        self.vectors = vectors.astype(np.float16)
        self._order(np.array([(row, i) for i, rows in enumerate(uses) for row in rows], dtype=np.int64).reshape(-1, 2))

    def _order(self, pairs: np.ndarray) -> None:
        """Pairs of tool and request, shape (pairs, 2), in order of tools, so that each tool's requests stand side by side."""
        self.pairs = pairs[np.lexsort((pairs[:, 1], pairs[:, 0]))]
        self.tools, self.starts = np.unique(self.pairs[:, 0], return_index=True)

    def evidence(self, texts: Sequence[str], vectors: np.ndarray, places: np.ndarray, many: int) -> np.ndarray:
        """Evidence of each text for each tool, shape (many, texts, len(MEMORIES)), float32.

        The likeness of the nearest request of a tool; its share among the votes of the nearest 40 requests; the likeness in words of its nearest
        request; and whether any request of it was seen.

        Args:
            texts: requests or parts of one.
            vectors: theirs, shape (texts, dimension).
            places: for every row of a tool, its place in the answer, or -1 to leave it out.
            many: how many places there are.
        """
        found = np.zeros((many, len(texts), len(MEMORIES)), dtype=np.float32)
        if not len(self.pairs):
            return found
        cosines = self.vectors.astype(np.float32) @ vectors.T
        asked = [masked_words(text) for text in texts]
        scores = self.words.scores(asked) / np.maximum([self.words.idf(self.words.known(words)).sum() for words in asked], 1e-6)
        at = places[self.tools]
        inside = at >= 0
        for text in range(len(texts)):
            likeness, votes = cosines[:, text], np.zeros_like(cosines[:, text])
            near = np.argpartition(-likeness, min(VOTERS, len(likeness)) - 1)[:VOTERS]
            votes[near] = np.exp(SHARPNESS * (likeness[near] - likeness[near].max()))
            votes /= votes.sum()
            best = np.maximum.reduceat(likeness[self.pairs[:, 1]], self.starts)
            shares = np.add.reduceat(votes[self.pairs[:, 1]], self.starts)
            alike = np.maximum.reduceat(scores[self.pairs[:, 1], text], self.starts)
            for column, values in enumerate((best, shares, alike, np.ones(len(best)))):
                found[at[inside], text, column] = values[inside]
        return found
