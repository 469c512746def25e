"""Methods: each trains something else than every other, at the same cost; streams are cut and go on; what a stream did is told."""

import json
import subprocess
import sys
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from tiny import TINY, cell
from toolwright.comparison.cell import run_cell, write_cell
from toolwright.comparison.grid import Grid, run_grid
from toolwright.comparison.learning import groups_of, learn
from toolwright.comparison.methods import METHODS, Method
from toolwright.comparison.methods_file import read_methods
from toolwright.comparison.stream import phase_items, transfer_metrics
from toolwright.continual.stream import domains_of, transfer
from toolwright.training import trajectories
from toolwright.types import InputError

WATCHED = replace(TINY, look_steps=2)


@pytest.fixture(scope="module")
def learned(data, tiny_model, tmp_path_factory):
    """Every method of the table, trained and not evaluated: its folder and what it learned. The untrained model calls nothing, so that its turns are given."""
    output = tmp_path_factory.mktemp("methods")
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trajectories, "_advance", as_the_dialogue_does)
        for method in METHODS:
            folder = output / "cells" / f"{method}-s0"
            folder.mkdir(parents=True)
            found[method] = (folder, learn(cell(method, data, tiny_model), folder, data))
    return found


def as_the_dialogue_does(lm, live, tools, world, seed):
    """In place of the model: the first turn of calls of the goal's own dialogue, then none."""
    for attempt in live:
        first = attempt.goal.dialogue.messages[len(attempt.goal.asked)]
        trajectories._take(attempt, [] if attempt.turns else first.tool_calls, world)
    return 2000


