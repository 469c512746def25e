"""BM25: what it finds, how it breaks ties, and how it fares on MetaTool."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.public import metatool_single
from toolwright.evaluation.selectors import evaluate_selector
from toolwright.selection import SELECTORS, KeywordSelector
from toolwright.selection.keyword import words
from toolwright.types import InputError, SelectionExample, Tool

TOOLS = [
    Tool(name="cancelBooking", description="Calls off a reservation."),
    Tool(name="find_rooms", description="Lists free rooms of the hotel for some nights."),
    Tool(name="weather.get_forecast", description="Gives the weather of the coming days in a city."),
    Tool(name="b_same", description="Play music."),
    Tool(name="a_same", description="Play music."),
    Tool(name="cn", description="查询天气预报"),
]


@pytest.fixture(params=list(SELECTORS))
def selector(request):
    return SELECTORS[request.param]().fit(TOOLS)


@pytest.mark.parametrize(
    ("query", "best"),
    [("cancel booking", "cancelBooking"), ("rooms for two nights", "find_rooms"), ("weather tomorrow", "weather.get_forecast"), ("明天天气", "cn")],
)
def test_every_selector_finds_the_obvious(selector, query, best):
    assert selector.select(query, 1).names == [best]


def test_ties_stand_in_order_of_name(selector):
    assert selector.select("play music", 5).names[:2] == ["a_same", "b_same"]


def test_candidates_bound_the_answer(selector):
    found = selector.select("weather", 3, candidates=["find_rooms", "b_same"])
    assert set(found.names) == {"find_rooms", "b_same"}
    with pytest.raises(InputError, match="candidate 'gone'"):
        selector.select("weather", 3, candidates=["gone"])


def test_what_matches_nothing_selects_nothing(selector):
    found = selector.select("zzz", 3)
    assert found.tools == ()
    assert found.total_matches == 0
    assert not found.truncated


@given(query=st.text(max_size=60))
def test_any_text_is_answered_the_same_way_twice(query):
    selector = KeywordSelector().fit(TOOLS)
    assert selector.select(query, 3) == selector.select(query, 3)


def test_scores_are_bm25_as_the_formula_has_it():
    """Lucene's BM25 written out: idf = ln(1 + (N - n + 0.5) / (n + 0.5))."""
    selector = KeywordSelector().fit(TOOLS)
    texts = {tool.name: words(f"{tool.name} {tool.description}") for tool in TOOLS}
    mean = np.mean([len(text) for text in texts.values()])
    for tool in TOOLS:
        expected = 0.0
        for word in words("free rooms reservation music"):
            n = sum(word in text for text in texts.values())
            if n:
                tf, length = texts[tool.name].count(word), len(texts[tool.name])
                expected += np.log(1 + (len(TOOLS) - n + 0.5) / (n + 0.5)) * tf / (tf + 1.5 * (1 - 0.75 + 0.75 * length / mean))
        found = selector.select("free rooms reservation music", 10, candidates=[tool.name]).tools[0].score
        assert found == pytest.approx(expected, rel=1e-5)


def test_nothing_to_choose_from_is_wrong_input():
    with pytest.raises(InputError, match="at least one tool"):
        KeywordSelector().fit([])


def test_evaluation_refuses_gold_outside_the_catalogue():
    with pytest.raises(InputError, match="names the tool 'gone'"):
        evaluate_selector(KeywordSelector().fit(TOOLS), TOOLS, [SelectionExample(id="1", query="q", tools=("gone",))], config={})


@pytest.mark.public_data
def test_metatool_agrees_with_the_known_baseline(public_directory):
    """Known for BM25 on descriptions: R@1 34.9, R@5 51.2; splitting tool names into words adds about three points."""
    chosen = metatool_single(public_directory)
    plain = [tool.model_copy(update={"name": f"t{i}", "description": tool.description}) for i, tool in enumerate(chosen.tools)]
    renamed = {tool.name: f"t{i}" for i, tool in enumerate(chosen.tools)}
    examples = [example.model_copy(update={"tools": (renamed[example.tools[0]],)}) for example in chosen.examples]
    described = evaluate_selector(KeywordSelector().fit(plain), plain, examples, config={}).metrics
    assert described["selection.recall@1"].value == pytest.approx(0.349, abs=0.015)
    assert described["selection.recall@5"].value == pytest.approx(0.512, abs=0.015)
    named = evaluate_selector(KeywordSelector().fit(chosen.tools), chosen.tools, chosen.examples, config={}).metrics
    assert named["selection.recall@1"].value > described["selection.recall@1"].high
    assert named["selection.recall@1"].n == 20614
