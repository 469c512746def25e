"""Trajectories that the model found itself: sampled from it, run in the world, kept when they succeed.

The form is that of Chen et al., "FireAct", 2023, with the model as its own teacher, as in Zelikman et al., "STaR", 2022.

A goal is what a dialogue's user first asks for, where the dialogue answers it by calls. The model is given the tools and the request, its calls are run and
answered, until it calls nothing more. It succeeded when no call was refused, the world changed as by the dialogue's own calls, and what the last of those
answered was answered to it too. The closing report is the dialogue's, since what it says was judged by nobody. What the model cannot do yields nothing, and the
pool's own dialogue stays in its place; how many were kept is told.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any

from toolwright.data.goal_states import changes, reaches, with_new
from toolwright.data.render import parse_calls, prompt_ids
from toolwright.models.local import LanguageModel, sampled_answers
from toolwright.types import JSON, Dialogue, Message, Tool, ToolCall
from toolwright.world.engine import World

TASKS = ("call", "parallel", "plan")  # whose first request is answered by calls that succeed
TURNS = 5  # turns of calls, at most
MAX_NEW_TOKENS = 160
TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Goal:
    """A request, how the dialogue answered it, and what that came to."""

    dialogue: Dialogue
    asked: tuple[Message, ...]
    report: Message
    changes: JSON
    answers: list[JSON]  # of the last turn of calls


@dataclass
class Attempt:
    """A trajectory as far as it has come; `failed` says that it leads nowhere."""

    goal: Goal
    turns: list[Message] = field(default_factory=list)
    done: bool = False
    failed: bool = False

    @property
    def calls(self) -> list[ToolCall]:
        return [call for message in self.turns for call in message.tool_calls]


@dataclass(frozen=True, slots=True)
class Trajectories:
    """The pool with the model's own trajectories in place of what they answer; for each goal tried whether one was kept; tokens read and written."""

    dialogues: list[Dialogue]
    kept: list[bool]
    tokens: int


def own_trajectories(
    lm: LanguageModel,
    pool: Sequence[Dialogue],
    tools: Mapping[str, Tool],
    world: World,
    seed: int,
    *,
    samples: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Trajectories:
    """Let the model try what the pool's dialogues ask.

    Args:
        lm: the model.
        pool: dialogues.
        tools: the catalogue that they name.
        world: the world that they were made in, as it was then.
        seed: of the sampling.
        samples: tries of each goal, at most; the first that succeeds is kept.
        progress: told (rounds done, rounds in all).
    """
    goals = [goal for dialogue in pool if (goal := goal_of(dialogue, world)) is not None]
    kept: dict[str, Dialogue] = {}
    tokens = 0
    for sample in range(samples):
        attempts = [Attempt(goal) for goal in goals if goal.dialogue.id not in kept]
        for turn in range(TURNS):
            live = [attempt for attempt in attempts if not attempt.done]
            if live:
                tokens += _advance(lm, live, tools, world, f"{seed}/{sample}/{turn}")
            progress(sample * TURNS + turn + 1, samples * TURNS)
        kept |= {one.goal.dialogue.id: trajectory(one) for one in attempts if one.done and not one.failed and succeeded(one, world)}
    return Trajectories([kept.get(dialogue.id, dialogue) for dialogue in pool], [goal.dialogue.id in kept for goal in goals], tokens)


def goal_of(dialogue: Dialogue, world: World) -> Goal | None:
    """The first request of a dialogue and what its own calls come to; None where it is not answered by calls that the world answers as it did then."""
    if dialogue.task not in TASKS:
        return None
    first = next(i for i, message in enumerate(dialogue.messages) if message.role == "user")
    after = list(takewhile(lambda message: message.role != "user", dialogue.messages[first + 1 :]))
    calling = [message for message in after if message.tool_calls]
    told = [json.loads(message.content) for message in after if message.role == "tool"]
    calls = [_as_then(call, dialogue.task) for message in calling for call in message.tool_calls]
    played = _play(world, calls)
    if not calls or played is None or played[1] != told or after[-1].role != "assistant" or after[-1].tool_calls:
        return None
    found, answers, new = played
    last = with_new(answers[-len(calling[-1].tool_calls) :], new)
    return Goal(dialogue, dialogue.messages[: first + 1], after[-1], found, last)


def _as_then(call: ToolCall, task: str) -> ToolCall:
    """The call under the id that the world answered it by: ids that the world gives come from that, and plans were run before they were told."""
    return call.model_copy(update={"id": f"plan_{call.id.removeprefix('call_')}"}) if task == "plan" else call


def succeeded(attempt: Attempt, world: World) -> bool:
    """Whether the trajectory changes the world as its goal's dialogue does, and came to know what that did in the end."""
    played = _play(world, attempt.calls)
    if played is None or not attempt.calls:
        return False
    found, answers, new = played
    known = with_new(answers, new)
    return reaches(found, attempt.goal.changes) and all(answer in known for answer in attempt.goal.answers)


def trajectory(attempt: Attempt) -> Dialogue:
    """A trajectory as a dialogue to train on."""
    goal = attempt.goal
    messages = (*goal.asked, *attempt.turns, goal.report)
    return goal.dialogue.model_copy(update={"id": f"{goal.dialogue.id}.own", "messages": messages, "tags": (*goal.dialogue.tags, "own")})


def _play(world: World, calls: Sequence[ToolCall]) -> tuple[JSON, list[JSON], set[str]] | None:
    """What calls change, what they answer and which ids the world gives, undone again; None when one is refused."""
    if any(call.name not in world.tools for call in calls):
        return None
    tables = sorted({table for call in calls for table in world.writes(call.name)})
    before = world.state(tables)
    with world.trial():
        answers = []
        for call in calls:
            result = world.call(call)
            if result.error is not None:
                return None
            answers.append(result.content)
        new = set(world.drawn)
        return changes(before, world.state(tables), new), answers, new


def _advance(lm: LanguageModel, live: Sequence[Attempt], tools: Mapping[str, Tool], world: World, seed: str) -> int:
    """One turn of the model in each attempt, run in the world; returns the tokens read and written."""
    prompts = [prompt_ids(lm.tokenizer, [*one.goal.asked, *one.turns], [tools[name] for name in one.goal.dialogue.tools]) for one in live]
    texts = sampled_answers(lm, prompts, MAX_NEW_TOKENS, TEMPERATURE, seed)
    for attempt, text in zip(live, texts, strict=True):
        _take(attempt, parse_calls(text), world)
    return sum(map(len, prompts)) + sum(len(_ids(lm.tokenizer, text)) for text in texts)


def _take(attempt: Attempt, calls: Sequence[ToolCall] | None, world: World) -> None:
    """Add a turn of calls with their answers, or end the attempt."""
    if not calls:
        attempt.done, attempt.failed = True, calls is None or not attempt.turns
        return
    offered = attempt.goal.dialogue.tools
    named = [call.model_copy(update={"id": f"call_{len(attempt.calls) + i + 1}"}) for i, call in enumerate(calls)]
    played = _play(world, [*attempt.calls, *named]) if all(call.name in offered for call in named) else None
    if played is None:
        attempt.done = attempt.failed = True
        return
    attempt.turns.append(Message(role="assistant", tool_calls=tuple(named)))
    for call, answer in zip(named, played[1][-len(named) :], strict=True):
        attempt.turns.append(Message(role="tool", content=json.dumps(answer, ensure_ascii=False), tool_call_id=call.id))


def _ids(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])
