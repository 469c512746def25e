"""Intervals and paired tests.

Intervals are percentile bootstrap intervals over test cases (Efron and Tibshirani, 1993, chapter 13), 95 %. Items that come from the same sentence
are not independent, so whole groups are drawn when groups are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from toolwright.types import Metric

RESAMPLES = 2000


def mean_interval(values: Sequence[float], groups: Sequence[str] | None = None, seed: int = 0) -> Metric:
    """The mean with its 95 % bootstrap interval; n is the number of values.

    Args:
        values: one number a test case.
        groups: the cluster of each case; clusters are resampled whole.
        seed: of the resampling.
    """
    return mean_intervals({"": values}, groups, seed)[""]


def mean_intervals(columns: Mapping[str, Sequence[float]], groups: Sequence[str] | None = None, seed: int = 0) -> dict[str, Metric]:
    """`mean_interval` of several scores of the same test cases, all over the same resamples."""
    values = np.column_stack([np.asarray(column, dtype=float) for column in columns.values()])
    if not len(values):
        raise ValueError("no values: the mean of nothing is not a figure")
    sums, counts = _by_group(values, groups)
    generator = np.random.default_rng(seed)
    means = np.empty((RESAMPLES, values.shape[1]))
    for i in range(RESAMPLES):
        times_drawn = np.bincount(generator.integers(0, len(sums), size=len(sums)), minlength=len(sums))
        means[i] = times_drawn @ sums / (times_drawn @ counts)
    low, high = np.percentile(means, (2.5, 97.5), axis=0)
    middle = values.mean(axis=0)
    return {name: Metric(value=float(middle[j]), low=float(low[j]), high=float(high[j]), n=len(values)) for j, name in enumerate(columns)}


def statistic_interval(statistic: Callable[[np.ndarray], float], groups: Sequence[str], seed: int = 0, resamples: int = 500) -> Metric:
    """Any statistic of test cases, given their indices, with its 95 % bootstrap interval; `groups` names the cluster of each case."""
    generator = np.random.default_rng(seed)
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    members = [np.flatnonzero(index == group) for group in range(index.max() + 1)]
    draws = (generator.integers(0, len(members), size=len(members)) for _ in range(resamples))
    low, high = np.percentile([statistic(np.concatenate([members[group] for group in drawn])) for drawn in draws], (2.5, 97.5))
    return Metric(value=statistic(np.arange(len(groups))), low=float(low), high=float(high), n=len(groups))


def paired_difference(first: Sequence[float], second: Sequence[float], groups: Sequence[str] | None = None, seed: int = 0) -> tuple[Metric, float]:
    """Mean of `second - first` over the same test cases, its 95 % interval, and the two-sided bootstrap p-value of no difference."""
    differences = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    metric = mean_interval(differences.tolist(), groups, seed)
    sums, counts = _by_group(differences[:, None] - differences.mean(), groups)
    draws = np.random.default_rng(seed + 1).integers(0, len(sums), size=(RESAMPLES, len(sums)))
    under_null = sums[draws, 0].sum(axis=1) / counts[draws].sum(axis=1)
    extreme = int((np.abs(under_null) >= abs(metric.value) - 1e-12).sum())
    return metric, (extreme + 1) / (RESAMPLES + 1)


def _by_group(values: np.ndarray, groups: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Sums of values of shape (cases, scores) and numbers of cases by group."""
    if groups is None:
        return values, np.ones(len(values))
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.column_stack([np.bincount(index, weights=column) for column in values.T])
    return sums, np.bincount(index).astype(float)
