"""The classifier: pages, network, fitting that survives being cut off, calibration, costs; with MiniLM itself and a small network."""

from dataclasses import replace

import pytest
import torch

from toolwright.encoders import RemoteEncoder, load_encoder
from toolwright.timing.classifier import EQUAL, ClassifierDecider, check_costs, page_of
from toolwright.timing.fitting import FitSettings, fit_network, fit_temperature, logits_of
from toolwright.timing.match import Matcher
from toolwright.timing.network import PageReader, Shape, Sheet
from toolwright.timing.pages import KINDS, slot_kind, slot_text, write_page
from toolwright.timing.reading import Reader
from toolwright.training.decider import DeciderSettings, train_decider, without_tool
from toolwright.types import TIMING_LABELS, InputError, Message, Tool

SMALL = Shape(width=16, layers=1, heads=2, dropout=0.1)
CANCEL = Tool(
    name="cancel_booking",
    description="Cancels a reservation.",
    parameters={
        "type": "object",
        "properties": {
            "booking_id": {"type": "string", "pattern": "^HB-[0-9]{4}$", "description": "Number"},
            "why": {"type": "string", "enum": ["illness", "other"]},
        },
        "required": ["booking_id", "why"],
    },
)


def user(text):
    return [Message(role="user", content=text)]


def nothing(done, total, word):
    pass


@pytest.fixture(scope="module")
def sheets(data):
    examples = data.timing("train")[:48]
    return Reader(load_encoder("minilm")).sheets([page_of(example, data.tools) for example in examples]), [example.label for example in examples]


def test_a_page_tells_turns_tools_and_what_is_given():
    messages = [*user("Which one?"), Message(role="assistant", content="HB-1063?"), *user("Yes, cancel it")]
    page = write_page(messages, Matcher([CANCEL]).best(messages), 1)
    assert [(turn.role, turn.ago) for turn in page.turns] == [(0, 2), (1, 1), (0, 0)]
    assert page.tools[0].text == "cancel booking: Cancels a reservation."
    assert [(slot.text, slot.given, KINDS[slot.kind]) for slot in page.slots] == [
        ("booking id: Number", True, "pattern"),
        ("why:  (illness, other)", False, "enum"),
    ]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"format": "date"}, "date or time"),
        ({"type": "integer"}, "number"),
        ({"pattern": "^[a-z]+$"}, "loose pattern"),
        ({"type": ["string", "null"]}, "text"),
        ({}, "text"),
    ],
)
def test_parameters_have_kinds(schema, kind):
    assert KINDS[slot_kind(schema)] == kind
    assert slot_text("some_name", schema).startswith("some name:")


def test_pages_without_tools_or_with_one_of_long_turns_can_be_read():
    reader = Reader(load_encoder("minilm"))
    long = user("word " * 5000)
    found = reader.sheets([write_page(user("Hello"), (), 0), write_page(long, Matcher([CANCEL]).best(long), 1)])
    assert found[0].tools.shape == found[0].slots.shape == (0, 384)
    assert len(found[1].tokens) <= 96
    logits = logits_of(PageReader(SMALL), found)
    assert logits.shape == (2, 4)
    assert torch.isfinite(logits).all()


def test_company_in_the_batch_changes_nothing(sheets):
    network = PageReader(SMALL)
    together, alone = logits_of(network, sheets[0][:6]), torch.cat([logits_of(network, [sheet]) for sheet in sheets[0][:6]])
    assert torch.allclose(together, alone, atol=1e-5)


def test_an_encoder_without_token_vectors_is_wrong_input():
    with pytest.raises(InputError, match="no vectors of tokens"):
        Reader(RemoteEncoder("http://localhost/v1", "m"))


def test_the_network_learns_its_examples(sheets, tmp_path):
    settings = FitSettings(epochs=30, batch=16, rate=5e-3, smoothing=0.0)
    network = fit_network(*sheets, SMALL, settings, tmp_path, nothing)
    found = [TIMING_LABELS[i] for i in logits_of(network, sheets[0]).argmax(1)]
    assert sum(a == b for a, b in zip(found, sheets[1], strict=True)) >= 40


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(sheets, tmp_path):
    settings = FitSettings(epochs=2, batch=16, seconds_between=0.0)
    whole = fit_network(*sheets, SMALL, settings, tmp_path / "whole", nothing)

    class CutError(Exception):
        pass

    def cut(done, total, word):
        if done == 3:
            raise CutError

    with pytest.raises(CutError):
        fit_network(*sheets, SMALL, settings, tmp_path / "cut", cut)
    resumed_at = []
    again = fit_network(*sheets, SMALL, settings, tmp_path / "cut", lambda done, total, word: resumed_at.append(done))
    assert resumed_at[0] == 3
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
    assert not list((tmp_path / "cut").glob("*.pt"))


