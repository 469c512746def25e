"""Plans: references, what a plan changes, minimality, and examples put together from goals and sequels."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.agent_plans import Draft, Plans, build_plans
from toolwright.data.dialogues import levels
from toolwright.data.goal_states import branches, changes, loosened, reaches, relabelled, run_plan, succeeds, without
from toolwright.planning.references import Reference, UnresolvedError, references, renamed, resolve
from toolwright.types import Step
from toolwright.world.engine import World
from toolwright.world.goals import GoalStep, Sequel, Told

STEPS = (
    Step(id="s1", tool="a"),
    Step(id="s2", tool="b", arguments={"x": "$s1.x"}, depends_on=("s1",)),
    Step(id="s3", tool="c", arguments={"x": "$s1.x", "y": "$s2.y"}, depends_on=("s1", "s2")),
)
NAMES = st.from_regex(r"[a-z]\w{0,6}", fullmatch=True)
PATHS = st.lists(st.one_of(NAMES, st.integers(0, 99)), min_size=1, max_size=4)


@given(NAMES, PATHS)
def test_a_reference_reads_back(step, path):
    reference = Reference(step, tuple(path))
    assert list(references({"a": [str(reference)]})) == [reference]
    assert list(references("at ${" + str(reference)[1:] + "} sharp")) == [reference]


def test_references_are_resolved_with_their_type_or_written_out():
    answers = {"s1": {"rooms": [{"number": 7, "free": True}], "total": 12.5, "fee": 900.0}}
    assert resolve("${s1.fee} in all", answers) == "900 in all"
    assert resolve("$s1.fee", answers) == 900.0
    assert resolve({"n": "$s1.rooms[0].number", "all": "$s1.rooms"}, answers) == {"n": 7, "all": [{"number": 7, "free": True}]}
    assert resolve("It costs ${s1.total}, not $5.00.", answers) == "It costs 12.5, not $5.00."
    assert renamed({"n": "$s1.total", "t": "${s1.total}!"}, {"s1": "s4"}) == {"n": "$s4.total", "t": "${s4.total}!"}
    with pytest.raises(UnresolvedError, match=r"\$s1.rooms\[1\]: 1 is not in the answer of 's1'"):
        resolve("$s1.rooms[1]", answers)
    with pytest.raises(UnresolvedError, match="no answer of step 's2'"):
        resolve("$s2.total", answers)


def test_levels_and_branches():
    assert [[step.id for step in level] for level in levels(STEPS)] == [["s1"], ["s2"], ["s3"]]
    assert branches(STEPS)
    assert not branches(STEPS[:2])
    assert [step.id for step in without(STEPS, "s2")] == ["s1"]


def test_changes_are_rows_by_what_happened_to_them():
    before = {"t": {"1": {"id": "1", "a": 1}, "2": {"id": "2", "a": 2}}}
    after = {"t": {"1": {"id": "1", "a": 5}, "N-9": {"id": "N-9", "a": "N-9"}}}
    found = changes(before, after, {"N-9"})
    assert found == {"t": {"inserted": [{"id": "<new>", "a": "<new>"}], "updated": {"1": {"a": 5}}, "deleted": ["2"]}}
    assert changes(before, before) == {}
    told = {"t": {"N-9": {"id": "N-9", "text": "see N-9, not N-91 or AN-9"}}}
    assert changes({"t": {}}, told, {"N-9"}) == {"t": {"inserted": [{"id": "<new>", "text": "see <new>, not N-91 or AN-9"}]}}


def test_free_texts_must_hold_their_values():
    wanted = loosened({"mail": {"inserted": [{"body": "You paid 12.5.", "to": "a@b"}]}}, {"You paid 12.5.": ["12.5"]})
    assert reaches({"mail": {"inserted": [{"body": "It was 12.5 in all", "to": "a@b"}]}}, wanted)
    assert not reaches({"mail": {"inserted": [{"body": "It was 13 in all", "to": "a@b"}]}}, wanted)
    assert not reaches({"mail": {"inserted": [{"body": "12.5", "to": "x@b"}]}}, wanted)
    assert not reaches({}, wanted)
    quoted = loosened({"mail": {"inserted": [{"body": "You paid 12.5.\n> How much?"}]}}, {"You paid 12.5.": ["12.5"]})
    assert reaches({"mail": {"inserted": [{"body": "12.5 it was\n> How much?"}]}}, quoted)
    assert not reaches({"mail": {"inserted": [{"body": "12.5 it was"}]}}, quoted)


def test_a_sequel_takes_up_what_a_goal_tells():
    draft = Draft(sentences=["Let them go."], tells={"sum": Told(value="$s1.paid", meaning="money", said=("what they paid",))})
    sequel = Sequel.model_validate(
        {
            "name": "note",
            "wants": {"what": "any"},
            "steps": {"n": {"tool": "note", "arguments": {"text": "For you: {what}"}, "free": {"text": ["{what}"]}}},
            "train": ["Note {what}."],
        }
    )
    assert draft.add_sequel(sequel, sequel.train, {}, random.Random(0))
    assert draft.steps["s1"].arguments == {"text": "For you: ${s1.paid}"}
    assert draft.steps["s1"].free == {"text": ("$s1.paid",)}
    assert draft.sentences[-1].endswith("ote what they paid.")
    assert not Draft().add_sequel(sequel, sequel.train, {}, random.Random(0))


@pytest.fixture(scope="module")
def plans(domains):
    return build_plans(domains, World(domains), "train", 12, seed=0)


def test_plans_run_reach_their_goal_and_need_every_step(plans, world):
    assert len(plans) == 12
    before = world.fingerprint()
    for plan in plans:
        assert succeeds(world, plan, plan.steps)
        for step in plan.steps:
            assert not succeeds(world, plan, without(plan.steps, step.id)), (plan.id, step.id)
    assert world.fingerprint() == before  # everything was undone


def test_the_names_of_steps_do_not_matter(plans, world):
    """A new id comes from the call's id, and that from the step's name: what a plan reaches must not hang on it."""
    assert all(succeeds(world, plan, relabelled(plan.steps)) for plan in plans)


def test_plans_are_the_same_twice_and_other_with_another_seed(domains, world, plans):
    assert build_plans(domains, world, "train", 12, seed=0) == plans
    assert build_plans(domains, world, "train", 12, seed=1) != plans


def test_a_plan_with_a_wrong_argument_fails(plans, world):
    for plan in plans:
        last = plan.steps[-1]
        wrong = last.model_copy(update={"arguments": {**last.arguments, "no_such_argument": 1}})
        assert run_plan(world, (*plan.steps[:-1], wrong), {}) is None


def test_goals_whose_tools_the_world_lacks_are_left_out(domains, world):
    hotel = next(domain for domain in domains if domain.domain == "hotel")
    goal = hotel.goals.train[0]
    step = next(iter(goal.steps.values())).model_copy(update={"tool": "tool_of_elsewhere"})
    changed = hotel.model_copy(update={"goals": hotel.goals.model_copy(update={"train": (goal.model_copy(update={"steps": {"x": step}}),)})})
    assert Plans([changed], world, "train", 0).goals == []


def test_a_plans_report_tells_sums_with_their_cents(domains, world):
    plans = Plans(domains, world, "train", seed=0)
    draft = Draft(steps={"s1": GoalStep(tool="find_guest_bookings", arguments={}), "s2": GoalStep(tool="calculate_stay_deposit", arguments={})})
    answers = {"s1": {"bookings": [{"status": "checked_in"}], "total": 1.0}, "s2": {"deposit": 433.5}}
    assert plans.told("$s2.deposit", draft, answers) == "433.50"
    assert plans.told("$s1.bookings[0].status", draft, answers) == "checked in"
    assert plans.told("$s1.total", draft, answers) == "1"
    assert plans.told("as agreed: ${s2.deposit}", draft, answers) == "as agreed: 433.5"
