"""One of our selectors over one catalogue, in a process of its own: reads files, prints one JSON object.

Usage: python -m bench.selection_ours SELECTOR|DIR TOOLS.jsonl QUERIES.json ENCODER|-
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.selection_peers import peak_bytes
from toolwright.selection.hybrid import HybridSelector
from toolwright.selection.opening import open_selector
from toolwright.types import Tool, read_lines

DEPTH = 10
COMPARED = 50  # requests for which every tool is weighed


def main() -> None:
    name, tools_path, queries_path, encoder = sys.argv[1:]
    tools = [Tool(name=line["name"], description=line["description"], parameters=line["parameters"]) for _, line in read_lines(Path(tools_path))]
    queries = json.loads(Path(queries_path).read_text(encoding="utf-8"))
    start = time.perf_counter()
    selector = open_selector(name, tools, encoder=None if encoder == "-" else encoder)
    index_seconds = time.perf_counter() - start
    selector.select(queries[0], DEPTH)
    milliseconds, rankings = [], []
    for query in queries:
        start = time.perf_counter()
        found = selector.select(query, DEPTH)
        milliseconds.append(1000 * (time.perf_counter() - start))
        rankings.append(found.names)
    start = time.perf_counter()
    selector.add([Tool(name="bench_tool_added_now", description="Measures how soon an added tool is found by the zyzzyva search.")])
    added = selector.select("bench tool added now zyzzyva", 1).names == ["bench_tool_added_now"]
    add_milliseconds = 1000 * (time.perf_counter() - start)
    answer = {"index_seconds": index_seconds, "milliseconds": milliseconds, "rankings": rankings, "index": found.index}
    answer |= {"add_to_visible_milliseconds": add_milliseconds if added else None, "peak_bytes": peak_bytes()}
    if isinstance(selector, HybridSelector):
        answer["encoder_p50_ms"] = encoder_milliseconds(selector, queries)
        if selector.evidence_.meanings.coded:
            answer["overlap_at_10"] = float(np.mean([exact_overlap(selector, query) for query in queries[:COMPARED]]))
    with tempfile.TemporaryDirectory() as folder:
        selector.save(Path(folder))
        answer["index_bytes"] = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    print(json.dumps(answer))


def encoder_milliseconds(selector: HybridSelector, queries: list[str]) -> float:
    """Median time of one bare call of the encoder with the request alone."""
    found = []
    for query in queries:
        start = time.perf_counter()
        selector.evidence_.encoder.encode([query])
        found.append(1000 * (time.perf_counter() - start))
    return statistics.median(found)


def exact_overlap(selector: HybridSelector, query: str) -> float:
    """Share of the ten best tools, every tool of the catalogue weighed by all evidence, that are among the ten selected."""
    whole = selector.evidence_.of(query, np.arange(len(selector.shelf_)))
    exact = selector.shelf_.best(selector.fusion_.log_probabilities(whole), DEPTH, query, None, rows=whole.rows)
    return len(set(exact.names) & set(selector.select(query, DEPTH).names)) / DEPTH


if __name__ == "__main__":
    main()
