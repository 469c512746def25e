"""Paired tests between methods on the same test cases, with Holm's correction.

Seeds and whole sentence frames are resampled. The scores are read from the cases that each cell stored, so no model is needed. What is not significant at
5 % after the correction is called so.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np

from toolwright.data.frames import cluster_of
from toolwright.evaluation.statistics import paired_difference
from toolwright.types import JSON, Comparison, Result, write_text

# What is compared: the task, and which number of a stored case is its score.
SCORES = {
    "selection.top_1": ("selection", "top_1"),
    "timing.accuracy": ("timing", ""),
    "calls.exact": ("calls", "exact"),
    "planning.success": ("planning", "success"),
}
BASE = "base"
LEVEL = 0.05


def write_comparisons(output: Path, results: Sequence[Result]) -> list[Comparison]:
    """`comparisons.jsonl`: every pair of trained methods, and each of them against the untrained base, on every score."""
    done = [result for result in results if result.status == "done" and (result.steps or result.method == BASE)]
    methods = list(dict.fromkeys(result.method for result in done))
    found = []
    for key in SCORES:
        scores = {method: _scores(output, [result for result in done if result.method == method], key) for method in methods}
        for first, second in combinations(methods, 2):
            one = _compared(key, first, second, scores)
            if one is not None:
                found.append(one)
    corrected = holm(found)
    write_text(output / "comparisons.jsonl", "".join(one.model_dump_json() + "\n" for one in corrected))
    return corrected


def holm(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Holm (1979): p-values from the smallest on, each times the number of those left; the first above the level stops."""
    order = sorted(range(len(comparisons)), key=lambda i: comparisons[i].p)
    corrected = list(comparisons)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, comparisons[i].p * (len(comparisons) - rank)))
        corrected[i] = comparisons[i].model_copy(update={"p": highest, "significant": highest < LEVEL})
    return corrected


def _compared(key: str, first: str, second: str, scores: Mapping[str, Mapping[int, Mapping[str, float]]]) -> Comparison | None:
    """The paired test of two methods over the seeds and cases that both have; None where they have none in common. The untrained base is the same for every
    seed, and stands beside each of them.
    """
    one, other = scores[first], scores[second]
    shared = sorted(one.keys() & other.keys())
    rows = [(seed, seed) for seed in shared]
    if BASE in (first, second):
        base = next(iter(one if first == BASE else other), None)
        rows = [] if base is None else [(base, seed) if first == BASE else (seed, base) for seed in sorted(other if first == BASE else one)]
    used = [one[a] for a, _ in rows] + [other[b] for _, b in rows]
    ids = sorted(set.intersection(*(set(cases) for cases in used))) if used else []
    if not ids:
        return None
    before, after = (np.array([[cases[id_] for id_ in ids] for cases in side]) for side in (used[: len(rows)], used[len(rows) :]))
    difference, p = paired_difference(before, after, [cluster_of(id_) for id_ in ids])
    return Comparison(metric=key, first=first, second=second, difference=difference, p=p, significant=False, seeds=len(rows))


def _scores(output: Path, results: Sequence[Result], key: str) -> dict[int, dict[str, float]]:
    """By seed, the score of each test case."""
    task, name = SCORES[key]
    collected: dict[int, dict[str, float]] = {}
    for result in results:
        path = output / "cells" / f"{result.method}-s{result.seed}" / f"evaluated_{task}.json"
        if path.is_file():
            cases = json.loads(path.read_text(encoding="utf-8"))["examples"]
            collected[result.seed] = {case["id"]: _score(task, name, case) for case in cases}
    return collected


def _score(task: str, name: str, case: JSON) -> float:
    """A stored case's score between 0 and 1."""
    if task == "timing":
        return float(case["predicted"] == case["gold"])
    return float(case["scores"][name] if "scores" in case else case[name])
