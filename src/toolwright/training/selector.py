"""`toolwright train selector`: learn selection from requests and the tools that served them.

The requests are divided by frame (or by request, where ids tell no frames): 70 % to learn from, 15 % to learn how far to trust what was learned, 15 % to
report on; every eighth tool with its requests is kept out of the first part, so that the fusion learns to weigh tools that were never used
too. What ships is learned once more from everything, with the fusion that was found.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from toolwright.data.frames import frame_of
from toolwright.encoders import load_encoder
from toolwright.selection.doubt import Doubt, fit_doubt
from toolwright.selection.evidence import FEATURES, Evidence, Found, description_text
from toolwright.selection.fusion import STANDING, Fusion, read_fusion
from toolwright.selection.sets import WEIGHED, Sets, lifts_of, needs_of
from toolwright.selection.texts import parts, query_text
from toolwright.selection.trained import LEARNED, Knowledge, LearnedEvidence, TrainedSelector
from toolwright.training.encoder_tuning import TuningSettings, tune_encoder
from toolwright.training.fusion import FusionSettings, fit_weights
from toolwright.training.known_texts import KnownTexts
from toolwright.training.matrices import MatrixSettings, fit_matrices
from toolwright.types import JSON, InputError, SelectionExample, Tool, write_text

Progress = Callable[[str, int, int], None]
CANDIDATES = 80  # of a request in the fit of the fusion: the gold ones and the hardest others
FEWEST = 50  # requests
FEWEST_UNSERVED = 20  # requests that no tool serves, for a fitted abstention
SET_WEIGHTS = (0.0, 0.25, 0.5, 1.0, 2.0)  # tried for co-usage and links


@dataclass(frozen=True, slots=True)
class SelectorSettings:
    """Settings of the training."""

    encoder: str = "minilm"
    tune: str = ""  # "encoder": fine-tune the encoder first (some twenty minutes on two cores)
    tune_steps: int = 1000
    rank: int = 64  # of what the matrices add to the identity
    epochs: int = 12  # of the matrices
    rate: float = 2e-3
    most_fused: int = 2000  # requests that the fusion is fitted on
    masked: float = 0.15  # share of them whose tools are treated as never used
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Division:
    """Indices of the requests to learn from, to fuse with and to report on, and the tools kept out of the first."""

    learn: list[int]
    fuse: list[int]
    report: list[int]
    new_tools: frozenset[str]


class SelectorTrainer:
    """Learns from one set of requests over one catalogue.

    Args:
        tools: the catalogue.
        examples: requests with gold tools.
        settings: of the training.
        out: folder of the selector; the vectors of texts are kept there too, so that a run goes on where it was cut off.
        progress: told of stage, done and total.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        examples: Sequence[SelectionExample],
        settings: SelectorSettings,
        out: Path,
        progress: Progress = lambda stage, done, total: None,
    ) -> None:
        known = {tool.name for tool in tools}
        served = [example for example in examples if example.tools]
        if settings.tune not in ("", "encoder"):
            raise InputError(f"tune is {settings.tune!r}; allowed: encoder")
        if len(served) < FEWEST:
            raise InputError(f"--data: {len(served)} requests have tools; expected {FEWEST} or more to learn from")
        for example in served:
            if missing := [name for name in example.tools if name not in known]:
                raise InputError(f"request {example.id!r} names the tool {missing[0]!r}, which the catalogue of {len(known)} does not hold")
        self.tools, self.examples, self.settings, self.out, self.progress = tools, examples, settings, out, progress
        self.texts = [query_text(example.query) for example in examples]
        self.division = divide(examples, settings.seed)

    def train(self) -> JSON:
        """Learn, write the selector to the folder, and give the report, which stands in `report.json` too."""
        fused = [*self.division.fuse, *self.division.report]
        name = self._tuned() if self.settings.tune else self.settings.encoder
        self.encoder = KnownTexts(load_encoder(name), self.out / "vectors")
        self.encoder.learn([*self.texts, *(part for i in fused for part in parts(self.texts[i]))], lambda done, total: self.progress("encode", done, total))
        self.evidence = Evidence(self.encoder)
        self.evidence.add(self.tools)
        self.found: dict[int, Found] = {}
        for done, i in enumerate(fused):
            self.found[i] = self.evidence.of(self.texts[i])
            self.progress("evidence", done + 1, len(fused))
        partly = self.learn(self.division.learn)
        learned = LearnedEvidence(self.evidence, [tool.name for tool in self.tools], partly)
        fusion = self.fuse(learned)
        sets = self.fit_sets(learned, fusion, partly.sets)
        doubt = self.fit_doubt(learned, fusion)
        report = self.measure(learned, fusion, sets, doubt)
        final = self.learn(range(len(self.examples)))
        knowledge = replace(final, fusion=fusion, sets=replace(sets, lifts=final.sets.lifts), doubt=doubt)
        TrainedSelector(replace(knowledge, encoder=name)).fit(self.tools).save(self.out)
        write_text(self.out / "report.json", json.dumps(report, indent=1) + "\n")
        return report

    def _tuned(self) -> str:
        """The folder of the encoder, fine-tuned on the part to learn from; what ships is this one, and the report is honest about it."""
        learned_from = [i for i in self.division.learn if self.examples[i].tools]
        requests = [(self.texts[i], name) for i in learned_from for name in self.examples[i].tools]
        texts = {tool.name: description_text(tool) for tool in self.tools}
        settings = TuningSettings(steps=self.settings.tune_steps, seed=self.settings.seed)
        return str(tune_encoder(self.settings.encoder, requests, texts, settings, self.out, lambda done, total: self.progress("tune", done, total)))

    def learn(self, chosen: Sequence[int]) -> Knowledge:
        """Matrices, usage vectors, memory and co-usage from the chosen requests; no fusion yet."""
        served = [i for i in chosen if self.examples[i].tools]
        used = sorted({name for i in served for name in self.examples[i].tools})
        rows = {tool.name: row for row, tool in enumerate(self.tools)}
        places = {name: place for place, name in enumerate(used)}
        requests = self.encoder.encode([self.texts[i] for i in served])
        offered = self.evidence.meanings.rows(np.array([rows[name] for name in used]))
        gold = [[places[name] for name in self.examples[i].tools] for i in served]
        s = self.settings
        settings = MatrixSettings(rank=s.rank, epochs=s.epochs, rate=s.rate, seed=s.seed)
        asked, turned, usage = fit_matrices(requests, offered, gold, settings, lambda done, total: self.progress("matrices", done, total))
        uses = tuple(self.examples[i].tools for i in served)
        nothing = Fusion((0.0,) * len(LEARNED), 0.0, (0.0,) * (len(STANDING) + len(LEARNED)), 0.0, 0.0)
        by_name = dict(zip(used, usage, strict=True))
        texts = tuple(self.texts[i] for i in served)
        return Knowledge(s.encoder, asked, turned, by_name, texts, requests.astype(np.float16), uses, nothing, Sets(lifts_of(uses)))

    def fuse(self, learned: LearnedEvidence) -> Fusion:
        """Weights fitted on requests that were not learned from; tools that no request uses are no candidates."""
        source = random.Random(self.settings.seed)
        served = [i for i in self.division.fuse if self.examples[i].tools]
        served = sorted(source.sample(served, min(len(served), self.settings.most_fused)))
        used = {learned.rows[name] for example in self.examples for name in example.tools}
        features, gold = [], []
        for i in served:
            shown = learned.extended(self.found[i]).features
            rows = [learned.rows[name] for name in self.examples[i].tools]
            hardness = shown[:, 0, FEATURES.index("meaning")] + shown[:, 0, len(FEATURES) :].sum(axis=1)
            if source.random() < self.settings.masked:
                shown[rows, :, len(FEATURES) + 1 :] = 0
            others = [int(row) for row in np.argsort(-hardness, kind="stable") if int(row) in used and row not in rows]
            chosen = [*rows, *others[: CANDIDATES - len(rows)]]
            features.append(shown[chosen])
            gold.append(list(range(len(rows))))
        least = min(len(one) for one in features)
        weights, part = fit_weights([one[:least] for one in features], gold, FusionSettings())
        return Fusion(weights, part, (0.0,) * (len(STANDING) + len(LEARNED)), 0.0, 0.0)

    def fit_doubt(self, learned: LearnedEvidence, fusion: Fusion) -> Doubt | None:
        """What tells requests that no tool serves; None where there are too few of them."""
        served = np.array([bool(self.examples[i].tools) for i in self.division.fuse])
        if (~served).sum() < FEWEST_UNSERVED:
            return None
        return fit_doubt(*self._standing(learned, fusion, self.division.fuse), served)

    def _standing(self, learned: LearnedEvidence, fusion: Fusion, chosen: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        found = [learned.extended(self.found[i]) for i in chosen]
        return np.stack([fusion.stands(one, fusion.log_probabilities(one)) for one in found]), np.stack([one.vectors[0] for one in found])

    def fit_sets(self, learned: LearnedEvidence, fusion: Fusion, sets: Sets) -> Sets:
        """The weights of belonging together that find most of the gold tools of requests with several."""
        several = [i for i in self.division.fuse if len(self.examples[i].tools) > 1]
        tried = [replace(sets, together=together, linked=linked) for together in SET_WEIGHTS for linked in SET_WEIGHTS]
        ranked = {i: self._ranked(learned, fusion, i) for i in several}
        needs = {tool.name: needs_of(tool) for tool in self.tools}

        def recall(one: Sets) -> float:
            found = [[ranked[i][0][place] for place in one.reranked(*ranked[i], needs)[:5]] for i in several]
            return sum(len(set(names) & set(self.examples[i].tools)) / len(self.examples[i].tools) for names, i in zip(found, several, strict=True))

        return max(tried, key=recall) if several else tried[0]

    def measure(self, learned: LearnedEvidence, fusion: Fusion, sets: Sets, doubt: Doubt | None) -> JSON:
        """Figures on the part that nothing was learned from or fitted on, beside the evidence without learning where its weights are known."""
        zero = read_fusion(self.settings.encoder) if self.settings.encoder == "minilm" else None
        needs = {tool.name: needs_of(tool) for tool in self.tools}
        rows: dict[str, list[tuple[str, list[str], tuple[str, ...]]]] = {"trained": [], "zero_training": []}
        for i in self.division.report:
            gold = self.examples[i].tools
            if not gold:
                continue
            group = "new_tools" if self.division.new_tools & set(gold) else "seen_tools"
            names, scores = self._ranked(learned, fusion, i)
            order = sets.reranked(names, scores, needs) if len(self.found[i].texts) > 1 else list(range(len(names)))
            rows["trained"].append((group, [names[place] for place in order], gold))
            if zero is not None:
                plain = np.argsort(-zero.log_probabilities(self.found[i]), kind="stable")[:WEIGHED]
                rows["zero_training"].append((group, [self.tools[row].name for row in plain], gold))
        report = {row: _figures(cases) for row, cases in rows.items() if cases}
        served = np.array([bool(self.examples[i].tools) for i in self.division.report])
        if doubt is not None and 0 < served.sum() < len(served):
            fits = doubt.fits(*self._standing(learned, fusion, self.division.report)) >= doubt.threshold
            answered, abstained = float(fits[served].mean()), float((~fits[~served]).mean())
            report["abstention"] = {"all": {"answered": answered, "abstained": abstained, "balanced": (answered + abstained) / 2, "n": len(served)}}
        return report

    def _ranked(self, learned: LearnedEvidence, fusion: Fusion, i: int) -> tuple[list[str], np.ndarray]:
        scores = fusion.log_probabilities(learned.extended(self.found[i]))
        best = np.argsort(-scores, kind="stable")[:WEIGHED]
        return [self.tools[row].name for row in best], scores[best]


def divide(examples: Sequence[SelectionExample], seed: int) -> Division:
    """Requests of one frame stay together; every eighth tool is new to what is learned."""
    source = random.Random(seed)
    names = sorted({name for example in examples for name in example.tools})
    source.shuffle(names)
    new = names[: len(names) // 8]
    new_fuse, new_report = set(new[::2]), set(new[1::2])
    frames: dict[str, list[int]] = {}
    for i, example in enumerate(examples):
        frames.setdefault(frame_of(example.id) if "." in example.id else example.id, []).append(i)
    division = Division([], [], [], frozenset(new))
    for members in frames.values():
        drawn = source.random()
        for i in members:
            gold = set(examples[i].tools)
            if not gold:  # nothing is learned from what no tool serves but when to abstain
                (division.fuse if drawn < 0.85 else division.report).append(i)
            elif gold & new_report:
                division.report.append(i)
            elif gold & new_fuse:
                division.fuse.append(i)
            else:
                (division.learn if drawn < 0.7 else division.fuse if drawn < 0.85 else division.report).append(i)
    return division


def _figures(cases: Sequence[tuple[str, list[str], tuple[str, ...]]]) -> JSON:
    """Top-1, Top-5, recall@5 and comp@5 with n, of all cases and by group."""
    figures: JSON = {}
    for group in ("all", "seen_tools", "new_tools"):
        chosen = [(ranking, set(gold)) for name, ranking, gold in cases if group in ("all", name)]
        if chosen:
            figures[group] = {
                "top_1": float(np.mean([ranking[0] in gold for ranking, gold in chosen])),
                "top_5": float(np.mean([bool(gold & set(ranking[:5])) for ranking, gold in chosen])),
                "recall@5": float(np.mean([len(gold & set(ranking[:5])) / len(gold) for ranking, gold in chosen])),
                "comp@5": float(np.mean([gold <= set(ranking[:5]) for ranking, gold in chosen])),
                "n": len(chosen),
            }
    return figures
