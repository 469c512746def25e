"""Word search beside rank_bm25, the commonest BM25 in Python: index and query time on the same tools, words and queries.

Catalogues beyond the world's own tools are made by recombining its descriptions: they measure speed, not quality. The peer is installed into a folder
of its own (`runs/bench/peers`).
"""

from __future__ import annotations

import importlib
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from toolwright.selection import KeywordSelector
from toolwright.selection.keyword import tool_text, words
from toolwright.types import Tool
from toolwright.world.load import load_domains

PEERS = Path("runs/bench/peers")
SIZES = (205, 2_000, 20_000)
QUERIES = 200


def peer() -> Any:
    """rank_bm25's class, from its own folder."""
    if not (PEERS / "rank_bm25.py").is_file():
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", "--target", str(PEERS), "--no-deps", "rank_bm25==0.2.2"], check=True)
    sys.path.append(str(PEERS))
    return importlib.import_module("rank_bm25").BM25Okapi


def catalogue(size: int) -> list[Tool]:
    """The world's tools, then tools with a name and two half descriptions of others."""
    source = random.Random(0)
    own = [domain.tool(tool) for domain in load_domains() for tool in domain.tools]
    made = list(own[:size])
    while len(made) < size:
        first, second, third = source.sample(own, 3)
        halves = (first.description.split()[: len(first.description.split()) // 2], second.description.split()[len(second.description.split()) // 2 :])
        made.append(Tool(name=f"{third.name}_{len(made)}", description=" ".join((*halves[0], *halves[1])), parameters=third.parameters))
    return made


def queries() -> list[str]:
    """Requests as people make them, slots left out."""
    said = [saying.turns[-1] for domain in load_domains() for tool in domain.tools for saying in tool.requests.dev]
    return [text.replace("{", "").replace("}", "") for text in random.Random(0).sample(said, QUERIES)]


def milliseconds(ask: Callable[[str], object], asked: Sequence[str]) -> list[float]:
    times = []
    for query in asked:
        start = time.perf_counter()
        ask(query)
        times.append(1000 * (time.perf_counter() - start))
    return sorted(times)


def main() -> None:
    """Print a table: for each size, index seconds and median and 99th percentile of query milliseconds, ours and the peer's, and their ratio."""
    okapi = peer()
    asked = queries()
    print(f"{'tools':>7}  {'':<10} {'index s':>8} {'p50 ms':>8} {'p99 ms':>8}")
    for size in SIZES:
        tools = catalogue(size)
        start = time.perf_counter()
        ours = KeywordSelector().fit(tools)
        our_index = time.perf_counter() - start
        start = time.perf_counter()
        theirs = okapi([words(tool_text(tool)) for tool in tools])
        their_index = time.perf_counter() - start
        mine = milliseconds(lambda query, ours=ours: ours.select(query, 5), asked)
        other = milliseconds(lambda query, theirs=theirs, tools=tools: theirs.get_top_n(words(query), tools, 5), asked)
        for name, index, times in (("toolwright", our_index, mine), ("rank_bm25", their_index, other)):
            print(f"{size:>7,}  {name:<10} {index:>8.2f} {statistics.median(times):>8.3f} {times[int(0.99 * len(times))]:>8.3f}")
        print(f"{'':>7}  queries {statistics.median(other) / statistics.median(mine):.0f} times faster")


if __name__ == "__main__":
    main()
