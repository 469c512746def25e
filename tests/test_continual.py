"""Continual learning: buffers hold what their rule says, and go on from disk; transfer by hand."""

import json
import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.continual import BUFFERS
from toolwright.continual.buffer import Seen, balanced, theme
from toolwright.continual.herding import Herding, herd
from toolwright.continual.learner import OnlineContinualLearner, replays, share_out
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


def test_phases_share_out_what_stands_beside():
    names, others = [f"d{i:02}" for i in range(23)], [f"f{i}" for i in range(7)]
    groups = phases(names, seed=0, beside=others)
    assert sorted(name for group in groups for name in group) == names + others
    assert {sum(name in others for name in group) for group in groups} == {1, 2}
    assert {len(group) for group in groups} == {6}
    assert [[name for name in group if name in names] for group in groups] == phases(names, seed=0)


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


@given(st.lists(st.integers(1, 900), min_size=1, max_size=8), st.integers(0, 2000))
def test_steps_are_split_by_size_and_none_is_lost(sizes, more):
    steps = len(sizes) + more
    found = share_out(steps, sizes)
    assert sum(found) == steps
    assert all(one >= 1 for one in found)
    assert all(abs(one - 1 - more * size / sum(sizes)) < 1 for one, size in zip(found, sizes, strict=True))


def test_too_few_steps_and_empty_phases_are_wrong_input():
    with pytest.raises(InputError, match="2 to share out over phases of"):
        share_out(2, [5, 5, 5])
    with pytest.raises(InputError, match="dialogues in each"):
        share_out(9, [5, 0])


def test_replays_are_the_share_asked_for():
    for arrived in (40, 75, 800):
        for share in (0.0, 0.2, 0.25, 0.5):
            again = replays(arrived, share)
            assert again / (arrived + again) == pytest.approx(share, abs=0.01)


class Kill(Exception):
    pass


def learner(folder, log, replay=0.25, kill_at=None, rule="reservoir"):
    """One that writes down what it was asked to train on."""

    def train(dialogues, phase, before):
        log.append(([one.id for one in dialogues], phase.name, before.name if before else None))
        if phase.name == kill_at:
            raise Kill

    def look(dialogues, phase):
        return [Seen(one, (float(one.id) / 1000, 1.0), float(one.id)) for one in dialogues]

    return OnlineContinualLearner(folder, BUFFERS[rule](20, seed=1), replay, train, look)


STREAM = [[dialogue(100 * k + i, f"tool_{i % 3}") for i in range(15)] for k in range(4)]


@pytest.mark.parametrize("rule", BUFFERS)
def test_each_phase_trains_on_what_arrives_and_a_share_of_what_was(rule, tmp_path):
    log = []
    one = learner(tmp_path, log, rule=rule)
    folders = [one.learn(arrived) for arrived in STREAM]
    assert [folder.name for folder in folders] == [f"phase_{i}" for i in range(4)]
    assert [before for _, _, before in log] == [None, "phase_0", "phase_1", "phase_2"]
    for number, (ids, _, _) in enumerate(log):
        replayed = [id_ for id_ in ids if int(id_) < 100 * number]
        assert len(ids) - len(replayed) == 15
        assert len(replayed) == (5 if number else 0)
        assert json.loads((folders[number] / "replayed.json").read_text()) == replayed
    assert [path.name for path in tmp_path.glob("buffer_*")] == ["buffer_4"]


@pytest.mark.parametrize("rule", BUFFERS)
def test_a_learner_that_is_killed_in_any_phase_goes_on_as_if_nothing_had_been(rule, tmp_path):
    wanted = []
    whole = learner(tmp_path / "whole", wanted, rule=rule)
    for arrived in STREAM:
        whole.learn(arrived)
    for dead in range(4):
        log, folder = [], tmp_path / f"dead_{dead}"
        for arrived in STREAM[:dead]:
            learner(folder, log, rule=rule).learn(arrived)  # as if in a new process for each phase
        with pytest.raises(Kill):
            learner(folder, log, kill_at=f"phase_{dead}", rule=rule).learn(STREAM[dead])
        again = learner(folder, log, rule=rule)
        assert again.learned == dead
        for arrived in STREAM[again.learned :]:
            again.learn(arrived)
        assert log[:dead] + log[dead + 1 :] == wanted
        assert log[dead] == log[dead + 1]
        assert [one.dialogue.id for one in again.buffer.kept] == [one.dialogue.id for one in whole.buffer.kept]


def test_without_replay_nothing_comes_again(tmp_path):
    log = []
    one = learner(tmp_path, log, replay=0.0)
    for arrived in STREAM:
        one.learn(arrived)
    assert [ids for ids, _, _ in log] == [[one.id for one in arrived] for arrived in STREAM]
    with pytest.raises(InputError, match=r"replay is 1.0; expected a share from 0 to below 1"):
        learner(tmp_path, log, replay=1.0)
