"""Plans as graphs: cycles, levels and critical paths beside networkx; every kind of problem found and named; hostile plans refused, never hung on."""

from __future__ import annotations

import networkx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.planning.graph import DependencyGraph, nested_deeper
from toolwright.planning.returned import find
from toolwright.planning.validate import check_plan, clash_of
from toolwright.types import InputError, Step, Tool

FIND = Tool(
    name="find_guests",
    parameters={"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"], "additionalProperties": False},
    returns={
        "type": "object",
        "properties": {
            "guests": {
                "type": "array",
                "items": {"type": "object", "properties": {"guest_id": {"type": "string", "pattern": "^G-[0-9]$"}, "nights": {"type": "integer"}}},
            },
            "total": {"type": "integer"},
        },
    },
)
BILL = Tool(
    name="send_bill",
    parameters={
        "type": "object",
        "properties": {
            "guest_id": {"type": "string", "pattern": "^G-[0-9]$"},
            "paper": {"type": "string", "enum": ["plain", "gold"]},
            "lines": {"type": "array", "items": {"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}},
        },
        "required": ["guest_id"],
        "additionalProperties": False,
    },
    returns={"type": "object", "properties": {"bill_id": {"type": "string", "pattern": "^B-[0-9]$"}}},
)
TOOLS = {tool.name: tool for tool in (FIND, BILL)}
GOOD = (
    Step(id="s1", tool="find_guests", arguments={"name": "Ann"}),
    Step(id="s2", tool="send_bill", arguments={"guest_id": "$s1.guests[0].guest_id", "lines": [{"amount": "$s1.guests[0].nights"}, {"amount": 2}]}),
)


@st.composite
def graphs(draw):
    size = draw(st.integers(1, 12))
    links = draw(st.lists(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=30))
    return [Step(id=f"s{i}", tool="t", depends_on=tuple(f"s{a}" for a, b in links if b == i)) for i in range(size)]


@given(graphs())
def test_cycles_levels_and_critical_path_are_those_of_networkx(steps):
    graph = DependencyGraph(steps)
    other = networkx.DiGraph(graph.links)
    other.add_nodes_from(graph.steps)
    wanted = {frozenset(c) for c in networkx.strongly_connected_components(other) if len(c) > 1 or other.has_edge(*(list(c) * 2))}
    assert {frozenset(c) for c in graph.cycles()} == wanted
    if wanted:
        with pytest.raises(InputError, match="wait for each other"):
            graph.levels()
        return
    assert [sorted(level) for level in graph.levels()] == [sorted(level) for level in networkx.topological_generations(other)]
    seconds = {name: 1.0 + len(name) + i for i, name in enumerate(graph.steps)}
    path = graph.critical_path(seconds)
    for a, b in other.edges:
        other.edges[a, b]["weight"] = seconds[a]
    ends = [name for name in other if other.out_degree(name) == 0]
    other.add_edges_from((name, "END", {"weight": seconds[name]}) for name in ends)
    assert path.seconds == pytest.approx(networkx.dag_longest_path_length(other))
    assert sum(seconds[name] for name in path.steps) == pytest.approx(path.seconds)
    assert graph.after([steps[0].id]) == {name for name in networkx.descendants(other, steps[0].id) if name != "END"}


def test_a_sound_plan_has_no_problem_and_draws():
    assert check_plan(GOOD, TOOLS) == []
    graph = DependencyGraph(GOOD)
    assert graph.links == [("s1", "s2")]
    assert '"s1" -> "s2" [label="guests[0].guest_id, guests[0].nights"];' in graph.to_dot()
    assert graph.to_mermaid().splitlines()[3] == '  n0 -->|"guests[0].guest_id, guests[0].nights"| n1'


def changed(**arguments):
    return [GOOD[0], Step(id="s2", tool="send_bill", arguments={**GOOD[1].arguments, **arguments})]


@pytest.mark.parametrize(
    ("steps", "kind", "said"),
    [
        ([GOOD[0], GOOD[0]], "duplicate_id", "id of its own"),
        ([Step(id="a b", tool="find_guests", arguments={"name": "x"})], "bad_id", "letters"),
        (changed(guest_id="$s9.guests[0].guest_id"), "unknown_step", "refer to one of s1, s2"),
        ([Step(id="s1", tool="find_guests", arguments={"name": "${s1.total}"})], "cycle", "needs its own answer"),
        ([Step(id="s1", tool="find_guest", arguments={})], "unknown_tool", "did you mean find_guests"),
        ([Step(id="s1", tool="find_guests")], "missing_argument", "requires name"),
        (changed(colour="red"), "unknown_argument", "takes guest_id, paper, lines"),
        (changed(lines=3), "wrong_type", "lines takes"),
        (changed(lines=[{"amount": "much"}]), "wrong_type", "arguments.lines.0.amount"),
        (changed(paper="pink"), "wrong_value", "plain"),
        (changed(guest_id="Ann"), "wrong_value", "pattern"),
        (changed(guest_id="$s1.guest_id"), "unknown_field", "guests, total"),
        (changed(guest_id="$s1.guests.guest_id"), "unknown_field", "such as [0]"),
        (changed(guest_id="$s1.total"), "type_clash", "string is wanted"),
        (changed(lines=[{"amount": "$s1.guests[0].guest_id"}]), "type_clash", "arguments.lines.0.amount"),
        ([*GOOD, Step(id="s3", tool="send_bill", arguments={"guest_id": "$s2.bill_id"})], "type_clash", "looks like ^B-"),
    ],
)
def test_each_kind_of_problem_is_named_with_its_mending(steps, kind, said):
    problems = check_plan(steps, TOOLS)
    assert [problem.kind for problem in problems] == [kind]
    assert said in str(problems[0])


def test_all_problems_and_all_cycles_are_told_at_once():
    steps = [Step(id=name, tool="nowhere", depends_on=(needs,)) for name, needs in zip("abcdef", "bacdfe", strict=True)]
    problems = check_plan(steps, TOOLS)
    assert [problem.members for problem in problems if problem.kind == "cycle"] == [("a", "b"), ("c",), ("d",), ("e", "f")]
    assert sum(problem.kind == "unknown_tool" for problem in problems) == 6


def test_the_plans_of_the_data_have_no_problem(data):
    plans = data.planning("train")
    assert plans
    assert [str(problem) for plan in plans for problem in check_plan(plan.steps, data.tools)] == []


def test_chains_of_ten_thousand_steps_and_deep_values_are_no_danger():
    steps = [Step(id="s0", tool="find_guests", arguments={"name": "x"})]
    steps += [Step(id=f"s{i}", tool="find_guests", arguments={"name": f"${{s{i - 1}.total}}"}) for i in range(1, 10_000)]
    assert check_plan(steps, TOOLS) == []
    assert len(DependencyGraph(steps).levels()) == 10_000
    round_about = [*steps[1:], Step(id="s0", tool="find_guests", arguments={"name": "${s9999.total}"})]
    assert len(DependencyGraph(round_about).cycles()[0]) == 10_000
    deep: object = "$s1.x"
    for _ in range(50_000):
        deep = [deep]
    assert nested_deeper(deep, 64)
    assert [problem.kind for problem in check_plan([Step.model_construct(id="s1", tool="find_guests", arguments={"name": deep}, depends_on=())], TOOLS)] == [
        "too_deep"
    ]


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["$s0.total", "$s1.guests[0]", "$s2.x", "${s1.total}", "$s1.a[" + "9" * 5000 + "]"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.sampled_from(["name", "guest_id", "lines"]), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.lists(
        st.builds(
            Step,
            id=st.sampled_from(["s0", "s1", "s2", "", "x y"]),
            tool=st.sampled_from([*TOOLS, "gone", ""]),
            arguments=st.dictionaries(st.sampled_from(["name", "guest_id", "lines", "z"]), values, max_size=3),
            depends_on=st.lists(st.sampled_from(["s0", "s1", "s7"]), max_size=2).map(tuple),
        ),
        max_size=5,
    )
)
def test_any_plan_is_either_sound_or_refused(steps):
    problems = check_plan(steps, TOOLS)
    for problem in problems:
        assert str(problem)
    if not problems:
        assert len(DependencyGraph(steps).ordered()) == len(steps)


def test_return_schemas_are_followed_through_references_and_branches():
    tree = {"type": "object", "properties": {"left": {"$ref": "#"}, "value": {"anyOf": [{"type": "integer"}, {"type": "null"}]}}}
    assert find(tree, ("left", "left", "value")).types == {"integer", "null"}
    assert not find(tree, ("left", "right")).exists
    assert find({"type": "object"}, ("anything", 3)).open
    assert find({"type": "object", "properties": {}, "additionalProperties": {"type": "string"}}, ("x",)).types == {"string"}
    assert not find({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, (1,)).exists
    assert not find({"type": "array", "maxItems": 2}, (2,)).exists
    looping = {"$defs": {"a": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"}
    assert find(looping, ("x",)).exists is False
    assert find({"$ref": "other.json#/x"}, ("x",)).open
    assert clash_of(find({"type": "number"}, ()), find({"type": "integer"}, ())) is None
