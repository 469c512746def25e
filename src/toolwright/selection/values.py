"""Values that a request names, held against the parameters of tools: `EV-25153` says more about which tool is meant than most words do.

Two kinds of evidence. A *pattern* of a parameter's schema that matches a piece of the request (an id, an IBAN, a room) points to the tools that take
such values; how much it says is the rarity of those tools (log of all tools over them). A *kind* (date, time, email, address on the web, phone, number) is
told by a schema's format, type or name, and in a request by its look. Both also count against tools: one that requires what the request does not name
is less likely to be meant. Values of enums that stand in a request point to their tools in the same way.

Patterns come from catalogues of anybody, so they run in an engine of linear time or with a bound on its steps; patterns that nearly anything matches say
nothing and are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs
import numpy as np

from toolwright.selection.texts import CJK, words
from toolwright.selection.words import WordIndex
from toolwright.types import JSON, Tool

LONGEST_VALUE = 64  # characters
MOST_VALUES = 24  # of one request
MOST_DEPTH = 4  # of nested parameters
SPACE = re.compile(rf"\s+|[{CJK}，。；：、（）「」“”]+")
PROBES = (*"2026-04-16 10:45 EV-25153 327 4.5 v1.2.3 ann@firm.example hello Hello HELLO a_b x/y #tag A1 2026 abc123".split(), "two words")
MOST_FITTING = 3  # of these: what fits more tells nothing apart
SPECIAL = re.compile(r"[0-9_@#/\\%$€£+=]|[a-z][A-Z]|\w[-.:]\w|^[A-Z]{2,}$")
MONTH = "(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*"
KINDS: dict[str, re.Pattern[str]] = {
    "date": re.compile(
        rf"\b\d{{4}}-\d\d-\d\d|\b\d{{1,2}}(?:st|nd|rd|th)?(?: of)? {MONTH}\b|\b{MONTH} \d{{1,2}}\b|\b\d{{1,2}}[./]\d{{1,2}}[./]\d{{2,4}}\b"
        r"|\b(?:today|tomorrow|yesterday|tonight|(?:mon|tues|wednes|thurs|fri|satur|sun)day|next week)\b|\d月|[今明昨]天",
        re.IGNORECASE,
    ),
    "time": re.compile(r"\b\d{1,2}:\d\d\b|\b\d{1,2} ?[ap]\.?m\b|\bnoon\b|\bmidnight\b|\d点", re.IGNORECASE),
    "email": re.compile(r"[\w.+-]+@[\w-]+\.\w+"),
    "url": re.compile(r"https?://|\bwww\.|\b[\w-]+\.(?:com|org|net|io)\b(?!@)", re.IGNORECASE),
    "phone": re.compile(r"\+\d[\d ()-]{6,}|\b\d{3}[- ]\d{3}[- ]\d{4}\b"),
    "number": re.compile(r"(?<![\w-])[€$£]?\d[\d,]*(?:\.\d+)?(?![\w-])"),
}
PATTERN, KIND, ENUM = "/", ":", "="  # the first letter of a key says what it is
INDEXES = ("looks_for", "needs_values", "needs_kinds")
KIND_FORMATS = {"date": "date", "date-time": "date", "time": "time", "email": "email", "uri": "url", "url": "url"}
KIND_WORDS = {"date": "date", "day": "date", "time": "time", "email": "email", "mail": "email", "url": "url", "link": "url", "website": "url", "phone": "phone"}


@dataclass(frozen=True, slots=True)
class Signs:
    """What the schemas of one tool look for: patterns, kinds and enum values, and which of the first two it requires."""

    patterns: frozenset[str]
    kinds: frozenset[str]
    enums: frozenset[str]
    required_patterns: frozenset[str]
    required_kinds: frozenset[str]


@dataclass(frozen=True, slots=True)
class Named:
    """What a request names: pieces that look like values, and the kinds that occur."""

    values: tuple[str, ...]
    kinds: frozenset[str]
    phrases: frozenset[str]


def signs_of(tool: Tool) -> Signs:
    """What a tool's parameters look for."""
    patterns: set[str] = set()
    kinds: set[str] = set()
    enums: set[str] = set()
    required_patterns: set[str] = set()
    required_kinds: set[str] = set()
    for name, schema, required in _leaves(tool.parameters, "", True, MOST_DEPTH):
        pattern, kind = schema.get("pattern"), kind_of(name, schema)
        if isinstance(pattern, str) and not kind and tells(pattern):
            patterns.add(pattern)
            if required:
                required_patterns.add(pattern)
        if kind:
            kinds.add(kind)
            if required and kind != "number":
                required_kinds.add(kind)
        listed = schema.get("enum")
        enums |= {phrase for value in (listed if isinstance(listed, list) else ()) if isinstance(value, str) and (phrase := " ".join(words(value)))}
    return Signs(frozenset(patterns), frozenset(kinds), frozenset(enums), frozenset(required_patterns), frozenset(required_kinds))


