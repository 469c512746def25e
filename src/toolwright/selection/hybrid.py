"""Selection by words, meaning and values together, weighed by numbers fitted on services that are never tested on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from toolwright.encoders import load_encoder
from toolwright.selection.dependencies import dependencies_of, with_dependencies
from toolwright.selection.evidence import Evidence
from toolwright.selection.fusion import FITTED, read_fusion, write_fusion
from toolwright.selection.shelf import Shelf, check_top_k
from toolwright.selection.texts import Query, query_text
from toolwright.types import InputError, Selection, Tool, write_text


class HybridSelector:
    """Evidence of words, meaning and values, fused.

    Scores are log-probabilities over the catalogue. `Selection.fits` is the probability that any tool serves the request.

    Args:
        encoder: what meaning is read with: see `toolwright.encoders`.
        fusion: the file of fitted weights; default: those that ship.
    """

    def __init__(self, encoder: str = "minilm", fusion: Path = FITTED) -> None:
        self.encoder = encoder
        self.fusion = fusion

    def fit(self, tools: Sequence[Tool]) -> Self:
        if not tools:
            raise InputError("a selector needs at least one tool to choose from; got none")
        self.fusion_ = read_fusion(self.encoder, self.fusion)
        self.shelf_, self.evidence_ = Shelf(), Evidence(load_encoder(self.encoder))
        self.dependencies_: dict[str, tuple[str, ...]] = {}
        self.add(tools)
        return self

    def add(self, tools: Sequence[Tool]) -> None:
        self.shelf_.add(tools)
        self.evidence_.add(tools)
        self.dependencies_ |= dependencies_of(tools)

    def remove(self, names: Sequence[str]) -> None:
        self.evidence_.remove(self.shelf_.remove(names))
        for name in names:
            self.dependencies_.pop(name, None)

    def select(self, query: Query, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        check_top_k(top_k)
        text = query_text(query)
        pool = self.shelf_.pool(candidates)
        found = self.evidence_.of(text, pool)
        scores = self.fusion_.log_probabilities(found)
        fits = self.fusion_.fits(found, scores)
        depth = len(scores) if self.dependencies_ else top_k
        best = self.shelf_.best(scores, max(depth, top_k), text, pool, rows=found.rows)
        named = bool(self.shelf_.named(text))
        ranked = with_dependencies(best.tools, self.dependencies_)[:top_k]
        return Selection(
            tuple(ranked),
            total_matches=best.total_matches,
            fits=1.0 if named else fits,
            abstains=not named and fits < self.fusion_.threshold,
            index=self.evidence_.meanings.kind,
        )

    def names_in(self, text: str) -> list[str]:
        """The tools that a request names outright."""
        return [self.shelf_.names[row] for row in self.shelf_.named(text)]

    def save(self, folder: Path) -> None:
        self.shelf_.save(folder)
        self.evidence_.save(folder)
        write_fusion(self.encoder, self.fusion_, folder / "fusion.json")
        write_text(folder / "dependencies.json", json.dumps(self.dependencies_))
        write_text(folder / "selector.json", json.dumps({"selector": "hybrid", "encoder": self.encoder}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        about = json.loads((folder / "selector.json").read_text(encoding="utf-8"))
        selector = cls(about["encoder"], folder / "fusion.json")
        selector.fusion_ = read_fusion(selector.encoder, selector.fusion)
        selector.shelf_, selector.evidence_ = Shelf.load(folder), Evidence.load(folder, load_encoder(selector.encoder))
        selector.dependencies_ = {name: tuple(listed) for name, listed in json.loads((folder / "dependencies.json").read_text(encoding="utf-8")).items()}
        return selector
