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
    """Which word stands in which text how often, in order of words, then of rows.

    Attributes:
        starts: where the postings of each word begin, and the end of the last ones, int64.
        rows: of the texts, int32.
        counts: of the word in the text, uint8.
    """

    starts: np.ndarray
    rows: np.ndarray
    counts: np.ndarray

    @classmethod
    def of(cls, words: Sequence[int], rows: Sequence[int], counts: Sequence[int], known: int) -> Postings:
        """Postings in any order of words, of which `known` are known; rows ascend."""
        ids = np.asarray(words, dtype=np.int32)
        order = np.argsort(ids, kind="stable")
        starts = np.concatenate([[0], np.cumsum(np.bincount(ids, minlength=known))])
        return cls(starts, np.asarray(rows, dtype=np.int32)[order], np.asarray(counts, dtype=np.uint8)[order])

    def __len__(self) -> int:
        return len(self.rows)

    def joined(self, later: Postings) -> Postings:
        """These and those of later rows, whose vocabulary goes on from this one."""
        ends = np.concatenate([self.starts[1:], np.full(len(later.starts) - len(self.starts), len(self))])
        at = np.repeat(ends, np.diff(later.starts))
        starts = later.starts + np.concatenate([[0], ends])
        return Postings(starts, np.insert(self.rows, at, later.rows), np.insert(self.counts, at, later.counts))

    def span(self, word: int) -> slice:
        """Where a word stands."""
        return slice(int(self.starts[word]), int(self.starts[word + 1])) if word + 1 < len(self.starts) else slice(0, 0)

    def words_of(self, row: int) -> np.ndarray:
        """The words of one text."""
        found: np.ndarray = np.searchsorted(self.starts, np.flatnonzero(self.rows == row), side="right") - 1
        return found


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
        self.total = 0  # words of all texts that are left
        self.main = self.late = Postings.of([], [], [], 0)

    def add(self, texts: Sequence[Sequence[str]]) -> None:
        """Index further texts."""
        vocabulary = self.vocabulary
        ids, rows, counts = array("i"), array("i"), array("B")
        for row, text in enumerate(texts, len(self.lengths)):
            counted = Counter(text)
            ids.extend([vocabulary.setdefault(word, len(vocabulary)) for word in counted])
            rows.extend([row] * len(counted))
            counts.extend([min(count, MOST_COUNTED) for count in counted.values()])
        new = Postings.of(ids, rows, counts, len(vocabulary))
        self.holders = np.concatenate([self.holders, np.zeros(len(vocabulary) - len(self.holders), dtype=np.int64)])
        self.holders += np.diff(new.starts)
        self.lengths = np.concatenate([self.lengths, np.array([len(text) for text in texts], dtype=np.int32)])
        self.living += len(texts)
        self.total += sum(map(len, texts))
        self.late = self.late.joined(new) if len(self.late) else new
        if len(self.late) > min(SEGMENT, len(self.main)):
            self.main, self.late = self.main.joined(self.late) if len(self.main) else self.late, Postings.of([], [], [], 0)

    def remove(self, rows: Sequence[int]) -> None:
        """Forget these texts; their rows are not given again, and what the index still scores them is nothing to go by."""
        self.holders, self.lengths = self.holders.copy(), self.lengths.copy()
        for row in rows:
            for postings in (self.main, self.late):
                self.holders[postings.words_of(row)] -= 1
            self.total -= int(self.lengths[row])
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

    def scores(self, groups: Sequence[Sequence[str]], chosen: np.ndarray | None = None) -> np.ndarray:
        """BM25 of texts for each group of words, shape (texts, groups), float64: of the rows chosen, else of all."""
        total = len(self.lengths) if chosen is None else len(chosen)
        ids = [self.known(group) for group in groups]
        distinct, which = np.unique(np.concatenate(ids), return_inverse=True)
        if not len(distinct):
            return np.zeros((total, len(groups)))
        places, words, parts = self.parts(distinct, chosen)
        times = np.zeros((len(distinct), len(groups)))
        np.add.at(times, (which, np.repeat(np.arange(len(groups)), [len(group) for group in ids])), 1)
        return np.column_stack([np.bincount(places, parts * times[words, group], minlength=total) for group in range(len(groups))])

    def parts(self, ids: np.ndarray, chosen: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What each posting of the words adds to its text: places (among the rows chosen, else rows), which of the words, BM25 parts."""
        wanted = None if chosen is None else chosen.astype(np.int32, copy=False)
        rows, counts, words, places = [], [], [], []
        for postings in (self.main, self.late):
            for i, word in enumerate(ids.tolist()):
                span = postings.span(word)
                held, times = postings.rows[span], postings.counts[span]
                if wanted is not None and len(held):
                    at = np.minimum(np.searchsorted(held, wanted), len(held) - 1)
                    inside = np.flatnonzero(held[at] == wanted)
                    held, times = wanted[inside], times[at[inside]]
                    places.append(inside)
                rows.append(held)
                counts.append(times)
                words.append(np.full(len(held), i))
        if not sum(map(len, rows)):
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64), np.zeros(0)
        of, often, which = np.concatenate(rows), np.concatenate(counts), np.concatenate(words)
        mean = max(1.0, self.total / max(1, self.living))
        parts = self.idf(ids)[which] * often / (often + self.k1 * (1 - self.b + self.b / mean * self.lengths[of]))
        return of if wanted is None else np.concatenate(places), which, parts

    def nearest(self, words: Sequence[str], many: int, most: int) -> np.ndarray:
        """Rows of up to `many` texts that score best by the rarest of the words: as many words as stand in `most` texts together, at least one."""
        ids = np.unique(self.known(words))
        ids = ids[np.argsort(self.holders[ids], kind="stable")]
        ids = ids[: max(1, int(np.searchsorted(np.cumsum(self.holders[ids]), most, side="right")))]
        if not len(ids):
            return np.zeros(0, dtype=np.int64)
        rows, _, parts = self.parts(ids)
        scores = np.bincount(rows, parts)
        held = np.flatnonzero(scores)
        if len(held) > many:
            held = held[np.argpartition(-scores[held], many)[:many]]
        return held

    def save(self, folder: Path) -> None:
        """Write the index; `load` maps its arrays from there."""
        whole = self.main.joined(self.late) if len(self.late) else self.main
        folder.mkdir(parents=True, exist_ok=True)
        for name, values in (("starts", whole.starts), ("rows", whole.rows), ("counts", whole.counts), ("holders", self.holders), ("lengths", self.lengths)):
            np.save(folder / f"{name}.npy", values)
        about = {"k1": self.k1, "b": self.b, "living": self.living, "vocabulary": list(self.vocabulary)}
        write_text(folder / "words.json", json.dumps(about, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> WordIndex:
        about = json.loads((folder / "words.json").read_text(encoding="utf-8"))
        index = cls(about["k1"], about["b"])
        index.vocabulary = {word: i for i, word in enumerate(about["vocabulary"])}
        index.living = about["living"]
        index.main = Postings(*(np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("starts", "rows", "counts")))
        index.holders, index.lengths = np.load(folder / "holders.npy"), np.load(folder / "lengths.npy")
        index.total = int(index.lengths.sum())
        return index
