"""Selection in two stages: the hybrid retrieves, a cross-encoder reads each request together with each retrieved tool and ranks them anew.

Nogueira and Cho, "Passage Re-ranking with BERT" (2019). Any cross-encoder in a sentence-transformers folder or on the hub does.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from toolwright.selection.evidence import description_text
from toolwright.selection.hybrid import HybridSelector
from toolwright.selection.shelf import check_top_k
from toolwright.selection.texts import Query, query_text
from toolwright.types import InputError, ScoredTool, Selection, Tool, write_text


class TwoStageSelector:
    """Retrieve, then re-rank.

    Args:
        model: folder or hub id of a sentence-transformers cross-encoder; it has no default.
        encoder: what the first stage reads meaning with.
        retrieved: tools that the second stage reads.
    """

    def __init__(self, model: str, encoder: str = "minilm", retrieved: int = 30) -> None:
        if retrieved < 1:
            raise InputError(f"retrieved is {retrieved!r}; expected 1 or more")
        self.model = model
        self.encoder = encoder
        self.retrieved = retrieved

    @cached_property
    def reader(self) -> Any:
        """The `CrossEncoder`, loaded at its first use."""
        from sentence_transformers import CrossEncoder

        return CrossEncoder(self.model, device="cpu", trust_remote_code=False, model_kwargs={"use_safetensors": True})

    def fit(self, tools: Sequence[Tool]) -> Self:
        self.first_ = HybridSelector(self.encoder).fit(tools)
        self.texts_ = {tool.name: description_text(tool) for tool in tools}
        return self

    def add(self, tools: Sequence[Tool]) -> None:
        self.first_.add(tools)
        self.texts_ |= {tool.name: description_text(tool) for tool in tools}

    def remove(self, names: Sequence[str]) -> None:
        self.first_.remove(names)
        for name in names:
            del self.texts_[name]

    def select(self, query: Query, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        check_top_k(top_k)
        text = query_text(query)
        found = self.first_.select(query, max(top_k, self.retrieved), candidates)
        scores = self.reader.predict([(text, self.texts_[name]) for name in found.names], show_progress_bar=False).tolist() if found.tools else []
        named = self.first_.names_in(text)
        ranked = sorted(zip(found.names, scores, strict=True), key=lambda pair: (pair[0] not in named, -pair[1], pair[0]))
        tools = tuple(ScoredTool(name, float(score)) for name, score in ranked[:top_k])
        return Selection(tools, found.total_matches, found.fits, found.abstains, found.index)

    def save(self, folder: Path) -> None:
        self.first_.save(folder / "first")
        write_text(folder / "texts.json", json.dumps(self.texts_, ensure_ascii=False))
        about = {"selector": "two_stage", "model": self.model, "encoder": self.encoder, "retrieved": self.retrieved}
        write_text(folder / "selector.json", json.dumps(about))

    @classmethod
    def load(cls, folder: Path) -> Self:
        about = json.loads((folder / "selector.json").read_text(encoding="utf-8"))
        selector = cls(about["model"], about["encoder"], about["retrieved"])
        selector.first_ = HybridSelector.load(folder / "first")
        selector.texts_ = json.loads((folder / "texts.json").read_text(encoding="utf-8"))
        return selector