def named_in(text: str) -> Named:
    """What a request names: at most 24 values, kinds, and the one to three word phrases that enums may hold."""
    pieces = [piece for raw in SPACE.split(text) if (piece := _bare(raw))]
    values = [form for piece in pieces if SPECIAL.search(piece) for form in dict.fromkeys((piece, piece.lstrip("#@"))) if 0 < len(form) <= LONGEST_VALUE]
    pairs = [f"{a} {b}" for a, b in pairwise(pieces) if SPECIAL.search(a) and SPECIAL.search(b) and len(a) + len(b) < LONGEST_VALUE]
    said = words(text)
    phrases = {" ".join(said[i : i + size]) for size in (1, 2, 3) for i in range(len(said) - size + 1)}
    found = [*dict.fromkeys((*values, *pairs))][:MOST_VALUES]
    return Named(tuple(found), frozenset(kind for kind, look in KINDS.items() if look.search(text)), frozenset(phrases))


def kind_of(name: str, schema: JSON) -> str:
    """The kind of a parameter's values by its format, its pattern, its type or the last words of its name; empty when none is told."""
    if known := KIND_FORMATS.get(str(schema.get("format"))):
        return known
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        return "date" if fits(pattern, "2026-04-16") or fits(pattern, "2026-04-16T10:45") else "time" if fits(pattern, "10:45") else ""
    if schema.get("type") in ("number", "integer"):
        return "number"
    if schema.get("type", "string") != "string" or "enum" in schema:
        return ""
    return next((KIND_WORDS[word] for word in reversed(words(name)) if word in KIND_WORDS), "")


@lru_cache(maxsize=65536)
def tells(pattern: str) -> bool:
    """Whether a pattern tells values apart: valid, and matched by few of some very different texts."""
    return _matcher(pattern) is not None and sum(fits(pattern, probe) for probe in PROBES) <= MOST_FITTING


def fits(pattern: str, value: str) -> bool:
    """Whether the pattern matches, as JSON Schema has it; an invalid pattern matches nothing."""
    matcher = _matcher(pattern)
    return matcher is not None and bool(matcher.is_valid(value))


@lru_cache(maxsize=65536)
def _matcher(pattern: str) -> Any:
    """A validator in linear time; with bounded steps where the pattern needs look-around; None for what is no pattern."""
    schema = {"type": "string", "pattern": pattern}
    for engine in (jsonschema_rs.RegexOptions(size_limit=200_000), jsonschema_rs.FancyRegexOptions(backtrack_limit=2_000)):
        try:
            return jsonschema_rs.Draft202012Validator(schema, pattern_options=engine)
        except (jsonschema_rs.ValidationError, ValueError):
            continue
    return None


def _bare(piece: str) -> str:
    return piece.strip(".,;:!?()[]{}<>\"'“”‘’`").removesuffix("'s").removesuffix("’s")


def _leaves(schema: JSON, name: str, required: bool, depth: int) -> Iterator[tuple[str, JSON, bool]]:
    """Every scalar parameter, nested ones included, with its schema and whether a call must give it."""
    if depth == 0:
        return
    properties, items = schema.get("properties"), schema.get("items")
    if isinstance(properties, dict):
        needed = schema.get("required") or ()
        for key, inner in properties.items():
            if isinstance(inner, dict):
                yield from _leaves(inner, key, required and key in needed, depth - 1)
    elif isinstance(items, dict):
        yield from _leaves(items, name, required, depth - 1)
    elif name:
        yield name, schema, required


