"""Boosted trees as plain arrays: trained by scikit-learn, kept without pickling, read without scikit-learn.

A file of arrays cannot run code when it is loaded; a pickled estimator can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from toolwright.types import InputError

PARTS = ("feature", "threshold", "left", "right", "leaf", "value", "root", "base")


@dataclass(frozen=True, slots=True)
class Forest:
    """Nodes of all trees in one row; `root` is where each tree begins; children are counted from the start of the row."""

    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    leaf: np.ndarray
    value: np.ndarray
    root: np.ndarray
    base: np.ndarray

    @classmethod
    def train(cls, features: np.ndarray, right: np.ndarray, *, trees: int = 200, leaves: int = 31, rate: float = 0.1, seed: int = 0) -> Self:
        """Gradient-boosted trees for the probability that a row is right (scikit-learn's histogram trees; Ke et al., LightGBM, 2017).

        Args:
            features: shape (rows, features), no missing values.
            right: shape (rows,), booleans.
            trees: how many.
            leaves: of each.
            rate: learning rate.
            seed: of the sampling of bins.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier

        model: Any = HistGradientBoostingClassifier(
            max_iter=trees, max_leaf_nodes=leaves, learning_rate=rate, min_samples_leaf=20, l2_regularization=1.0, early_stopping=False, random_state=seed
        ).fit(features, right)
        nodes = [tree[0].nodes for tree in model._predictors]
        starts = np.cumsum([0, *(len(tree) for tree in nodes)])
        every = np.concatenate(nodes)
        shift = np.repeat(starts[:-1], [len(tree) for tree in nodes])
        return cls(
            feature=every["feature_idx"].astype(np.int32),
            threshold=every["num_threshold"].astype(np.float64),
            left=(every["left"] + shift).astype(np.int32),
            right=(every["right"] + shift).astype(np.int32),
            leaf=every["is_leaf"].astype(bool),
            value=every["value"].astype(np.float64),
            root=starts[:-1].astype(np.int32),
            base=np.asarray(model._baseline_prediction, dtype=np.float64).reshape(-1),
        )

    def probability(self, features: np.ndarray) -> np.ndarray:
        """Shape (rows,)."""
        if not len(features):
            return np.zeros(0)
        at = np.tile(self.root, (len(features), 1))
        rows = np.arange(len(features))[:, None]
        while not self.leaf[at].all():
            down = np.where(features[rows, self.feature[at]] <= self.threshold[at], self.left[at], self.right[at])
            at = np.where(self.leaf[at], at, down)
        odds: np.ndarray = self.base[0] + self.value[at].sum(axis=1)
        return 1 / (1 + np.exp(-odds))

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """What `from_arrays` reads."""
        return {f"{prefix}.{part}": getattr(self, part) for part in PARTS}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> Self:
        if missing := [part for part in PARTS if f"{prefix}.{part}" not in arrays]:
            raise InputError(f"arrays of a forest: {prefix}.{missing[0]} is missing; expected {', '.join(PARTS)}")
        return cls(**{part: arrays[f"{prefix}.{part}"] for part in PARTS})
