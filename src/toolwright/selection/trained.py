"""Selection learned from requests and the tools that served them.

What is learned stands beside the zero-training evidence and never replaces it: two matrices that turn the encoder's vectors of requests and of tools towards
each other; for tools that were used, a usage vector; a memory of the requests seen; weights that fuse all of it; and which tools belong together. A tool
that was never used has the evidence of everybody and the two matrices, so that tools can be added at any time.

`toolwright train selector` writes the folder that `TrainedSelector.load` reads.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from toolwright.encoders import load_encoder
from toolwright.selection.doubt import Doubt
from toolwright.selection.evidence import FEATURES, Evidence, Found
from toolwright.selection.fusion import Fusion
from toolwright.selection.memory import MEMORIES, Memory
from toolwright.selection.sets import WEIGHED, Needs, Sets, needs_of
from toolwright.selection.shelf import Shelf, check_top_k
from toolwright.selection.texts import Query, query_text
from toolwright.types import InputError, Selection, Tool, write_text

LEARNED = (*FEATURES, "turned_meaning", "usage", *MEMORIES)
ENCODER_FOLDER = "encoder"  # of a fine-tuned encoder inside a selector's folder


@dataclass(frozen=True)
class Knowledge:
    """All that was learned, independent of the catalogue.

    Attributes:
        encoder: what meaning is read with.
        asked: matrix for requests' vectors, shape (dimension, dimension).
        offered: matrix for tools' vectors, the same shape.
        usage: usage vectors by name of tool.
        requests: texts of the requests seen.
        vectors: theirs, shape (requests, dimension), float16.
        uses: names of the tools that served each.
        fusion: weights of `LEARNED`.
        sets: which tools belong together.
        doubt: whether any tool fits; None where too few requests told of none.
    """

    encoder: str
    asked: np.ndarray
    offered: np.ndarray
    usage: Mapping[str, np.ndarray]
    requests: tuple[str, ...]
    vectors: np.ndarray
    uses: tuple[tuple[str, ...], ...]
    fusion: Fusion
    sets: Sets
    doubt: Doubt | None = None

    def save(self, folder: Path) -> None:
        """Write everything but the encoder."""
        folder.mkdir(parents=True, exist_ok=True)
        names = sorted(self.usage)
        for name, values in (
            ("asked", self.asked),
            ("offered", self.offered),
            ("vectors", self.vectors.astype(np.float16)),
            ("usage", np.array([self.usage[one] for one in names], dtype=np.float32).reshape(len(names), -1)),
        ):
            np.save(folder / f"{name}.npy", values)
        about = {
            "encoder": self.encoder,
            "usage": names,
            "requests": self.requests,
            "uses": self.uses,
            "fusion": asdict(self.fusion),
            "sets": {
                "lifts": [[*pair, lift] for pair, lift in self.sets.lifts.items()],
                "together": self.sets.together,
                "linked": self.sets.linked,
            },
        }
        if self.doubt is not None:
            self.doubt.save(folder / "doubt.npz")
        write_text(folder / "knowledge.json", json.dumps(about, ensure_ascii=False))

    @classmethod
    def load(cls, folder: Path) -> Knowledge:
        about = json.loads((folder / "knowledge.json").read_text(encoding="utf-8"))
        arrays = {name: np.load(folder / f"{name}.npy") for name in ("asked", "offered", "vectors", "usage")}
        fusion, sets = about["fusion"], about["sets"]
        fusion = Fusion(**{**fusion, "weights": tuple(fusion["weights"]), "standing": tuple(fusion["standing"])})
        return cls(
            encoder=about["encoder"],
            asked=arrays["asked"],
            offered=arrays["offered"],
            usage=dict(zip(about["usage"], arrays["usage"], strict=True)),
            requests=tuple(about["requests"]),
            vectors=arrays["vectors"],
            uses=tuple(tuple(names) for names in about["uses"]),
            fusion=fusion,
            sets=Sets({(first, second): lift for first, second, lift in sets["lifts"]}, sets["together"], sets["linked"]),
            doubt=Doubt.load(folder / "doubt.npz") if (folder / "doubt.npz").is_file() else None,
        )


class LearnedEvidence:
    """The numbers that knowledge adds to a catalogue's evidence.

    Args:
        evidence: of the catalogue.
        names: of its rows.
        knowledge: what was learned.
    """

    def __init__(self, evidence: Evidence, names: Sequence[str], knowledge: Knowledge) -> None:
        self.evidence = evidence
        self.knowledge = knowledge
        self.rows = {name: row for row, name in enumerate(names)}
        self.turned = _unit(evidence.meanings.rows(np.arange(len(names))) @ knowledge.offered)
        used = [name for name in knowledge.usage if name in self.rows]
        self.usage = np.zeros((len(names), self.turned.shape[1]), dtype=np.float32)
        for name in used:
            self.usage[self.rows[name]] = knowledge.usage[name]
        kept = [i for i, one in enumerate(knowledge.uses) if any(name in self.rows for name in one)]
        uses = [[self.rows[name] for name in knowledge.uses[i] if name in self.rows] for i in kept]
        self.memory = Memory(knowledge.vectors[kept], [knowledge.requests[i] for i in kept], uses)

    def of(self, text: str, rows: np.ndarray | None = None) -> Found:
        """Evidence as in `Evidence.of`, with the learned numbers behind the others: features of shape (tools, texts, len(LEARNED))."""
        return self.extended(self.evidence.of(text, rows))

    def extended(self, found: Found) -> Found:
        """Evidence that was gathered, with the learned numbers behind it."""
        total, many = len(self.turned), len(found.features)
        chosen = np.arange(total) if found.rows is None else found.rows
        places = np.full(total, -1, dtype=np.int32)
        places[chosen] = np.arange(many)
        turned = _unit(found.vectors @ self.knowledge.asked)
        pairs = [vectors[chosen] @ turned.T for vectors in (self.turned, self.usage)]
        seen = self.memory.evidence(found.texts, found.vectors, places, many)
        return replace(found, features=np.concatenate([found.features, np.stack(pairs, axis=2), seen], axis=2).astype(np.float32))


class TrainedSelector:
    """Evidence and what was learned from requests, fused.

    Args:
        knowledge: what was learned; `TrainedSelector.load` reads it from a folder.
    """

    def __init__(self, knowledge: Knowledge | None = None) -> None:
        self.knowledge = knowledge

    def fit(self, tools: Sequence[Tool]) -> Self:
        """Take up a catalogue; tools that were used in training are known again by name."""
        if self.knowledge is None:
            raise InputError("the trained selector has learned nothing yet; `toolwright train selector` writes a folder to name in its place")
        if not tools:
            raise InputError("a selector needs at least one tool to choose from; got none")
        self.shelf_, self.evidence_ = Shelf(), Evidence(load_encoder(self.knowledge.encoder))
        self.needs_: dict[str, Needs] = {}
        self.add(tools)
        return self

    def add(self, tools: Sequence[Tool]) -> None:
        self.shelf_.add(tools)
        self.evidence_.add(tools)
        self.needs_ |= {tool.name: needs_of(tool) for tool in tools}
        self._learned()

    def remove(self, names: Sequence[str]) -> None:
        self.evidence_.remove(self.shelf_.remove(names))
        self._learned()

    def _learned(self) -> None:
        assert self.knowledge is not None
        names = [name if self.shelf_.rows.get(name) == row else "" for row, name in enumerate(self.shelf_.names)]
        self.learned_ = LearnedEvidence(self.evidence_, names, self.knowledge)

    def select(self, query: Query, top_k: int = 5, candidates: Sequence[str] | None = None) -> Selection:
        check_top_k(top_k)
        knowledge = self.learned_.knowledge
        text = query_text(query)
        pool = self.shelf_.pool(candidates)
        found = self.learned_.of(text, pool)
        scores = knowledge.fusion.log_probabilities(found)
        standing = knowledge.fusion.stands(found, scores)
        fits = None if knowledge.doubt is None else float(knowledge.doubt.fits(standing[None], found.vectors[:1])[0])
        best = self.shelf_.best(scores, max(top_k, WEIGHED), text, pool, rows=found.rows)
        tools = best.tools
        named = bool(self.shelf_.named(text))
        if not named and len(found.texts) > 1:
            order = knowledge.sets.reranked(best.names, np.array([tool.score for tool in tools]), self.needs_)
            tools = tuple(tools[place] for place in order)
        abstains = not named and knowledge.doubt is not None and fits is not None and fits < knowledge.doubt.threshold
        return Selection(tools[:top_k], best.total_matches, 1.0 if named else fits, abstains, self.evidence_.meanings.kind)

    def save(self, folder: Path) -> None:
        knowledge = self.learned_.knowledge
        inside = Path(knowledge.encoder).resolve() == (folder / ENCODER_FOLDER).resolve()
        replace(knowledge, encoder=ENCODER_FOLDER if inside else knowledge.encoder).save(folder / "knowledge")
        self.shelf_.save(folder)
        self.evidence_.save(folder)
        needs = {name: [sorted(one.gives), sorted(one.requires)] for name, one in self.needs_.items()}
        write_text(folder / "needs.json", json.dumps(needs, ensure_ascii=False))
        write_text(folder / "selector.json", json.dumps({"selector": "trained"}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        knowledge = Knowledge.load(folder / "knowledge")
        if knowledge.encoder == ENCODER_FOLDER:
            knowledge = replace(knowledge, encoder=str(folder / ENCODER_FOLDER))
        selector = cls(knowledge)
        selector.shelf_, selector.evidence_ = Shelf.load(folder), Evidence.load(folder, load_encoder(knowledge.encoder))
        needs = json.loads((folder / "needs.json").read_text(encoding="utf-8"))
        selector.needs_ = {name: Needs(frozenset(gives), frozenset(requires)) for name, (gives, requires) in needs.items()}
        selector._learned()
        return selector


def _unit(vectors: np.ndarray) -> np.ndarray:
    found: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)
    return found
