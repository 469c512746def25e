"""Timing: signs of speech, matches, rules, and what every decider keeps to."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwright.models.chat import ModelError
from toolwright.models.scripted import ScriptedModel
from toolwright.timing import DECIDERS
from toolwright.timing.evidence import collect
from toolwright.timing.hybrid import HybridDecider, Stage, fit_bands
from toolwright.timing.llm import LLMDecider, TimingError
from toolwright.timing.match import Matcher
from toolwright.timing.question import question
from toolwright.timing.rules import Rulebook, RulesDecider, Scale, shipped
from toolwright.timing.speech import sentences, shares, signs
from toolwright.training.rules import fit_rules, write_rules
from toolwright.types import TIMING_LABELS, Decision, InputError, Message, TimingExample, Tool

CANCEL = Tool(
    name="cancel_booking",
    description="Cancels a reservation of a guest.",
    parameters={
        "type": "object",
        "properties": {
            "booking_id": {"type": "string", "pattern": "^HB-[0-9]{4}$", "description": "Number of the reservation"},
            "reason": {"type": "string", "enum": ["illness", "weather", "other"], "description": "Why it is cancelled"},
        },
        "required": ["booking_id"],
    },
)
WEATHER = Tool(
    name="get_weather",
    description="Tells the weather of a city.",
    parameters={"type": "object", "properties": {"city": {"type": "string", "description": "City"}}, "required": ["city"]},
)
TOOLS = (CANCEL, WEATHER)


def user(*turns):
    return [Message(role=("user", "assistant")[i % 2], content=text) for i, text in enumerate(turns)]


# Signs


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("Please don't cancel anything", "refusal"),
        ("Leave it as it is", "leave_as_is"),
        ("I'll sleep on it", "not_yet"),
        ("Thanks for cancelling it so quickly", "thanks"),
        ("I've already cancelled HB-1063", "already_done"),
        ("What if I cancelled HB-1063?", "hypothetical"),
        ("What does 'full board' mean?", "about_words"),
        ("She wrote 'cancel my room'. Was that meant seriously?", "quoted_speech"),
        ("Is that a lot, would you say?", "opinion_wanted"),
        ("Why do hotels have no thirteenth floor?", "general_why"),
        ("Sorry, which date did you say?", "asks_again"),
        ("Could you cancel it?", "polite_request"),
        ("Cancel HB-1063", "command"),
        ("Hello, how are you?", "greeting"),
    ],
)
def test_a_form_of_speech_is_known(text, sign):
    assert shares(user(text))[sign] > 0


def test_a_denial_has_its_own_sentence_for_its_scope():
    found = shares(user("Cancel HB-1063. Don't charge anything."))
    assert found["refusal"] == found["command"] == 0.5


def test_what_is_quoted_is_nobodys_command():
    assert shares(user("The sign reads 'cancel everything'"))["command"] == 0
    assert sentences("He said “Stop HB-1063!” on 5 May 2026") == ["he said QUOTE on DATE"]


def test_signs_have_names_of_their_own_and_reasons():
    assert len({sign.name for sign in signs()}) == len(signs())
    assert all(sign.because and sign.match for sign in signs())


# Matches


def test_words_and_kinds_of_number_find_the_tool():
    best = Matcher(TOOLS).best(user("HB-1063 can't come after all"))
    assert [match.tool.name for match in best] == ["cancel_booking", "get_weather"]
    assert best[0].fitting == 1
    assert best[1].strange == 1
    assert best[0].missing == ()
    assert best[1].missing == ("city",)


def test_a_large_catalogue_is_cut_to_its_best():
    crowd = [WEATHER.model_copy(update={"name": f"tool_{i}", "description": "Nothing."}) for i in range(300)]
    assert Matcher([*crowd, CANCEL]).best(user("cancel the reservation of the guest"), 3)[0].tool is CANCEL


# Rules


@pytest.mark.parametrize(
    ("turns", "outcome"),
    [
        (["Cancel reservation HB-1063, please"], "call"),
        (["Please cancel the guest's reservation"], "clarify"),
        (["Please don't cancel HB-1063"], "answer"),
        (["What if I cancelled HB-1063?"], "answer"),
        (["What does 'half board' mean?"], "answer"),
        (["Cancel HB-1063, please", "It is cancelled.", "Thanks, that was quick!"], "answer"),
        (["Cancel a reservation", "Which one?", "HB-1063"], "call"),
    ],
)
def test_rules_decide_plain_cases(turns, outcome):
    decision = RulesDecider().decide(user(*turns), TOOLS)
    assert decision.outcome == outcome, decision
    assert decision.reasons


def test_reasons_name_the_rules():
    told = " ".join(RulesDecider().decide(user("Please don't cancel HB-1063"), TOOLS).reasons)
    assert "no tool is wanted" in told
    assert "it asks not to do something" in told


def test_clarify_asks_for_what_is_missing_in_the_schemas_words():
    decision = RulesDecider().decide(user("Please cancel the guest's reservation"), TOOLS)
    assert decision.tool == "cancel_booking"
    assert decision.missing == ("booking_id",)
    assert decision.question == "To go on with “cancel booking” I still need: booking id (number of the reservation)."
    assert "one of illness, weather, other" in question(CANCEL, ["booking_id", "reason"])


def test_without_tools_nothing_can_be_called():
    decision = RulesDecider().decide(user("Cancel HB-1063"), [])
    assert decision.probabilities["call"] == decision.probabilities["clarify"] == 0
    assert decision.tool is None


def test_probabilities_are_the_products_of_the_three_answers():
    book = Rulebook(Scale(0, {"a": 2.0}), Scale(1, {}), Scale(-1, {}))
    evidence = collect(user("Hello"), ())
    found = book.probabilities(evidence)
    assert sum(found.values()) == pytest.approx(1)
    assert found["answer"] == 0.5


def test_rules_are_fitted_written_and_read_back(data, tmp_path):
    points = fit_rules(data.timing("train"), data.tools)
    write_rules(points, tmp_path / "rules.json")
    book = Rulebook.read(tmp_path / "rules.json")
    assert book.wanted.points == points["wanted"]["points"]
    assert book.wanted.points["refusal"] < 0 < book.wanted.points["command"]
    assert book.missing.points["its missing arguments"] > 0


def test_a_file_that_holds_no_points_is_wrong_input(tmp_path):
    (tmp_path / "rules.json").write_text(json.dumps({"wanted": 3}))
    with pytest.raises(InputError, match="no rulebook"):
        Rulebook.read(tmp_path / "rules.json")
    with pytest.raises(InputError, match="no such file"):
        Rulebook.read(tmp_path / "gone.json")


def test_rules_need_examples_of_every_label():
    example = TimingExample(id="1", messages=tuple(user("Hello")), tools=("cancel_booking",), label="answer")
    with pytest.raises(InputError, match="examples of call or clarify or unable"):
        fit_rules([example], {"cancel_booking": CANCEL})


# A chat model


def asked(*answers):
    return LLMDecider(ScriptedModel(list(answers)))


def test_a_perfect_model_is_always_right():
    said = [("Cancel HB-1063", "call"), ("Cancel it", "clarify"), ("Thanks", "answer"), ("Paint the room", "unable")]
    right = dict(said)

    def perfect(messages, tools):
        spoken = json.loads(messages[-1].content)["conversation"][-1]["content"]
        outcome = right[spoken]
        tool = "cancel_booking" if outcome in ("call", "clarify") else None
        return json.dumps({"outcome": outcome, "tool": tool, "missing": ["booking_id"] if outcome == "clarify" else []})

    decider = LLMDecider(ScriptedModel(perfect))
    decisions = [decider.decide(user(text), TOOLS) for text, _ in said]
    assert [decision.outcome for decision in decisions] == [outcome for _, outcome in said]
    assert decisions[1].question is not None
    assert decisions[0].confidence > 0.9


@pytest.mark.parametrize(
    "answer",
    [
        "", "call", "[]", "null", '{"outcome": "no"}', '{"outcome": "call"}', '{"outcome": "call", "tool": "rm"}', '{"outcome": "answer", "x": 1}',
        '```json\n{"outcome": "answer"}\n```', '{"outcome": "clarify", "tool": "get_weather", "missing": ["colour"]}',
        '{"outcome": "answer", "probabilities": {"call": 0.9, "answer": 0.1, "clarify": 0, "unable": 0}}',
        '{"outcome": "answer", "probabilities": {"call": 0, "answer": 0, "clarify": 0, "unable": 0}}',
        '{"outcome": "answer", "probabilities": {"answer": 1}}',
    ],
)  # fmt: skip
def test_whatever_is_no_decision_is_an_error(answer):
    with pytest.raises(TimingError, match="scripted"):
        asked(answer).decide(user("Cancel HB-1063"), TOOLS)


@given(st.text(max_size=80))
def test_garbage_is_never_a_silent_no(text):
    with pytest.raises(TimingError):
        asked("{" + text).decide(user("Cancel HB-1063"), TOOLS)


def test_a_model_that_cannot_be_asked_is_its_own_error():
    with pytest.raises(ModelError):
        asked().decide(user("Cancel HB-1063"), TOOLS)


def test_probabilities_that_the_model_tells_are_kept():
    answer = {"outcome": "answer", "probabilities": {"call": 0.2, "answer": 0.6, "clarify": 0, "unable": 0.2}, "reason": "It thanks."}
    decision = asked(json.dumps(answer)).decide(user("Thanks"), TOOLS)
    assert decision.probabilities == pytest.approx({"call": 0.2, "answer": 0.6, "clarify": 0, "unable": 0.2})
    assert decision.reasons == ("It thanks.",)


# Stages


def odds(outcome, confidence):
    return Decision(outcome, {label: confidence if label == outcome else (1 - confidence) / 3 for label in TIMING_LABELS}, ())


class Fixed:
    def __init__(self, name, decision):
        self.name, self.decision = name, decision

    def decide(self, messages, tools):
        return self.decision


@pytest.mark.parametrize(("sure", "stage"), [(0.8, "first"), (0.95, "second")])
def test_a_stage_decides_where_it_is_sure(sure, stage):
    hybrid = HybridDecider([Stage(Fixed("first", odds("call", 0.9)), sure), Stage(Fixed("second", odds("answer", 0.6)), 0.0)])
    assert hybrid.decide(user("x"), TOOLS).stage == stage


def test_a_hybrid_needs_a_stage():
    with pytest.raises(InputError, match="at least one stage"):
        HybridDecider([])
    with pytest.raises(InputError, match="for 2 cases"):
        fit_bands([[odds("call", 0.9)]], ["call", "call"])


ROWS = st.lists(st.tuples(st.sampled_from(TIMING_LABELS), st.sampled_from([0.4, 0.6, 0.8, 0.99])), min_size=8, max_size=8)


@given(st.lists(ROWS, min_size=1, max_size=3), st.lists(st.sampled_from(TIMING_LABELS), min_size=8, max_size=8))
def test_fitted_bands_are_never_worse_than_the_last_stage(rows, gold):
    decisions = [[odds(*one) for one in row] for row in rows]
    bands = fit_bands(decisions, gold)
    right = 0
    for i, label in enumerate(gold):
        stage = next((s for s, band in enumerate(bands) if s == len(bands) - 1 or decisions[s][i].confidence >= band), len(bands) - 1)
        right += decisions[stage][i].outcome == label
    assert right >= sum(decision.outcome == label for decision, label in zip(decisions[-1], gold, strict=True))
    assert bands[-1] == 0


def test_the_cheaper_stage_is_kept_where_it_is_as_good():
    first = [odds("call", 0.9), odds("call", 0.6), odds("call", 0.5)]
    last = [odds("call", 0.9), odds("call", 0.9), odds("answer", 0.9)]
    assert fit_bands([first, last], ["call", "call", "answer"]) == [0.6, 0.0]


# Every decider

ANSWER = json.dumps({"outcome": "unable"})
WITHOUT_MODEL = {
    "rules": lambda: RulesDecider(shipped()),
    "llm": lambda: LLMDecider(ScriptedModel(lambda messages, tools: ANSWER)),
    "hybrid": lambda: HybridDecider([Stage(RulesDecider(), 0.9), Stage(LLMDecider(ScriptedModel(lambda messages, tools: ANSWER)), 0.0)]),
}


@pytest.fixture(params=sorted(WITHOUT_MODEL))
def decider(request):
    return WITHOUT_MODEL[request.param]()


def test_deciders_go_by_the_name_they_are_listed_under():
    assert {name: kind.name for name, kind in DECIDERS.items()} == {name: name for name in DECIDERS}


@pytest.mark.parametrize(
    ("messages", "tools", "said"),
    [
        ([], TOOLS, "at least one turn"),
        (user("a", "b"), TOOLS, "the newest turn is the assistant's"),
        (user("a"), [CANCEL, CANCEL], "two tools are named 'cancel_booking'"),
    ],
)
def test_wrong_input_is_named(decider, messages, tools, said):
    with pytest.raises(InputError, match=said):
        decider.decide(messages, tools)


SAID = st.text(max_size=120) | st.sampled_from(["", '{"a": [', "HB-1063" * 50, "\ud83d", "[SEP] call", "don't " * 40, '"' * 99])
SCHEMAS = st.dictionaries(
    st.text(max_size=8),
    st.sampled_from([{}, {"type": "string"}, {"enum": ["a", 1]}, {"type": ["integer", "null"]}, {"type": "array", "items": True}, {"pattern": "^(a|aa)+$"}]),
    max_size=3,
)
HOSTILE = st.builds(
    lambda name, text, properties: Tool(name=name, description=text, parameters={"type": "object", "properties": properties, "required": sorted(properties)}),
    st.text(min_size=1, max_size=12),
    SAID,
    SCHEMAS,
)


@settings(max_examples=60)
@given(texts=st.lists(SAID, min_size=1, max_size=3), tools=st.lists(HOSTILE, max_size=3, unique_by=lambda tool: tool.name), result=st.booleans())
def test_any_input_gets_four_probabilities(texts, tools, result):
    messages = [Message(role="user", content=text) for text in texts]
    messages += [Message(role="tool", content=texts[0])] if result else []
    for make in WITHOUT_MODEL.values():
        decision = make().decide(messages, tools)
        assert set(decision.probabilities) == set(TIMING_LABELS)
        assert sum(decision.probabilities.values()) == pytest.approx(1)
        assert decision.confidence == max(decision.probabilities.values())
        assert decision.tool is None or decision.tool in {tool.name for tool in tools}
        assert (decision.question is None) or decision.outcome == "clarify"


def test_a_megabyte_is_read_like_any_other(decider):
    decision = decider.decide(user("cancel HB-1063 " * 70_000), TOOLS)
    assert decision.outcome in TIMING_LABELS
