"""The built data: the same bytes twice, splits that share no sentence, gold that runs, dialogues that hold together."""

import json
import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conftest import SMALL
from toolwright.data.agent_benchmark import CALL_TOOLS, MOST_GOLD, joined
from toolwright.data.agent_sft import MIX, build_dialogues
from toolwright.data.build import build_data, open_data
from toolwright.data.checks import domain_offenders, masked, share_without_shared_words
from toolwright.data.dialogues import MOST_RIGHT, misread
from toolwright.data.fill import Request, fill_request, plain, render, say, stands_in, whole
from toolwright.data.frames import cluster_of, frame_of, frames
from toolwright.data.offers import CANDIDATES, Offers
from toolwright.data.reports import TOLD_ITEMS, report, told_value, without_label, without_labels, without_list
from toolwright.data.versions import NEWEST, UNFROZEN, VERSIONS, version_of
from toolwright.schema import check_arguments
from toolwright.types import TIMING_LABELS, InputError, ToolCall
from toolwright.world.engine import World
from toolwright.world.load import load_domains
from toolwright.world.spec import Saying

SPLITS = ("train", "dev", "test")
ROOT = Path(__file__).parent.parent


def test_the_domains_hold_their_gates():
    domains = load_domains()
    assert list(domain_offenders(domains, World(domains))) == []
    assert share_without_shared_words(domains) >= 1 / 3


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(domains, data, tmp_path):
    assert build_data(domains, tmp_path / "again", sizes=SMALL, workers=2)["sha256"] == data.sha256
    assert build_data(domains, tmp_path / "other", seed=1, sizes=SMALL)["sha256"] != data.sha256


def test_the_data_is_the_newest_frozen_version(tmp_path):
    """Whoever changes the data on purpose gives it a new version and tells the users."""
    manifest = build_data(load_domains(), tmp_path, workers=os.cpu_count() or 1)
    assert manifest["sha256"] == VERSIONS[NEWEST]
    assert manifest["version"] == NEWEST
    assert f"data {NEWEST}" in (ROOT / "CHANGELOG.md").read_text()


@pytest.mark.parametrize(
    ("second", "say", "kept"), [("Ann Lee is ill", "{name} is ill", True), ("Cancel it", "Cancel it", False), ("I'm ill", "I'm ill", True)]
)
def test_names_keep_their_capitals_where_requests_are_joined(second, say, kept):
    found = {joined("Do this", second, Saying(say=(say,)), random.Random(seed)) for seed in range(20)}
    assert any(second in text for text in found)  # behind a full stop everything keeps them
    assert all(second in text for text in found) is kept


def test_other_data_has_no_version(data):
    assert version_of(data.sha256) == UNFROZEN


