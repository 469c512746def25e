"""Coresets beside apricot-select and submodlib: the same vectors, as many to keep, one run; every row in a process of its own.

Facility location stands beside theirs, k-center beside submodlib's disparity-min (apricot has neither). Up to 4,000 vectors the peers look at all pairs,
beyond that at 128 neighbours of each, as ours does at every size. The seconds are those from vectors to the choice, the making of the kernel included. The
objective is the same for all rows of a size: the mean cosine of 5,000 points to the nearest chosen one, and for k-center the least. A peer that does not
install, fails, or takes longer than the limit is a row with its error.

Vectors are MiniLM's of 4,000 requests of train; more of them are weighted sums of two with noise, which measure speed and not taste.

`python -m bench.coreset [--sizes 4000,50000,200000] [--keep 2000] [--rows facility_location,k_center,apricot,submodlib,submodlib_min] [--limit 3600]`
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from bench.charts import draw_growth

PEERS = {"apricot": "apricot-select==0.6.1", "submodlib": "submodlib-py==0.0.3"}
OURS = ("facility_location", "k_center")
REAL = 4000
ALL_PAIRS = 4000  # vectors up to which the peers get all pairs
NEIGHBOURS = 128
SAMPLE = 5000


def peers_python(folder: Path, peer: str) -> Path:
    """The interpreter of a peer's environment, made and filled at the first time. Raises `RuntimeError` with pip's last line where it does not install."""
    python = folder / f"peer_{peer}" / "bin" / "python"
    marker = python.parent.parent / "installed"
    if not marker.is_file():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(python.parent.parent)], check=True)
        packages = ["numpy", "scikit-learn", PEERS[peer]]
        done = subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"does not install: {last_line(done.stderr)}")
        marker.touch()
    return python


def last_line(text: str) -> str:
    """The last line that says something."""
    return next((line.strip()[:200] for line in reversed(text.splitlines()) if line.strip()), "ended without a word")


def real_vectors(out: Path) -> np.ndarray:
    """MiniLM's vectors of requests of train, kept in the output folder."""
    path = out / "request_vectors.npy"
    if not path.is_file():
        from toolwright.data.frames import fill_frames, frames
        from toolwright.encoders import load_encoder
        from toolwright.world.engine import World
        from toolwright.world.load import load_domains

        domains = load_domains()
        filled = fill_frames(frames(domains, "train"), World(domains), 1, 0)
        texts = sorted({one.text for one in filled})
        np.save(path, load_encoder("minilm").encode(texts[:: max(1, len(texts) // REAL)][:REAL]))
    return np.load(path)


def vectors(real: np.ndarray, size: int) -> np.ndarray:
    """The real ones, then mixtures of two with noise; unit vectors, shape (size, 384)."""
    source = np.random.default_rng(0)
    more = max(0, size - len(real))
    first, second = (real[source.integers(len(real), size=more)] for _ in range(2))
    noise = source.standard_normal((more, real.shape[1]), dtype=np.float32) / np.sqrt(real.shape[1])
    made = np.concatenate([real[:size], 0.7 * first + 0.5 * second + 0.4 * noise]).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def measured(row: str, made: np.ndarray, path: Path, keep: int, limit: float, out: Path) -> dict[str, Any]:
    """What one row of one size came to; a failure is a row with its error."""
    about = {"row": row, "vectors": len(made), "keep": keep}
    neighbours = 0 if len(made) <= ALL_PAIRS else NEIGHBOURS
    try:
        python = Path(sys.executable) if row in OURS else peers_python(out, row.split("_", maxsplit=1)[0])
        command = [str(python), str(Path(__file__).with_name("coreset_peers.py")), row, str(path), str(keep), str(neighbours)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=limit)
    except RuntimeError as error:
        return {**about, "error": str(error)}
    except subprocess.TimeoutExpired:
        return {**about, "error": f"took longer than {limit:,.0f} s"}
    if done.returncode:
        return {**about, "error": f"ended with code {done.returncode}: {last_line(done.stderr)}"}
    found = json.loads(done.stdout.splitlines()[-1])
    chosen = found.pop("chosen")
    if len(set(chosen)) != keep:
        return {**about, "error": f"chose {len(set(chosen))} different points"}
    sample = made[np.linspace(0, len(made) - 1, min(SAMPLE, len(made))).astype(int)]
    likeness = (sample @ made[chosen].T).max(1)
    return {**about, **found, "objective": float(np.maximum(likeness, 0).mean()), "least": float(likeness.min())}


def ratios(rows: list[dict[str, Any]]) -> list[str]:
    """What is to be shown: how much faster than the faster peer, how near its objective, and how time grows."""
    done = {(row["row"], row["vectors"]): row for row in rows if "error" not in row}
    sizes = sorted({row["vectors"] for row in rows})
    said = []
    for size in sizes:
        ours = done.get(("facility_location", size))
        peers = [done[name, size] for name in PEERS if (name, size) in done]
        if ours and peers:
            faster = min(peers, key=lambda row: row["seconds"])
            best = max(row["objective"] for row in peers)
            speed = f"{faster['seconds'] / ours['seconds']:.1f} times as fast as {faster['row']}"
            said.append(f"{size:,} vectors: {speed}; objective {100 * (ours['objective'] / best - 1):+.2f} % of the better peer's")
    for name in OURS:
        for small, large in pairwise(sizes):
            if (name, small) in done and (name, large) in done:
                growth = done[name, large]["seconds"] / done[name, small]["seconds"]
                said.append(f"{name}: {growth:.1f} times the time from {small:,} to {large:,}")
    return said


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table as rows come in, write `coreset.json` and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="4000,50000,200000")
    parser.add_argument("--keep", type=int, default=2000)
    parser.add_argument("--rows", default="facility_location,k_center,apricot,submodlib,submodlib_min")
    parser.add_argument("--limit", type=float, default=3600.0, help="seconds that a row may take")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    real = real_vectors(given.out)
    rows: list[dict[str, Any]] = []
    print(f"{os.cpu_count()} cores; keep {given.keep:,}\n{'vectors':>9}  {'':<18} {'seconds':>9} {'kernel s':>9} {'objective':>10} {'least':>7} {'peak MB':>8}")
    for size in map(int, given.sizes.split(",")):
        made = vectors(real, size)
        path = given.out / "vectors.npy"
        np.save(path, made)
        for name in given.rows.split(","):
            row = measured(name, made, path, given.keep, given.limit, given.out)
            rows.append(row)
            (given.out / "coreset.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
            if "error" in row:
                print(f"{size:>9,}  {name:<18} failed: {row['error']}", flush=True)
                continue
            figures = f"{row['seconds']:>9.2f} {row['kernel_seconds']:>9.2f} {row['objective']:>10.4f} {row['least']:>7.3f} {row['peak_bytes'] / 1e6:>8.0f}"
            print(f"{size:>9,}  {name:<18} {figures}", flush=True)
    print("\n".join(ratios(rows)))
    labels = ("vectors", "seconds from vectors to the choice", "Time of a choice")
    draw_growth(rows, "vectors", "seconds", OURS, labels, given.out / "coreset.png")


if __name__ == "__main__":
    main()
