"""Scores of deciders, held against scikit-learn; public sets; the commands."""

import json

import numpy as np
import pytest
import sklearn.metrics as reference
from hypothesis import given, settings
from hypothesis import strategies as st

from test_cli import run
from toolwright.data.public_timing import TIMING_SETS
from toolwright.evaluation.metrics import expected_calibration_error
from toolwright.evaluation.timing import cost_curve, evaluate_decider, risk_coverage, scores
from toolwright.report.timing import draw
from toolwright.schema import check_schema, write_tool
from toolwright.timing import RulesDecider
from toolwright.timing.opening import open_decider, write_hybrid
from toolwright.training.bands import train_bands
from toolwright.types import TIMING_LABELS, Decision, InputError, Message, TimingExample, Tool

LABELS = list(TIMING_LABELS)
PAIRS = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=40)
CANCEL = Tool(
    name="cancel", description="Cancels a booking.", parameters={"type": "object", "properties": {"id": {"type": "string", "pattern": "^HB-[0-9]{4}$"}}}
)


def sure(outcome, confidence=1.0):
    rest = (1 - confidence) / 3
    return Decision(outcome, {label: confidence if label == outcome else rest for label in TIMING_LABELS}, ())


class Perfect:
    name = "perfect"

    def __init__(self, examples):
        self.label = {example.messages: example.label for example in examples}

    def decide(self, messages, tools):
        return sure(self.label[tuple(messages)])


def examples():
    said = {"call": "cancel HB-1063", "answer": "thanks", "clarify": "cancel it", "unable": "paint it"}
    return [
        TimingExample(
            id=f"{label}_{i}", messages=(Message(role="user", content=f"{text} {i}"),), tools=("cancel",), label=label, tags=("odd",) if i % 2 else ()
        )
        for label, text in said.items()
        for i in range(3)
    ]


@settings(max_examples=40)
@given(PAIRS)
def test_four_outcomes_are_scored_as_scikit_learn_does(pairs):
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    found = scores(gold, predicted, [str(i) for i in range(len(pairs))], "four")
    seen = sorted({*gold, *predicted})
    assert found["accuracy"].value == pytest.approx(reference.accuracy_score(gold, predicted))
    assert found["macro_f1"].value == pytest.approx(reference.f1_score(gold, predicted, labels=seen, average="macro", zero_division=0))
    assert found["balanced_accuracy"].value == pytest.approx(reference.recall_score(gold, predicted, labels=sorted(set(gold)), average="macro"))
    needs = [[label != "answer" for label in row] for row in (gold, predicted)]
    if any(needs[0]) or any(needs[1]):
        assert found["needs_tool_f1"].value == pytest.approx(reference.f1_score(*needs, zero_division=0))
    for label in set(gold):
        assert found[f"recall_{label}"].value == pytest.approx(reference.recall_score(gold, predicted, labels=[label], average="micro"))
    assert found["accuracy"].low <= found["accuracy"].value <= found["accuracy"].high


@settings(max_examples=40)
@given(PAIRS)
def test_binary_questions_are_scored_as_scikit_learn_does(pairs):
    gold, predicted = [g for g, _ in pairs], [p for _, p in pairs]
    found = scores(gold, predicted, [str(i) for i in range(len(pairs))], "needs_a_tool")
    yes = [[label != "answer" for label in row] for row in (gold, predicted)]
    assert found["accuracy"].value == pytest.approx(reference.accuracy_score(*yes))
    if any(yes[0]):
        assert found["recall"].value == pytest.approx(reference.recall_score(*yes))
        assert found["f1"].value == pytest.approx(reference.f1_score(*yes, zero_division=0))


def test_calibration_is_that_of_the_shared_metric():
    report = evaluate_decider(RulesDecider(), {"cancel": CANCEL}, examples(), config={})
    confidence = [case["probabilities"][case["predicted"]] for case in report.examples]
    right = [case["predicted"] == case["gold"] for case in report.examples]
    assert report.metrics["timing.ece"].value == pytest.approx(expected_calibration_error(confidence, right), abs=1e-3)


def test_risk_grows_from_the_surest_to_all():
    decisions = [sure("call", 0.9), sure("call", 0.5), sure("answer", 0.7)]
    curve = risk_coverage(decisions, ["call", "answer", "answer"])
    assert [(round(point["coverage"], 2), round(point["risk"], 2)) for point in curve] == [(0.33, 0), (0.67, 0), (1.0, 0.33)]


def test_costs_are_those_of_a_hand_worked_case():
    point = next(one for one in cost_curve([sure("call", 0.6), sure("answer", 0.4)], ["call", "call"]) if one["cost_of_a_wrong_call"] == 0.5)
    assert point["cost"] == pytest.approx(0.25)  # the second is missed, at 0.5
    assert (point["always"], point["never"]) == (0, 0.5)


def test_a_perfect_decider_is_always_right_and_baselines_are_not():
    cases = examples()
    report = evaluate_decider(Perfect(cases), {"cancel": CANCEL}, cases, config={})
    assert report.metrics["timing.accuracy"].value == report.metrics["timing.macro_f1"].value == 1
    assert report.metrics["timing.over_call"].value == report.metrics["timing.under_call"].value == report.metrics["timing.ece"].value == 0
    assert report.metrics["timing.accuracy/odd"].n == 4
    assert report.baselines["majority"]["timing.accuracy"].value == 0.25


