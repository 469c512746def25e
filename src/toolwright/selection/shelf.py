"""The names of a catalogue: rows in order of arrival, which of them are left, the tools that a request names outright, and the best rows of scores.

A request names a tool when it is the tool's name in any case style (`cancel booking` for `cancelBooking`) or ends the name after a separator or a
word (`get_forecast` for `weather.get_forecast`), as a whole, or when such a form stands in the request as an identifier (`please run get_forecast`).
A suffix of one word counts only behind `.`, `/`, `:` or `__`, where a namespace ends.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from toolwright.selection.texts import CAMEL, WORD
from toolwright.types import InputError, ScoredTool, Selection, Tool, write_text

NAMESPACE = re.compile(r"[./:]|__")
IDENTIFIER = re.compile(r"[\w./:-]*[\w]")
LONGEST_NAME = 200  # characters of a request that can be a name
MOST_SUFFIXES = 4


def plain(name: str) -> str:
    """A name without case and separators."""
    return "".join(WORD.findall(CAMEL.sub(" ", name).lower()))


def spellings(name: str) -> list[str]:
    """The plain forms that name a tool: the whole name first, then its suffixes."""
    forms = [plain(name)]
    forms += [plain(name[at.end() :]) for at in NAMESPACE.finditer(name)]
    found = WORD.findall(CAMEL.sub(" ", name).lower())
    forms += ["".join(found[i:]) for i in range(1, min(len(found) - 1, MOST_SUFFIXES))]
    return [form for form in dict.fromkeys(forms) if form]


class Shelf:
    """Names by rows; a removed row is not given again."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.rows: dict[str, int] = {}
        self.gone: set[int] = set()
        self.keys = np.zeros(0, dtype=np.uint64)  # hashes of spellings, ascending
        self.holders = np.zeros(0, dtype=np.int32)  # the row of each
        self.late: dict[int, list[int]] = {}  # hash → rows added since the arrays were made

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, tools: Sequence[Tool]) -> None:
        """Further tools. Raises `InputError` for a name that is there already."""
        given: set[str] = set()
        for tool in tools:
            if tool.name in self.rows or tool.name in given:
                raise InputError(f"tool {tool.name!r} is in the catalogue already; names are unique")
            given.add(tool.name)
        first = len(self.names)
        self.names += [tool.name for tool in tools]
        self.rows |= {name: row for row, name in enumerate(self.names[first:], first)}
        self._index(range(first, len(self.names)))

    def remove(self, names: Sequence[str]) -> list[int]:
        """Take tools away; their rows. Raises `InputError` for a name that is not there."""
        rows = [self.find(name) for name in dict.fromkeys(names)]
        for row in rows:
            del self.rows[self.names[row]]
            self.gone.add(row)
        return rows

    def find(self, name: str) -> int:
        """The row of a tool."""
        if name not in self.rows:
            raise InputError(f"tool {name!r} is no tool of this catalogue of {len(self)}")
        return self.rows[name]

    def pool(self, candidates: Sequence[str] | None) -> np.ndarray | None:
        """Rows of the candidates in order of name; None for the whole catalogue."""
        if candidates is None:
            return None
        for name in candidates:
            if name not in self.rows:
                raise InputError(f"candidate {name!r} is no tool of this catalogue of {len(self)}")
        return np.array([self.rows[name] for name in sorted(set(candidates))], dtype=np.int64)

    def named(self, text: str) -> list[int]:
        """Rows of the tools that a request names, whole names before suffixes, then in order of name."""
        whole = [text] if len(text) <= LONGEST_NAME else []
        pieces = [piece for piece in IDENTIFIER.findall(text) if re.search(r"\w[._/:-]\w|[a-z][A-Z]", piece)]
        asked = [form for said in (*whole, *pieces) if (form := plain(said))]
        found: dict[int, bool] = {}
        for form in dict.fromkeys(asked):
            for row in self._spelt(form):
                found[row] = found.get(row, False) or plain(self.names[row]) == form
        return sorted(found, key=lambda row: (not found[row], self.names[row]))

    def _index(self, rows: range) -> None:
        found = [(_hash(form), row) for row in rows for form in spellings(self.names[row])]
        if rows.start == 0:
            keys = np.array([key for key, _ in found], dtype=np.uint64)
            order = np.argsort(keys, kind="stable")
            self.keys, self.holders = keys[order], np.array([row for _, row in found], dtype=np.int32)[order]
        else:
            for key, row in found:
                self.late.setdefault(key, []).append(row)

    def _spelt(self, form: str) -> list[int]:
        key = _hash(form)
        first, last = np.searchsorted(self.keys, np.uint64(key)), np.searchsorted(self.keys, np.uint64(key), side="right")
        rows = [*self.holders[first:last].tolist(), *self.late.get(key, [])]
        return [row for row in rows if row not in self.gone and form in spellings(self.names[row])]

    def best(
        self, scores: np.ndarray, top_k: int, text: str, pool: np.ndarray | None, *, rows: np.ndarray | None = None, matching: float = -np.inf
    ) -> Selection:
        """The `top_k` best tools: those that the request names, then by score, ties by name.

        Args:
            scores: of `rows`, or of every row.
            top_k: how many.
            text: the request, in which names are looked for.
            pool: rows that may be chosen; None for all.
            rows: the rows that the scores belong to, where they are not all.
            matching: without a pool, scores up to this are no match.
        """
        check_top_k(top_k)
        given = np.arange(len(self.names)) if rows is None else rows
        keep = np.isin(given, pool) if pool is not None else scores > matching
        if self.gone:
            keep &= ~np.isin(given, np.fromiter(self.gone, dtype=np.int64))
        at = np.flatnonzero(keep)
        named = [row for row in self.named(text) if pool is None or row in pool]
        total = len(at) + len(np.setdiff1d(named, given[at]))
        found = scores[at]
        if len(at) > top_k + len(named):
            least = np.partition(found, len(found) - top_k - len(named))[len(found) - top_k - len(named)]
            at = at[found >= least]
        by_row = {int(given[i]): float(scores[i]) for i in at}
        ordered = sorted((row for row in by_row if row not in named), key=lambda row: (-by_row[row], self.names[row]))
        top = max(by_row.values(), default=0.0)
        ranked = [(row, max(top, by_row.get(row, 0.0)) + 1.0) for row in named] + [(row, by_row[row]) for row in ordered]
        return Selection(tuple(ScoredTool(self.names[row], score) for row, score in ranked[:top_k]), total_matches=total)

    def save(self, folder: Path) -> None:
        write_text(folder / "names.json", json.dumps({"names": self.names, "gone": sorted(self.gone)}, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Shelf:
        about = json.loads((folder / "names.json").read_text(encoding="utf-8"))
        shelf = cls()
        shelf.names, shelf.gone = about["names"], set(about["gone"])
        shelf.rows = {name: row for row, name in enumerate(shelf.names) if row not in shelf.gone}
        shelf._index(range(len(shelf.names)))
        return shelf


def check_top_k(top_k: int) -> None:
    """Raise `InputError` unless at least one tool is wanted."""
    if top_k < 1:
        raise InputError(f"top_k is {top_k!r}; expected 1 or more")


def _hash(form: str) -> int:
    return int.from_bytes(hashlib.blake2b(form.encode(), digest_size=8).digest(), "big")
