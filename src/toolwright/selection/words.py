"""An index of words: BM25 scores of many texts, with texts added and removed at any time.

Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond" (2009), in Lucene's variant: a word that n of N texts hold counts
idf = ln(1 + (N - n + 0.5) / (n + 0.5)) times tf / (tf + k1 (1 - b + b length / mean length)). What is kept is how often each word stands in each
text; idf and mean length are those of the moment, so that scores after additions and removals are those of an index built anew. Texts added
lately stand in a small segment of their own, which joins the main one when it has grown.
"""

from __future__ import annotations

import json
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from toolwright.types import write_text

SEGMENT = 200_000  # postings that the segment of additions holds at most
MOST_COUNTED = 255  # occurrences of a word in a text


@dataclass(frozen=True, slots=True)
class Postings:
    """Which word stands in which text how often, in order of words, then of rows: three arrays of one length."""

    words: np.ndarray  # int32
    rows: np.ndarray  # int32
    counts: np.ndarray  # uint8

    @classmethod
    def of(cls, words: Sequence[int], rows: Sequence[int], counts: Sequence[int]) -> Postings:
        """Postings in any order of words; rows ascend."""
        ids = np.asarray(words, dtype=np.int32)
        order = np.argsort(ids, kind="stable")
        return cls(ids[order], np.asarray(rows, dtype=np.int32)[order], np.asarray(counts, dtype=np.uint8)[order])

    def joined(self, later: Postings) -> Postings:
        """These and those of later rows."""
        at = np.searchsorted(self.words, later.words, side="right")
        return Postings(np.insert(self.words, at, later.words), np.insert(self.rows, at, later.rows), np.insert(self.counts, at, later.counts))

    def spans(self, ids: np.ndarray) -> list[slice]:
        """Where each of the words stands."""
        first, last = np.searchsorted(self.words, ids), np.searchsorted(self.words, ids, side="right")
        return [slice(a, b) for a, b in zip(first.tolist(), last.tolist(), strict=True)]


class WordIndex:
    """BM25 over texts given as lists of words; a text's row is its number in order of arrival.

    Args:
        k1: how soon further occurrences of a word stop counting.
        b: how far long texts are discounted, 0 to 1.
    """

    def __init__(self, k1: float = 1.5, b: float = 0.75) -> None:
        self.k1 = k1
        self.b = b
        self.vocabulary: dict[str, int] = {}
        self.holders = np.zeros(0, dtype=np.int64)  # of each word: texts that hold it, without those removed
        self.lengths = np.zeros(0, dtype=np.int32)  # of each text, in words; 0 once it is removed
        self.living = 0
        self.main = self.late = Postings.of([], [], [])

    def add(self, texts: Sequence[Sequence[str]]) -> None:
        """Index further texts."""
        vocabulary = self.vocabulary
        ids, rows, counts = array("i"), array("i"), array("B")
        for row, text in enumerate(texts, len(self.lengths)):
            counted = Counter(text)
            ids.extend([vocabulary.setdefault(word, len(vocabulary)) for word in counted])
            rows.extend([row] * len(counted))
            counts.extend([min(count, MOST_COUNTED) for count in counted.values()])
        new = Postings.of(ids, rows, counts)
        self.holders = np.concatenate([self.holders, np.zeros(len(vocabulary) - len(self.holders), dtype=np.int64)])
        self.holders += np.bincount(new.words, minlength=len(self.holders))
        self.lengths = np.concatenate([self.lengths, np.array([len(text) for text in texts], dtype=np.int32)])
        self.living += len(texts)
        self.late = self.late.joined(new) if len(self.late.words) else new
        if len(self.late.words) > min(SEGMENT, len(self.main.words)):
            self.main, self.late = self.main.joined(self.late) if len(self.main.words) else self.late, Postings.of([], [], [])

    def remove(self, rows: Sequence[int]) -> None:
        """Forget these texts; their rows are not given again, and what the index still scores them is nothing to go by."""
        self.holders, self.lengths = self.holders.copy(), self.lengths.copy()
        for row in rows:
            for postings in (self.main, self.late):
                self.holders[postings.words[postings.rows == row]] -= 1
            self.lengths[row] = 0
        self.living -= len(rows)

    def idf(self, ids: np.ndarray) -> np.ndarray:
        """How much each of the words says."""
        held = self.holders[ids]
        found: np.ndarray = np.log(1 + (self.living - held + 0.5) / (held + 0.5))
        return found

    def known(self, words: Sequence[str]) -> np.ndarray:
        """Ids of those words that the index knows, in order."""
        return np.array([self.vocabulary[word] for word in words if word in self.vocabulary], dtype=np.int64)

    def scores(self, groups: Sequence[Sequence[str]], places: np.ndarray | None = None, many: int | None = None) -> np.ndarray:
        """BM25 of texts for each group of words, shape (texts, groups), float64.

        Args:
            groups: lists of words.
            places: for every row, its place in the answer, or -1 to leave it out; None for all rows in order.
            many: how many places there are.
        """
        total = len(self.lengths) if many is None else many
        ids = [self.known(group) for group in groups]
        distinct, which = np.unique(np.concatenate(ids), return_inverse=True)
        if not len(distinct):
            return np.zeros((total, len(groups)))
        rows, words, parts = self.parts(distinct, places)
        times = np.zeros((len(distinct), len(groups)))
        np.add.at(times, (which, np.repeat(np.arange(len(groups)), [len(group) for group in ids])), 1)
        return np.column_stack([np.bincount(rows, parts * times[words, group], minlength=total) for group in range(len(groups))])

    def parts(self, ids: np.ndarray, places: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each posting of the words adds to its text: places (rows without `places`), which of the words, BM25 parts."""
        spans = [(postings, span, i) for postings in (self.main, self.late) for i, span in enumerate(postings.spans(ids)) if span.stop > span.start]
        if not spans:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros(0)
        rows = np.concatenate([postings.rows[span] for postings, span, _ in spans])
        counts = np.concatenate([postings.counts[span] for postings, span, _ in spans])
        words = np.repeat([i for _, _, i in spans], [span.stop - span.start for _, span, _ in spans])
        lengths = self.lengths[rows]
        if places is not None:
            rows = places[rows]
            inside = rows >= 0
            rows, counts, words, lengths = rows[inside], counts[inside], words[inside], lengths[inside]
        mean = max(1.0, float(self.lengths.sum()) / max(1, self.living))
        return rows, words, self.idf(ids)[words] * counts / (counts + self.k1 * (1 - self.b + self.b / mean * lengths))

    def save(self, folder: Path) -> None:
        """Write the index; `load` maps its arrays from there."""
        whole = self.main.joined(self.late)
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in (("words", whole.words), ("rows", whole.rows), ("counts", whole.counts), ("holders", self.holders), ("lengths", self.lengths)):
            np.save(folder / f"{name}.npy", values)
        about = {"k1": self.k1, "b": self.b, "living": self.living, "vocabulary": list(self.vocabulary)}
        write_text(folder / "words.json", json.dumps(about, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> WordIndex:
        about = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        index = cls(about["k1"], about["b"])
        index.vocabulary = {word: i for i, word in enumerate(about["vocabulary"])}
        index.living = about["living"]
        words, rows, counts = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("words", "rows", "counts"))
        index.main = Postings(words, rows, counts)
        index.holders, index.lengths = np.load(folder / "holders.npy"), np.load(folder / "lengths.npy")
        return index
