"""Typed spans of a text, and which parameters of a tool they fill."""

import itertools
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.schema import check_arguments
from toolwright.tools.slots import fill, missing, read
from toolwright.tools.spans import READ_LIMIT, day, read_spans
from toolwright.types import InputError, Message, Tool, ToolCall

TODAY = date(2026, 3, 2)  # a Monday

BOOKING = Tool(
    name="change_booking",
    parameters={
        "type": "object",
        "properties": {
            "booking_id": {"type": "string", "pattern": "^HB-[0-9]{4}$"},
            "arrival": {"type": "string", "format": "date", "description": "First night"},
            "nights": {"type": "integer", "minimum": 1, "description": "Number of nights"},
            "board": {"type": "string", "enum": ["room_only", "half_board", "full_board"]},
            "note": {"type": "string", "description": "Text for the desk"},
        },
        "required": ["booking_id", "arrival", "nights"],
    },
)


def kinds(text, today=TODAY):
    return [(span.kind, span.value, span.unit) for span in read_spans(text, today)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("for 27 April 2026 at 07:30", [("datetime", "2026-04-27T07:30", "")]),
        ("on April 27", [("date", "2026-04-27", "")]),
        ("tomorrow at noon", [("date", "2026-03-03", ""), ("time", "12:00", "")]),
        ("next Friday", [("date", "2026-03-06", "")]),
        ("two weeks ago", [("date", "2026-02-16", "")]),
        ("in April 2025", [("month", "2025-04", "")]),
        ("an hour and 9 %", [("number", 1, "hour"), ("number", 9, "percent")]),
        ("about €1,250.50", [("number", 1250.5, "euro")]),
        ("twenty-five people", [("number", 25, "people")]),
        ("31.5kg", [("number", 31.5, "kg")]),
        ("write to a.b@example.org", [("email", "a.b@example.org", "")]),
        ("ring +34 773 502820", [("phone", "+34 773 502820", "")]),
        ('call it "Half-term trip"', [("quoted", "Half-term trip", "")]),
        ("show me HB-1063", [("code", "HB-1063", "")]),
        ("tell Clifford Reed's office", [("name", "Clifford Reed", "")]),
        ("Add James Arellano", [("name", "James Arellano", "")]),
        ("Salt and Cinder in Marrowdale", [("name", "Salt and Cinder", ""), ("name", "Marrowdale", "")]),
        ("Cancel the booking please", []),
    ],
)
def test_spans_are_typed_and_normalised(text, expected):
    assert kinds(text) == expected


def test_a_relative_day_has_no_value_without_today():
    assert kinds("tomorrow", today=None) == [("date", None, "")]
    assert day("31 February 2026") is None


@given(st.text(max_size=300) | st.text("aA 1'\".,-@:/+€\n", max_size=300), st.none() | st.dates())
def test_any_text_reads_into_spans_that_stand_where_they_say(text, today):
    spans = read_spans(text, today)
    for span in spans:
        assert 0 <= span.start < span.end <= len(text)
        assert span.text in text[span.start : span.end]
    outer = [span for span in spans if span.kind != "code"]
    assert all(one.end <= other.start for one, other in itertools.pairwise(outer))


@given(st.dates(min_value=date(1901, 1, 1), max_value=date(2098, 12, 31)), st.sampled_from(["%Y-%m-%d", "%d %B %Y", "%B %d, %Y", "%d.%m.%Y"]))
def test_every_written_date_is_read(when, form):
    assert [span.value for span in read_spans(f"until {when.strftime(form)}, please") if span.kind == "date"] == [when.isoformat()]


def test_a_turn_is_read_to_its_limit():
    assert read_spans("x" * (READ_LIMIT - 2) + " HB-1063") == []


def test_fill_assigns_each_span_to_the_parameter_it_suits():
    found = fill('Move HB-1063 to 5 March 2026, 3 nights with half board, and note "arrives late"', BOOKING)
    assert found.arguments == {"booking_id": "HB-1063", "arrival": "2026-03-05", "nights": 3, "board": "half_board", "note": "arrives late"}
    assert found.spans["nights"].text == "3"
    assert not check_arguments(BOOKING.parameters, found.arguments)


def test_missing_names_what_nobody_gave():
    assert missing("Move HB-1063 please", BOOKING) == ["arrival", "nights"]
    assert missing("Hello there", BOOKING) == BOOKING.required


def test_earlier_turns_calls_and_results_count():
    messages = [
        Message(role="user", content="What is free from 5 March 2026?"),
        Message(role="assistant", tool_calls=(ToolCall(id="1", name="find", arguments={"nights": "2 nights"}),)),
        Message(role="tool", content='{"booking_id": "HB-2000"}', tool_call_id="1"),
        Message(role="user", content="Take that."),
    ]
    assert missing(messages, BOOKING) == []
    assert fill(messages, BOOKING).arguments["booking_id"] == "HB-2000"


def test_the_newest_value_counts():
    messages = [Message(role="user", content=text) for text in ("HB-1063 for 2 nights from 2026-03-05", "No, HB-2000")]
    assert fill(messages, BOOKING).arguments["booking_id"] == "HB-2000"


def test_lists_have_as_many_members_as_they_need():
    tool = Tool(name="compare", parameters={"properties": {"cities": {"type": "array", "items": {"type": "string"}, "minItems": 2}}, "required": ["cities"]})
    assert fill("compare Vienna, Graz and Prague", tool).arguments["cities"][1] == "Graz"
    assert missing("compare cities", tool) == ["cities"]


def test_plain_words_do_not_pass_for_a_loose_pattern():
    channel = {"type": "string", "pattern": "^[a-z][a-z0-9-]{1,30}$", "description": "Channel, without the #"}
    tool = Tool(name="archive", parameters={"properties": {"channel": channel}, "required": ["channel"]})
    assert missing("please archive that channel for good", tool) == ["channel"]
    assert fill("please archive #pet-photos for good", tool).arguments == {"channel": "pet-photos"}


def test_a_hostile_pattern_neither_hangs_nor_passes():
    tool = Tool(name="x", parameters={"properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}, "required": ["a"]})
    assert missing("a" * 80 + "!b", tool) == ["a"]


@pytest.mark.parametrize("properties", [{"a": {"type": "string", "pattern": "("}}, {"a": 3}])
def test_a_schema_that_cannot_be_read_is_wrong_input(properties):
    with pytest.raises(InputError):
        fill("some text", Tool(name="x", parameters={"properties": properties, "required": ["a"]}))


SCHEMAS = st.recursive(
    st.sampled_from(
        [{"type": kind} for kind in ("string", "integer", "number", "boolean", "object", "array")]
        + [{"type": "string", "format": form} for form in ("date", "date-time", "time", "email", "uri", "odd")]
        + [{"enum": ["de", 3, "off_topic", None]}, {"type": "string", "pattern": "^[A-Z]{2}$"}, {"type": ["string", "null"]}, {}]
    ),
    lambda inner: (
        st.builds(lambda schema: {"type": "array", "items": schema}, inner)
        | st.builds(lambda schema: {"type": "object", "properties": {"part": schema}, "required": ["part"]}, inner)
    ),
    max_leaves=4,
)


@given(st.text(max_size=200), st.dictionaries(st.text(min_size=1, max_size=12), SCHEMAS, max_size=4))
def test_given_and_missing_are_the_required_parameters(text, properties):
    tool = Tool(name="x", parameters={"type": "object", "properties": properties, "required": sorted(properties)})
    reading = read(text)
    assert {*fill(reading, tool).arguments, *missing(reading, tool)} == set(properties)