def test_unknown_tools_and_no_cases_are_wrong_input():
    with pytest.raises(InputError, match="offers the tool 'cancel'"):
        evaluate_decider(RulesDecider(), {}, examples(), config={})
    with pytest.raises(InputError, match="at least one"):
        evaluate_decider(RulesDecider(), {}, [], config={})


def test_figures_are_drawn(tmp_path):
    report = evaluate_decider(RulesDecider(), {"cancel": CANCEL}, examples(), config={})
    files = draw(report.to_json(), tmp_path)
    assert [file.name for file in files] == ["timing_confusion.png", "timing_risk_coverage.png", "timing_cost.png"]
    assert all(file.stat().st_size > 5000 for file in files)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "tools.jsonl").write_text(json.dumps(write_tool(CANCEL)) + "\n")
    lines = [{"id": one.id, "messages": [one.messages[0].to_openai()], "tools": ["cancel"], "label": one.label} for one in examples()]
    (tmp_path / "timing.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return tmp_path


def test_decide_prints_json_alone(files):
    found = json.loads(run("decide", "Cancel HB-1063, please", "--tools", files / "tools.jsonl", "--json").stdout)
    assert found["outcome"] == "call"
    assert sum(found["probabilities"].values()) == pytest.approx(1)
    (files / "said.json").write_text(json.dumps([{"role": "user", "content": "Please don't cancel HB-1063"}]))
    assert run("decide", "--messages", files / "said.json", "--tools", files / "tools.jsonl").stdout.startswith("answer")


def test_rules_are_trained_and_measured_from_the_command_line(files):
    run("train", "rules", "--tools", files / "tools.jsonl", "--data", files / "timing.jsonl", "--out", files / "rules.json")
    assert set(json.loads((files / "rules.json").read_text())) == {"wanted", "doable", "missing"}
    run("evaluate", "timing", "--tools", files / "tools.jsonl", "--data", files / "timing.jsonl", "--out", files / "r.json", "--charts", files / "charts")
    written = json.loads((files / "r.json").read_text())
    assert written["metrics"]["timing.accuracy"]["n"] == 12
    assert (files / "charts" / "timing_confusion.png").is_file()


def test_bands_of_a_hybrid_are_fitted_and_the_share_of_each_stage_told(files):
    told = run(
        "train", "bands", "--tools", files / "tools.jsonl", "--data", files / "timing.jsonl", "--stage", "rules", "--stage", "rules", "--out", files / "both"
    ).stdout
    assert "together right in" in told
    assert len(json.loads((files / "both" / "hybrid.json").read_text())["stages"]) == 2
    hybrid = open_decider(str(files / "both"))
    decision = hybrid.decide([Message(role="user", content="cancel HB-1063")], [CANCEL])
    assert decision.stage == "rules"
    assert decision.outcome == RulesDecider().decide([Message(role="user", content="cancel HB-1063")], [CANCEL]).outcome


def test_hybrids_that_are_none_are_wrong_input(tmp_path):
    (tmp_path / "hybrid.json").write_text('{"stages": 3}')
    with pytest.raises(InputError, match="holds no stages"):
        open_decider(str(tmp_path))
    write_hybrid(tmp_path, [str(tmp_path)], [0.0])
    with pytest.raises(InputError, match="the hybrid itself"):
        open_decider(str(tmp_path))
    write_hybrid(tmp_path, ["llm"], [0.0])
    with pytest.raises(InputError, match="asks a chat model"):
        open_decider(str(tmp_path))


def test_bands_tell_what_each_stage_does():
    cases = examples()
    found = train_bands([RulesDecider(), Perfect(cases)], cases, {"cancel": CANCEL})
    assert found.together == found.alone[1] == 1
    assert sum(found.shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["decide", "x"], "--tools is missing"),
        (["decide", "--tools", "TOOLS"], "give either a MESSAGE or --messages"),
        (["decide", "x", "--tools", "TOOLS", "--decider", "magic"], "--decider: got 'magic'; allowed: rules, llm"),
        (["decide", "--tools", "TOOLS", "--messages", "TOOLS"], "no conversation in OpenAI chat form"),
        (["decide", "x", "--tools", "TOOLS", "--decider", "llm"], "asks a chat model; got none"),
        (["evaluate", "timing"], "got neither --public NAME nor both"),
        (["evaluate", "timing", "--public", "nope"], "--public: got 'nope'; allowed: metatool-task1"),
    ],
)
def test_wrong_input_is_one_line(arguments, said, files):
    done = run(*[files / "tools.jsonl" if argument == "TOOLS" else argument for argument in arguments], code=2)
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.public_data
@pytest.mark.parametrize(
    ("name", "labels"),
    [("metatool-task1", {"call": 520, "answer": 520}), ("metatool-subtask3", {"unable": 995}), ("bfcl-irrelevance", {"unable": 240, "call": 1150})],
)
def test_public_sets_have_what_their_authors_count(name, labels, public_directory):
    found = TIMING_SETS[name](public_directory)
    assert dict(zip(*np.unique([example.label for example in found.examples], return_counts=True), strict=True)) == labels
    assert all(key in found.tools for example in found.examples for key in example.tools)
    for tool in list(found.tools.values())[:300]:
        check_schema(tool.parameters, tool.name)
