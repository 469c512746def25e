"""Planners with a model: a perfect one always succeeds, a garbage one is always refused within its budget; metrics by hand; public sets."""

from __future__ import annotations

import json
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.public_plans import PLAN_SETS
from toolwright.evaluation.planning import canonical, evaluate_planner, plan_scores
from toolwright.models.scripted import ScriptedModel
from toolwright.planning import PLANNERS
from toolwright.planning.nearest import NearestPlan
from toolwright.planning.protocol import Budget, Context
from toolwright.planning.repair import read_object
from toolwright.planning.validate import PlanningError
from toolwright.selection import KeywordSelector
from toolwright.types import InputError, PlanExample, Step, Tool
from toolwright.world.engine import World


def perfect(examples):
    """A model that knows every plan and answers in each planner's form."""

    def answer(messages, tools):
        system, asked = messages[0].content, messages[1].content
        goal = re.search(r"(?:Whole goal|Goal): (.*)", asked)[1]
        steps = [step.model_dump(mode="json") for step in examples[goal]]
        if system.startswith("You split"):
            return json.dumps({"parts": [{"goal": goal, "single": True}]})
        if system.startswith("You turn"):
            return f"Here you are:\n```json\n{json.dumps({'steps': steps})}\n```"
        taken = len(re.findall(r'^{"id":', asked, re.MULTILINE))
        last = taken == len(steps)
        if system.startswith("You reach"):
            return json.dumps({"thought": "", "done": True} if last else {"thought": goal, "step": steps[taken]})
        return json.dumps({"verdict": "complete"} if last else {"verdict": "go on", "proposals": [{"step": steps[taken], "confidence": 1}]})

    return ScriptedModel(answer, "perfect")


def garbage(seed=0):
    source = random.Random(seed)

    def answer(messages, tools):
        return source.choice(
            (
                "",
                "I cannot do that.",
                "{" * 5000,
                '{"steps": [{"id": "s1", "tool": "rm -rf", "arguments": {}}]}',
                '{"steps": 3}',
                '{"parts": []}',
                '{"parts": [{"goal": "x", "single": true}]}',
                '{"thought": "hm", "step": {"id": "s1", "tool": "nothing", "arguments": {}}}',
                '{"verdict": "go on", "proposals": []}',
                '{"verdict": "dead end"}',
                "[1, 2, 3]",
                "\x00\ud800",
            )
        )

    return ScriptedModel(answer, "garbage")


@pytest.mark.parametrize("name", [name for name in PLANNERS if name != "learned"])
def test_with_a_perfect_model_every_plan_succeeds(name, data, domains):
    examples = data.planning("train")
    tools = list(data.tools.values())
    planner = PLANNERS[name](perfect({example.goal: example.steps for example in examples}), KeywordSelector().fit(tools))
    report = evaluate_planner(planner, tools, examples, config={}, world=World(domains))
    for metric in ("success", "exact", "valid", "node_f1", "link_f1"):
        assert report.metrics[f"planning.{metric}"].value == 1.0, metric
    assert report.config["steps_beyond"] == 0


@pytest.mark.parametrize("name", [name for name in PLANNERS if name != "learned"])
@pytest.mark.parametrize("seed", range(5))
def test_with_a_garbage_model_there_is_always_an_error_within_the_budget(name, seed, data):
    tools = list(data.tools.values())
    model = garbage(seed)
    with pytest.raises(PlanningError):
        PLANNERS[name](model, KeywordSelector().fit(tools)).plan("Cancel booking HB-0001.", tools, Context(budget=Budget(asked=10)))
    assert len(model.asked) <= 10


def test_problems_are_told_to_the_model_and_what_it_mends_is_taken(data):
    tools = list(data.tools.values())
    wrong = '{"verdict": "go on", "proposals": [{"step": {"id": "s1", "tool": "cancel_bookin", "arguments": {}}, "confidence": 1}]}'
    right = '{"verdict": "go on", "proposals": [{"step": {"id": "s1", "tool": "cancel_booking", "arguments": {"booking_id": "HB-0001"}}, "confidence": 1}]}'
    model = ScriptedModel([wrong, right, '{"verdict": "complete"}'])
    plan = PLANNERS["tree_search"](model, KeywordSelector().fit(tools)).plan("Cancel booking HB-0001.", tools, Context())
    assert [step.tool for step in plan.steps] == ["cancel_booking"]
    assert "did you mean cancel_booking" in model.asked[1][-1].content
    assert plan.asked == 3