@pytest.mark.slow
def test_a_model_that_finds_nothing_has_no_trajectories_to_train_on(data, tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(trajectories, "sampled_answers", lambda lm, prompts, *_: ["No."] * len(prompts))
    with pytest.raises(ValueError, match=r"none of the model's trajectories for \d+ goals succeeded"):
        learn(cell("E_trajectory", data, tiny_model), tmp_path / "cells" / "E", data)


@pytest.mark.slow
def test_what_the_model_found_is_counted(learned):
    folder, one = learned["E_trajectory"]
    told = json.loads((folder / "trajectories.json").read_text())["succeeded"]
    assert tuple(told) == one.succeeded
    assert 0 < sum(told) <= len(told) < 24
    chosen = json.loads((folder / "chosen.json").read_text())["dialogues"]
    assert sum(name.endswith(".own") for name in chosen) == sum(told)


@pytest.mark.slow
def test_every_method_trains_something_else_than_every_other(learned):
    fed = {method: (folder / "batches.jsonl").read_text() for method, (folder, _) in learned.items()}
    for first, second in combinations(METHODS, 2):
        assert learned[first][1].trained.sha256 != learned[second][1].trained.sha256, f"{first} is {second}"
        if METHODS[first].adapter == METHODS[second].adapter:
            assert fed[first] != fed[second], f"{first} was fed what {second} was"


@pytest.mark.slow
def test_every_method_costs_the_same_and_pays_for_choosing(learned):
    for method, (folder, one) in learned.items():
        assert (one.trained.steps, one.trained.tokens) == (4, 4 * 1536)
        steps = [json.loads(line)["step"] for line in (folder / "batches.jsonl").read_text().splitlines()]
        assert steps == [0, 1, 2, 3]
        m = METHODS[method]
        asks = m.coreset in ("loss_topk", "hybrid") or m.order == "curriculum" or m.source == "trajectories"
        assert (one.selection_tokens > 1000) == asks
        assert one.trained.samples == pytest.approx(24 if m.coreset is None else 6, abs=2 if m.mix == "multitask" else 0)


@pytest.mark.slow
def test_streams_replay_their_share(learned):
    for method, share in (("C0_sequential", 0), ("C_continual", 0.25), ("D_combined", 0.2)):
        folder, one = learned[method]
        assert len(one.groups) == len(one.adapters) == 2
        first, second = (json.loads((folder / "stream" / f"phase_{i}" / "chosen.json").read_text())["dialogues"] for i in (0, 1))
        replayed = json.loads((folder / "stream" / "phase_1" / "replayed.json").read_text())
        assert set(replayed) <= set(first)
        assert len(replayed) == round(len(second) * share / (1 - share))
        assert not list(folder.glob("stream/*/carried"))


@pytest.fixture(scope="module")
def stream(data, tiny_model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stream") / "cells" / "C_continual-s0"
    folder.mkdir(parents=True)
    write_cell(cell("C_continual", data, tiny_model, profile=WATCHED), folder)
    return folder, run_cell(folder)


@pytest.mark.slow
def test_a_result_tells_what_a_stream_did(stream, data, tiny_model):
    _, result = stream
    assert (result.status, result.error) == ("done", None)
    groups = groups_of(cell("C_continual", data, tiny_model), data)
    assert [phase.split(", ") for phase in result.phases] == groups
    scores = np.array(result.phase_scores["selection.top_1"])
    assert scores.shape == (3, 2)
    wanted = transfer(scores[1:], scores[0])
    for name in ("average", "backward", "forward", "forgetting"):
        metric = result.metrics[f"continual.{name}"]
        assert metric.value == pytest.approx(getattr(wanted, name))
        assert metric.low - 1e-9 <= metric.value <= metric.high + 1e-9
        assert metric.n == 6


def test_phases_are_tested_with_what_they_bring(data, tiny_model):
    groups = groups_of(cell("C_continual", data, tiny_model), data)
    assert sorted(domain for group in groups for domain in group) == ["helpdesk", "hotel", "library"]
    for group, items in zip(groups, phase_items(data, groups, 5), strict=True):
        assert len(items) == 5
        assert all("seen_tools" in one.tags and set(domains_of(one.tags)) & set(group) for one in items)


KILLED = """
import os, sys
from pathlib import Path
from toolwright.comparison import learning
from toolwright.comparison.cell import run_cell
told, learning.report_progress = [], lambda *_: (told.append(1), len(told) == int(sys.argv[2]) and os._exit(9))
run_cell(Path(sys.argv[1]))
"""


@pytest.mark.slow
def test_a_stream_that_is_killed_in_each_phase_ends_bit_equal(stream, data, tiny_model, tmp_path):
    whole, wanted = stream
    folder = tmp_path / "cells" / "C_continual-s0"
    folder.mkdir(parents=True)
    write_cell(cell("C_continual", data, tiny_model, profile=WATCHED), folder)
    for after in (2, 4):  # progress is told when a phase begins and after each step
        code = subprocess.run([sys.executable, "-c", KILLED, str(folder), str(after)], capture_output=True, check=False).returncode
        assert code == 9
    result = run_cell(folder)
    assert result.adapter_sha256 == wanted.adapter_sha256
    assert (result.metrics, result.phase_scores, result.steps, result.tokens) == (wanted.metrics, wanted.phase_scores, wanted.steps, wanted.tokens)
    last = {json.loads(line)["step"]: line for line in (folder / "batches.jsonl").read_text().splitlines()}  # a step done again repeats its line
    assert list(last.values()) == (whole / "batches.jsonl").read_text().splitlines()
    curves = [[json.loads(line) for line in (one / "curve.jsonl").read_text().splitlines()] for one in (folder, whole)]
    for curve in curves:
        assert [(point["step"], point["tokens"]) for point in curve] == [(0, 0), (2, 2 * TINY.max_length), (4, 4 * TINY.max_length)]
    assert [point["metrics"] for point in curves[0]] == [point["metrics"] for point in curves[1]]


def test_transfer_metrics_by_hand():
    right = [[[0, 0, 0, 0], [0, 1, 0, 0]], [[1, 1, 1, 0], [0, 1, 1, 0]], [[1, 0, 0, 0], [1, 1, 1, 1]]]
    found = transfer_metrics(right, [["a", "b", "c", "d"], ["e", "f", "g", "h"]])
    assert {name: metric.value for name, metric in found.items()} == {
        "continual.average": 0.625,
        "continual.backward": -0.5,
        "continual.forward": 0.25,
        "continual.forgetting": 0.5,
    }
    assert found["continual.forgetting"].low <= 0.0 < 0.5 <= found["continual.forgetting"].high
    assert {metric.n for metric in found.values()} == {8}
    one_cluster = transfer_metrics(right, [["a"] * 4, ["b"] * 4])
    assert all(metric.low == metric.value == metric.high for metric in one_cluster.values())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"coreset": "best"}, "coreset is 'best'; allowed: None, random, longest"),
        ({"adapter": "lorra"}, "adapter is 'lorra'; allowed: lora, dora, rslora, pissa, lora_plus, full"),
        ({"buffer": "all", "stream": True}, "buffer is 'all'; allowed: reservoir, ring, herding, surprise"),
        ({"order": True}, "order is True; allowed: random, curriculum"),
        ({"stream": 1}, "stream is 1; allowed: False, True"),
        ({"replay": 1.0, "stream": True}, "replay is 1.0; expected a share from 0 to below 1"),
        ({"replay": 0.5}, "replay is 0.5 without a stream"),
        ({"stream": True, "order": "curriculum"}, "choose one of them"),
        ({"title": ""}, "title is ''; expected a text"),
    ],
)
def test_methods_that_cannot_be_are_refused(fields, said):
    with pytest.raises(InputError, match=said):
        Method(**{"title": "a method", **fields})


