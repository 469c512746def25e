"""Mix and order: tasks by weight, easy before hard, and trajectories that are the model's own and succeed."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.evaluation.baselines import written_call
from toolwright.models.local import load_model, sampled_answers
from toolwright.training import trajectories
from toolwright.training.mix import COMPETENCE, TASK_OF, TASK_WEIGHTS, from_easy_to_hard, in_shares
from toolwright.training.trajectories import Attempt, goal_of, own_trajectories, succeeded, trajectory
from toolwright.types import Dialogue, InputError, Message


def dialogue(i, task):
    return Dialogue(id=str(i), messages=(Message(role="user", content=str(i)),), tools=(), split="train", task=task)


@given(st.lists(st.sampled_from(sorted(TASK_OF)), min_size=20, max_size=200), st.integers(0, 9))
def test_tasks_have_their_weights(tasks, seed):
    pool = [dialogue(i, task) for i, task in enumerate(tasks)]
    drawn = in_shares(pool, range(len(pool)), seed)
    assert abs(len(drawn) - len(pool)) <= 2
    present = [name for name in TASK_WEIGHTS if name in {TASK_OF[task] for task in tasks}]
    whole = sum(TASK_WEIGHTS[name] for name in present)
    counts = Counter(TASK_OF[tasks[i]] for i in drawn)
    for name in present:
        assert counts[name] == round(TASK_WEIGHTS[name] / whole * len(pool))
        times = Counter(i for i in drawn if TASK_OF[tasks[i]] == name).values()
        assert not times or max(times) - min(times) <= 1


def test_a_task_without_weight_is_wrong_input():
    with pytest.raises(InputError, match="task 'song'; allowed: call, parallel"):
        in_shares([dialogue(0, "song")], [0], 0)
    assert sum(TASK_WEIGHTS.values()) == pytest.approx(1)


@given(st.lists(st.floats(0, 10), min_size=10, max_size=80), st.integers(1, 300), st.integers(0, 9))
def test_hard_rows_come_late(difficulty, wanted, seed):
    order = from_easy_to_hard(difficulty, wanted, seed)
    assert len(order) == wanted
    place = {row: i for i, row in enumerate(sorted(range(len(difficulty)), key=lambda i: (difficulty[i], i)))}
    for position, row in enumerate(order):
        competence = np.sqrt(position / wanted * (1 - COMPETENCE**2) + COMPETENCE**2)
        assert place[row] < max(1, round(competence * len(difficulty)))


def test_all_rows_are_reached_in_the_end():
    order = from_easy_to_hard(list(range(10)), 4000, 0)
    assert set(order[-300:]) == set(range(10))
    assert set(order[:20]) == {0}


def own_turns(one, goal):
    """The turns by which a dialogue answers its first request itself, under the call ids of then."""
    turns = list(one.messages[len(goal.asked) : one.messages.index(goal.report)])
    return [turn.model_copy(update={"tool_calls": tuple(trajectories._as_then(call, one.task) for call in turn.tool_calls)}) for turn in turns]


def test_the_dialogues_own_calls_are_judged_successful_and_other_calls_not(data):
    world = data.world()
    before = world.fingerprint()
    goals = {one.id: goal for one in data.dialogues("train") if (goal := goal_of(one, world)) is not None}
    assert len(goals) > 15
    for one in data.dialogues("train"):
        if one.id in goals:
            turns = own_turns(one, goals[one.id])
            assert succeeded(Attempt(goals[one.id], turns, done=True), world)
            assert not succeeded(Attempt(goals[one.id], [], done=True), world)
            others = [goal for goal in goals.values() if goal.answers != goals[one.id].answers]
            assert not succeeded(Attempt(others[0], turns, done=True), world)
    assert world.fingerprint() == before


def test_goals_are_requests_that_calls_answer(data):
    world = data.world()
    assert {one.task for one in data.dialogues("train") if goal_of(one, world) is not None} <= {"call", "parallel", "plan"}


def test_what_the_model_finds_takes_the_place_of_the_dialogue(data, tiny_model, monkeypatch):
    """A model that writes one call, right for one request and wrong for another, and prose for the rest."""
    world, pool = data.world(), data.dialogues("train")
    goals = [goal for one in pool if one.task == "call" and (goal := goal_of(one, world)) is not None]
    right, wrong = goals[:2]
    call = right.dialogue.messages[len(right.asked)].tool_calls[0]
    conversations = []

    def prompt(tokenizer, messages, tools):
        conversations.append(messages)
        return [len(conversations) - 1]

    def written(lm, prompts, *_):
        last = [conversations[number][-1] for (number,) in prompts]
        return [written_call(call.name, call.arguments) if message in (right.asked[-1], wrong.asked[-1]) else "There you are." for message in last]

    monkeypatch.setattr(trajectories, "prompt_ids", prompt)
    monkeypatch.setattr(trajectories, "sampled_answers", written)
    lm = load_model(str(tiny_model))
    found = own_trajectories(lm, pool, data.tools, world, 0, samples=1)
    assert len(found.kept) == sum(goal_of(one, world) is not None for one in pool)
    changed = [(old, new) for old, new in zip(pool, found.dialogues, strict=True) if old != new]
    assert {old.id for old, _ in changed} == {right.dialogue.id}
    assert sum(found.kept) == 1
    (_, own) = changed[0]
    assert own.id == f"{right.dialogue.id}.own"
    assert [message.role for message in own.messages[len(right.asked) :]] == ["assistant", "tool", "assistant"]
    assert own.messages[-1] == right.report
    assert own == trajectory(Attempt(right, list(own.messages[len(right.asked) : -1]), done=True))


def test_sampling_follows_its_seed_and_leaves_others_alone(tiny_model):
    import torch

    lm = load_model(str(tiny_model))
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    first = sampled_answers(lm, [[20, 30, 40], [50, 60]], 6, 1.0, "a")
    assert torch.equal(torch.rand(1), wanted)
    assert first == sampled_answers(lm, [[20, 30, 40], [50, 60]], 6, 1.0, "a")
    assert first != sampled_answers(lm, [[20, 30, 40], [50, 60]], 6, 1.0, "b")
