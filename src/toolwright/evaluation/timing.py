"""How well a decider times calls: four outcomes against gold, how far its probabilities can be trusted, and what being wrong costs

Every figure but latency follows from confusion counts, which are resampled by cluster for their intervals. Over-call: share of the others decided as
`call`; under-call: share of `call` decided otherwise. Expected calibration error: Guo et al. (2017), equation 3, 15 bins. Risk–coverage: Geifman and
El-Yaniv (2017). Cost curve: mean cost where a wrong call costs c and a missed one 1 - c, calls being made where their probability is above c, over the
better of always and never calling (after Drummond and Holte, 2006).
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from toolwright.data.frames import cluster_of
from toolwright.data.public_timing import Scoring
from toolwright.evaluation.metrics import expected_calibration_error
from toolwright.evaluation.statistics import RESAMPLES
from toolwright.timing.protocol import TimingDecider
from toolwright.types import JSON, TIMING_LABELS, Decision, InputError, Metric, TimingExample, TimingLabel, Tool

COSTS = tuple(round(0.05 * i, 2) for i in range(1, 20))
YES: dict[Scoring, tuple[TimingLabel, ...]] = {"four": (), "needs_a_tool": ("call", "clarify", "unable"), "makes_a_call": ("call",)}

FRAME_ID = re.compile(r"\w+(\.\w+)+\.(?:request|clarify|follow|answer|unable)\.\w+\.\d+")  # agent_benchmark's: examples of one tool go together

Matrix = np.ndarray  # counts of shape (…, gold, predicted)


@dataclass(frozen=True, slots=True)
class TimingReport:
    """Metrics with intervals, the same of baselines, the curves, and every case."""

    metrics: dict[str, Metric]
    baselines: dict[str, dict[str, Metric]]
    confusion: dict[str, dict[str, int]]
    curves: JSON
    config: JSON
    examples: list[JSON]

    def to_json(self) -> JSON:
        """The object of a results file."""
        figures = {name: metric.model_dump() for name, metric in self.metrics.items()}
        baselines = {row: {name: metric.model_dump() for name, metric in found.items()} for row, found in self.baselines.items()}
        return {
            "metrics": figures,
            "baselines": baselines,
            "confusion": self.confusion,
            "curves": self.curves,
            "config": self.config,
            "examples": self.examples,
        }


def evaluate_decider(
    decider: TimingDecider,
    tools: Mapping[str, Tool],
    examples: Sequence[TimingExample],
    *,
    scoring: Scoring = "four",
    config: JSON,
    progress: Callable[[Sequence[TimingExample]], Iterable[TimingExample]] = iter,
    seed: int = 0,
) -> TimingReport:
    """Decide every case and count.

    Args:
        decider: what is measured.
        tools: by the names that the examples use.
        examples: at least one.
        scoring: four outcomes, or one of the two questions that public sets ask.
        config: what to record beside the figures.
        progress: wraps the examples, to show how far it is.
        seed: of the random baseline and the intervals.
    """
    if not examples:
        raise InputError("no conversations to decide; expected at least one")
    decisions: list[Decision] = []
    seconds: list[float] = []
    for example in progress(examples):
        if unknown := [name for name in example.tools if name not in tools]:
            raise InputError(f"conversation {example.id!r} offers the tool {unknown[0]!r}, which the catalogue of {len(tools)} does not hold")
        start = time.perf_counter()
        decisions.append(decider.decide(example.messages, [tools[name] for name in example.tools]))
        seconds.append(time.perf_counter() - start)
    gold = [example.label for example in examples]
    predicted = [decision.outcome for decision in decisions]
    clusters = [cluster_of(example.id) if FRAME_ID.fullmatch(example.id) else example.id for example in examples]
    groups = {"": list(range(len(examples)))}
    for i, example in enumerate(examples):
        for tag in example.tags:
            groups.setdefault(f"/{tag}", []).append(i)
    metrics: dict[str, Metric] = {}
    for group, members in groups.items():
        found = scores([gold[i] for i in members], [predicted[i] for i in members], [clusters[i] for i in members], scoring, seed)
        metrics |= {f"timing.{name}{group}": metric for name, metric in found.items()}
        if scoring == "four":
            metrics[f"timing.ece{group}"] = _ece([decisions[i] for i in members], [gold[i] for i in members], [clusters[i] for i in members], seed)
    source, common = random.Random(seed), min(Counter(gold).items(), key=lambda pair: (-pair[1], pair[0]))[0]
    guesses: dict[str, list[TimingLabel]] = {"random": [source.choice(TIMING_LABELS) for _ in gold], "majority": [common] * len(gold)}
    baselines = {row: {f"timing.{name}": metric for name, metric in scores(gold, guess, clusters, scoring, seed).items()} for row, guess in guesses.items()}
    stages = Counter(decision.stage for decision in decisions if decision.stage)
    about = {
        **config,
        "scoring": scoring,
        "conversations": len(examples),
        "seed": seed,
        "milliseconds_p50": 1000 * float(np.median(seconds)),
        "milliseconds_p95": 1000 * float(np.percentile(seconds, 95)),
        "stages": {stage: count / len(decisions) for stage, count in sorted(stages.items())},
    }
    confusion: dict[str, dict[str, int]] = {
        g: {p: sum(a == g and b == p for a, b in zip(gold, predicted, strict=True)) for p in TIMING_LABELS} for g in TIMING_LABELS
    }
    cases = [_case(example, decision) for example, decision in zip(examples, decisions, strict=True)]
    return TimingReport(metrics, baselines, confusion, {"risk_coverage": risk_coverage(decisions, gold), "cost": cost_curve(decisions, gold)}, about, cases)


def scores(gold: Sequence[str], predicted: Sequence[str], clusters: Sequence[str], scoring: Scoring, seed: int = 0) -> dict[str, Metric]:
    """Every score that confusion counts give, with its 95 % bootstrap interval over clusters."""
    order: dict[str, int] = {label: i for i, label in enumerate(TIMING_LABELS)}
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    counts = np.zeros((int(index.max()) + 1, 4, 4))
    for cluster, g, p in zip(index.tolist(), gold, predicted, strict=True):
        counts[cluster, order[g], order[p]] += 1
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(len(counts), np.full(len(counts), 1 / len(counts)), size=RESAMPLES)
    matrices = np.concatenate([counts.sum(axis=0)[None], np.tensordot(drawn, counts, axes=1)])
    values = four_scores(matrices) if scoring == "four" else binary_scores(matrices, YES[scoring])
    found = {}
    for name, row in values.items():
        known = row[1:][~np.isnan(row[1:])]
        if not np.isnan(row[0]) and len(known):
            low, high = np.percentile(known, (2.5, 97.5))
            found[name] = Metric(value=float(row[0]), low=float(low), high=float(high), n=len(gold))
    return found


def four_scores(matrices: Matrix) -> dict[str, np.ndarray]:
    """Scores of confusion counts, shape (R, 4 gold, 4 predicted) → (R,) each; NaN where there is nothing to divide by."""
    total, diagonal = matrices.sum(axis=(1, 2)), np.diagonal(matrices, axis1=1, axis2=2)
    golds, guesses = matrices.sum(axis=2), matrices.sum(axis=1)
    recall, precision, f1 = _ratio(diagonal, golds), _ratio(diagonal, guesses), _ratio(2 * diagonal, golds + guesses)
    call, needs = TIMING_LABELS.index("call"), [i for i, label in enumerate(TIMING_LABELS) if label != "answer"]
    hit = matrices[:, needs][:, :, needs].sum(axis=(1, 2))
    values = {
        "accuracy": _ratio(diagonal.sum(axis=1), total),
        "macro_f1": np.nanmean(np.where((golds + guesses) > 0, f1, np.nan), axis=1),
        "balanced_accuracy": np.nanmean(np.where(golds > 0, recall, np.nan), axis=1),
        "over_call": _ratio(guesses[:, call] - matrices[:, call, call], total - golds[:, call]),
        "under_call": _ratio(golds[:, call] - matrices[:, call, call], golds[:, call]),
        "needs_tool_f1": _ratio(2 * hit, golds[:, needs].sum(axis=1) + guesses[:, needs].sum(axis=1)),
    }
    for i, label in enumerate(TIMING_LABELS):
        values |= {f"precision_{label}": precision[:, i], f"recall_{label}": recall[:, i]}
    return values


def binary_scores(matrices: Matrix, yes: Sequence[TimingLabel]) -> dict[str, np.ndarray]:
    """As `four_scores`, for the question whether the outcome is one of `yes`."""
    inside = np.array([label in yes for label in TIMING_LABELS])
    hit, missed = matrices[:, inside][:, :, inside].sum(axis=(1, 2)), matrices[:, inside][:, :, ~inside].sum(axis=(1, 2))
    wrong, right = matrices[:, ~inside][:, :, inside].sum(axis=(1, 2)), matrices[:, ~inside][:, :, ~inside].sum(axis=(1, 2))
    recalls = np.stack([_ratio(hit, hit + missed), _ratio(right, right + wrong)])
    known = ~np.isnan(recalls)
    return {
        "accuracy": _ratio(hit + right, hit + right + wrong + missed),
        "f1": _ratio(2 * hit, 2 * hit + wrong + missed),
        "precision": _ratio(hit, hit + wrong),
        "recall": recalls[0],
        "specificity": recalls[1],
        "balanced_accuracy": _ratio(np.where(known, recalls, 0.0).sum(axis=0), known.sum(axis=0).astype(float)),
    }


def risk_coverage(decisions: Sequence[Decision], gold: Sequence[str]) -> list[JSON]:
    """Share of wrong decisions among the most confident, at twenty coverages; equal confidences in the order of the cases."""
    order = sorted(range(len(decisions)), key=lambda i: -decisions[i].confidence)
    wrong = np.cumsum([decisions[i].outcome != gold[i] for i in order])
    kept = sorted({max(1, round(len(order) * share / 20)) for share in range(1, 21)})
    return [{"coverage": count / len(order), "risk": float(wrong[count - 1] / count), "confidence": decisions[order[count - 1]].confidence} for count in kept]


def cost_curve(decisions: Sequence[Decision], gold: Sequence[str]) -> list[JSON]:
    """Mean cost of calling where the probability is above c, and of always and never calling, for each c of `COSTS`."""
    calls, wanted = np.array([decision.probabilities["call"] for decision in decisions]), np.array([label == "call" for label in gold])
    return [
        {
            "cost_of_a_wrong_call": c,
            "cost": float(np.mean(np.where(wanted, (calls <= c) * (1 - c), (calls > c) * c))),
            "always": float(np.mean(~wanted) * c),
            "never": float(np.mean(wanted) * (1 - c)),
        }
        for c in COSTS
    ]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.broadcast(above, below).shape, np.nan), where=below > 0)


def _ece(decisions: Sequence[Decision], gold: Sequence[str], clusters: Sequence[str], seed: int) -> Metric:
    confidence = np.array([decision.confidence for decision in decisions])
    right = np.array([decision.outcome == label for decision, label in zip(decisions, gold, strict=True)])
    bins = np.clip(np.ceil(confidence * 15).astype(int) - 1, 0, 14)
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    gaps = np.zeros((int(index.max()) + 1, 15))
    np.add.at(gaps, (index, bins), confidence - right)
    sizes = np.bincount(index).astype(float)
    drawn = np.random.default_rng(seed).multinomial(len(gaps), np.full(len(gaps), 1 / len(gaps)), size=RESAMPLES)
    resampled = np.abs(drawn @ gaps).sum(axis=1) / (drawn @ sizes)
    low, high = np.percentile(resampled, (2.5, 97.5))
    value = expected_calibration_error(confidence.tolist(), right.tolist())
    return Metric(value=value, low=float(low), high=float(high), n=len(decisions))


def _case(example: TimingExample, decision: Decision) -> JSON:
    return {
        "id": example.id,
        "text": example.messages[-1].content,
        "gold": example.label,
        "predicted": decision.outcome,
        "probabilities": {label: round(decision.probabilities[label], 4) for label in TIMING_LABELS},
        "tool": decision.tool,
        "missing": list(decision.missing),
        "stage": decision.stage,
        "tags": list(example.tags),
    }