class ValueIndex:
    """Which tools look for what, so that a request's values find their tools without reading every schema again."""

    def __init__(self) -> None:
        self.looks_for = WordIndex(k1=0.0)  # patterns, kinds and enum values of each tool, as words; k1 = 0 makes a score the sum of idf
        self.needs_values = WordIndex(k1=0.0)  # the patterns it requires
        self.needs_kinds = WordIndex(k1=0.0)  # the kinds it requires
        self.listed: list[tuple[str, Any]] = []
        self.listed_of = 0

    def add(self, tools: Sequence[Tool]) -> None:
        """Index further tools; their rows follow those there are."""
        found = [signs_of(tool) for tool in tools]
        self.looks_for.add(
            [[PATTERN + p for p in sorted(s.patterns)] + [KIND + k for k in sorted(s.kinds)] + [ENUM + e for e in sorted(s.enums)] for s in found]
        )
        self.needs_values.add([[PATTERN + pattern for pattern in sorted(signs.required_patterns)] for signs in found])
        self.needs_kinds.add([[KIND + kind for kind in sorted(signs.required_kinds)] for signs in found])

    def remove(self, rows: Sequence[int]) -> None:
        for index in (self.looks_for, self.needs_values, self.needs_kinds):
            index.remove(rows)

    def fitting(self, value: str) -> list[str]:
        """The patterns of the catalogue, as keys, that a value fits."""
        return [key for key, matches in self._patterns() if matches(value)]

    def _patterns(self) -> list[tuple[str, Any]]:
        """Every pattern of the catalogue, as a key, with what tells whether a value fits it."""
        if len(self.looks_for.vocabulary) != self.listed_of:
            keys = [key for key in self.looks_for.vocabulary if key[0] == PATTERN]
            self.listed, self.listed_of = [(key, _matcher(key[1:]).is_valid) for key in keys], len(self.looks_for.vocabulary)
        return self.listed

    def scores(self, texts: Sequence[str], chosen: np.ndarray | None = None) -> np.ndarray:
        """Evidence of each text (the first is the whole request, the others its parts) for the rows chosen, else all, shape (rows, texts, 6), float64.

        The six: rarity of the values that fit; the share of all such rarity; rarity of the kinds; rarity of the enum values; and, the same for every
        part, how many required patterns and required kinds the whole request leaves without a value.
        """
        many = len(self.looks_for.lengths) if chosen is None else len(chosen)
        named = [named_in(text) for text in texts]
        fitting = {value: self.fitting(value) for value in dict.fromkeys(value for one in named for value in one.values)}
        rarest = {value: self._rarest(keys, chosen, many) for value, keys in fitting.items() if keys}
        found = np.zeros((many, len(texts), 6))
        for at, one in enumerate(named):
            total = 0.0
            for value in one.values:
                if value in rarest:
                    found[:, at, 0] += rarest[value]
                    total += float(rarest[value].max(initial=0.0))
            found[:, at, 1] = found[:, at, 0] / total if total else 0.0
        groups = [keys for one in named for keys in ([KIND + kind for kind in sorted(one.kinds)], [ENUM + phrase for phrase in sorted(one.phrases)])]
        found[:, :, 2:4] = self.looks_for.scores(groups, chosen).reshape(many, len(texts), 2)
        met = sorted({key for value in named[0].values for key in fitting[value]})
        for column, index, keys in ((4, self.needs_values, met), (5, self.needs_kinds, [KIND + kind for kind in named[0].kinds])):
            hit, _, _ = index.parts(index.known(keys), chosen)
            short = (index.lengths if chosen is None else index.lengths[chosen]) - np.bincount(hit, minlength=many).astype(float)
            found[:, :, column] = short[:, None]
        return found

    def rare(self, text: str, many: int) -> np.ndarray:
        """Rows of the tools that look for a value of this text, for those values that at most `many` look for."""
        index = self.looks_for
        known = index.known([key for value in named_in(text).values for key in self.fitting(value)])
        rows, _, _ = index.parts(known[index.holders[known] <= many])
        return np.unique(rows).astype(np.int64)

    def _rarest(self, keys: Sequence[str], chosen: np.ndarray | None, many: int) -> np.ndarray:
        """For each tool the rarity of the rarest of these patterns that it has."""
        best = np.zeros(many)
        rows, _, rarity = self.looks_for.parts(self.looks_for.known(keys), chosen)
        np.maximum.at(best, rows, rarity)
        return best

    def save(self, folder: Path) -> None:
        for name in INDEXES:
            getattr(self, name).save(folder / name)

    @classmethod
    def load(cls, folder: Path) -> ValueIndex:
        index = cls()
        for name in INDEXES:
            setattr(index, name, WordIndex.load(folder / name))
        return index
