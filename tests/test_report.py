"""The report is drawn from result files alone; failed cells are rows in red; the page needs nothing but itself."""

import csv
import io
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from browser import CHROMIUM, browser
from toolwright.cli.main import app
from toolwright.report.charts import short, spread
from toolwright.report.efficiency import area, areas, cost_of, curves_of, flops
from toolwright.report.page import write_report
from toolwright.report.streams import forgetting_told, streams_of
from toolwright.report.tables import HEADLINES, CurvePoint, Row, curve_of, escaped, half_interval, losses_of, markdown, read_results, rows_of
from toolwright.report.theme import COLOURS, inline
from toolwright.report.verdicts import findings, verdict
from toolwright.types import Comparison, InputError, Metric, Result

PHASE_SCORES = {"selection.top_1": [[0.1, 0.2], [0.6, 0.3], [0.4, 0.7]]}


def measured(value, n=100):
    return Metric(value=value, low=value - 0.1, high=value + 0.1, n=n)


def result(method, seed=0, value=0.5, **changes):
    metrics = {key: measured(value) for key in HEADLINES}
    trained = {"steps": 4, "samples": 9, "tokens": 4096, "seconds": {"load": 1.0, "select": 0.5, "train": 8.0, "evaluate": 3.0}}
    base = {"method": method, "seed": seed, "model": "nano", "status": "done", "metrics": metrics, **(trained if method[1] in "_4" else {})}
    return Result(**{**base, **changes})


