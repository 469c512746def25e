"""Timing: signs of speech, matches, rules, and what every decider keeps to."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolwright.timing import DECIDERS
from toolwright.timing.evidence import collect
from toolwright.timing.match import Matcher
from toolwright.timing.question import question
from toolwright.timing.rules import Rulebook, RulesDecider, Scale, shipped
from toolwright.timing.speech import sentences, shares, signs
from toolwright.training.rules import fit_rules, write_rules
from toolwright.types import TIMING_LABELS, InputError, Message, TimingExample, Tool

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


# Every decider

WITHOUT_MODEL = {"rules": lambda: RulesDecider(shipped())}


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
