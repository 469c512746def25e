"""Diversity by k-center: no dialogue of the pool is far from a chosen one (Sener & Savarese, "Active Learning for CNNs: A Core-Set Approach", 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue


def k_center(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """Greedy k-center on the embeddings, from the dialogue nearest to their mean on."""
    check_keep(dialogues, keep)
    return sorted(greedy_k_center(signals.embeddings(), keep))


def greedy_k_center(vectors: np.ndarray, keep: int) -> list[int]:
    """Indices in the order chosen: each time the point farthest from all chosen ones, which covers within twice the best radius (Gonzalez, 1985).

    Args:
        vectors: unit vectors, shape (n, d).
        keep: how many, 1 to n.
    """
    chosen = [int((vectors @ vectors.mean(0)).argmax())]
    nearest = vectors @ vectors[chosen[0]]
    nearest[chosen[0]] = np.inf
    while len(chosen) < keep:
        farthest = int(nearest.argmin())
        chosen.append(farthest)
        np.maximum(nearest, vectors @ vectors[farthest], out=nearest)
        nearest[farthest] = np.inf
    return chosen
