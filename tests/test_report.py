"""The report is drawn from result files alone; failed cells are rows in red."""

import csv
import re

import pytest

from toolwright.report.page import write_report
from toolwright.report.tables import HEADLINES, losses_of, markdown, read_results, rows_of
from toolwright.types import InputError, Metric, Result


def result(method, seed=0, value=0.5, **changes):
    metrics = {key: Metric(value=value, low=value - 0.1, high=value + 0.1, n=100) for key in HEADLINES}
    trained = {"steps": 4, "samples": 9, "tokens": 4096, "seconds": {"load": 1.0, "select": 0.5, "train": 9.0, "evaluate": 3.0}}
    base = {"method": method, "seed": seed, "model": "nano", "status": "done", "metrics": metrics, **(trained if method[1] in "_4" else {})}
    return Result(**{**base, **changes})


@pytest.fixture
def folder(tmp_path):
    failed = Result(method="B4_coreset_random", seed=1, model="nano", status="failed", error="ValueError: <script>alert(1)</script>")
    results = [result("base", value=0.2), result("A_baseline", value=0.7), result("B4_coreset_random", value=0.6), failed]
    (tmp_path / "results.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in results))
    cell = tmp_path / "cells" / "A_baseline-s0"
    cell.mkdir(parents=True)
    (cell / "losses.jsonl").write_text('{"step": 2, "loss": 3.0}\n{"step": 1, "loss": 4.0}\n{"step": 2, "loss": 2.5}\n')
    return tmp_path


def test_the_page_stands_alone_and_names_failures(folder):
    page = write_report(folder).read_text()
    assert "A_baseline" in page
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r"(src|href)=\"?http", page)
    assert 'class="failed"' in page
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    for name in ("bars", "loss", "seconds"):
        assert (folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")


def test_tables_hold_every_figure(folder):
    write_report(folder)
    table = (folder / "results.md").read_text()
    assert "| B4_coreset_random | 1 of 2 |" in table
    assert "| A_baseline | 1 of 1 | 70.0 [60.0, 80.0] |" in table
    with (folder / "results.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert sum(row["method"] == "A_baseline" for row in rows) == len(HEADLINES)
    assert [row["metric"] for row in rows if row["status"] == "failed"] == ["ValueError: <script>alert(1)</script>"]


def test_drawing_twice_gives_the_same_bytes(folder):
    first = write_report(folder).read_bytes()
    assert write_report(folder).read_bytes() == first


def test_a_step_done_twice_counts_once(folder):
    assert losses_of(folder, result("A_baseline")) == [(1, 4.0), (2, 2.5)]


def test_seeds_are_averaged_and_a_method_that_only_failed_says_so():
    rows = rows_of([result("A_baseline", 0, 0.4), result("A_baseline", 1, 0.6)])
    assert rows[0].metric("timing.accuracy").value == pytest.approx(0.5)
    failed = rows_of([Result(method="A_baseline", seed=0, model="m", status="failed", error="boom")])
    assert "failed: boom" in markdown(failed)


def test_a_malformed_result_is_named(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"method": "a"}\n')
    with pytest.raises(InputError, match=r"results\.jsonl:1: key 'seed' is missing"):
        read_results(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        write_report(tmp_path / "none")