def test_tree_search_goes_back_from_a_dead_end(data):
    tools = list(data.tools.values())

    def step(name):
        return {"id": name, "tool": "cancel_booking", "arguments": {"booking_id": "HB-0001"}}

    two = {"verdict": "go on", "proposals": [{"step": step("bad"), "confidence": 0.9}, {"step": step("good"), "confidence": 0.5}]}
    model = ScriptedModel([json.dumps(two), '{"verdict": "dead end"}', '{"verdict": "complete"}'])
    plan = PLANNERS["tree_search"](model, KeywordSelector().fit(tools)).plan("Cancel booking HB-0001.", tools, Context())
    assert [one.id for one in plan.steps] == ["good"]
    assert "Dead ends" in model.asked[2][1].content


def test_hierarchical_shows_the_tree_of_sub_goals(data):
    tools = list(data.tools.values())
    call = {"id": "s1", "tool": "cancel_booking", "arguments": {"booking_id": "HB-0001"}}
    script = [
        '{"parts": [{"goal": "free the room", "single": false}, {"goal": "tell nobody", "single": true}]}',
        '{"parts": [{"goal": "cancel booking HB-0001", "single": true}]}',
        json.dumps({"steps": [call]}),
        '{"steps": []}',
    ]
    plan = PLANNERS["hierarchical"](ScriptedModel(script), KeywordSelector().fit(tools)).plan("Free it quietly.", tools, Context())
    assert [part.goal for part in plan.tree.parts] == ["free the room", "tell nobody"]
    assert plan.tree.parts[0].parts[0].steps == ("s1",)
    assert plan.tree.parts[1].steps == ()


def test_react_sees_what_its_calls_answer(data):
    tools = list(data.tools.values())
    call = {"id": "s1", "tool": "cancel_booking", "arguments": {"booking_id": "HB-0001"}}
    model = ScriptedModel([json.dumps({"thought": "cancel", "step": call}), '{"done": true}'])
    context = Context(observe=lambda step: {"fee": 17, "of": step.id})
    PLANNERS["react"](model, KeywordSelector().fit(tools)).plan("Cancel HB-0001.", tools, context)
    assert '{"fee": 17, "of": "s1"}' in model.asked[1][1].content


@given(st.text() | st.text().map(lambda text: "{" + text))
def test_any_text_is_an_object_or_none(text):
    assert read_object(text) is None or isinstance(read_object(text), dict)


def test_objects_are_mended():
    assert read_object("Sure:\n```json\n{'a': 1, \"b\": [1, 2,],}\n```") == {"a": 1, "b": [1, 2]}
    assert read_object("no object here") is None


GOLD = (Step(id="a", tool="find"), Step(id="b", tool="pay", arguments={"to": "$a.id"}), Step(id="c", tool="tell", depends_on=("b",)))


def test_scores_by_hand():
    renamed = (Step(id="x", tool="find"), Step(id="y", tool="pay", arguments={"to": "$x.id"}), Step(id="z", tool="tell", depends_on=("y",)))
    assert plan_scores(GOLD, renamed) == {"node_f1": 1.0, "link_f1": 1.0, "acc": 1.0, "exact": 1.0}
    other = (Step(id="x", tool="find"), Step(id="y", tool="pay", arguments={"to": "$x.name"}))
    assert plan_scores(GOLD, other) == {"node_f1": 0.8, "link_f1": pytest.approx(2 / 3), "acc": 0.0, "exact": 0.0}
    assert set(plan_scores(GOLD, None).values()) == {0.0}
    assert canonical(GOLD) == canonical(renamed) != canonical(other)


def test_goals_that_name_unknown_tools_are_refused():
    example = PlanExample(id="x", goal="g", steps=GOLD)
    with pytest.raises(InputError, match="'find'"):
        evaluate_planner(NearestPlan(), [Tool(name="pay")], [example], config={})


def test_the_nearest_plan_is_copied():
    plans = [PlanExample(id="1", goal="pay the bill", steps=GOLD), PlanExample(id="2", goal="feed the cat", steps=GOLD[:1])]
    assert NearestPlan().fit(plans).plan("pay my bill", [], Context()).steps == GOLD


@pytest.mark.public_data
@pytest.mark.parametrize(("name", "count", "tests"), [("ultratool-plan", 3527, 500), ("tmdb-plan", 100, 100)])
def test_public_sets_are_read_whole(name, count, tests, public_directory):
    found = PLAN_SETS[name](public_directory)
    assert (len(found.examples), len(found.test_ids)) == (count, tests)
    names = {tool.name for tool in found.tools}
    assert all(step.tool in names for example in found.examples for step in example.steps)
    assert len(found.only(found.novel_ids)) == (58 if name == "ultratool-plan" else 0)
