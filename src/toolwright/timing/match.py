"""How well each tool suits what is asked: its words, its kinds of number, and which of its required arguments are given

Words: BM25 (Robertson and Zaragoza, 2009; k1 = 1.2, b = 0.5) over stems of name, description, keywords and parameters, the newest turn in full, turns before
it by `BEFORE`. A number such as `HB-1063` speaks for the tools that have a parameter of its pattern, and against the others. Only the best `SHORTLIST`
by these are asked which arguments are given.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from toolwright.selection.keyword import tool_text, words
from toolwright.tools.slots import fill
from toolwright.tools.values import Reading, decides, fits, read
from toolwright.tools.vocabulary import stem
from toolwright.types import JSON, InputError, Message, Tool

SHORTLIST = 12
BEFORE = 0.4
FEW = 10
KEPT = 64
K1, B = 1.2, 0.5
FITS, STRAYS, MISSING, GIVEN = 5.0, 3.0, 2.5, 0.3  # what a fitting, a strange, a missing and a given value weigh beside words


@dataclass(frozen=True, slots=True)
class Match:
    """A tool beside a conversation.

    Attributes:
        tool: the tool.
        score: how well it suits; only comparable within one conversation.
        words: BM25 of the newest turn.
        covered: share of the newest turn's words, by how rare they are, that the tool knows; 0 to 1.
        fitting: numbers and codes in the conversation that have the form of one of its parameters.
        strange: those that have not.
        given: the arguments that the conversation gives.
        missing: the required ones that it does not.
    """

    tool: Tool
    score: float
    words: float
    covered: float
    fitting: int
    strange: int
    given: JSON
    missing: tuple[str, ...]


class Matcher:
    """The tools' words and patterns, indexed once.

    Args:
        tools: the tools at hand; their order breaks ties.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self.tools = tuple(tools)
        names = Counter(tool.name for tool in self.tools)
        if len(names) < len(self.tools):
            raise InputError(f"two tools are named {names.most_common(1)[0][0]!r}; names must differ")
        self.lengths: list[int] = []
        self.postings: dict[str, list[tuple[int, int]]] = {}
        self.patterns: dict[str, set[int]] = {}
        for i, tool in enumerate(self.tools):
            counted = _counted(_Same(tool))
            self.lengths.append(sum(counted.values()))
            for word, count in counted.items():
                self.postings.setdefault(word, []).append((i, count))
            for pattern in _patterns(_Same(tool)):
                self.patterns.setdefault(pattern, set()).add(i)
        self.mean_length = sum(self.lengths) / max(1, len(self.lengths)) or 1.0

    def best(self, messages: Sequence[Message], top_k: int = SHORTLIST) -> tuple[Match, ...]:
        """The tools that suit best, at most `top_k`, the best first."""
        reading = read(messages)
        newest = {stem(word) for word in words(messages[-1].content[-4000:])}
        before = {stem(word) for message in messages[:-1] for word in words(message.content[-2000:])} - newest
        spoken, earlier = self._bm25(newest), self._bm25(before)
        codes = sorted({span.text for span in reading.tokens if len(span.text) <= 80 and _is_code(span.text)})[:20]
        fitting = Counter[int]()
        for code in codes:
            fitting.update({i for pattern, owners in self.patterns.items() if fits(pattern, code) for i in owners})
        strange = STRAYS * len(codes)
        rough = {i: spoken.get(i, 0.0) + BEFORE * earlier.get(i, 0.0) + (FITS + STRAYS) * fitting[i] - strange for i in {*spoken, *earlier, *fitting}}
        wanted = max(SHORTLIST, top_k)
        shortlist = sorted(rough, key=lambda i: (-rough[i], i))[:wanted]
        if len(shortlist) < wanted:  # tools that share nothing with what was said
            shortlist += [i for i in range(min(len(self.tools), wanted + len(rough))) if i not in rough][: wanted - len(shortlist)]
        weight = sum(self._rarity(word) for word in newest)
        matches = [self._match(i, reading, rough.get(i, -strange), spoken.get(i, 0.0), newest, weight, fitting[i], len(codes)) for i in shortlist]
        return tuple(sorted(matches, key=lambda match: -match.score)[:top_k])

    def _match(self, i: int, reading: Reading, rough: float, spoken: float, newest: set[str], weight: float, fitting: int, codes: int) -> Match:
        tool = self.tools[i]
        given = fill(reading, tool).arguments
        missing = tuple(name for name in tool.required if name not in given)
        known = sum(self._rarity(word) for word in newest & _counted(_Same(tool)).keys())
        score = rough - MISSING * len(missing) + GIVEN * len(given)
        return Match(tool, score, spoken, known / weight if weight else 0.0, fitting, codes - fitting, given, missing)

    def _rarity(self, word: str) -> float:
        """Inverse document frequency; a handful of tools counts as `FEW`, so that their words still weigh something."""
        found = len(self.postings.get(word, ()))
        return math.log(1 + (max(FEW, len(self.tools)) - found + 0.5) / (found + 0.5))

    def _bm25(self, query: set[str]) -> dict[int, float]:
        scores: dict[int, float] = {}
        for word in sorted(query):
            rarity = self._rarity(word)
            for i, count in self.postings.get(word, ()):
                share = count * (K1 + 1) / (count + K1 * (1 - B + B * self.lengths[i] / self.mean_length))
                scores[i] = scores.get(i, 0.0) + rarity * share
        return scores


class _Same:
    """A tool as a cache key: equal by identity, kept alive by the cache."""

    def __init__(self, tool: Tool) -> None:
        self.tool = tool

    def __hash__(self) -> int:
        return id(self.tool)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.tool is self.tool


_INDEXED: OrderedDict[tuple[int, ...], Matcher] = OrderedDict()  # by the tools' identities, which the matcher keeps alive


def matcher(tools: Sequence[Tool]) -> Matcher:
    """The index of these tools, made once for the same objects; the last `KEPT` are kept. Raises `InputError` for two tools of one name."""
    key = tuple(map(id, tools))
    found = _INDEXED.pop(key, None) or Matcher(tools)
    _INDEXED[key] = found
    while len(_INDEXED) > KEPT:
        _INDEXED.popitem(last=False)
    return found


@lru_cache(maxsize=16384)
def _counted(same: _Same) -> Counter[str]:
    tool = same.tool
    described = " ".join(str(schema.get("description", "")) for schema in tool.properties.values() if isinstance(schema, dict))
    return Counter(stem(word) for word in words(f"{tool_text(tool)} {described}"))


@lru_cache(maxsize=16384)
def _patterns(same: _Same) -> tuple[str, ...]:
    """The patterns of a tool's parameters, list members included, that decide by themselves."""
    found: list[str] = []
    for schema in same.tool.properties.values():
        items: Any = schema.get("items") if isinstance(schema, dict) else None
        found += [str(one["pattern"]) for one in (schema, items) if isinstance(one, dict) and "pattern" in one]
    return tuple(dict.fromkeys(pattern for pattern in found if decides(pattern)))


def _is_code(word: str) -> bool:
    return any(character.isdigit() for character in word) and not word.replace(".", "").replace(",", "").isdigit()
