"""Near neighbours among very many vectors: cells around centres, and for each point the cells whose centres are nearest to it, so that work grows with the
number of vectors alone.

The cells are those of spherical k-means on a sample (an inverted file; Jégou, Douze & Schmid, "Product Quantization for Nearest Neighbor Search", 2011, without
the quantization). What is found is approximate: a neighbour in a cell that is not searched is missed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CELL = 512  # points of a cell, on average
SEARCHED = 6  # cells that are searched for each point
ROUNDS = 5  # of k-means
SAMPLE = 64  # points of a cell that tell its centre, on average
BLOCK = 4096


def near_cells(vectors: np.ndarray, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cell after cell: the points that look for neighbours in it, and the points that are in it; both ascending. All pairs stand in one of them at most.

    Args:
        vectors: unit vectors, shape (n, d).
        count: neighbours wanted of each; the cells searched for a point hold many times as many, on average.
    """
    size = max(CELL, 4 * count)
    centres = cell_centres(vectors, max(1, len(vectors) // size))
    searched = min(SEARCHED, len(centres))
    nearest = np.empty((len(vectors), searched), dtype=np.int32)  # the nearest first
    for begin in range(0, len(vectors), BLOCK):
        likeness = vectors[begin : begin + BLOCK] @ centres.T
        best = np.argpartition(-likeness, searched - 1, axis=1)[:, :searched]
        order = np.argsort(-np.take_along_axis(likeness, best, axis=1), axis=1, kind="stable")
        nearest[begin : begin + BLOCK] = np.take_along_axis(best, order, axis=1)
    places = np.argsort(nearest.ravel(), kind="stable")
    starts = np.searchsorted(nearest.ravel()[places], np.arange(len(centres) + 1))
    for cell in range(len(centres)):
        found = places[starts[cell] : starts[cell + 1]]
        looking, inside = found // searched, found[found % searched == 0] // searched
        if len(inside):
            yield looking, inside


def cell_centres(vectors: np.ndarray, count: int) -> np.ndarray:
    """Centres by spherical k-means on an evenly drawn sample, from evenly drawn points on, shape (count, d); the same vectors give the same centres."""
    from scipy.sparse import csr_matrix

    sample = vectors[:: max(1, len(vectors) // (SAMPLE * count))]
    centres = sample[np.linspace(0, len(sample) - 1, count).astype(int)]
    for _ in range(ROUNDS):
        nearest = np.concatenate([(sample[begin : begin + BLOCK] @ centres.T).argmax(1) for begin in range(0, len(sample), BLOCK)])
        belongs = csr_matrix((np.ones(len(sample), dtype=np.float32), nearest, np.arange(len(sample) + 1)), shape=(len(sample), count))
        sums = belongs.T @ sample
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-12), centres)
    return centres
