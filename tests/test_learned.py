"""The learned planner: what it learns from a few plans, that it is kept without pickles, and that its parts do what they say."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import HistGradientBoostingClassifier

from toolwright.encoders import load_encoder
from toolwright.evaluation.planning import evaluate_planner
from toolwright.planning.candidates import Habits, Slot, is_right, offered, read_goal
from toolwright.planning.clauses import clauses_of
from toolwright.planning.closure import closed
from toolwright.planning.fields import parameters_of, returned_by
from toolwright.planning.forest import Forest
from toolwright.planning.learned import LearnedPlanner
from toolwright.planning.likely import LikelyTools, best_set
from toolwright.planning.order import ToolOrder
from toolwright.planning.protocol import Context
from toolwright.planning.validate import PlanningError, check_plan
from toolwright.tools.values import read
from toolwright.training.planner import PlannerSettings, train_planner
from toolwright.types import InputError, PlanExample, Step, Tool
from toolwright.world.engine import World

ENCODER = load_encoder("minilm-tokens")
SETTINGS = PlannerSettings(trees=20, fillings=2, requests=1)


@pytest.fixture(scope="module")
def planner(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("planner")
    train_planner(SETTINGS, list(data.tools.values()), data.planning("train"), data.selection("train"), folder)
    return folder


def test_what_is_learned_is_found_again_and_never_invalid(planner, data, domains):
    tools = list(data.tools.values())
    loaded = LearnedPlanner.load(planner)
    report = evaluate_planner(loaded, tools, data.planning("train"), config={}, world=World(domains))
    assert report.metrics["planning.node_f1"].value > 0.7
    for case in report.examples:
        assert case["valid"] == 1.0 or case["error"]
    given = evaluate_planner(loaded, tools, data.planning("train"), config={}, world=World(domains), gold_tools=True)
    assert given.metrics["planning.success"].value > 0.3
    found = loaded.plan(data.planning("train")[0].goal, tools, Context())
    assert check_plan(found.steps, data.tools) == []
    assert found == LearnedPlanner.load(planner).plan(data.planning("train")[0].goal, tools, Context())


def test_a_planner_is_numbers_and_texts_alone(planner):
    assert sorted(path.name for path in planner.iterdir()) == ["planner.json", "planner.npz"]
    with np.load(planner / "planner.npz", allow_pickle=False) as arrays:
        assert all(arrays[name].dtype != object for name in arrays)


def test_it_knows_no_second_way_and_no_plan_without_tools(planner, data):
    loaded = LearnedPlanner.load(planner)
    with pytest.raises(PlanningError, match="no other way"):
        loaded.plan("x", list(data.tools.values()), Context(failed="closed"))
    with pytest.raises(PlanningError, match="no tools"):
        loaded.plan("x", [], Context())


def test_folders_that_are_no_planner_are_wrong_input(tmp_path):
    with pytest.raises(InputError, match=r"planner\.json"):
        LearnedPlanner.load(tmp_path)
    (tmp_path / "planner.npz").write_bytes(b"")
    (tmp_path / "planner.json").write_text('{"version": 0}')
    with pytest.raises(InputError, match="got version 0"):
        LearnedPlanner.load(tmp_path)
    with pytest.raises(InputError, match="no plan to learn from"):
        train_planner(SETTINGS, [], [], [], tmp_path)


def test_forests_say_what_scikit_learn_says():
    source = np.random.default_rng(0)
    features = source.normal(size=(400, 5))
    right = features[:, 0] * features[:, 1] + features[:, 2] > 0
    forest = Forest.train(features, right, trees=15, leaves=8)
    wanted = HistGradientBoostingClassifier(
        max_iter=15, max_leaf_nodes=8, learning_rate=0.1, min_samples_leaf=20, l2_regularization=1.0, early_stopping=False, random_state=0
    ).fit(features, right)
    fresh = source.normal(size=(100, 5))
    assert forest.probability(fresh) == pytest.approx(wanted.predict_proba(fresh)[:, 1])
    assert Forest.from_arrays(forest.arrays("f"), "f").probability(fresh) == pytest.approx(forest.probability(fresh))
    with pytest.raises(InputError, match=r"f\.feature is missing"):
        Forest.from_arrays({}, "f")


@given(st.text(max_size=300))
def test_clauses_cover_the_goal(text):
    clauses = clauses_of(text)
    assert clauses
    assert all(one.end <= two.start for one, two in itertools.pairwise(clauses))
    assert all(clause.text == text[clause.start : clause.end].strip() or len(clauses) == 1 for clause in clauses)
    kept = "".join("".join(clause.text.split()) for clause in clauses)
    assert kept == "".join(text.split())


def test_quotations_are_not_taken_apart():
    goal = 'Post "Stop. Then go, and wait" in the channel, then mail Ann the number.'
    assert [clause.text for clause in clauses_of(goal)] == ['Post "Stop. Then go, and wait" in the channel,', "then mail Ann the number."]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_the_best_set_has_the_largest_expected_f1(chances):
    probability = np.array(chances)

    def worth(members):
        return 2 * probability[list(members)].sum() / (len(members) + probability.sum())

    best = best_set(probability)
    ranked = np.argsort(-probability, kind="stable")
    assert worth(best) >= max(worth(ranked[:size]) for size in range(1, len(chances) + 1)) - 1e-9


def test_likely_tools_leave_a_goals_own_group_out():
    goals = ["book a room for Ann", "book a room for Ben", "send the bill by mail", "send Ann the bill"] * 2
    used = [["book"], ["book"], ["mail"], ["mail"]] * 2
    tools = [
        Tool(name="book", description="Books a hotel room."),
        Tool(name="mail", description="Sends mail."),
        Tool(name="fly", description="Books a flight."),
    ]
    likely = LikelyTools(ENCODER.encode).fit(goals, used, [str(i) for i in range(8)], tools)
    found = likely.likely("please book a room")
    assert found.probability.argmax() == 0
    assert found.by_clause.shape == (1, 3)
    more = likely.index([*tools, Tool(name="rest", description="Rests.")]).likely("please book a room")
    assert more.probability[0] == pytest.approx(found.probability[0])


def test_order_follows_the_goal_and_the_plans_seen():
    sequences = [["find", "pay", "tell"], ["find", "tell"], ["find", "pay"]] * 5
    order = ToolOrder().fit(sequences, [[0, 0.3, 0.6], [0.5, 0.2], [0.4, 0.4]] * 5)
    assert order.order(["tell", "pay", "find"], [0.0, 0.0, 0.0]) == [2, 1, 0]
    again = ToolOrder.from_json(json.loads(json.dumps(order.to_json())), order.weights_)
    assert again.order(["tell", "pay", "find"], [0.0, 0.0, 0.0]) == [2, 1, 0]
    assert sorted(order.order([f"t{i}" for i in range(12)], [i / 12 for i in range(12)])) == list(range(12))


FIND = Tool(
    name="find_booking",
    parameters={"type": "object", "properties": {"guest": {"type": "string"}}, "required": ["guest"]},
    returns={
        "type": "object",
        "properties": {
            "bookings": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"booking_id": {"type": "string", "pattern": "^HB-[0-9]{4}$"}, "day": {"type": "string", "format": "date"}},
                },
            }
        },
    },
    extras={"effect": "search"},
)
CANCEL = Tool(
    name="cancel_booking",
    parameters={
        "type": "object",
        "properties": {"booking_id": {"type": "string", "pattern": "^HB-[0-9]{4}$"}, "at": {"type": "string", "format": "date-time"}},
        "required": ["booking_id"],
    },
)


def test_returned_fields_are_flattened_with_the_first_of_lists():
    assert [str(field.path) for field in returned_by(FIND)] == ["('bookings', 0, 'booking_id')", "('bookings', 0, 'day')"]
    assert returned_by(Tool(name="x")) == ()


def test_what_ids_need_is_added_unless_the_goal_gives_them():
    for goal, names in (("Cancel Ann's booking.", ["cancel_booking", "find_booking"]), ("Cancel HB-1234.", ["cancel_booking"])):
        found = closed([CANCEL], [CANCEL, FIND], read(goal), Habits(), lambda _: 0.1)
        assert [tool.name for tool in found] == names


def test_candidates_are_values_fields_and_moments():
    text = "Cancel Ann's booking HB-1234 at 14:30 that day."
    goal = read_goal(text, read(text), clauses_of(text))
    slots = [Slot("s1", FIND, 0), Slot("s2", CANCEL, 0)]
    booking, moment = parameters_of(CANCEL)
    found = list(offered(slots[1], booking, slots, goal))
    assert [(one.kind, one.written(booking)) for one in found[:2]] == [("literal", "HB-1234"), ("reference", "$s1.bookings[0].booking_id")]
    moments = [one.written(moment) for one in offered(slots[1], moment, slots, goal) if one.kind == "moment"]
    assert moments == ["${s1.bookings[0].day}T14:30"]
    assert is_right(found[1], booking, {"booking_id": "$s1.bookings[0].booking_id"})
    assert not is_right(found[0], booking, {})


def test_habits_leave_out_the_goal_that_asks():
    habits = Habits()
    plan = [
        Step(id="a", tool="find_booking", arguments={"guest": "Ann"}),
        Step(id="b", tool="cancel_booking", arguments={"booking_id": "$a.bookings[0].booking_id"}),
    ]
    for group in ("one", "one", "two"):
        habits.see(group, plan, {"find_booking": FIND, "cancel_booking": CANCEL})
    key = ("cancel_booking", "booking_id", "find_booking", ("bookings", 0, "booking_id"))
    assert [habits.count("edges", key, group) for group in ("", "one", "three")] == [2, 1, 2]
    assert Habits.from_json(json.loads(json.dumps(habits.to_json()))).count("edges", key, "") == 2


def test_tools_without_parameters_become_a_chain():
    tools = [Tool(name="book", description="Books a room."), Tool(name="mail", description="Sends a mail.")]
    plans = [
        PlanExample(id=f"g{i}.0", goal=f"book room {i}, then mail it", steps=(Step(id="a", tool="book"), Step(id="b", tool="mail", depends_on=("a",))))
        for i in range(6)
    ]
    likely = LikelyTools(ENCODER.encode).fit([p.goal for p in plans], [["book", "mail"]] * 5 + [["mail"]], [p.id for p in plans], tools)
    from toolwright.planning.arguments import ArgumentScorer

    forest = Forest.train(np.arange(40.0)[:, None], np.arange(40) > 20, trees=1, leaves=2)
    planner = LearnedPlanner(likely, ArgumentScorer(forest, Habits()), ToolOrder().fit([["book", "mail"]], [[0, 0.5]]), "minilm-tokens")
    steps = planner.plan("book room 9, then mail it", tools, Context(exact_tools=True)).steps
    assert [(step.tool, step.depends_on) for step in steps] == [("book", ()), ("mail", ("s1",))]


@pytest.mark.slow
def test_from_the_command_line(data, tmp_path):
    def command(*arguments):
        done = subprocess.run([sys.executable, "-m", "toolwright.cli.main", *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    command("train", "planner", "trees=5", "fillings=1", "requests=1", "--data", data.directory, "--out", tmp_path / "planner")
    base = ("--tools", data.directory / "agent_tools.jsonl")
    goal = data.planning("train")[0].goal
    assert json.loads(command("plan", goal, "--planner", tmp_path / "planner", *base, "--json"))["steps"]
    goals = data.directory / "agent_benchmark" / "planning" / "dev.jsonl"
    command("evaluate", "planning", "--with", tmp_path / "planner", "--data", goals, *base, "--out", tmp_path / "r.json", "--limit", 3)
    assert "planning.success" in json.loads((tmp_path / "r.json").read_text())["metrics"]
