"""An index of unit vectors: exact up to 100,000 of them, beyond that in cells of 8-bit codes.

Beyond the bound this is an inverted file (Jégou, Douze and Schmid, "Product Quantization for Nearest Neighbor Search", 2011, section 4) whose
vectors are kept as one signed byte a dimension: k-means puts them into about 4 √N cells, and a query reads the cells whose centres are nearest. Vectors
added since stand beside it exactly, until they are a tenth of all. `kind` says in words which of the two it is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

EXACT = 100_000  # vectors that are searched one by one
CELLS = 4  # times √N
PROBED = 64  # cells that a query reads
SAMPLED = 40  # vectors a cell from which k-means learns the centres
CHUNK = 50_000  # vectors handled at a time


class VectorIndex:
    """Vectors by rows in order of arrival.

    Args:
        dimension: length of each vector.
        exact: how many vectors are searched one by one before cells are made.
        probed: cells that a query reads.
    """

    def __init__(self, dimension: int, exact: int = EXACT, probed: int = PROBED) -> None:
        self.dimension = dimension
        self.exact = exact
        self.probed = probed
        self.main = np.zeros((0, dimension), dtype=np.float32)  # exact vectors of the first rows; or codes, in order of cells
        self.late = np.zeros((0, dimension), dtype=np.float32)  # of the rows after them
        self.scales = np.zeros(0, dtype=np.float32)  # of the codes
        self.order = np.zeros(0, dtype=np.int32)  # the row of each code
        self.places = np.zeros(0, dtype=np.int32)  # where each row's code stands
        self.starts = np.zeros(0, dtype=np.int64)  # where each cell begins
        self.centres = np.zeros((0, dimension), dtype=np.float32)

    def __len__(self) -> int:
        return len(self.main) + len(self.late)

    @property
    def coded(self) -> bool:
        """Whether the vectors stand in cells."""
        return len(self.centres) > 0

    @property
    def kind(self) -> str:
        """How vectors are searched."""
        return f"8-bit codes, {self.probed} of {len(self.centres)} cells" if self.coded else "exact"

    def add(self, vectors: np.ndarray) -> None:
        """Index further vectors, shape (n, dimension)."""
        self.late = np.concatenate([self.late, vectors.astype(np.float32, copy=False)])
        if len(self.late) > len(self.main) // 10:
            self._merge()

    def candidates(self, queries: np.ndarray, many: int) -> np.ndarray:
        """Rows among which the best `many` of each query (queries, dimension) are, ascending."""
        if not self.coded:
            found = [_best(scores, many) for scores in self.scores(queries).T]
            return np.unique(np.concatenate(found))
        found = [len(self.main) + _best(scores, many) for scores in (self.late @ queries.T).T]
        for query in queries:
            cells = np.argsort(-(self.centres @ query), kind="stable")[: self.probed]
            spans = [slice(int(self.starts[cell]), int(self.starts[cell + 1])) for cell in np.sort(cells)]
            scores = np.concatenate([self.scales[span] * (self.main[span].astype(np.float32) @ query) for span in spans])
            rows = np.concatenate([self.order[span] for span in spans])
            found.append(rows[_best(scores, many)].astype(np.int64))
        return np.unique(np.concatenate(found))

    def scores(self, queries: np.ndarray, rows: np.ndarray | None = None) -> np.ndarray:
        """Cosines of the rows, or of all, shape (rows, queries)."""
        if rows is None:
            return (
                np.concatenate([self.rows(np.arange(at, min(at + CHUNK, len(self)))) @ queries.T for at in range(0, len(self), CHUNK)])
                if self.coded
                else (np.concatenate([self.main @ queries.T, self.late @ queries.T]))
            )
        found: np.ndarray = self.rows(rows) @ queries.T
        return found

    def rows(self, rows: np.ndarray) -> np.ndarray:
        """The vectors of these rows, as far as they are kept."""
        vectors = np.empty((len(rows), self.dimension), dtype=np.float32)
        late = rows >= len(self.main)
        vectors[late] = self.late[rows[late] - len(self.main)]
        if self.coded:
            at = self.places[rows[~late]]
            vectors[~late] = self.main[at].astype(np.float32) * self.scales[at, None]
        else:
            vectors[~late] = self.main[rows[~late]]
        return vectors

    def _merge(self) -> None:
        if len(self) <= self.exact:
            self.main, self.late = np.concatenate([self.main, self.late]), self.late[:0]
            return
        total = len(self)
        whole = self.rows(np.arange(total))
        self.centres = _centres(whole, round(CELLS * total**0.5))
        cells = np.concatenate([np.argmax(whole[at : at + CHUNK] @ self.centres.T, axis=1) for at in range(0, total, CHUNK)])
        self.order = np.argsort(cells, kind="stable").astype(np.int32)
        self.places = np.empty(total, dtype=np.int32)
        self.places[self.order] = np.arange(total, dtype=np.int32)
        self.starts = np.concatenate([[0], np.cumsum(np.bincount(cells, minlength=len(self.centres)))])
        self.main = np.empty((total, self.dimension), dtype=np.int8)
        self.scales = np.empty(total, dtype=np.float32)
        for at in range(0, total, CHUNK):
            part = whole[self.order[at : at + CHUNK]]
            scale = np.maximum(np.abs(part).max(axis=1), 1e-9) / 127
            self.main[at : at + CHUNK] = np.rint(part / scale[:, None])
            self.scales[at : at + CHUNK] = scale
        self.late = np.zeros((0, self.dimension), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Write the arrays; `load` maps them."""
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("main", "late", "scales", "order", "places", "starts", "centres"):
            np.save(folder / f"{name}.npy", getattr(self, name))
        np.save(folder / "settings.npy", np.array([self.dimension, self.exact, self.probed]))

    @classmethod
    def load(cls, folder: Path) -> VectorIndex:
        index = cls(*(int(value) for value in np.load(folder / "settings.npy")))
        for name in ("main", "late", "scales", "order", "places", "starts", "centres"):
            setattr(index, name, np.load(folder / f"{name}.npy", mmap_mode="r"))
        return index


def _best(scores: np.ndarray, many: int) -> np.ndarray:
    """Places of the `many` highest scores, in any order."""
    return np.argpartition(-scores, many)[:many] if len(scores) > many else np.arange(len(scores))


def _centres(vectors: np.ndarray, cells: int) -> np.ndarray:
    """Unit centres by k-means on an evenly drawn sample."""
    from sklearn.cluster import MiniBatchKMeans

    step = max(1, len(vectors) // (SAMPLED * cells))
    means = MiniBatchKMeans(cells, random_state=0, batch_size=4096, n_init=1, max_iter=10, compute_labels=False, init="random").fit(vectors[::step])
    centres: np.ndarray = means.cluster_centers_.astype(np.float32)
    return centres / np.maximum(np.linalg.norm(centres, axis=1, keepdims=True), 1e-9)
