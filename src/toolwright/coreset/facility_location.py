"""Diversity by facility location: every dialogue of the pool is like some chosen one (Wei, Iyer & Bilmes, "Submodularity in Data Subset Selection", 2015)."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolwright.coreset.cells import near_cells
from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue

NEIGHBOURS = 128  # of each point that it can stand for; likeness beyond them counts as none
BLOCK = 1024
EXACT = 20_000  # points up to which all pairs are looked at


def facility_location(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """Greedy facility location on the embeddings."""
    check_keep(dialogues, keep)
    return sorted(greedy_facility_location(neighbours(signals.embeddings()), keep))


@dataclass(frozen=True, slots=True)
class Likeness:
    """Who is like whom: for each point the points it can stand for, in rows of a sparse matrix (CSR); a point is like itself with 1."""

    starts: np.ndarray
    members: np.ndarray
    values: np.ndarray

    def of(self, point: int) -> tuple[np.ndarray, np.ndarray]:
        """The points that this one can stand for, and how like each is."""
        row = slice(self.starts[point], self.starts[point + 1])
        return self.members[row], self.values[row]


def neighbours(vectors: np.ndarray, count: int = NEIGHBOURS, exact: bool | None = None) -> Likeness:
    """Each point's nearest points by cosine, itself among them; negative cosines count as no likeness.

    Args:
        vectors: unit vectors, shape (n, d).
        count: how many points each is represented to; n or more for all pairs.
        exact: all pairs are looked at, or only those of cells near each other (`coreset/cells.py`); by default all up to 20,000 points.
    """
    from scipy.sparse import csr_matrix

    n = len(vectors)
    count = min(count, n)
    if exact is None:
        exact = n <= EXACT
    members, values = _nearest(vectors, count) if exact else _nearly_nearest(vectors, count)
    # Row i holds who can stand for i; turned over, it holds whom i can stand for.
    alike = values > 0
    starts = np.concatenate([[0], np.cumsum(alike.sum(axis=1))])
    turned = csr_matrix((values[alike], members[alike], starts), shape=(n, n)).tocsc()
    return Likeness(turned.indptr, turned.indices, turned.data)


def _nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The nearest points of each and their cosines, shapes (n, count), by all pairs."""
    n = len(vectors)
    members, values = np.empty((n, count), dtype=np.int32), np.empty((n, count), dtype=np.float32)
    for begin in range(0, n, BLOCK):
        likeness = vectors[begin : begin + BLOCK] @ vectors.T
        likeness[np.arange(len(likeness)), np.arange(begin, begin + len(likeness))] = 1.0
        best = np.argpartition(likeness, n - count, axis=1)[:, n - count :]
        members[begin : begin + BLOCK] = best
        values[begin : begin + BLOCK] = np.take_along_axis(likeness, best, axis=1)
    return members, values


def _nearly_nearest(vectors: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """As `_nearest`, among the points of the cells near each; places that these cannot fill are worth nothing."""
    n = len(vectors)
    members = np.repeat(np.arange(n, dtype=np.int32)[:, None], count, axis=1)
    values = np.full((n, count), -1.0, dtype=np.float32)
    values[:, 0] = 1.0
    for looking, inside in near_cells(vectors, count):
        likeness = vectors[looking] @ vectors[inside].T
        likeness[looking[:, None] == inside] = -1.0  # itself is there from the start
        known = np.concatenate([values[looking], likeness], axis=1)
        best = np.argpartition(known, known.shape[1] - count, axis=1)[:, -count:]
        new = np.concatenate([members[looking], np.broadcast_to(inside, likeness.shape)], axis=1)
        members[looking] = np.take_along_axis(new, best, axis=1)
        values[looking] = np.take_along_axis(known, best, axis=1)
    return members, values


def greedy_facility_location(likeness: Likeness, keep: int, chosen: Sequence[int] = ()) -> list[int]:
    """Indices in the order chosen, those given first: each time the point that adds most to Σᵢ max over chosen j of likeness(i, j).

    Gains only shrink as points are chosen, so that a point whose old gain is below the best new one need not be looked at again (Minoux,
    "Accelerated Greedy Algorithms", 1978). The result is within 1 − 1/e of the best.
    """
    n = len(likeness.starts) - 1
    covered = np.zeros(n, dtype=np.float32)
    picked = list(chosen)
    for point in picked:
        served, values = likeness.of(point)
        covered[served] = np.maximum(covered[served], values)
    taken = set(picked)
    gained = np.concatenate([[0.0], np.cumsum(np.maximum(likeness.values - covered[likeness.members], 0.0), dtype=np.float64)])
    gains = gained[likeness.starts[1:]] - gained[likeness.starts[:-1]] + 1e-6  # an upper bound: sums taken in another order differ in the last digits
    heap = [(-gain, point) for point, gain in enumerate(gains.tolist()) if point not in taken]
    heapq.heapify(heap)
    while len(picked) < keep:
        _, point = heap[0]
        gain = _gain(likeness, point, covered)
        below = min(heap[1:3], default=(0.0, n))
        if (-gain, point) <= below:
            heapq.heappop(heap)
            picked.append(point)
            served, values = likeness.of(point)
            covered[served] = np.maximum(covered[served], values)
        else:
            heapq.heapreplace(heap, (-gain, point))
    return picked


def objective(vectors: np.ndarray, chosen: Sequence[int]) -> float:
    """Mean over all points of the likeness to the nearest chosen one, by all pairs; 1 when all are chosen."""
    best = [np.maximum(vectors[begin : begin + BLOCK] @ vectors[list(chosen)].T, 0).max(1) for begin in range(0, len(vectors), BLOCK)]
    return float(np.concatenate(best).mean())


def _gain(likeness: Likeness, point: int, covered: np.ndarray) -> float:
    served, values = likeness.of(point)
    return float(np.maximum(values - covered[served], 0.0).sum(dtype=np.float64))
