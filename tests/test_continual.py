"""Continual learning: buffers hold what their rule says, and go on from disk; transfer by hand."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.continual import BUFFERS
from toolwright.continual.buffer import Seen, balanced, theme
from toolwright.continual.herding import Herding, herd
from toolwright.continual.reservoir import Reservoir
from toolwright.continual.stream import in_phases, phases, transfer
from toolwright.types import Dialogue, InputError, Message, ToolCall


def dialogue(i, tool="tool", tags=()):
    turns = (Message(role="user", content=f"do {i}"), Message(role="assistant", tool_calls=(ToolCall(name=tool, arguments={}),)))
    return Dialogue(id=str(i), messages=turns, tools=(tool,), split="train", task="call", tags=tags)


def phase(begin, count, tools=3):
    source = np.random.default_rng(begin)
    vectors = source.normal(size=(count, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return [Seen(dialogue(begin + i, f"tool_{i % tools}"), tuple(vector), float(source.random())) for i, vector in enumerate(vectors.tolist())]


@pytest.mark.parametrize("name", BUFFERS)
def test_a_buffer_never_outgrows_its_places_and_goes_on_from_disk(name, tmp_path):
    buffer = BUFFERS[name](20, seed=1)
    with pytest.raises(InputError, match="nothing was kept yet"):
        buffer.draw(1)
    for begin in (0, 100, 200):
        buffer.add(phase(begin, 30))
        assert len(buffer.kept) == 20
    assert buffer.seen == 90
    assert len({one.dialogue.id for one in buffer.kept}) == 20
    buffer.save(tmp_path)
    again = BUFFERS[name](20, seed=1)
    again.load(tmp_path)
    assert again.draw(9) == buffer.draw(9)
    for one in (again, buffer):
        one.add(phase(300, 30))
    assert [one.dialogue.id for one in again.kept] == [one.dialogue.id for one in buffer.kept]
    assert len(again.draw(50)) == 50


@pytest.mark.parametrize("name", BUFFERS)
def test_no_places_are_wrong_input(name):
    with pytest.raises(InputError, match="capacity is 0"):
        BUFFERS[name](0)


def test_what_a_reservoir_keeps_is_any_part_alike():
    counts = Counter()
    for seed in range(400):
        buffer = Reservoir(5, seed)
        buffer.add(phase(0, 25))
        counts.update(one.dialogue.id for one in buffer.kept)
    assert min(counts[str(i)] for i in range(25)) > 45  # 80 expected, standard deviation 8
    assert max(counts.values()) < 115


def test_rings_keep_the_last_of_every_tool():
    buffer = BUFFERS["ring"](4)
    buffer.add([Seen(dialogue(i, tool)) for i, tool in enumerate("aaabab")])
    assert [(one.dialogue.id, theme(one.dialogue)) for one in buffer.kept] == [("2", "a"), ("3", "b"), ("4", "a"), ("5", "b")]


def test_surprise_keeps_the_highest_losses_of_all_phases():
    buffer = BUFFERS["surprise"](3)
    for begin, losses in ((0, (0.1, 0.9, 0.5)), (10, (0.7, 0.2, 0.8))):
        buffer.add([Seen(dialogue(begin + i), loss=loss) for i, loss in enumerate(losses)])
    assert [one.dialogue.id for one in buffer.kept] == ["1", "12", "10"]


def test_herding_gives_every_phase_its_share_and_stays_near_the_mean():
    buffer = Herding(21)
    for begin in (0, 100, 200):
        buffer.add(phase(begin, 30))
    assert Counter(int(one.dialogue.id) // 100 for one in buffer.kept) == {0: 7, 1: 7, 2: 7}
    seen = phase(0, 60)
    mean = np.mean([one.vector for one in seen], axis=0)

    def away(some):
        return np.linalg.norm(np.mean([one.vector for one in some], axis=0) - mean)

    by_chance = [away(random.Random(i).sample(seen, 10)) for i in range(20)]
    assert away(herd(seen, 10)) < np.median(by_chance) / 2


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=30), st.integers(1, 30))
def test_what_is_drawn_is_even_by_tool(tools, count):
    count = min(count, len(tools))
    drawn = balanced([dialogue(i, tool) for i, tool in enumerate(tools)], count, random.Random(0))
    assert len({one.id for one in drawn}) == count
    have, got = Counter(tools), Counter(theme(one) for one in drawn)
    for tool in have:
        assert got[tool] == have[tool] or got[tool] >= max(got.values()) - 1


def test_phases_share_the_domains_out():
    names = [f"d{i:02}" for i in range(23)]
    groups = phases(names, seed=0)
    assert sorted(name for group in groups for name in group) == names
    assert {len(group) for group in groups} == {4, 5}
    assert groups == phases(names[::-1], seed=0) != phases(names, seed=1)
    with pytest.raises(InputError, match="5 phases of 3 domains"):
        phases(names[:3], seed=0)


def test_a_dialogue_comes_when_all_its_domains_are_there():
    groups = [["bank"], ["hotel", "mail"]]
    pool = [dialogue(0, tags=("domain_bank",)), dialogue(1, tags=("seen_tools", "domain_bank", "domain_mail")), dialogue(2, tags=("domain_hotel",))]
    assert [[one.id for one in part] for part in in_phases(pool, groups)] == [["0"], ["1", "2"]]
    with pytest.raises(InputError, match="dialogue '3' is of no domain"):
        in_phases([dialogue(3, tags=("domain_farm",))], groups)


def test_transfer_by_hand():
    accuracy = np.array([[0.8, 0.3, 0.2], [0.6, 0.9, 0.4], [0.5, 0.7, 0.7]])
    found = transfer(accuracy, np.array([0.2, 0.2, 0.2]))
    assert (found.average, found.backward, found.forward, found.forgetting) == pytest.approx((1.9 / 3, -0.25, 0.15, 0.25))
    with pytest.raises(ValueError, match="shape"):
        transfer(accuracy[:2], np.zeros(3))
