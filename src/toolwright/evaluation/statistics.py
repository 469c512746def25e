"""Intervals and paired tests.

Intervals are percentile bootstrap intervals over test cases (Efron and Tibshirani, 1993, chapter 13), 95 %. Items that come from the same sentence
are not independent, so whole groups are drawn when groups are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import numpy as np

from toolwright.types import Metric

RESAMPLES = 2000
PAIRED_RESAMPLES = 20_000  # so that the smallest p-value is far below 5 % over the number of pairs, by which Holm's correction multiplies it


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


def paired_difference(first: np.ndarray, second: np.ndarray, groups: Sequence[str] | None = None, seed: int = 0) -> tuple[Metric, float]:
    """Mean of `second - first` over seeds and test cases, its 95 % interval, and the two-sided bootstrap p-value of no difference.

    A hierarchical bootstrap: each resample draws seeds and, apart from them, whole clusters of cases. Few seeds drawn from themselves vary too little, by a
    factor of √((s − 1)/s); what a draw of seeds changes is enlarged by as much (Rao and Wu, 1988). With one seed the cases alone are drawn, and the
    interval says nothing of other seeds.

    Args:
        first: scores, shape (seeds, cases); of one seed where the first does not depend on it, and then it stands beside each seed of the second.
        second: the same for the second; a seed's row stands where it stands in `first`.
        groups: the cluster of each case.
        seed: of the resampling.

    Raises:
        ValueError: where the shapes do not go together.
    """
    if first.ndim != 2 or second.ndim != 2 or first.shape[1] != second.shape[1] or (len(first) != len(second) and 1 not in (len(first), len(second))):
        raise ValueError(f"paired_difference: shapes {first.shape} and {second.shape}; expected (seeds, cases) of the same cases and seeds, or one seed")
    differences = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    seeds, cases = differences.shape
    sums, counts = _by_group(differences.T, groups)
    times_drawn = _draws(len(sums), seed)
    by_seed = (times_drawn @ sums) / (times_drawn @ counts)[:, None]
    resampled = by_seed.mean(axis=1)
    if seeds > 1:
        drawn = np.random.default_rng(seed + 1).multinomial(seeds, np.full(seeds, 1 / seeds), size=PAIRED_RESAMPLES) / seeds
        resampled = resampled + ((by_seed * drawn).sum(axis=1) - resampled) * np.sqrt(seeds / (seeds - 1))
    value = float(differences.mean())
    low, high = np.percentile(resampled, (2.5, 97.5))
    extreme = int((np.abs(resampled - value) >= abs(value) - 1e-12).sum())
    return Metric(value=value, low=float(low), high=float(high), n=cases), (extreme + 1) / (PAIRED_RESAMPLES + 1)


@lru_cache(maxsize=4)
def _draws(groups: int, seed: int) -> np.ndarray:
    """How often each group is drawn in each resample, shape (resamples, groups)."""
    return np.random.default_rng(seed).multinomial(groups, np.full(groups, 1 / groups), size=PAIRED_RESAMPLES).astype(np.float32)


def _by_group(values: np.ndarray, groups: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Sums of values of shape (cases, scores) and numbers of cases by group."""
    if groups is None:
        return values, np.ones(len(values))
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    sums = np.column_stack([np.bincount(index, weights=column) for column in values.T])
    return sums, np.bincount(index).astype(float)
