"""One choice of a coreset, ours or a peer's, in a process of its own: reads vectors, prints one JSON object. The peers' part imports nothing of ours.

Usage: python coreset_peers.py ROW VECTORS.npy KEEP NEIGHBOURS   (NEIGHBOURS 0: all pairs)
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Lap = Callable[[str], None]


def peak_bytes() -> int:
    """The most memory this process has held, as Linux counts it since the program began; 0 elsewhere."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return 1024 * int(found.group(1)) if found else 0


def facility_location(vectors: Any, keep: int, neighbours: int, lap: Lap) -> list[int]:
    """Ours, as the strategy calls it: all pairs up to 20,000 points, cells beyond."""
    from toolwright.coreset.facility_location import greedy_facility_location
    from toolwright.coreset.facility_location import neighbours as found

    likeness = found(vectors)
    lap("kernel")
    return greedy_facility_location(likeness, keep)


def k_center(vectors: Any, keep: int, neighbours: int, lap: Lap) -> list[int]:
    from toolwright.coreset.k_center import greedy_k_center

    return greedy_k_center(vectors, keep)


def apricot(vectors: Any, keep: int, neighbours: int, lap: Lap) -> list[int]:
    """apricot's own sparse form fails ('numpy.ndarray' object has no attribute 'toarray', from `n_neighbors`), so that it is given the graph it would make:
    scikit-learn's nearest neighbours.
    """
    from apricot import FacilityLocationSelection

    kernel = _graph(vectors, neighbours).T.tocsr() if neighbours else (vectors @ vectors.T).clip(0)
    lap("kernel")
    return [int(i) for i in FacilityLocationSelection(keep, metric="precomputed", optimizer="lazy").fit(kernel).ranking]


def submodlib(vectors: Any, keep: int, neighbours: int, lap: Lap) -> list[int]:
    """submodlib with the kernel that it makes itself."""
    from submodlib import FacilityLocationFunction

    form: dict[str, Any] = {"mode": "sparse", "num_neighbors": neighbours} if neighbours else {"mode": "dense"}
    function = FacilityLocationFunction(n=len(vectors), data=vectors, metric="cosine", **form)
    lap("kernel")
    return [int(i) for i, _ in function.maximize(budget=keep, optimizer="LazyGreedy", show_progress=False)]


def submodlib_min(vectors: Any, keep: int, neighbours: int, lap: Lap) -> list[int]:
    """submodlib's disparity-min: as far apart as can be, the nearest that a peer has to k-center; all pairs are all it takes."""
    from submodlib import DisparityMinFunction

    function = DisparityMinFunction(n=len(vectors), mode="dense", data=vectors, metric="cosine")
    lap("kernel")
    return [int(i) for i, _ in function.maximize(budget=keep, optimizer="NaiveGreedy", show_progress=False)]


def _graph(vectors: Any, neighbours: int) -> Any:
    """Row i holds who is nearest to i, by cosine, itself among them."""
    import numpy
    from scipy.sparse import csr_matrix
    from sklearn.neighbors import NearestNeighbors

    far, near = NearestNeighbors(n_neighbors=neighbours, metric="cosine", algorithm="brute").fit(vectors).kneighbors(vectors)
    starts = numpy.arange(0, near.size + 1, neighbours)
    return csr_matrix((numpy.maximum(1 - far, 0).ravel(), near.ravel(), starts), shape=(len(vectors), len(vectors)))


ROWS = {"facility_location": facility_location, "k_center": k_center, "apricot": apricot, "submodlib": submodlib, "submodlib_min": submodlib_min}


def main() -> None:
    import numpy

    name, path, keep, neighbours = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    vectors = numpy.load(path)
    ROWS[name](vectors[:300], 10, min(neighbours, 32), lambda part: None)  # imports and compilation are not what is measured
    laps: dict[str, float] = {}
    start = time.perf_counter()
    chosen = ROWS[name](vectors, keep, neighbours, lambda part: laps.update({part: time.perf_counter() - start}))
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "kernel_seconds": laps.get("kernel", 0.0), "peak_bytes": peak_bytes(), "chosen": chosen}))


if __name__ == "__main__":
    main()
