"""Paired tests between methods on the same test cases, with Holm's correction.

Whole sentence frames are resampled. The scores are read from the cases that each cell stored, so no model is needed. What is not significant at
5 % after the correction is called so.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from toolwright.comparison.methods import METHODS
from toolwright.data.frames import cluster_of
from toolwright.evaluation.statistics import paired_difference
from toolwright.types import Comparison, Result, write_text

# What is compared: the task, and which number of a stored case is its score.
SCORES = {"selection.top_1": ("selection", "top_1"), "timing.accuracy": ("timing", ""), "calls.exact": ("calls", "exact")}
LEVEL = 0.05


def write_comparisons(output: Path, results: Sequence[Result]) -> list[Comparison]:
    """`comparisons.jsonl`: every pair of trained methods, and each of them against the untrained base, on every score."""
    done = [result for result in results if result.status == "done" and (result.method in METHODS or result.method == "base")]
    methods = list(dict.fromkeys(result.method for result in done))
    found = []
    for key in SCORES:
        scores = {method: _scores(output, [result for result in done if result.method == method], key) for method in methods}
        for first, second in combinations(methods, 2):
            ids = sorted(scores[first].keys() & scores[second].keys())
            if ids:
                clusters = [cluster_of(id_) for id_ in ids]
                difference, p = paired_difference([scores[first][id_] for id_ in ids], [scores[second][id_] for id_ in ids], clusters)
                found.append(Comparison(metric=key, first=first, second=second, difference=difference, p=p, significant=False))
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


def _scores(output: Path, results: Sequence[Result], key: str) -> dict[str, float]:
    """The score of each test case, averaged over seeds."""
    task, name = SCORES[key]
    collected: dict[str, list[float]] = {}
    for result in results:
        stored = json.loads((output / "cells" / f"{result.method}-s{result.seed}" / f"evaluated_{task}.json").read_text(encoding="utf-8"))
        for case in stored["examples"]:
            value = float(case["predicted"] == case["gold"]) if task == "timing" else case["scores"][name] if task == "calls" else case[name]
            collected.setdefault(case["id"], []).append(value)
    return {id_: sum(values) / len(values) for id_, values in collected.items()}
