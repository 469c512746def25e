"""Paired tests over seeds and cases, from the files that cells leave."""

import json

import pytest

from toolwright.comparison.paired import write_comparisons
from toolwright.types import Result

CASES = [f"{service}.search_{tool}.request.{i}.0" for service in ("hotel", "bank") for tool in range(20) for i in range(2)]


def cell(output, method, seed, right, task="timing"):
    """A finished cell that decides the cases rightly for which `right` holds."""
    folder = output / "cells" / f"{method}-s{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    examples = [{"id": id_, "gold": "call", "predicted": "call" if right(i) else "answer"} for i, id_ in enumerate(CASES)]
    (folder / f"evaluated_{task}.json").write_text(json.dumps({"metrics": {}, "seconds": 1.0, "examples": examples}))
    return Result(method=method, seed=seed, model="nano", status="done", steps=int(method != "base"))


def test_a_method_that_is_better_on_every_seed_is_told_from_one_that_is_not(tmp_path):
    results = [cell(tmp_path, "base", 0, lambda i: i % 3 == 0)]
    results += [cell(tmp_path, "A_baseline", seed, lambda i, seed=seed: i % 2 == 0 or i % 31 == seed) for seed in (0, 1, 2)]
    results += [cell(tmp_path, "B4_coreset_random", seed, lambda i, seed=seed: i % 8 != seed) for seed in (0, 1, 2)]
    results += [cell(tmp_path, "B5_coreset_longest", seed, lambda i, seed=seed: i % 2 == 0 or i % 29 == seed) for seed in (0, 1)]
    found = {(one.first, one.second): one for one in write_comparisons(tmp_path, results)}
    better = found["A_baseline", "B4_coreset_random"]
    assert (better.significant, better.seeds, better.difference.n) == (True, 3, len(CASES))
    assert better.difference.value == pytest.approx(0.875 - 0.5, abs=0.05)
    alike = found["A_baseline", "B5_coreset_longest"]
    assert (alike.significant, alike.seeds) == (False, 2)
    assert found["base", "B4_coreset_random"].seeds == 3
    assert {one.metric for one in found.values()} == {"timing.accuracy"}


def test_a_method_against_itself_shows_no_difference(tmp_path):
    results = [cell(tmp_path, method, seed, lambda i, seed=seed: (i + seed) % 3 > 0) for method in ("A_baseline", "B4_coreset_random") for seed in (0, 1, 2)]
    (one,) = write_comparisons(tmp_path, results)
    assert (one.difference.value, one.p, one.significant) == (0, 1, False)


def test_failed_cells_and_seeds_that_the_other_lacks_pair_with_nothing(tmp_path):
    done = cell(tmp_path, "A_baseline", 0, lambda i: True)
    failed = Result(method="B4_coreset_random", seed=0, model="nano", status="failed", error="boom")
    other_seed = cell(tmp_path, "B5_coreset_longest", 1, lambda i: False)
    assert write_comparisons(tmp_path, [done, failed, other_seed]) == []
    assert (tmp_path / "comparisons.jsonl").read_text() == ""
