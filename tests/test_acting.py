"""Goals pursued in the world: the gold plan reaches all of them, refusals are told, and episodes end."""

import pytest

from toolwright.evaluation.acting import episode_scores, gold_calls, pursue
from toolwright.evaluation.baselines import Oracle, Uniform, written_call
from toolwright.planning.graph import DependencyGraph


class Scripted:
    """Writes what it is told to, turn by turn, whatever the goal."""

    tokens = parameters = 0

    def __init__(self, *texts):
        self.texts = list(texts)
        self.asked = []

    def answer(self, examples, tools):
        self.asked.append(examples)
        text = self.texts.pop(0) if self.texts else "Done."
        return [text for _ in examples]


@pytest.fixture(scope="module")
def world(data):
    return data.world()


@pytest.fixture(scope="module")
def goals(data):
    return data.planning("test")


def quiet(items, what):
    return items


def test_the_gold_plan_succeeds_and_chance_does_not(data, world, goals):
    gold = [episode_scores(one, world) for one in pursue(Oracle(), data, world, goals, 0, quiet)]
    assert all(row == {"node_f1": 1.0, "link_f1": 1.0, "success": 1.0} for row in gold)
    drawn = [episode_scores(one, world) for one in pursue(Uniform(0), data, world, goals, 0, quiet)]
    assert sum(row["success"] for row in drawn) == 0
    assert any(len(example.steps) > 1 and DependencyGraph(example.steps).links for example in goals)


def test_half_a_plan_is_no_success(data, world, goals):
    example = next(one for one in goals if len(one.steps) > 2)
    first = gold_calls(world, example)[0]
    [episode] = pursue(Scripted(written_call(first.name, first.arguments)), data, world, [example], 0, quiet)
    row = episode_scores(episode, world)
    assert [call.name for call in episode.calls] == [first.name]
    assert row["success"] == 0
    assert 0 < row["node_f1"] < 1


def test_refusals_are_told_and_the_episode_goes_on(data, world, goals):
    example = goals[0]
    gold = gold_calls(world, example)
    texts = [written_call(gold[0].name, {"nonsense": 1}), written_call("no_such_tool", {}), *(written_call(call.name, call.arguments) for call in gold)]
    scripted = Scripted(*texts)
    [episode] = pursue(scripted, data, world, [example], 0, quiet)
    told = [message.content for message in scripted.asked[2][0].messages if message.role == "tool"]
    assert "invalid_argument" in told[0]
    assert "There is no tool no_such_tool" in told[1]
    assert episode_scores(episode, world)["success"] == 1.0


@pytest.mark.parametrize("text", ["Nothing to do.", "<tool_call>\n{broken\n</tool_call>"])
def test_an_episode_ends_when_nothing_is_called(data, world, goals, text):
    scripted = Scripted(text)
    [episode] = pursue(scripted, data, world, goals[:1], 0, quiet)
    assert (len(scripted.asked), episode.calls, episode_scores(episode, world)["success"]) == (1, [], 0.0)


def test_an_episode_ends_when_calls_repeat(data, world, goals):
    first = gold_calls(world, goals[0])[0]
    scripted = Scripted(*[written_call(first.name, first.arguments)] * 5)
    [episode] = pursue(scripted, data, world, goals[:1], 0, quiet)
    assert (len(scripted.asked), len(episode.calls)) == (2, 1)


def test_an_episode_changes_nothing_for_the_next(data, world, goals):
    before = world.fingerprint()
    pursue(Oracle(), data, world, goals, 0, quiet)
    assert world.fingerprint() == before


def test_an_episode_ends_when_nothing_is_taken_for_three_turns(data, world, goals):
    name = gold_calls(world, goals[0])[0].name
    scripted = Scripted(*(written_call(name, {"nonsense": i}) for i in range(9)))
    pursue(scripted, data, world, goals[:1], 0, quiet)
    assert len(scripted.asked) == 3