def test_sentences_do_not_depend_on_the_hash_seed():
    code = (
        "import random\nfrom toolwright.world.load import DOMAINS, load_domain\nfrom toolwright.world.engine import World\n"
        "from toolwright.data.frames import concrete, frames\n"
        "domain = load_domain(DOMAINS / 'fitness.yaml')\nworld = World([domain])\n"
        "print([concrete(frame, world, random.Random(frame.id)).turns for frame in frames([domain], 'train')])"
    )
    said = {
        subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


def test_a_changed_file_is_noticed(domains, data, tmp_path):
    import shutil

    copy = tmp_path / "data"
    shutil.copytree(data.directory, copy)
    with (copy / "agent_sft" / "dev.jsonl").open("a") as lines:
        lines.write("{}\n")
    with pytest.raises(InputError, match="changed since it was built"):
        open_data(copy)
    with pytest.raises(InputError, match=r"holds no manifest\.json"):
        open_data(tmp_path)


def test_no_tested_sentence_was_read_before():
    """Not in train or dev, nor anywhere in the foundation domains, which nano has read whole."""
    domains = load_domains()
    tested = [domain for domain in domains if domain.part != "foundation"]
    foundation = [domain for domain in domains if domain.part == "foundation"]
    read = {masked(frame.saying) for split in ("train", "dev") for frame in frames(tested, split)}
    read |= {masked(frame.saying) for split in SPLITS for frame in frames(foundation, split)}
    assert not read & {masked(frame.saying) for frame in frames(tested, "test")}


def test_many_decisions_in_a_row_leave_room_for_distractors(domains):
    spoken = [domain for domain in domains if domain.part != "foundation"]
    dialogues = [one for one in build_dialogues(spoken, World(domains), "train", 800, seed=0) if one.task == "timing"]
    decisions = [sum(message.content in TIMING_LABELS for message in one.messages) for one in dialogues]
    assert max(decisions) > MOST_RIGHT + 1  # so many of them that each could be about another tool
    assert all(len(set(one.tools)) == CANDIDATES and one.messages[-1].content in TIMING_LABELS for one in dialogues)
    late = Counter(one.messages[-1].content for one, count in zip(dialogues, decisions, strict=True) if count > MOST_RIGHT)
    assert min(late[label] for label in TIMING_LABELS) / late.total() > 0.15  # nor does its place tell what a decision is


def test_a_sentence_in_two_splits_is_an_offender(domains):
    tool = domains[0].tools[0]
    requests = tool.requests.model_copy(update={"test": (*tool.requests.test, tool.requests.train[0])})
    changed = domains[0].model_copy(update={"tools": (tool.model_copy(update={"requests": requests}), *domains[0].tools[1:])})
    assert any("stands already as" in offender for offender in domain_offenders([changed], World([changed])))


def test_a_training_goal_with_an_unseen_tool_is_an_offender(domains):
    hotel = next(domain for domain in domains if domain.domain == "hotel")
    hidden = tuple(tool.model_copy(update={"unseen": True}) if tool.name == "find_guest_bookings" else tool for tool in hotel.tools)
    changed = hotel.model_copy(update={"tools": hidden})
    assert any("uses the unseen tool 'find_guest_bookings'" in offender for offender in domain_offenders([changed], World([changed])))


def test_unseen_tools_and_foundation_domains_stay_apart(domains, data):
    unseen = {tool.name for domain in domains if domain.part != "foundation" for tool in domain.tools if tool.unseen}
    foundation = {tool.name for domain in domains if domain.part == "foundation" for tool in domain.tools}
    called = {call.name for dialogue in data.dialogues("train") for message in dialogue.messages for call in message.tool_calls}
    assert called & foundation
    assert called - foundation
    assert not called & unseen
    for split in ("train", "dev"):
        shown = {name for example in data.selection(split) for name in example.candidates}
        shown |= {name for examples in (data.timing(split), data.calls(split), data.dialogues(split)) for example in examples for name in example.tools}
        assert shown & foundation
        assert not shown & unseen
    for split in ("train", "dev"):
        assert not {name for example in data.selection(split) for name in example.tools} & (unseen | foundation)
    tested = {name for example in data.selection("test") for name in example.tools}
    assert tested & unseen
    assert not tested & foundation


@pytest.mark.parametrize("split", SPLITS)
def test_gold_calls_are_valid_and_run(domains, data, split):
    world = World(domains)
    for example in data.calls(split):
        text = " ".join(message.content for message in example.messages)
        for i, expected in enumerate(example.calls):
            call = ToolCall(id=str(i), name=expected.name, arguments={name: accepted[0] for name, accepted in expected.arguments.items()})
            assert check_arguments(world.tools[call.name].parameters, call.arguments) == []
            assert world.preview(call).error is None, example.id
            assert all(stands_in(call.arguments[name], text) for name in expected.copied)


def test_candidates_hold_the_gold_and_its_place_says_nothing(data):
    places = Counter()
    for example in data.selection("train"):
        assert len(set(example.candidates)) == CANDIDATES
        assert set(example.tools) <= set(example.candidates)
        assert len(example.tools) <= MOST_GOLD
        if len(example.tools) == 1:
            places[example.candidates.index(example.tools[0])] += 1
    assert max(places.values()) / sum(places.values()) <= 0.15
    assert all(len(set(example.tools)) == CALL_TOOLS + len(example.calls) - 1 for example in data.calls("train"))
    assert all(call.name in example.tools for example in data.calls("train") for call in example.calls)


def test_timing_is_balanced(data):
    for split in SPLITS:
        counts = Counter(example.label for example in data.timing(split))
        assert len(set(counts.values())) == 1
        assert len(counts) == 4


def test_dialogues_hold_together(data):
    for dialogue in data.dialogues("train"):
        open_calls = {}
        for message in dialogue.messages:
            for call in message.tool_calls:
                assert call.name in dialogue.tools
                assert check_arguments(data.tools[call.name].parameters, call.arguments) == []
                open_calls[call.id] = call
            if message.role == "tool":
                call = open_calls.pop(message.tool_call_id)
                answer = json.loads(message.content)
                assert "error" in answer or check_arguments(data.tools[call.name].returns, answer) == []
        assert not open_calls
        assert dialogue.messages[-1].role == "assistant"
        assert not any("{" in message.content for message in dialogue.messages if message.role == "user")
    assert {dialogue.task for dialogue in data.dialogues("train")} == set(MIX)


def test_what_is_about_one_tool_stands_and_falls_together(data):
    clusters = {cluster_of(f"hotel.cancel_booking.{kind}.test{i}.{k}") for kind in ("request", "clarify", "zh") for i in (0, 1) for k in (0, 1)}
    assert clusters == {"hotel.cancel_booking"}
    assert cluster_of("ci.ci.start_run.request.test7.2") == "ci.ci.start_run"
    assert cluster_of("hotel.goal.test0.3") == "hotel.goal.test0"
    for example in (*data.selection("test"), *data.timing("test"), *data.calls("test"), *data.planning("test")):
        assert frame_of(example.id).startswith(cluster_of(example.id))


def test_selection_asks_for_one_tool_several_or_none(data):
    sizes = Counter(min(len(example.tools), 2) for split in SPLITS for example in data.selection(split))
    assert set(sizes) == {0, 1, 2}
    assert any("zh" in example.tags for example in data.selection("test"))
    assert not any("zh" in example.tags for split in ("train", "dev") for example in data.selection(split))


def test_a_corrected_dialogue_holds_the_refusal_and_what_was_meant(data):
    corrected = [dialogue for dialogue in data.dialogues("train") if dialogue.task == "correct"]
    assert corrected
    for dialogue in corrected:
        wrong, right = (message.tool_calls[0] for message in dialogue.messages if message.tool_calls)
        assert wrong.name == right.name
        assert wrong.arguments != right.arguments
        answers = [json.loads(message.content) for message in dialogue.messages if message.role == "tool"]
        assert answers[0]["error"]["type"] == "not_found"
        assert "error" not in answers[1]


@given(st.from_regex(r"[A-Z]{1,3}-[0-9]{3,6}", fullmatch=True), st.integers())
def test_a_misread_id_is_another_of_the_same_shape(value, seed):
    wrong = misread(value, random.Random(seed))
    assert wrong != value
    assert len(wrong) == len(value)
    assert sorted(wrong) == sorted(value) or len(set(value.split("-")[1])) == 1


def test_a_request_is_filled_from_the_world(world, domains):
    hotel = next(domain for domain in domains if domain.domain == "hotel")
    tool = hotel.by_name["cancel_booking"]
    filled = fill_request(hotel, tool, tool.requests.train[0], world, random.Random(0))
    booking = filled.call.arguments["booking_id"]
    assert filled.turns == (f"Cancel {booking}",)
    assert filled.copied == ("booking_id",)
    assert world.rows("SELECT status FROM hotel_booking WHERE booking_id = :id", {"id": booking}) == [{"status": "confirmed"}]


@pytest.mark.parametrize(
    ("value", "text", "found"), [("HB-1", "take HB-1!", True), ("HB-1", "HB-12", False), (3, "3.5 l", False), (3, "for 3.", True), (True, "True", False)]
)
def test_word_for_word(value, text, found):
    assert stands_in(value, text) is found


def test_values_in_other_words():
    source = random.Random(0)
    assert say("half_board", {"half_board": ("dinner included",)}, source) == "dinner included"
    assert "2026" in say("2026-03-14", {}, source)
    assert "March" in say("2026-03-14T09:30", {}, source)
    assert say(3, {}, source) == "three"
    assert say("being_cleaned", {}, source) == "being cleaned"


def test_values_are_written_as_people_write_them():
    assert plain(whole([27.0, 1.5, {"price": 12.0}])) == "27, 1.5 and price 12"
    assert [plain(value) for value in (True, False, None, [])] == ["yes", "no", "none", "none"]


@pytest.mark.parametrize(
    ("count", "text"),
    [(1, "1 night, 1 entry; 1 box is left"), (2, "2 nights, 2 entries; 2 boxes are left"), (21, "21 nights, 21 entries; 21 boxes are left")],
)
def test_one_thing_is_told_in_the_singular(count, text):
    assert render("{n} nights, {n} entries; {n} boxes are left", {"n": str(count)}) == text


@pytest.mark.parametrize(
    ("reply", "without"),
    [
        ("I found {total} rooms: {found}.", "I found no rooms."),
        ("I found {total}, the cheapest first: {found}.", "I found none."),
        ("Rooms, {total} in all: {found}.", "Rooms: {found}."),
        ("Rooms found, {total} in all, the best first: {found}.", "Rooms found: {found}."),
        ("{total} found: {found}.", "None found."),
        ("{total} due on {day}: {found}.", "None due on {day}."),
        ("{total} free rooms, cheapest first: {found}.", "No free rooms."),
        ("Free on {day} ({total} in all): {found}.", "Free on {day}: {found}."),
    ],
)
def test_an_empty_list_is_not_read_out(reply, without):
    assert without_list(reply, "found") == without


@pytest.mark.parametrize(
    ("reply", "without"),
    [
        ("{id} is paused. Restart: {until}.", "{id} is paused."),
        ("{id} is paused; restart: {until}, reason: {why}.", "{id} is paused, reason: {why}."),
        ("{id} is paused, restart: {until}; reason: {why}.", "{id} is paused; reason: {why}."),
        ("{id} is off. Restart: {until}, reason: {why}.", "{id} is off. Reason: {why}."),
        ("{id} (label: {until}) is {status}", "{id} is {status}"),
        ("{id}, label: {until}", "{id}"),
        ("It runs until {until}.", "It runs until {until}."),
    ],
)
def test_an_empty_value_is_not_read_out(reply, without):
    assert without_label(reply, "until") == without


def test_what_was_asked_for_is_told_even_where_there_is_none():
    reply = "{name} is 12; allergies: {allergies}, blocked: {blocked}."
    empty = {"name": "Ann", "allergies": None, "blocked": False}
    assert without_labels(reply, empty, "how old is ann?") == "{name} is 12."
    assert without_labels(reply, empty, "any allergies?") == "{name} is 12; allergies: {allergies}."


def test_a_list_is_told_item_by_item():
    assert told_value(["half_board", "parking"], {"type": "array", "items": {"enum": ["half_board", "parking"]}}, None) == "half board and parking"
    assert told_value([], {"type": "array"}, None) == "none"


def test_a_report_tells_money_and_defaults(world, domains):
    hotel = next(domain for domain in domains if domain.domain == "hotel")
    tool = hotel.by_name["calculate_stay_deposit"].model_copy(update={"reply": "{percent} % of {price}: {deposit}"})
    call = ToolCall(id="c", name=tool.name, arguments={"price": 1445})
    assert report(tool, Request(("",), {}, call, world.preview(call), ()), world) == "30 % of 1445: 433.50"


def test_a_report_tells_the_first_of_a_list_and_how_many_more_there_are(world, domains):
    hotel = next(domain for domain in domains if domain.domain == "hotel")
    tool = hotel.by_name["find_guest_bookings"].model_copy(update={"reply": "{total}: {bookings}.", "each": "{room_number} {status}"})
    call = ToolCall(id="c", name=tool.name, arguments={"guest_name": "a"})
    result = world.preview(call)
    shown = [f"{one['room_number']} {one['status'].replace('_', ' ')}" for one in result.content["bookings"]]
    told = report(tool, Request(("",), {}, call, result, ()), world)
    items = shown[:TOLD_ITEMS]
    assert result.content["total"] > len(items) > 1
    assert told == f"{result.content['total']}: {'; '.join(items)}; {result.content['total'] - len(items)} more."
    nobody = call.model_copy(update={"arguments": {"guest_name": "Nobody Here"}})
    assert report(tool, Request(("",), {}, nobody, world.preview(nobody), ()), world) == "None."


def test_too_few_tools_are_wrong_input(domains):
    world = World(domains[:1])
    with pytest.raises(InputError, match="40 candidates wanted"):
        Offers(world, "test").offer("helpdesk", [], "hello", random.Random(0), 40)
