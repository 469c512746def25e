"""Selection beside rank_bm25, bm25s and the searches of fastmcp, haystack and langgraph-bigtool: the same tools and requests in one run.

Accuracy is measured on the world's own tools and the requests of its development part. Larger catalogues are made by recombining descriptions: they measure
speed only. Every row runs in a process of its own; the peers have an environment of their own (`runs/bench/peers`).

`python -m bench.selection --sizes 1200,10000 --rows keyword,static,hybrid,rank_bm25,bm25s,fastmcp,haystack,bigtool [--trained DIR] [--out runs/bench]`
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench.charts import draw_growth
from toolwright.data.frames import fill_frames, frames
from toolwright.selection.evidence import description_text
from toolwright.selection.texts import tool_text
from toolwright.types import Tool
from toolwright.world.engine import World
from toolwright.world.load import load_domains

PEERS = {"rank_bm25": "rank_bm25==0.2.2", "bm25s": "bm25s==0.3.16", "fastmcp": "fastmcp==4.1.2", "haystack": "haystack-ai==3.4.0"}
PEERS |= {"bigtool": "langgraph-bigtool==0.0.3"}
OURS = {"keyword": ("keyword", "-"), "static": ("hybrid", "static"), "hybrid": ("hybrid", "-"), "trained": ("", "-")}
QUERIES = 200


def peers_python(folder: Path) -> Path:
    """The interpreter of the peers' environment, made and filled at the first time."""
    python = folder / "peers" / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder / "peers")], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "numpy", *PEERS.values()], check=True)
    return python


def own_tools() -> list[Tool]:
    """The world's own tools."""
    return [domain.tool(tool) for domain in load_domains() for tool in domain.tools]


def catalogue(size: int) -> list[Tool]:
    """The world's tools, then tools with a name and two half descriptions of others."""
    source = random.Random(0)
    own = own_tools()
    halves = [tool.description.split() for tool in own]
    made = own[:size]
    while len(made) < size:
        first, second, third = (source.randrange(len(own)) for _ in range(3))
        words = halves[first][: len(halves[first]) // 2] + halves[second][len(halves[second]) // 2 :]
        made.append(Tool(name=f"{own[third].name}_{len(made)}", description=" ".join(words), parameters=own[third].parameters))
    return made


def requests() -> list[tuple[str, str]]:
    """Requests of the development part with their tools, filled from the world."""
    domains = load_domains()
    single = [frame for frame in frames(domains, "dev") if frame.label == "call" and len(frame.saying.turns) == 1]
    filled = fill_frames(random.Random(0).sample(single, QUERIES), World(domains), 1, 0)
    return [(one.text, one.frame.gold[0]) for one in filled]


def written(tools: list[Tool], path: Path) -> None:
    lines = ({"name": t.name, "description": t.description, "parameters": t.parameters, "text": tool_text(t)} for t in tools)
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def measured(row: str, tools: list[Tool], asked: list[tuple[str, str]], out: Path, trained: str) -> dict[str, Any]:
    """What one row of one size came to; a failure is a row with its error."""
    files = [str(out / "tools.jsonl"), str(out / "queries.json")]
    if row in OURS:
        name, encoder = OURS[row]
        command = [sys.executable, "-m", "bench.selection_ours", trained if row == "trained" else name, *files, encoder]
    else:
        command = [str(peers_python(out)), str(Path(__file__).with_name("selection_peers.py")), row, *files]
        if row == "bigtool":
            command.append(vectors(tools, [text for text, _ in asked], out))
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"ended with {done.returncode}, saying nothing"]
        return {"row": row, "tools": len(tools), "error": said[-1][:200]}
    found = json.loads(done.stdout.splitlines()[-1])
    times = sorted(found.pop("milliseconds"))
    rankings = found.pop("rankings")
    hits = [name in ranking[:5] for (_, name), ranking in zip(asked, rankings, strict=True)]
    figures = {"p50_ms": statistics.median(times), "p99_ms": times[int(0.99 * len(times))], "top_5": sum(hits) / len(hits), "n": len(hits)}
    return {"row": row, "tools": len(tools), **figures, **found}


def vectors(tools: list[Tool], asked: list[str], out: Path) -> str:
    """MiniLM's vectors for the peer that brings no encoder."""
    import numpy as np

    from toolwright.encoders import load_encoder

    encoder = load_encoder("minilm")
    np.savez(out / "vectors.npz", tools=encoder.encode([description_text(tool) for tool in tools]), queries=encoder.encode(asked))
    return str(out / "vectors.npz")


def main(arguments: list[str] | None = None) -> None:
    """Measure, print a table as rows come in, write `selection.json` and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1200,10000")
    parser.add_argument("--rows", default="keyword,hybrid,rank_bm25,bm25s,fastmcp,haystack")
    parser.add_argument("--trained", default="", help="folder of a trained selector, for the row `trained`")
    parser.add_argument("--out", type=Path, default=Path("runs/bench"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    asked = requests()
    (given.out / "queries.json").write_text(json.dumps([text for text, _ in asked]), encoding="utf-8")
    rows: list[dict[str, Any]] = []
    print(f"{'tools':>9}  {'':<10} {'Top-5':>6} {'p50 ms':>9} {'p99 ms':>9} {'index s':>8} {'peak MB':>8}")
    for size in map(int, given.sizes.split(",")):
        tools = catalogue(size)
        written(tools, given.out / "tools.jsonl")
        for name in given.rows.split(","):
            row = measured(name, tools, asked, given.out, given.trained)
            rows.append(row)
            (given.out / "selection.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
            if "error" in row:
                print(f"{size:>9,}  {name:<10} failed: {row['error']}", flush=True)
                continue
            numbers = f"{100 * row['top_5']:>6.1f} {row['p50_ms']:>9.3f} {row['p99_ms']:>9.3f} {row['index_seconds']:>8.2f} {row['peak_bytes'] / 1e6:>8.0f}"
            print(f"{size:>9,}  {name:<10} {numbers}", flush=True)
    labels = ("tools in the catalogue", "median time of a query [ms]", "Query time over catalogue size")
    draw_growth(rows, "tools", "p50_ms", OURS, labels, given.out / "selection.png")


if __name__ == "__main__":
    main()
