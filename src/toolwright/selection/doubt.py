"""Whether any tool serves a request, learned from requests that none serves.

A support vector machine (Cortes and Vapnik, 1995) with a Gaussian kernel on how the best tool stands and on the request's meaning; its margin is
turned into a probability by Platt's sigmoid (1999). Neither half suffices: what stands high may still be the wrong action on the right thing, and which
actions a catalogue lacks shows in what is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

STANDING_SHARE = 0.15  # how much the standing's standardised numbers count beside the unit vector
PENALTY = 5.0  # C of the machine


@dataclass(frozen=True)
class Doubt:
    """A fitted machine.

    Attributes:
        mean: of each number of the standing.
        spread: of the same.
        support: support vectors, shape (vectors, numbers + dimension).
        weights: of each.
        numbers: bias, gamma, slope and offset of the sigmoid, threshold.
    """

    mean: np.ndarray
    spread: np.ndarray
    support: np.ndarray
    weights: np.ndarray
    numbers: np.ndarray

    @property
    def threshold(self) -> float:
        """Probability below which no tool serves a request."""
        return float(self.numbers[4])

    def fits(self, standing: np.ndarray, vectors: np.ndarray) -> np.ndarray:
        """Probability that any tool serves each request, from standings (requests, numbers) and vectors (requests, dimension)."""
        bias, gamma, slope, offset = self.numbers[:4]
        points = joined(standing, vectors, self.mean, self.spread)
        distances = (points**2).sum(1)[:, None] + (self.support**2).sum(1)[None] - 2 * points @ self.support.T
        margins = np.exp(-gamma * np.maximum(distances, 0)) @ self.weights + bias
        found: np.ndarray = 1 / (1 + np.exp(-np.clip(slope * margins + offset, -50, 50)))
        return found

    def save(self, path: Path) -> None:
        np.savez(path, mean=self.mean, spread=self.spread, support=self.support, weights=self.weights, numbers=self.numbers)

    @classmethod
    def load(cls, path: Path) -> Doubt:
        with np.load(path) as stored:
            return cls(**{name: stored[name] for name in ("mean", "spread", "support", "weights", "numbers")})


def joined(standing: np.ndarray, vectors: np.ndarray, mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Points of the machine, shape (requests, numbers + dimension)."""
    return np.concatenate([STANDING_SHARE * (standing - mean) / spread, vectors], axis=1)


def fit_doubt(standing: np.ndarray, vectors: np.ndarray, served: np.ndarray, folds: int = 5) -> Doubt:
    """Fit the machine, and on predictions for folds left out the sigmoid and the threshold of the best balanced accuracy.

    Args:
        standing: how the best tool stands, shape (requests, numbers).
        vectors: the requests', shape (requests, dimension).
        served: whether any tool serves each.
        folds: of the cross-validation.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.svm import SVC

    mean, spread = standing.mean(axis=0), standing.std(axis=0) + 1e-6
    points = joined(standing, vectors, mean, spread)
    gamma = 1 / (points.shape[1] * points.var())
    machine = SVC(C=PENALTY, gamma=gamma, class_weight="balanced")
    margins = cross_val_predict(machine, points, served, cv=StratifiedKFold(folds, shuffle=True, random_state=0), method="decision_function")
    sigmoid = LogisticRegression(class_weight="balanced").fit(margins[:, None], served)
    marks = np.quantile(margins, np.linspace(0, 1, 201))
    balanced = [((margins >= mark)[served].mean() + (margins < mark)[~served].mean()) / 2 for mark in marks]
    slope, offset = float(sigmoid.coef_[0, 0]), float(sigmoid.intercept_[0])
    threshold = 1 / (1 + np.exp(-(slope * marks[int(np.argmax(balanced))] + offset)))
    machine.fit(points, served)
    numbers = np.array([machine.intercept_[0], gamma, slope, offset, threshold])
    return Doubt(mean, spread, machine.support_vectors_, machine.dual_coef_[0], numbers)
