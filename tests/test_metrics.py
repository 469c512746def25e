"""Metrics against scikit-learn, and against examples worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as sk

from toolwright.evaluation import metrics
from toolwright.evaluation.statistics import mean_interval, paired_difference, statistic_interval

NAMES = [f"t{i}" for i in range(12)]
rankings = st.permutations(NAMES)
golds = st.sets(st.sampled_from(NAMES), min_size=1, max_size=4).map(sorted)
labels = st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("abcd")), min_size=1, max_size=40)


@given(ranking=rankings, gold=golds)
def test_ndcg_and_average_precision_agree_with_scikit_learn(ranking, gold):
    relevance = [[float(name in gold) for name in ranking]]
    scores = [[float(-i) for i in range(len(ranking))]]
    assert metrics.ndcg_at_k(ranking, gold, 5) == pytest.approx(sk.ndcg_score(relevance, scores, k=5))
    assert metrics.average_precision(ranking, gold, k=len(ranking)) == pytest.approx(sk.average_precision_score(relevance[0], scores[0]))


@given(ranking=rankings, gold=golds, k=st.integers(1, 12))
def test_cuts_are_ordered(ranking, gold, k):
    assert metrics.completeness_at_k(ranking, gold, k) <= metrics.recall_at_k(ranking, gold, k) <= metrics.top_k(ranking, gold, k)
    assert metrics.recall_at_k(ranking, gold, 12) == 1


def test_ranking_by_hand():
    scores = metrics.ranking_scores(["a", "b", "c", "d"], [["c", "b"]])
    assert scores["top_1"] == 0
    assert scores["top_3"] == scores["comp@3"] == 1
    assert scores["mrr"] == 1 / 2
    assert scores["map@10"] == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert scores["ndcg@5"] == pytest.approx((1 / math.log2(3) + 1 / math.log2(4)) / (1 + 1 / math.log2(3)))


def test_the_best_of_equally_good_sets_counts():
    assert metrics.ranking_scores(["a", "b"], [["z"], ["a"]])["top_1"] == 1


@given(pairs=labels)
def test_classification_agrees_with_scikit_learn(pairs):
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    assert metrics.accuracy(gold, predicted) == pytest.approx(sk.accuracy_score(gold, predicted))
    assert metrics.macro_f1(gold, predicted) == pytest.approx(sk.f1_score(gold, predicted, average="macro", zero_division=0))
    recalls = sk.recall_score(gold, predicted, average=None, labels=sorted(set(gold)), zero_division=0)
    assert metrics.balanced_accuracy(gold, predicted) == pytest.approx(np.mean(recalls))


def test_calibration_error_by_hand():
    confidence, correct = [0.95, 0.95, 0.55, 0.55], [True, True, True, False]
    assert metrics.expected_calibration_error(confidence, correct, bins=10) == pytest.approx(0.5 * 0.05 + 0.5 * 0.05)


def test_intervals_cover_as_often_as_they_say():
    generator = np.random.default_rng(0)
    covered = 0
    for trial in range(150):
        metric = mean_interval((generator.random(80) < 0.3).astype(float).tolist(), seed=trial)
        covered += metric.low <= 0.3 <= metric.high
    assert 0.88 <= covered / 150 <= 1


def test_groups_widen_an_interval():
    values = [float(i % 2) for i in range(20) for _ in range(10)]
    groups = [str(i) for i in range(20) for _ in range(10)]
    alone, together = mean_interval(values), mean_interval(values, groups)
    assert together.high - together.low > 2 * (alone.high - alone.low)
    assert alone.value == together.value == 0.5


def test_paired_differences():
    generator = np.random.default_rng(1)
    first = generator.random((1, 200))
    metric, p = paired_difference(first, first + 0.1)
    assert metric.value == pytest.approx(0.1)
    assert metric.n == 200
    assert p < 0.001
    assert paired_difference(first, generator.permutation(first, axis=1))[1] > 0.05


def test_a_method_against_itself_differs_in_nothing():
    scores = np.random.default_rng(2).integers(0, 2, (3, 90))
    metric, p = paired_difference(scores, scores, [str(i // 3) for i in range(90)])
    assert (metric.value, metric.low, metric.high, p) == (0, 0, 0, 1)


def test_seeds_that_disagree_widen_the_interval():
    """The same mean difference: once every seed has it, once one seed has all of it."""
    first = np.zeros((3, 120))
    alike, apart = np.zeros((3, 120)), np.zeros((3, 120))
    alike[:, :40] = 1
    apart[0] = 1
    groups = [str(i) for i in range(120)]
    one, other = paired_difference(first, alike, groups), paired_difference(first, apart, groups)
    assert one[0].value == other[0].value == pytest.approx(1 / 3)
    assert one[1] < 0.001
    assert other[1] > 0.05
    assert other[0].low < 0 < one[0].low


def test_seeds_vary_as_much_as_their_mean_does():
    """All cases of a seed alike: the interval is that of a mean of seeds, s / √seeds, which plain resampling of three makes too narrow."""
    scores = np.repeat([[0.0], [1.0], [2.0]], 50, axis=1)
    metric, _ = paired_difference(np.zeros((1, 50)), scores)
    shift = 1.5**0.5  # of the largest and smallest draws, that of one seed three times
    assert (metric.low, metric.high) == (pytest.approx(1 - shift, abs=1e-6), pytest.approx(1 + shift, abs=1e-6))


def test_what_does_not_depend_on_a_seed_stands_beside_each():
    generator = np.random.default_rng(3)
    base, trained = generator.random((1, 60)), generator.random((3, 60))
    assert paired_difference(base, trained) == paired_difference(base.repeat(3, axis=0), trained)


def test_shapes_that_do_not_pair_are_named():
    with pytest.raises(ValueError, match=r"shapes \(2, 5\) and \(3, 5\)"):
        paired_difference(np.zeros((2, 5)), np.zeros((3, 5)))


def test_no_difference_is_seldom_called_one():
    generator = np.random.default_rng(4)
    groups = [str(i // 3) for i in range(120)]
    called = 0
    for trial in range(100):
        noise = generator.normal(0, 0.3, 40).repeat(3) + generator.normal(0, 0.4, (3, 120)) + generator.normal(0, 0.03, (3, 1))
        called += paired_difference(np.zeros((3, 120)), noise, groups, seed=trial % 3)[1] < 0.05
    assert called <= 12


def test_a_statistic_keeps_its_value():
    metric = statistic_interval(lambda i: float(len(set(i.tolist())) > 0), list("abcdefghij"))
    assert (metric.value, metric.low, metric.high, metric.n) == (1.0, 1.0, 1.0, 10)


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])