def test_methods_of_ones_own_are_read(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("K_one:\n  title: a stream\n  stream: true\n  replay: 0.5\n  adapter: rslora\n\nL_two: {title: another, coreset: rds}\n")
    assert read_methods(file) == {
        "K_one": Method("a stream", stream=True, replay=0.5, adapter="rslora"),
        "L_two": Method("another", coreset="rds"),
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "K:\n  title: a\n  coresett: rds\n",
            "mine.yaml:3: unknown field 'coresett'; allowed: title, source, coreset, mix, order, stream",
        ),
        ("K:\n  title: a\n  replay: 2\n  stream: true\n", "mine.yaml:3: replay is 2; expected a share from 0 to below 1"),
        ("K:\n  title: a\n\n  adapter: lorra\n", "mine.yaml:4: adapter is 'lorra'; allowed: lora"),
        ("K:\n  coreset: rds\n", "mine.yaml:1: K has no title"),
        ("K:\n", "mine.yaml:1: K has no fields"),
        ("J:\n  title: a\nA_baseline:\n  title: b\n", "mine.yaml:3: 'A_baseline' is there already"),
        ("K:\n  title: a\nK:\n  title: b\n", "mine.yaml:3: 'K' is there already"),
        ("K:\n  title: a\n  title: b\n", "mine.yaml:3: field 'title' stands twice"),
        ("../K:\n  title: a\n", "mine.yaml:1: got the name '../K'"),
        ("- K\n", "mine.yaml:1: expected methods by name"),
        ("K: [\n", "mine.yaml: not YAML"),
    ],
)
def test_wrong_methods_are_named_with_file_and_line(text, said, tmp_path):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(InputError) as error:
        read_methods(tmp_path / "mine.yaml")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_a_method_that_was_fed_anothers_data_is_caught_and_a_against_a_is_not(data, tiny_model, tmp_path):
    baseline = cell("A_baseline", data, tiny_model)
    again = replace(baseline, method="A_again", definition=Method("the baseline again"))
    swapped = replace(cell("C0_sequential", data, tiny_model), method="B_swapped", definition=Method("a hybrid quarter", coreset="hybrid"))
    grid = Grid(tmp_path, (baseline, again, swapped))
    folder = grid.folder(swapped)
    folder.mkdir(parents=True)
    everything = [one.id for one in data.dialogues("train")]
    learn(baseline, (tmp_path / "pool"), data)
    pool = json.loads((tmp_path / "pool" / "chosen.json").read_text())
    assert len(pool["dialogues"]) == 24 < len(everything)
    (folder / "chosen.json").write_text(json.dumps(pool))  # what another method chose stands where this one's choice belongs
    results = {result.method: result for result in run_grid(grid, workers=2)}
    assert results["A_baseline"].status == results["A_again"].status == "done"
    assert results["A_again"].metrics == results["A_baseline"].metrics
    assert results["A_again"].adapter_sha256 == results["A_baseline"].adapter_sha256
    assert results["B_swapped"].status == "failed"
    assert "trained to the very weights of A_baseline" in (results["B_swapped"].error or "")
