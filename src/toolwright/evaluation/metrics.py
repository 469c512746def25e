"""Metrics as pure functions of ranks and labels: arrays in, numbers out.

Ranking: Top-k is 1 when *any* gold tool is among the first k; recall@k is the share of gold tools among them; COMP@k (completeness; Qu et al.,
COLT, 2024) is 1 when *all* are; nDCG@k (Järvelin and Kekäläinen, 2002) has binary gains and log2 discounts; MRR takes the first gold tool; AP@10 is
divided by min(gold, 10). Where several sets of tools are equally good (`accept`), the set that scores best counts, for each metric.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

TOP_KS = (1, 3, 5, 10)

Ranking = Sequence[str]
Gold = Sequence[str]


def top_k(ranking: Ranking, gold: Gold, k: int) -> float:
    """Whether any gold tool is among the first k."""
    return float(any(name in gold for name in ranking[:k]))


def recall_at_k(ranking: Ranking, gold: Gold, k: int) -> float:
    """Share of the gold tools among the first k."""
    return len(set(gold) & set(ranking[:k])) / len(set(gold))


def completeness_at_k(ranking: Ranking, gold: Gold, k: int) -> float:
    """Whether all gold tools are among the first k."""
    return float(set(gold) <= set(ranking[:k]))


def ndcg_at_k(ranking: Ranking, gold: Gold, k: int) -> float:
    """Discounted gain of the gold tools among the first k over the best possible."""
    gain = sum(1 / math.log2(rank + 2) for rank, name in enumerate(ranking[:k]) if name in gold)
    best = sum(1 / math.log2(rank + 2) for rank in range(min(k, len(set(gold)))))
    return gain / best


def reciprocal_rank(ranking: Ranking, gold: Gold) -> float:
    """One over the rank of the first gold tool; 0 when there is none."""
    return next((1 / (rank + 1) for rank, name in enumerate(ranking) if name in gold), 0.0)


def average_precision(ranking: Ranking, gold: Gold, k: int = 10) -> float:
    """Mean precision at each gold tool's rank among the first k, over min(gold, k)."""
    hits, total = 0, 0.0
    for rank, name in enumerate(ranking[:k]):
        if name in gold:
            hits += 1
            total += hits / (rank + 1)
    return total / min(len(set(gold)), k)


RANKING_METRICS: dict[str, Callable[[Ranking, Gold], float]] = {
    **{f"top_{k}": partial(top_k, k=k) for k in TOP_KS},
    **{f"recall@{k}": partial(recall_at_k, k=k) for k in TOP_KS},
    **{f"ndcg@{k}": partial(ndcg_at_k, k=k) for k in (5, 10)},
    **{f"comp@{k}": partial(completeness_at_k, k=k) for k in (3, 5, 10)},
    "mrr": reciprocal_rank,
    "map@10": average_precision,
}


def ranking_scores(ranking: Ranking, gold_sets: Sequence[Gold]) -> dict[str, float]:
    """Every ranking metric for one request; `gold_sets` are the equally good answers."""
    return {name: max(metric(ranking, gold) for gold in gold_sets) for name, metric in RANKING_METRICS.items()}


def accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Share of equal labels."""
    return sum(g == p for g, p in zip(gold, predicted, strict=True)) / len(gold)


def recall_by_label(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, float]:
    """For each label that occurs in gold, the share of its cases found."""
    pairs = list(zip(gold, predicted, strict=True))
    return {label: sum(g == p == label for g, p in pairs) / sum(g == label for g in gold) for label in sorted(set(gold))}


def balanced_accuracy(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Mean recall over the labels of gold."""
    recalls = recall_by_label(gold, predicted)
    return sum(recalls.values()) / len(recalls)


def macro_f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Mean F1 over the labels that occur in gold or in the predictions; a label never found counts 0."""
    total, labels = 0.0, sorted(set(gold) | set(predicted))
    for label in labels:
        hit = sum(g == p == label for g, p in zip(gold, predicted, strict=True))
        total += 2 * hit / (sum(g == label for g in gold) + sum(p == label for p in predicted))
    return total / len(labels)


def expected_calibration_error(confidence: Sequence[float], correct: Sequence[bool], bins: int = 15) -> float:
    """Guo et al. (2017), equation 3: mean gap between confidence and accuracy over equal-width bins of confidence."""
    total = 0.0
    for b in range(bins):
        low, high = b / bins, (b + 1) / bins
        inside = [i for i, c in enumerate(confidence) if (low < c <= high) or (b == 0 and c == 0)]
        if inside:
            gap = sum(confidence[i] for i in inside) / len(inside) - sum(correct[i] for i in inside) / len(inside)
            total += abs(gap) * len(inside) / len(confidence)
    return total
