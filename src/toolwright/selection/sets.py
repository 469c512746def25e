"""Sets of tools: a request that needs several is served by tools that belong together, not by each alone.

Two things tell that tools belong together: they were used together in requests seen (lift), and one gives what the other requires (a link from producer to
consumer), by the meaning types of a catalogue (`"x-toolwright": {"meanings": …}`) or, where it has none, by the names of fields.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from toolwright.selection.texts import identifier_words
from toolwright.types import JSON, Tool

WEIGHED = 30  # best tools among which a set is made
COMMON = frozenset({"id", "name", "date", "total", "count", "status", "type", "text", "iso date", "money", "currency", "person name"})


@dataclass(frozen=True, slots=True)
class Needs:
    """What a tool gives and what it requires, as meaning types or names of fields."""

    gives: frozenset[str]
    requires: frozenset[str]


@dataclass(frozen=True, slots=True)
class Sets:
    """How much belonging together counts.

    Attributes:
        lifts: for pairs of names in order, log of how much oftener they were used together than by chance.
        together: weight of the lift.
        linked: weight of a link.
    """

    lifts: Mapping[tuple[str, str], float] = field(default_factory=dict)
    together: float = 0.0
    linked: float = 0.0

    def reranked(self, names: Sequence[str], scores: np.ndarray, needs: Mapping[str, Needs]) -> list[int]:
        """Places of the tools in order: each next one is the best by its own score and by what it has to do with the best before it.

        Args:
            names: tools, best first.
            scores: their log-probabilities.
            needs: what each gives and requires.
        """
        left, order = list(range(len(names))), [0] if names else []
        bonus = np.zeros(len(names))
        while len(order) < len(names):
            last = names[order[-1]]
            left = [place for place in left if place != order[-1]]
            for place in left:
                bonus[place] = max(bonus[place], self._belongs(last, names[place], needs))
            order.append(max(left, key=lambda place: (scores[place] + bonus[place], -place)))
        return order

    def _belongs(self, first: str, second: str, needs: Mapping[str, Needs]) -> float:
        lift = self.lifts.get((min(first, second), max(first, second)), 0.0)
        a, b = needs[first], needs[second]
        return self.together * lift + self.linked * float(bool(a.gives & b.requires) or bool(b.gives & a.requires))


def needs_of(tool: Tool) -> Needs:
    """What a tool gives and requires; what nearly every tool has (a name, a date) links nothing."""
    meanings = tool.extras.get("meanings")
    if isinstance(meanings, dict):
        given = frozenset(str(value) for value in meanings.get("returns", {}).values())
        required = frozenset(str(value) for name, value in meanings.get("parameters", {}).items() if name in tool.required)
    else:
        given = frozenset(_names(tool.returns or {}))
        required = frozenset(identifier_words(name) for name in tool.required)
    return Needs(
        frozenset(one for one in given if identifier_words(one) not in COMMON), frozenset(one for one in required if identifier_words(one) not in COMMON)
    )


def lifts_of(uses: Sequence[Sequence[str]], least: int = 2) -> dict[tuple[str, str], float]:
    """Log of how much oftener two tools serve the same request than by chance, for pairs seen together at least `least` times; at least 0."""
    single = Counter(name for names in uses for name in set(names))
    pairs = Counter(pair for names in uses for pair in combinations(sorted(set(names)), 2))
    return {(a, b): round(max(0.0, math.log(count * len(uses) / (single[a] * single[b]))), 4) for (a, b), count in sorted(pairs.items()) if count >= least}


def _names(schema: JSON, depth: int = 4) -> list[str]:
    properties = schema.get("properties")
    found: list[str] = []
    if depth and isinstance(properties, dict):
        for name, inner in properties.items():
            found.append(identifier_words(name))
            if isinstance(inner, dict):
                found += _names(inner, depth - 1)
                items = inner.get("items")
                found += _names(items, depth - 1) if isinstance(items, dict) else []
    return found