def compared(first, second, value, p, metric="timing.accuracy", seeds=1):
    return Comparison(metric=metric, first=first, second=second, difference=measured(value), p=p, significant=p < 0.05, seeds=seeds)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("report")
    failed = Result(method="B4_coreset_random", seed=1, model="nano", status="failed", error="ValueError: <script>alert(1)</script>")
    results = [
        result("base", value=0.2),
        result("A_baseline", value=0.7, versions={"torch": "2.13"}, parameters=10),
        result("B4_coreset_random", value=0.6),
        failed,
    ]
    results.append(result("C_continual", phase_scores=PHASE_SCORES, phases=["hotel", "bank"]))
    (path / "results.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in results))
    tests = [compared("base", "A_baseline", 0.5, 0.001), compared("A_baseline", "B4_coreset_random", -0.1, 0.4)]
    (path / "comparisons.jsonl").write_text("".join(one.model_dump_json() + "\n" for one in tests))
    cell = path / "cells" / "A_baseline-s0"
    cell.mkdir(parents=True)
    (cell / "losses.jsonl").write_text('{"step": 2, "loss": 3.0}\n{"step": 1, "loss": 4.0}\n{"step": 2, "loss": 2.5}\n')
    points = [CurvePoint(step=i, samples=i, tokens=10 * i, seconds=i, metrics={"timing.accuracy": measured(0.2 * i)}) for i in (0, 2, 1, 2)]
    (cell / "curve.jsonl").write_text("".join(point.model_dump_json() + "\n" for point in points))
    write_report(path)
    return path


def test_the_page_stands_alone_and_names_failures(folder):
    page = (folder / "report.html").read_text()
    figures = sorted(path.stem for path in (folder / "figures").glob("*.svg"))
    assert page.count("<figure>") == len(figures)
    assert {"bars_selection_top_1", "curve_timing_accuracy_tokens", "loss", "seconds", "stream_C_continual_selection_top_1", "cost_calls_exact_tokens"} <= set(
        figures
    )
    assert all((folder / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG") for name in figures)
    assert not re.search(r"(src|href)=\"?https?:|url\(['\"]?http|@import", page)
    assert page.count('class="failed"') == 2
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "1 failed" in page


def test_ids_of_figures_in_one_page_differ(folder):
    ids = re.findall(r'\bid="([^"]+)"', (folder / "report.html").read_text())
    assert len(ids) == len(set(ids)) > 100
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', (folder / "report.html").read_text())) <= set(ids)


def test_colours_of_figures_follow_the_theme():
    assert len({pair[0] for pair in COLOURS.values()}) == len(COLOURS)
    svg = '<?xml?>\n<svg xmlns:xlink="x" width="10pt" height="5pt" viewBox="0 0 10 5"><path id="a" style="fill: #0072b2; clip-path: url(#a)"/></svg>'
    drawn = inline(svg, "f")
    assert 'style="fill: var(--blue); clip-path: url(#f-a)"' in drawn
    assert drawn.startswith("<svg")
    assert 'width="10pt"' not in drawn
    assert "viewBox" in drawn


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium installed")
@pytest.mark.slow
def test_a_browser_shows_all_of_it_on_any_screen_and_asks_for_nothing(folder, tmp_path):
    hurt = tmp_path / "hurt.html"
    wide = '<img src="http://127.0.0.1:9/x.png"><div style="width:900px">wide</div></body>'
    hurt.write_text((folder / "report.html").read_text().replace("</body>", wide))
    drawn = "[...document.querySelectorAll('figure svg')].filter(s => s.getBoundingClientRect().width > 200 && s.getBoundingClientRect().height > 80).length"
    overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    ground = "getComputedStyle(document.body).backgroundColor"
    with browser(tmp_path / "profile") as page:
        for width, dark in ((390, False), (390, True), (1280, False)):
            page.open(folder / "report.html", width, dark=dark)
            assert page.value("window.innerWidth") == width
            assert page.value(overflow) == 0
            assert page.value(drawn) == len(list((folder / "figures").glob("*.svg")))
            assert page.requested() == [(folder / "report.html").as_uri()]
            assert page.value(ground) == ("rgb(17, 22, 29)" if dark else "rgb(255, 255, 255)")
            assert page.value("getComputedStyle(document.querySelector('tr.failed td')).color") == ("rgb(255, 138, 122)" if dark else "rgb(180, 35, 24)")
        page.open(hurt, 390)  # what is asserted above can fail
        assert page.value(overflow) > 0
        assert "http://127.0.0.1:9/x.png" in page.requested()


def test_tables_hold_every_figure(folder):
    table = (folder / "results.md").read_text()
    assert "| B4_coreset_random | 1 of 2 |" in table
    assert "| A_baseline | 1 of 1 | 70.0 [60.0, 80.0] |" in table
    assert "no significant difference" in table
    with (folder / "results.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    assert sum(row["method"] == "A_baseline" for row in rows) == len(HEADLINES)
    assert [row["metric"] for row in rows if row["status"] == "failed"] == ["ValueError: <script>alert(1)</script>"]
    assert [row["verdict"] for row in csv.DictReader(io.StringIO((folder / "comparisons.csv").read_text()))] == [
        "A_baseline is better",
        "no significant difference",
    ]
    costs = {row["method"]: row for row in csv.DictReader(io.StringIO((folder / "costs.csv").read_text()))}
    assert (costs["A_baseline"]["tokens_per_second"], costs["A_baseline"]["train_flops"]) == ("512.0", "245760.0")
    assert costs["B4_coreset_random"]["train_flops"] == ""
    assert "A\\_baseline & 70.0 {\\scriptsize[60.0, 80.0]}" in (folder / "results.tex").read_text()


def test_drawing_twice_gives_the_same_bytes(folder):
    first = (folder / "report.html").read_bytes()
    assert write_report(folder).read_bytes() == first


def test_the_terminal_says_what_the_tests_say(folder):
    told = CliRunner().invoke(app, ["report", str(folder)]).output
    assert "Timing accuracy: Better than the untrained base: A_baseline by 50.0 points" in told
    assert "No significant difference between the two methods." in told


def test_a_step_done_twice_counts_once(folder):
    assert losses_of(folder, result("A_baseline")) == [(1, 4.0), (2, 2.5)]
    assert [point.step for point in curve_of(folder, result("A_baseline"))] == [0, 1, 2]


def test_a_malformed_curve_is_named(tmp_path):
    (tmp_path / "cells" / "A_baseline-s0").mkdir(parents=True)
    (tmp_path / "cells" / "A_baseline-s0" / "curve.jsonl").write_text('{"step": 1, "samples": 1, "tokens": 1, "seconds": 1}\n')
    with pytest.raises(InputError, match=r"curve\.jsonl:1: key 'metrics' is missing"):
        curve_of(tmp_path, result("A_baseline"))


def test_what_choosing_took_stands_before_the_curve(folder):
    row = Row("A_baseline", (result("A_baseline", selection_tokens=30),))
    (curve,) = curves_of(folder, [row], "timing.accuracy")
    assert curve.tokens == (0, 30, 40, 50)
    assert curve.seconds == (0, 0.5, 1.5, 2.5)
    assert curve.values == (0, 0, 0.2, 0.4)
    (one,) = areas([curve])
    assert one.tokens == pytest.approx((10 * 0.1 + 10 * 0.3) / 50)
    assert one.samples == pytest.approx(0.2)
    assert one.tokens_half is None


def test_area_by_hand():
    assert area([0, 10], [0.0, 1.0], 10) == pytest.approx(0.5)
    assert area([0, 10], [0.0, 1.0], 5) == pytest.approx(0.25)
    assert area([5], [0.4], 10) == pytest.approx(0.4)
    with pytest.raises(ValueError, match="expected as many"):
        area([1], [0.1], 0)


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(0, 1)), min_size=1, max_size=8), st.floats(0.1, 150))
def test_an_area_lies_between_the_lowest_and_the_highest_point(points, until):
    spent, values = sorted(x for x, _ in points), [y for _, y in points]
    assert min(values) - 1e-9 <= area(spent, values, until) <= max(values) + 1e-9


def test_operations_by_kaplan():
    assert flops(result("A_baseline", parameters=100, selection_tokens=10, evaluation_tokens=20)) == {"select": 2000, "train": 6 * 100 * 4096, "evaluate": 4000}
    assert flops(result("A_baseline")) is None
    assert cost_of(Row("A_baseline", (result("A_baseline"),))).tokens_per_second == 512


def test_streams_are_averaged_over_seeds_and_forgetting_is_told():
    def forgets(method, seed, value, scores=PHASE_SCORES):
        return result(
            method,
            seed,
            phase_scores=scores,
            phases=["hotel", "bank"],
            metrics={"continual.forgetting": Metric(value=value, low=value - 0.01, high=value + 0.01, n=9)},
        )

    other = {"selection.top_1": [[0.1, 0.2], [0.6, 0.3], [0.6, 0.7]]}
    results = [forgets("C0_sequential", 0, 0.4), forgets("C_continual", 0, 0.1), forgets("C_continual", 1, 0.1, other), forgets("D_combined", 0, 0.11)]
    plain, replay, combined = streams_of(rows_of([*results, result("A_baseline")]))
    assert replay.scores == (pytest.approx((0.1, 0.2)), pytest.approx((0.6, 0.3)), pytest.approx((0.5, 0.7)))
    assert replay.phases == {0: ("hotel", "bank"), 1: ("hotel", "bank")}
    assert (plain.summary["forgetting"].value, plain.summary["average"]) == (0.4, None)
    first, _, third = forgetting_told([plain, replay, combined])
    assert first == "C_continual forgets less than C0_sequential: 10.0 [9.0, 11.0] against 40.0 [39.0, 41.0] points, intervals apart."
    assert third.startswith("That C_continual forgets less than D_combined is not shown")
    with pytest.raises(ValueError, match="other shapes in other seeds"):
        streams_of(rows_of([results[1], forgets("C_continual", 1, 0.1, {"selection.top_1": [[0.1], [0.2]]})]))


def test_verdicts_in_words():
    assert verdict(compared("a", "b", 0.3, 0.01)) == "b is better"
    assert verdict(compared("a", "b", -0.3, 0.01)) == "a is better"
    tests = [compared("base", "a", 0.3, 0.01), compared("b", "base", 0.2, 0.02), compared("c", "base", 0.05, 0.9)]
    tests += [compared("a", "b", -0.2, 0.01), compared("a", "c", 0.01, 1.0), compared("b", "c", 0.02, 0.9)]
    against, worse, rest, clear, others = findings(tests)["Timing accuracy"]
    assert against == "Better than the untrained base: a by 30.0 points [20.0, 40.0], p = 0.010."
    assert worse == "Worse than the untrained base: b by 20.0 points [10.0, 30.0], p = 0.020."
    assert rest == "No significant difference from the untrained base: c."
    assert clear == "Better than b: a by 20.0 points [10.0, 30.0], p = 0.010."
    assert others == "No significant difference in the other 2 pairs of methods."


@given(st.lists(st.floats(0, 1), min_size=1, max_size=16))
def test_labels_keep_apart_in_the_order_of_their_points(wanted):
    placed = spread(wanted, 0.05, 0.0, 1.0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    assert all(placed[b] - placed[a] >= 0.05 - 1e-9 for a, b in pairwise(order))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in placed)


def test_seeds_that_differ_widen_the_interval_and_a_method_that_only_failed_says_so():
    rows = rows_of([result("A_baseline", 0, 0.4), result("A_baseline", 1, 0.6)])
    metric = rows[0].metric("timing.accuracy")
    assert metric.value == pytest.approx(0.5)
    assert metric.high - metric.value == pytest.approx((0.1**2 + (12.706 * 0.1) ** 2) ** 0.5, rel=1e-3)
    assert half_interval([0.4]) is None
    failed = rows_of([Result(method="A_baseline", seed=0, model="m", status="failed", error="boom")])
    assert "failed: boom" in markdown([*failed, *rows_of([result("B4_coreset_random")])])


def test_numbers_and_texts_for_axes_and_latex():
    assert [short(value) for value in (0, 950, 1500, 16_400_000, 6.1e14)] == ["0", "950", "1.5k", "16.4M", "6.1e14"]
    assert escaped("50 % of A_b & \\ …") == r"50 \% of A\_b \& \textbackslash{} \ldots{}"


def test_only_failures_still_make_a_report(tmp_path):
    failed = Result(method="A_baseline", seed=0, model="m", status="failed", error="boom")
    (tmp_path / "results.jsonl").write_text(failed.model_dump_json() + "\n")
    assert "boom" in write_report(tmp_path).read_text()
    assert "boom" in (tmp_path / "results.md").read_text()
    assert "boom" in (tmp_path / "results.tex").read_text()


def test_a_malformed_result_is_named(tmp_path):
    (tmp_path / "results.jsonl").write_text('{"method": "a"}\n')
    with pytest.raises(InputError, match=r"results\.jsonl:1: key 'seed' is missing"):
        read_results(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        write_report(tmp_path / "none")
