"""The indexes behind selectors: words, names, values, vectors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.selection import vectors as vectors_module
from toolwright.selection.shelf import Shelf, plain, spellings
from toolwright.selection.texts import honest, parts, query_text, stem, words
from toolwright.selection.values import ValueIndex, fits, kind_of, named_in, signs_of, tells
from toolwright.selection.vectors import VectorIndex
from toolwright.selection.words import WordIndex
from toolwright.types import Tool

TEXTS = st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=12)


@given(first=TEXTS, later=TEXTS, gone=st.sets(st.integers(0, 11)), asked=st.lists(st.sampled_from("abcdefghz"), max_size=5))
def test_words_added_and_removed_score_as_in_an_index_built_anew(first, later, gone, asked):
    index = WordIndex()
    index.add(first)
    index.add(later)
    everything = [*first, *later]
    gone = sorted(row for row in gone if row < len(everything))
    index.remove(gone)
    left = [row for row in range(len(everything)) if row not in gone]
    anew = WordIndex()
    anew.add([everything[row] for row in left])
    if left:
        assert index.scores([asked])[left] == pytest.approx(anew.scores([asked]))


@given(texts=TEXTS, groups=st.lists(st.lists(st.sampled_from("abcdefghz"), max_size=4), min_size=1, max_size=3))
def test_scores_of_some_rows_are_those_of_all(texts, groups):
    index = WordIndex()
    index.add(texts)
    rows = np.arange(0, len(texts), 2)
    assert index.scores(groups, rows) == pytest.approx(index.scores(groups)[rows])


@given(texts=TEXTS, asked=st.lists(st.sampled_from("abcdefghz"), max_size=5), many=st.integers(1, 4))
def test_the_nearest_texts_are_those_that_score_best(texts, asked, many):
    index = WordIndex()
    index.add(texts)
    scores = index.scores([list(set(asked))])[:, 0]
    best = sorted(scores[scores > 0].tolist(), reverse=True)[:many]
    found = index.nearest(asked, many, most=1000)
    assert sorted(scores[found].tolist(), reverse=True) == pytest.approx(best)


def test_only_the_rarest_words_propose_texts_where_many_hold_the_others():
    index = WordIndex()
    index.add([["cancel", "booking"], ["cancel", "booking", "flight"], *[["cancel"]] * 8])
    assert index.nearest(["cancel", "flight"], 10, most=5).tolist() == [1]
    assert sorted(index.nearest(["cancel", "booking", "flight"], 10, most=5).tolist()) == [0, 1]
    assert len(index.nearest(["cancel"], 10, most=5)) == 10
    assert len(index.nearest(["unheard"], 10, most=5)) == 0


def test_a_saved_word_index_is_the_same(tmp_path):
    index = WordIndex(b=0.5)
    index.add([["a", "b"], ["b", "c", "c"]])
    index.add([["d"]])
    index.save(tmp_path)
    again = WordIndex.load(tmp_path)
    again.add([["a", "d"]])
    index.add([["a", "d"]])
    assert np.array_equal(again.scores([["a", "c"], ["d"]]), index.scores([["a", "c"], ["d"]]))


@given(name=st.from_regex(r"[a-z]{2,6}([._-]?[A-Z]?[a-z]{2,6}){0,3}", fullmatch=True))
def test_a_name_is_found_in_every_case_style(name):
    shelf = Shelf()
    shelf.add([Tool(name=name), Tool(name="zz_something_else")])
    found = words(name)
    for style in (name, name.upper(), plain(name)):
        assert shelf.named(style)[0] == 0, (style, spellings(name), found)


def test_suffixes_name_tools_and_words_in_passing_do_not():
    shelf = Shelf()
    shelf.add([Tool(name="mail.search"), Tool(name="drive.search"), Tool(name="search_posts"), Tool(name="getUserProfile")])
    assert [shelf.names[row] for row in shelf.named("search")] == ["drive.search", "mail.search"]
    assert [shelf.names[row] for row in shelf.named("UserProfile")] == ["getUserProfile"]
    assert [shelf.names[row] for row in shelf.named("use `mail.search` for it")] == ["mail.search"]
    assert shelf.named("search my posts for cats") == []
    assert shelf.named("profile") == []


def test_what_looks_like_a_value_is_read_from_a_request():
    named = named_in("Move EV-25153 to 20 April 2026 at 10:45, tell ann@firm.example, #general")
    assert {"EV-25153", "10:45", "ann@firm.example", "#general", "general"} <= set(named.values)
    assert {"date", "time", "email"} <= named.kinds
    assert "EV-1" in named_in("请取消EV-1。").values


def test_patterns_tell_values_apart_or_are_left_out():
    assert tells("^EV-[0-9]{5}$")
    assert fits("^EV-[0-9]{5}$", "EV-25153")
    assert not tells("^.*$")
    assert not tells("^[A-Za-z0-9]+$")
    assert not tells("(unclosed")
    assert not fits("(unclosed", "x")


@pytest.mark.parametrize("pattern", [r"^(a+)+$", r"^(a|a)*$", r"^(?=(a+)+b)a$"])
def test_patterns_that_explode_do_not(pattern):
    assert fits(pattern, "a" * 60 + "!") is False


def test_kinds_come_from_format_pattern_type_or_name():
    assert kind_of("x", {"type": "string", "format": "date"}) == "date"
    assert kind_of("x", {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}) == "time"
    assert kind_of("amount", {"type": "number"}) == "number"
    assert kind_of("contact_email", {"type": "string"}) == "email"
    assert kind_of("title", {"type": "string"}) == ""


def test_values_point_to_their_tools():
    def tool(name, required=("id",), **properties):
        return Tool(name=name, parameters={"type": "object", "properties": properties, "required": list(required)})

    tools = [
        tool("event", id={"type": "string", "pattern": "^EV-[0-9]{5}$"}),
        tool("order", id={"type": "string", "pattern": "^OR-[0-9]{3}$"}),
        tool("room", required=(), kind={"type": "string", "enum": ["single room", "suite"]}),
    ]
    index = ValueIndex()
    index.add(tools)
    found = index.scores(["a suite please, EV-25153"])[:, 0]
    assert found[0, 0] > 0 == found[1, 0]
    assert found[0, 1] == 1
    assert found[2, 3] > 0
    assert found[:, 4].tolist() == [0, 1, 0]
    assert index.rare("EV-25153", 5).tolist() == [0]
    assert signs_of(tools[0]).required_patterns == {"^EV-[0-9]{5}$"}


def unit(rows, dimension=32, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_vectors_are_exact_up_to_the_bound_and_coded_beyond(tmp_path):
    stored = unit(3000)
    index = VectorIndex(32, exact=2000, probed=20)
    index.add(stored[:1500])
    assert index.kind == "exact"
    assert set(index.candidates(stored[:1], 10)) == set(np.argsort(-(stored[:1500] @ stored[0]))[:10])
    assert index.scores(stored[:2]) == pytest.approx(stored[:1500] @ stored[:2].T)
    index.add(stored[1500:2900])
    index.add(stored[2900:])
    assert index.kind == "8-bit codes, 20 of 215 cells"
    assert index.scores(stored[:5]) == pytest.approx(stored @ stored[:5].T, abs=0.02)
    overlap = []
    for query in unit(40, seed=1):
        exact = set(np.argsort(-(stored @ query))[:10].tolist())
        rows = index.candidates(query[None], 100)
        found = rows[np.argsort(-index.scores(query[None], rows)[:, 0])[:10]]
        overlap.append(len(exact & set(found.tolist())) / 10)
    assert np.mean(overlap) > 0.6  # random vectors have no neighbourhoods: the hardest case
    assert all(row in index.candidates(stored[row][None], 50) for row in (5, 2950))
    index.save(tmp_path)
    again = VectorIndex.load(tmp_path)
    assert again.kind == index.kind
    assert np.array_equal(again.scores(stored[:3]), index.scores(stored[:3]))
    assert len(again) == 3000
    assert vectors_module.EXACT == 100_000


def test_bulk_and_invisible_characters_win_nothing():
    stuffed = "Weather. " + "room " * 50 + "ho\u200btel\x07"
    assert honest(stuffed).split().count("room") == 3
    assert honest(stuffed).endswith("hotel")
    assert len(honest("word%d " * 2000).split()) <= 300


@given(text=st.text(max_size=200))
def test_any_text_can_be_read(text):
    assert parts(query_text(text))
    assert len(parts(query_text(text))) <= 6
    named_in(text)


def test_parts_and_stems():
    assert len(parts("Book a room for Ann. Then cancel the flight of Bob, and send him a mail")) == 3
    assert parts("Show invoice 12") == ["Show invoice 12"]
    assert {stem("planned"), stem("plans"), stem("planning")} == {"plan"}
    assert stem("rooms") == stem("room")
    assert stem("boss") == "boss"
