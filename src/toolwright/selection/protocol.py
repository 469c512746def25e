"""What a selector is: tools in, the best few for a query out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, Self

from toolwright.selection.texts import Query
from toolwright.types import Selection, Tool


class Selector(Protocol):
    """Ranks a catalogue's tools for a query.

    Results are deterministic; equal scores stand in order of name; a tool that the query names stands first. Wrong input raises `InputError`.
    """

    def fit(self, tools: Sequence[Tool]) -> Self:
        """Index these tools, in place of any fitted before."""
        ...

    def add(self, tools: Sequence[Tool]) -> None:
        """Index further tools; the next query may find them."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Forget tools; the next query does not find them."""
        ...

    def select(self, query: Query, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        """The `top_k` best tools for a request or a whole conversation, among `candidates` only when they are given."""
        ...

    def save(self, folder: Path) -> None:
        """Write all that `load` needs, settings included."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The selector that was saved there; large arrays are mapped, not read."""
        ...
