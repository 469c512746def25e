"""Goals pursued turn by turn in the world: each turn's calls are run and answered, refusals too, until nothing more is called; judged as a plan is.

The tools offered are the gold plan's and those whose words are nearest to the goal, in an order drawn for the goal. Steps are the calls that the world did not
refuse. A call needs another where one of its values stands in the other's answer and not in the goal, so that the links of what was done compare with those of
the gold plan, run the same way. An episode ends too when a turn cannot be read or only repeats calls made before, when nothing was taken for three turns, and
when there have been too many.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolwright.data.build import Dataset
from toolwright.data.goal_states import succeeds
from toolwright.data.render import parse_calls
from toolwright.evaluation.models import Predictor, offered
from toolwright.evaluation.planning import set_f1
from toolwright.planning.graph import DependencyGraph
from toolwright.planning.references import resolve
from toolwright.selection.keyword import KeywordSelector
from toolwright.types import JSON, CallExample, ExpectedCall, Message, PlanExample, Step, ToolCall
from toolwright.world.engine import World

OFFERED = 10  # tools, or three more than the plan has
TURNS = 10  # of calls; no gold plan has more steps
BATCH = 64  # goals answered together
REFUSALS = 3  # turns one after another of which the world took nothing, after which an episode ends
LONGEST_ANSWER = 2000  # characters of a call's answer that are told
Progress = Callable[[Sequence[Any], str], Iterable[Any]]


@dataclass
class Episode:
    """One goal as far as it has come.

    Attributes:
        example: the goal with its gold plan.
        tools: names of those offered.
        gold: the gold plan's calls as the world gives them, for predictors that are told.
        messages: what was said, called and answered.
        calls: those that were not refused, each under the id that the world knows it by.
        answers: what the world answered to them.
        seen: calls made before, refused ones too.
        refused: turns since a call was last taken.
        done: whether it has ended.
    """

    example: PlanExample
    tools: list[str]
    gold: list[ToolCall]
    messages: list[Message]
    calls: list[ToolCall] = field(default_factory=list)
    answers: list[JSON] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    refused: int = 0
    done: bool = False


def pursue(predictor: Predictor, data: Dataset, world: World, examples: Sequence[PlanExample], seed: int, progress: Progress) -> list[Episode]:
    """Let a predictor pursue every goal; all that go on are answered together, turn by turn."""
    search = KeywordSelector().fit(list(data.tools.values()))
    episodes = []
    for example in examples:
        own = list(dict.fromkeys(step.tool for step in example.steps))
        near = [name for name in search.select(example.goal, 4 * OFFERED).names if name not in own]
        names = own + near[: max(OFFERED - len(own), 3)]
        random.Random(f"{seed}/{example.id}").shuffle(names)
        episodes.append(Episode(example, names, gold_calls(world, example), [Message(role="user", content=example.goal)]))
    for turn in progress(range(TURNS), "planning"):
        live = [one for one in episodes if not one.done]
        for batch in (live[i : i + BATCH] for i in range(0, len(live), BATCH)):
            asked = [_as_call_example(one, turn) for one in batch]
            written = predictor.answer(asked, [offered(data.tools, one.tools) for one in batch])
            for episode, text in zip(batch, written, strict=True):
                _take(episode, text, world)
    return episodes


def _take(episode: Episode, text: str, world: World) -> None:
    """Run a turn's calls and add them with their answers, or end the episode."""
    calls = parse_calls(text)
    new = [json.dumps([call.name, call.arguments], sort_keys=True) for call in calls or ()]
    if not calls or episode.seen.issuperset(new):
        episode.done = True
        return
    episode.seen.update(new)
    made = sum(len(message.tool_calls) for message in episode.messages)
    told = [call.model_copy(update={"id": f"call_{made + i + 1}"}) for i, call in enumerate(calls)]
    episode.messages.append(Message(role="assistant", tool_calls=tuple(told)))
    taken = len(episode.calls)
    with world.trial():
        for call in episode.calls:
            world.call(call)
        for call in told:
            told_answer = json.dumps(_answered(world, episode, call), ensure_ascii=False)[:LONGEST_ANSWER]
            episode.messages.append(Message(role="tool", content=told_answer, tool_call_id=call.id))
    episode.refused = 0 if len(episode.calls) > taken else episode.refused + 1
    episode.done = episode.refused == REFUSALS


def _answered(world: World, episode: Episode, call: ToolCall) -> JSON:
    if call.name not in episode.tools:
        return {"error": {"type": "not_found", "message": f"There is no tool {call.name}."}}
    run = call.model_copy(update={"id": f"plan_{len(episode.calls) + 1}"})
    answer = world.call(run)
    if answer.error is None:
        episode.calls.append(run)
        episode.answers.append(answer.content)
    return answer.content


def gold_calls(world: World, example: PlanExample) -> list[ToolCall]:
    """The gold plan's calls in order, with the values that the world gives them."""
    return [call for call, _ in _gold(world, example)]


def _gold(world: World, example: PlanExample) -> list[tuple[ToolCall, JSON]]:
    answers: dict[str, JSON] = {}
    found = []
    with world.trial():
        for i, step in enumerate(DependencyGraph(example.steps).ordered()):
            call = ToolCall(id=f"plan_{i + 1}", name=step.tool, arguments=resolve(step.arguments, answers))
            answers[step.id] = world.call(call).content
            found.append((call, answers[step.id]))
    return found


def episode_scores(episode: Episode, world: World) -> dict[str, float]:
    """`node_f1`, `link_f1` and `success` of an episode, as of a plan."""
    example = episode.example
    gold = _gold(world, example)
    steps = [Step(id=str(i + 1), tool=call.name, arguments=call.arguments) for i, call in enumerate(episode.calls)]
    links = _links(episode.calls, episode.answers, example.goal)
    return {
        "node_f1": set_f1({call.name for call, _ in gold}, {call.name for call in episode.calls}),
        "link_f1": set_f1(_links([call for call, _ in gold], [answer for _, answer in gold], example.goal), links),
        "success": float(bool(steps) and succeeds(world, example, steps)),
    }


def _links(calls: Sequence[ToolCall], answers: Sequence[JSON], goal: str) -> set[tuple[str, str]]:
    """Producer → consumer pairs of tools, by values that were handed on."""
    known: list[tuple[str, set[str]]] = []
    found: set[tuple[str, str]] = set()
    for call, answer in zip(calls, answers, strict=True):
        values = {value for value in _values(call.arguments) if value not in goal}
        found |= {(producer, call.name) for producer, given in known if values & given}
        known.append((call.name, set(_values(answer))))
    return found


def _values(value: Any) -> list[str]:
    """The texts and numbers of a value, as texts; yes and no say nothing of where they came from."""
    if isinstance(value, dict):
        return [one for item in value.values() for one in _values(item)]
    if isinstance(value, list):
        return [one for item in value for one in _values(item)]
    return [] if value is None or isinstance(value, bool) else [str(value)]


def _as_call_example(episode: Episode, turn: int) -> CallExample:
    """The conversation as it stands, with the gold plan's next call as what is expected."""
    expected = [ExpectedCall(name=call.name, arguments={name: [value] for name, value in call.arguments.items()}) for call in episode.gold[turn : turn + 1]]
    return CallExample(id=episode.example.id, messages=tuple(episode.messages), tools=tuple(episode.tools), calls=tuple(expected))
