"""What a selector is: tools in, the best few for a query out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from toolwright.types import Selection, Tool


class Selector(Protocol):
    """Ranks a catalogue's tools for a query. Results are deterministic; equal scores stand in order of name."""

    def fit(self, tools: Sequence[Tool]) -> Self:
        """Index these tools, in place of any fitted before."""
        ...

    def select(self, query: str, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        """The `top_k` best tools for the query, among `candidates` only when they are given."""
        ...
