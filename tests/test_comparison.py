"""The grid: cells fail as rows, are never repeated, survive kill -9, and differ where their methods differ."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest

from tiny import TINY, cell
from toolwright.comparison.cell import write_cell
from toolwright.comparison.grid import Grid, run_grid
from toolwright.comparison.paired import SCORES, holm
from toolwright.data.frames import evenly
from toolwright.evaluation.baselines import Majority, Oracle, Uniform, written_call
from toolwright.evaluation.calls import call_scores
from toolwright.evaluation.models import shuffled_descriptions
from toolwright.evaluation.tasks import EVALUATIONS, sample_by_label
from toolwright.types import TIMING_LABELS, Comparison, ExpectedCall, InputError, Metric, Result, Tool


@pytest.fixture(scope="module")
def finished(data, tiny_model, tmp_path_factory):
    grid = Grid(tmp_path_factory.mktemp("grid"), tuple(cell(method, data, tiny_model) for method in ("oracle", "A_baseline", "B4_coreset_random")))
    return grid, run_grid(grid)


@pytest.mark.slow
def test_every_cell_is_a_line(finished):
    grid, results = finished
    assert [(result.method, result.status) for result in results] == [("oracle", "done"), ("A_baseline", "done"), ("B4_coreset_random", "done")]
    lines = [Result.model_validate_json(line) for line in (grid.output / "results.jsonl").read_text().splitlines()]
    assert lines == results
    trained = results[1]
    assert trained.adapter_sha256
    assert trained.tokens == results[2].tokens == 4 * 1536
    assert (trained.samples, results[2].samples) == (24, 6)
    assert set(trained.seconds) == {"load", "select", "train", "evaluate"}
    assert trained.peak_memory_bytes["rss"] > 1e8
    assert trained.parameters == results[2].parameters > 0
    assert trained.evaluation_tokens > results[0].evaluation_tokens == 0
    for key in ("selection.top_1", "timing.accuracy", "calls.exact", "calls.copied"):
        assert results[0].metrics[key].value == 1.0
        assert key in trained.metrics


@pytest.mark.slow
def test_every_pair_is_tested(finished):
    grid, _ = finished
    lines = [Comparison.model_validate_json(line) for line in (grid.output / "comparisons.jsonl").read_text().splitlines()]
    assert {(one.metric, one.first, one.second) for one in lines} == {(key, "A_baseline", "B4_coreset_random") for key in SCORES}
    assert all(0 < one.p <= 1 for one in lines)


def test_holm_by_hand():
    metric = Metric(value=0.1, low=0, high=0.2, n=9)
    made = [Comparison(metric="m", first="a", second=str(p), difference=metric, p=p, significant=False) for p in (0.04, 0.01, 0.03)]
    assert [(round(one.p, 3), one.significant) for one in holm(made)] == [(0.06, False), (0.03, True), (0.06, False)]


@pytest.mark.slow
def test_finished_cells_are_not_repeated(finished):
    grid, results = finished
    assert run_grid(grid, lambda *_: pytest.fail("a cell ran again")) == results


@pytest.mark.slow
def test_another_comparison_wants_another_folder(finished):
    grid, _ = finished
    other = Grid(grid.output, tuple(replace(one, profile=replace(TINY, steps=5)) for one in grid.cells))
    with pytest.raises(InputError, match="holds this cell with another model, data or budget"):
        run_grid(other)


@pytest.mark.slow
def test_a_failed_cell_is_a_row_and_the_others_go_on(data, tiny_model, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "lfm2"}')
    grid = Grid(tmp_path / "out", (cell("base", data, broken), cell("majority", data, tiny_model)))
    failed, done = run_grid(grid)
    assert (failed.status, done.status) == ("failed", "done")
    assert "cannot be loaded" in (failed.error or "")
    assert failed.metrics == {}
    mended = Grid(tmp_path / "out", grid.cells)
    assert [result.status for result in run_grid(mended)] == ["failed", "done"]


@pytest.mark.slow
def test_a_metric_that_raises_is_a_failed_row(data, tiny_model, tmp_path):
    broken = "import toolwright.evaluation.metrics as m\ndef boom(*_):\n    raise ZeroDivisionError('metric broke')\nm.RANKING_METRICS['top_1'] = boom\n"
    folder = tmp_path / "out" / "cells" / "oracle-s0"
    folder.mkdir(parents=True)
    write_cell(cell("oracle", data, tiny_model), folder)
    run = f"{broken}\nfrom pathlib import Path\nfrom toolwright.comparison.cell import run_cell\nprint(run_cell(Path({str(folder)!r})).error)"
    output = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True).stdout
    assert "ZeroDivisionError: metric broke" in output


DRIVER = """
import sys
from pathlib import Path
from dataclasses import replace
from toolwright.comparison.cell import Cell, run_cell, write_cell
from toolwright.comparison.grid import Grid, run_grid
cells = tuple(Cell.load(Path(path)) for path in sys.argv[2:])
run_grid(Grid(Path(sys.argv[1]), cells))
"""


def happened(folder):
    """Steps begun, tasks evaluated and cells ended so far."""
    batches = sum(path.read_text().count("\n") for path in folder.glob("cells/*/batches.jsonl"))
    return batches + sum(1 for _ in folder.glob("cells/*/evaluated_*.json")) + sum(1 for _ in folder.glob("cells/*/result.json"))


@pytest.mark.slow
def test_killed_ten_times_it_ends_as_if_undisturbed(finished, data, tiny_model, tmp_path):
    grid, results = finished
    for one in grid.cells:
        write_cell(one, tmp_path / one.name)
    command = [sys.executable, "-c", DRIVER, str(tmp_path / "out"), *(str(tmp_path / one.name / "cell.json") for one in grid.cells)]
    source = random.Random(0)
    finished_at: dict[str, float] = {}
    for kill in range(10):
        before, moment = happened(tmp_path / "out"), source.uniform(0, 0.3)
        run = subprocess.Popen(command)
        if kill % 4 == 3:
            moment = source.uniform(1, 5)  # while it starts
        else:
            while happened(tmp_path / "out") == before and run.poll() is None:
                time.sleep(0.02)
        time.sleep(moment)
        assert run.poll() is None, "the run was over before it could be disturbed ten times"
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        for path in (tmp_path / "out" / "cells").glob("*/result.json"):
            assert finished_at.setdefault(path.parent.name, path.stat().st_mtime) == path.stat().st_mtime
    subprocess.run(command, check=True)
    again = [Result.model_validate_json(line) for line in (tmp_path / "out" / "results.jsonl").read_text().splitlines()]
    assert [(result.method, result.status, result.metrics, result.adapter_sha256) for result in again] == [
        (result.method, result.status, result.metrics, result.adapter_sha256) for result in results
    ]
    for name, moment in finished_at.items():
        assert (tmp_path / "out" / "cells" / name / "result.json").stat().st_mtime == moment


def test_baselines_stand_where_they_must(data):
    for task, figure in (("selection", "selection.top_1"), ("timing", "timing.accuracy"), ("calls", "calls.exact"), ("planning", "planning.success")):
        measured = {name: EVALUATIONS[task](p, data, "test", 60, lambda items, what: items)[0][figure].value for name, p in predictors(data).items()}
        assert measured["oracle"] == 1.0
        assert measured["random"] < 0.45
        assert measured["majority"] < 0.45


def predictors(data):
    return {"oracle": Oracle(), "random": Uniform(0), "majority": Majority(data)}


def test_timing_is_drawn_evenly(data):
    drawn = sample_by_label(data.timing("test"), 20)
    assert sorted(example.label for example in drawn) == sorted(TIMING_LABELS * 5)


def test_a_fixed_part_of_the_test_is_used(data):
    first, second = evenly(data.selection("test"), 20), evenly(data.selection("test"), 20)
    assert first == second
    assert len({example.id for example in first}) == 20


TOOLS = [
    Tool(name="f", parameters={"type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "integer"}}, "required": ["a"]}),
    Tool(name="g", parameters={"type": "object", "properties": {}}),
]


@pytest.mark.parametrize(
    ("text", "scores"),
    [
        ('<tool_call>{"name": "f", "arguments": {"a": "x", "n": 3}}</tool_call>', {"exact": 1, "name_f1": 1, "argument_f1": 1, "parsed": 1, "copied": 1}),
        ('<tool_call>{"name": "f", "arguments": {"a": "x", "n": 4}}</tool_call>', {"exact": 0, "name_f1": 1, "argument_f1": 0.5, "parsed": 1, "copied": 1}),
        ('<tool_call>{"name": "g", "arguments": {"a": "x", "n": 3}}</tool_call>', {"exact": 0, "name_f1": 0, "argument_f1": 0, "parsed": 1, "copied": 0}),
        ("Sorry.", {"exact": 0, "name_f1": 0, "argument_f1": 0, "parsed": 0, "copied": 0}),
        ("<tool_call>{", {"exact": 0, "name_f1": 0, "argument_f1": 0, "parsed": 0, "copied": 0}),
    ],
)
def test_call_scores(text, scores):
    found = call_scores([ExpectedCall(name="f", arguments={"a": ["x"], "n": [3, "3"]}, copied=("a",))], text, TOOLS)
    assert {name: found[name] for name in scores} == scores


@pytest.mark.parametrize(
    ("calls", "valid", "invented"),
    [
        ([("f", {"a": "x"})], 1, 0),
        ([("f", {"a": "x"}), ("g", {})], 1, 0),
        ([("f", {"a": 1})], 0, 0),
        ([("f", {"n": 1})], 0, 0),
        ([("h", {"a": "x"})], 0, 1),
        ([("f", {"a": "x"}), ("h", {})], 0, 0.5),
        ([], 0, None),
    ],
)
def test_calls_beside_what_is_on_offer(calls, valid, invented):
    found = call_scores([ExpectedCall(name="f", arguments={})], "\n".join(written_call(name, arguments) for name, arguments in calls), TOOLS)
    assert (found["schema_valid"], found.get("invented")) == (valid, invented)


def test_several_calls_count_in_any_order():
    expected = [ExpectedCall(name="f", arguments={"a": [value]}, copied=("a",)) for value in ("x", "y")] + [ExpectedCall(name="g", arguments={})]

    def scores(*calls):
        found = call_scores(expected, "\n".join(written_call(name, arguments) for name, arguments in calls), TOOLS)
        return {name: found[name] for name in ("parsed", "name_f1", "argument_f1", "exact", "copied")}

    f, g = [("f", {"a": value}) for value in "xyz"], ("g", {})
    assert scores(g, f[1], f[0]) == {"parsed": 1, "name_f1": 1, "argument_f1": 1, "exact": 1, "copied": 1}
    assert scores(f[0], g) == {"parsed": 1, "name_f1": 0.8, "argument_f1": pytest.approx(2 / 3), "exact": 0, "copied": 0.5}
    assert scores(f[0], f[2], g)["exact"] == 0
    assert scores(f[0], f[1], f[1], g)["exact"] == 0  # one too many


def test_shuffled_descriptions_move_all(data):
    tools = list(data.tools.values())[:10]
    shuffled = shuffled_descriptions(tools)
    assert [tool.name for tool in shuffled] == [tool.name for tool in tools]
    assert all(a.description != b.description for a, b in zip(tools, shuffled, strict=True))
    assert sorted(tool.description for tool in shuffled) == sorted(tool.description for tool in tools)


def test_results_hold_no_unknown_keys():
    with pytest.raises(ValueError, match="unheard"):
        Result.model_validate(json.loads('{"method": "a", "seed": 0, "model": "m", "status": "done", "unheard": 1}'))
