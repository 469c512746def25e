"""In which order tools are used, learned from plans: where in the goal their clauses stand, and which tool follows which.

A logistic regression weighs, for each pair, how far apart their clauses stand and how often plans had one before the other; the order kept agrees with most of
that (all permutations of up to seven tools, beyond that by how many each goes before).
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np

from toolwright.types import JSON

PERMUTED = 7  # tools of which every order is tried


class ToolOrder:
    """Learns from sequences of tools and where each is spoken of."""

    def fit(self, sequences: Sequence[Sequence[str]], positions: Sequence[Sequence[float]]) -> Self:
        """Learn.

        Args:
            sequences: tools of each plan in the order of its steps.
            positions: for each of them, where in the goal its clause stands, from 0 to 1.
        """
        from sklearn.linear_model import LogisticRegression

        self.before_: Counter[tuple[str, str]] = Counter()
        self.next_: Counter[tuple[str, str]] = Counter()
        for one in {tuple(names) for names in sequences}:
            self.before_.update({(a, b) for i, a in enumerate(one) for b in one[i + 1 :] if a != b})
            self.next_.update(set(itertools.pairwise(one)))
        rows, right = [], []
        for names, places in zip(sequences, positions, strict=True):
            seen = {(a, b) for i, a in enumerate(names) for b in names[i + 1 :]}
            for (a, at_a), (b, at_b) in itertools.combinations(zip(names, places, strict=True), 2):
                if a == b:
                    continue
                for (x, at_x), (y, at_y), is_first in (((a, at_a), (b, at_b), True), ((b, at_b), (a, at_a), False)):
                    own = 1 if (x, y) in seen else 0, 1 if (y, x) in seen else 0
                    rows.append([at_y - at_x, float(np.sign(at_y - at_x)), self._lean(x, y, own)])
                    right.append(is_first)
        self.weights_: Any = LogisticRegression(C=10.0).fit(rows, right).coef_[0] if rows else np.zeros(3)
        return self

    def to_json(self) -> JSON:
        """The counts; weights are an array of their own."""
        return {
            "before": [[*pair, count] for pair, count in sorted(self.before_.items())],
            "next": [[*pair, count] for pair, count in sorted(self.next_.items())],
        }

    @classmethod
    def from_json(cls, value: JSON, weights: np.ndarray) -> Self:
        found = cls()
        found.before_ = Counter({(a, b): count for a, b, count in value["before"]})
        found.next_ = Counter({(a, b): count for a, b, count in value["next"]})
        found.weights_ = weights
        return found

    def order(self, names: Sequence[str], places: Sequence[float]) -> list[int]:
        """Indices of the tools in the order in which they should run."""
        size = len(names)
        gain = np.zeros((size, size))
        for i, j in itertools.permutations(range(size), 2):
            apart = places[j] - places[i]
            gain[i, j] = self.weights_ @ np.array([apart, np.sign(apart), self._lean(names[i], names[j], (0, 0))])
        if size > PERMUTED:
            return sorted(range(size), key=lambda i: -gain[i].sum())
        follows = np.array([[math.log1p(self.next_[a, b]) for b in names] for a in names])

        def worth(order: Iterable[int]) -> float:
            order = tuple(order)
            agreed = sum(float(gain[a, b]) for a, b in itertools.combinations(order, 2))
            return agreed + sum(float(follows[a, b]) for a, b in itertools.pairwise(order))

        return list(max(itertools.permutations(range(size)), key=worth))

    def _lean(self, a: str, b: str, own: tuple[int, int]) -> float:
        """Log odds of a before b in the plans seen, but for one that is left out."""
        first, second = self.before_[a, b] - own[0], self.before_[b, a] - own[1]
        return math.log((max(first, 0) + 0.5) / (max(second, 0) + 0.5))