def test_a_checkpoint_of_other_settings_is_wrong_input(sheets, tmp_path):
    def cut(done, total, word):
        if done == 2:
            raise KeyboardInterrupt

    settings = FitSettings(epochs=1, batch=16, seconds_between=0.0)
    with pytest.raises(KeyboardInterrupt):
        fit_network(*sheets, SMALL, settings, tmp_path, cut)
    with pytest.raises(InputError, match="other settings"):
        fit_network(*sheets, SMALL, replace(settings, rate=0.5), tmp_path, nothing)


def test_temperature_softens_what_is_too_sure():
    logits = torch.tensor([[9.0, 0, 0, 0]] * 10)
    labels = ["call"] * 7 + ["answer"] * 3
    temperature = fit_temperature(logits, labels)
    assert torch.softmax(logits[0] / temperature, 0)[0].item() == pytest.approx(0.7, abs=0.02)


def test_reading_goes_on_where_it_was(data, tmp_path):
    examples = data.timing("train")[:5]
    first = Reader(load_encoder("minilm")).kept_sheets(examples, lambda example: page_of(example, data.tools), "x", tmp_path, nothing)

    def refuse(example):
        raise AssertionError("nothing is left to read")

    second = Reader(load_encoder("minilm")).kept_sheets(examples, refuse, "x", tmp_path, nothing)
    assert all(torch.equal(getattr(a, name), getattr(b, name)) for a, b in zip(first, second, strict=True) for name in Sheet.__slots__)
    with pytest.raises(AssertionError, match="nothing is left"):
        Reader(load_encoder("minilm")).kept_sheets(examples, refuse, "other tools", tmp_path, nothing)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decider")
    settings = DeciderSettings(width=16, layers=1, heads=2, epochs=1, without_tool=4)
    train_decider(settings, data.tools, data.timing("train")[:40], data.timing("dev")[:20], data.calls("train"), folder)
    return folder


def test_the_artifact_decides_as_what_was_trained(trained, data):
    decider, again = ClassifierDecider.load(trained), ClassifierDecider.load(trained)
    example = data.timing("dev")[0]
    tools = [data.tools[name] for name in example.tools]
    decision = decider.decide(example.messages, tools)
    assert decision == again.decide(example.messages, tools)
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert decision.reasons


def test_costs_move_the_decision(trained):
    decider = ClassifierDecider.load(trained)
    assert decider.decide(user("Cancel HB-1063"), [CANCEL]).outcome in TIMING_LABELS
    dear = {right: {decided: 0.0 if right == decided else 100.0 if decided != "clarify" else 0.1 for decided in TIMING_LABELS} for right in TIMING_LABELS}
    decider.costs = check_costs(dear)
    decision = decider.decide(user("Cancel HB-1063"), [CANCEL])
    assert decision.outcome == "clarify"
    assert decision.question is not None


@pytest.mark.parametrize("costs", [{}, {**EQUAL, "call": {"call": 0}}, {**EQUAL, "call": dict.fromkeys(TIMING_LABELS, -1)}, 3])
def test_costs_that_are_none_are_wrong_input(costs):
    with pytest.raises(InputError, match="costs: deciding"):
        check_costs(costs)


def test_folders_of_something_else_are_wrong_input(tmp_path):
    with pytest.raises(InputError, match="expected a folder that"):
        ClassifierDecider.load(tmp_path)
    (tmp_path / "decider.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="no trained decider"):
        ClassifierDecider.load(tmp_path)
    with pytest.raises(InputError, match="not fitted"):
        ClassifierDecider(load_encoder("minilm")).decide(user("Hello"), [])


def test_a_call_without_its_tool_is_unable(data):
    examples = data.timing("train")
    made = without_tool(data.calls("train"), examples, data.tools, 20, seed=0)
    calls = {f"{call.id}.without": call.calls[0].name for call in data.calls("train")}
    assert made
    for example in made:
        assert example.label == "unable"
        assert calls[example.id] not in example.tools
        assert len(example.tools) == len(set(example.tools)) == 10
