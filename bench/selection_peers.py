"""One peer's search over one catalogue, in the peers' own environment: reads files, prints one JSON object. No import of ours.

Usage: python selection_peers.py PEER TOOLS.jsonl QUERIES.json [VECTORS.npz]
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from pathlib import Path
from typing import Any

DEPTH = 5


def peak_bytes() -> int:
    """The most memory this process has held, as Linux counts it since the program began; 0 elsewhere."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text()) if status.is_file() else None
    return 1024 * int(found.group(1)) if found else 0


def tokens(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", text.lower())


def rank_bm25(tools: list[dict[str, Any]], vectors: Any) -> Any:
    from rank_bm25 import BM25Okapi

    index = BM25Okapi([tokens(tool["text"]) for tool in tools])
    names = [tool["name"] for tool in tools]
    return lambda query, i: index.get_top_n(tokens(query), names, n=DEPTH)


def bm25s(tools: list[dict[str, Any]], vectors: Any) -> Any:
    import bm25s as library

    index = library.BM25()
    index.index(library.tokenize([tool["text"] for tool in tools], show_progress=False), show_progress=False)
    names = [tool["name"] for tool in tools]

    def ask(query: str, i: int) -> list[str]:
        found, _ = index.retrieve(library.tokenize([query], show_progress=False), k=DEPTH, show_progress=False)
        return [names[row] for row in found[0]]

    return ask


def fastmcp(tools: list[dict[str, Any]], vectors: Any) -> Any:
    from fastmcp.server.transforms.search import BM25SearchTransform
    from fastmcp.tools.base import Tool

    own = [Tool(name=tool["name"], description=tool["description"], parameters=tool["parameters"]) for tool in tools]
    search = BM25SearchTransform(max_results=DEPTH)
    loop = asyncio.new_event_loop()

    def ask(query: str, i: int) -> list[str]:
        return [tool.name for tool in loop.run_until_complete(search._search(own, query))]

    ask("warm", 0)
    return ask


def haystack(tools: list[dict[str, Any]], vectors: Any) -> Any:
    from haystack import Document
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore()
    store.write_documents([Document(id=tool["name"], content=tool["text"]) for tool in tools])
    retriever = InMemoryBM25Retriever(store, top_k=DEPTH)
    return lambda query, i: [document.id for document in retriever.run(query=query)["documents"]]


def bigtool(tools: list[dict[str, Any]], vectors: Any) -> Any:
    """langgraph-bigtool's own retrieval over LangGraph's store; vectors are given, so that encoding is not counted."""
    from langgraph.store.memory import InMemoryStore
    from langgraph_bigtool.tools import get_default_retrieval_tool

    known = dict(zip([tool["text"] for tool in tools], vectors["tools"].tolist(), strict=True))
    asked = vectors["queries"].tolist()
    known |= {f"query {i}": vector for i, vector in enumerate(asked)}
    store = InMemoryStore(index={"embed": lambda texts: [known[text] for text in texts], "dims": len(asked[0]), "fields": ["text"]})
    for tool in tools:
        store.put(("tools",), tool["name"], {"text": tool["text"]})
    retrieve, _ = get_default_retrieval_tool(("tools",), limit=DEPTH)
    return lambda query, i: retrieve(f"query {i}", store=store)


PEERS = {"rank_bm25": rank_bm25, "bm25s": bm25s, "fastmcp": fastmcp, "haystack": haystack, "bigtool": bigtool}


def main() -> None:
    name, tools_path, queries_path, *rest = sys.argv[1:]
    tools = [json.loads(line) for line in Path(tools_path).read_text(encoding="utf-8").splitlines()]
    queries = json.loads(Path(queries_path).read_text(encoding="utf-8"))
    vectors = None
    if rest:
        import numpy

        vectors = numpy.load(rest[0])
    start = time.perf_counter()
    ask = PEERS[name](tools, vectors)
    index_seconds = time.perf_counter() - start
    ask(queries[0], 0)
    milliseconds, rankings = [], []
    for i, query in enumerate(queries):
        start = time.perf_counter()
        rankings.append(ask(query, i))
        milliseconds.append(1000 * (time.perf_counter() - start))
    print(json.dumps({"index_seconds": index_seconds, "milliseconds": milliseconds, "rankings": rankings, "peak_bytes": peak_bytes()}))


if __name__ == "__main__":
    main()
