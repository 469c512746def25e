"""How each kind of training dialogue is made; `agent_sft` says how many of each.

`call`: requests over the same tools, later ones leaning on what was said before where the domain has such sentences. `parallel`: two requests in one
message, two calls in one turn. `plan`: a goal of several steps, each level of its graph one turn of calls. `clarify`: what is missing is asked for, given,
and the call made. `correct`: a wrong id is refused, told, put right and called again. `talk`: an answer without a call, or a refusal for want of a tool.
`timing`: the decision itself, in one word, for several messages in a row. All of it runs in the world, and is undone after each dialogue.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from toolwright.data.agent_benchmark import joined
from toolwright.data.agent_plans import Plans
from toolwright.data.fill import Request, UnfillableError, fill_follow, fill_request, render
from toolwright.data.frames import Frame, concrete, conversation
from toolwright.data.offers import CANDIDATES, Offers
from toolwright.data.prompts import TIMING_INSTRUCTION
from toolwright.data.reports import report
from toolwright.planning.references import resolve
from toolwright.types import JSON, TIMING_LABELS, Dialogue, Message, Step, ToolCall
from toolwright.world.engine import World
from toolwright.world.spec import Saying, ToolSpec

REFUSALS = (
    "Sorry, none of my tools can do that.",
    "I'm afraid that is beyond the tools I have.",
    "I can't do that here: no tool of mine offers it.",
    "Sorry, I have no tool for that.",
)
MORE_REQUESTS = (0, 1, 2, 2, 3)  # of a `call` dialogue, after the first; one is drawn
MORE_DECISIONS = 7  # of a `timing` dialogue, after the first, at most
MOST_RIGHT = CANDIDATES // 2  # tools that one of them is about; the other half are distractors
EXCUSES = ("Sorry, I meant {right}.", "My mistake: {right}.", "{right}, I misread it.", "Then it must be {right}.", "Oh, {right} it is.")


@dataclass(frozen=True, slots=True)
class Stage:
    """What dialogues of one split are made with."""

    world: World
    offers: Offers
    by_label: dict[str, list[Frame]]
    follow: list[Frame]
    plans: Plans


def call_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """Requests over the same tools, each called, answered and reported."""
    first = _pick(stage, "call", i)
    assert first.tool is not None
    messages: list[Message] = []
    gold: dict[str, None] = {}
    with stage.world.trial():
        before = _ask(stage, first, fill_request(first.domain, first.tool, first.saying, stage.world, source), messages, gold)
        query = before.turns[-1]
        for _ in range(source.choice(MORE_REQUESTS)):
            if (follower := _follower(stage, first, before, gold, source)) is not None:
                before = _ask(stage, *follower, messages, gold)
    offered = stage.offers.offer(first.domain.domain, list(gold), query, source)
    return _dialogue(messages, offered, first.tags)


def _follower(stage: Stage, first: Frame, before: Request, gold: dict[str, None], source: random.Random) -> tuple[Frame, Request] | None:
    """Another request of the domain, about another tool: one that leans on the call before if one fits, else one that stands by itself."""

    def fresh(frames: Sequence[Frame]) -> list[Frame]:
        found = [frame for frame in frames if frame.domain is first.domain and frame.tool and frame.tool.name not in gold]
        return source.sample(found, min(3, len(found)))

    for frame in fresh(stage.follow):
        with suppress(UnfillableError):  # the call before knows nothing of what this wants
            assert frame.tool is not None
            return frame, fill_follow(frame.domain, frame.tool, frame.saying, before, stage.world, source)
    for frame in fresh(stage.by_label["call"]):
        with suppress(UnfillableError):  # what was done before rules it out
            assert frame.tool is not None
            return frame, fill_request(frame.domain, frame.tool, frame.saying, stage.world, source)
    return None


def _ask(stage: Stage, frame: Frame, request: Request, messages: list[Message], gold: dict[str, None]) -> Request:
    """Add a request, its call, the answer and the report; the world changes accordingly."""
    assert frame.tool is not None
    stage.world.call(request.call)
    gold[request.call.name] = None
    messages += [*conversation(request.turns), *_answered(stage.world, frame.tool, request)]
    return request


def parallel_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """Two requests in one message, called in one turn."""
    first = _pick(stage, "call", i, turns=1)
    others = [f for f in stage.by_label["call"] if f.domain is first.domain and f.tool is not first.tool and len(f.saying.turns) == 1]
    frames = [first, source.choice(others)]
    with stage.world.trial():
        asked = []
        for frame in frames:
            assert frame.tool is not None
            asked.append(fill_request(frame.domain, frame.tool, frame.saying, stage.world, source))
            stage.world.call(asked[-1].call)
    text = joined(asked[0].turns[0], asked[1].turns[0], frames[1].saying, source)
    offered = stage.offers.offer(first.domain.domain, [one.call.name for one in asked], text, source)
    told = " ".join(report(frame.tool, one, stage.world) for frame, one in zip(frames, asked, strict=True) if frame.tool)
    messages = [Message(role="user", content=text), *called([(one.call, one.result.content) for one in asked]), Message(role="assistant", content=told)]
    return _dialogue(messages, offered, first.tags)


def plan_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """A goal, the calls that reach it, level by level, and the report."""
    turn = i
    while (planned := stage.plans.make(turn)) is None:
        turn += 1
    example = planned.example
    messages = [Message(role="user", content=example.goal)]
    for level in levels(example.steps):
        made = [
            (ToolCall(id=f"call_{step.id}", name=step.tool, arguments=resolve(step.arguments, planned.answers)), planned.answers[step.id]) for step in level
        ]
        messages += called(made)
    messages.append(Message(role="assistant", content=planned.reply))
    gold = list(dict.fromkeys(step.tool for step in example.steps))
    offered = stage.offers.offer(stage.plans.owner[gold[0]], gold, example.goal, source, max(CANDIDATES, len(gold) + 4))
    return _dialogue(messages, offered, example.tags)


def levels(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps that can run at once, one level after the other."""
    depth: dict[str, int] = {}
    for step in steps:
        depth[step.id] = 1 + max((depth[name] for name in step.depends_on), default=-1)
    return [[step for step in steps if depth[step.id] == level] for level in range(max(depth.values()) + 1)]


def clarify_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """A request that lacks something, the question, the missing values, the call."""
    frame = _pick(stage, "clarify", i)
    tool = frame.tool
    assert tool is not None
    given = [name for name in tool.parameters if name in frame.saying.slots or name in frame.saying.with_]
    missing = [name for name in frame.domain.required(tool) if name not in given]
    answer = ", ".join(f"{{{name}:said}}" if frame.domain.parameter_field(tool, name).said else f"{{{name}}}" for name in missing)
    whole = Saying(say=(*frame.saying.turns, question(tool, missing), answer), with_=frame.saying.with_)
    filled = fill_request(frame.domain, tool, whole, stage.world, source)
    offered = stage.offers.offer(frame.domain.domain, [tool.name], filled.turns[0], source)
    return _dialogue([*conversation(filled.turns), *_answered(stage.world, tool, filled)], offered, frame.tags)


def correct_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """A request with a wrong id: the world refuses it, the assistant says so, the user puts it right, and the call is made again."""
    for turn in range(i, i + len(stage.by_label["call"])):
        frame = _pick(stage, "call", turn, turns=1)
        assert frame.tool is not None
        right = fill_request(frame.domain, frame.tool, frame.saying, stage.world, source)
        for name in right.copied:
            value = right.call.arguments[name]
            if not (isinstance(value, str) and re.fullmatch(r"[A-Z]+-\d{3,}", value)):
                continue
            wrong = misread(value, source)
            call = right.call.model_copy(update={"id": right.call.id + "x", "arguments": {**right.call.arguments, name: wrong}})
            refused = stage.world.preview(call)
            if refused.error == "not_found":
                told = f"{refused.content['error']['message']} Could you check it?"
                messages = [
                    Message(role="user", content=right.turns[0].replace(value, wrong)),
                    *called([(call, refused.content)]),
                    Message(role="assistant", content=told),
                    Message(role="user", content=source.choice(EXCUSES).format(right=value)),
                    *_answered(stage.world, frame.tool, right),
                ]
                offered = stage.offers.offer(frame.domain.domain, [frame.tool.name], right.turns[0], source)
                return _dialogue(messages, offered, frame.tags)
    raise UnfillableError("no request of any tool names an id that the world could fail to find")


def misread(value: str, source: random.Random) -> str:
    """An id with two digits exchanged, or one changed where all are alike."""
    prefix, digits = value.rsplit("-", 1)
    places = [j for j in range(len(digits) - 1) if digits[j] != digits[j + 1]]
    if not places:
        return f"{prefix}-{digits[:-1]}{(int(digits[-1]) + 1) % 10}"
    j = source.choice(places)
    return f"{prefix}-{digits[:j]}{digits[j + 1]}{digits[j]}{digits[j + 2 :]}"


def talk_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """What calls no tool, and what a good assistant says to it."""
    frame = _pick(stage, "answer" if i % 3 else "unable", i)
    said = concrete(frame, stage.world, source)
    offered = stage.offers.offer(frame.domain.domain, [], said.turns[-1], source, never=frame.saying.elsewhere)
    return _dialogue([*conversation(said.turns), Message(role="assistant", content=reply(frame, said.shown, source))], offered, frame.tags)


def reply(frame: Frame, shown: dict[str, str], source: random.Random) -> str:
    """What a good assistant says to what calls no tool."""
    return render(frame.saying.reply, shown) if frame.saying.reply else source.choice(REFUSALS)


def timing_dialogue(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """The decisions alone, each in one word; labels in random order, so that none follows from the one before."""
    label = TIMING_LABELS[i % len(TIMING_LABELS)]
    first = _pick(stage, label, i // len(TIMING_LABELS))
    asked, gold = {first.id: first}, _right_tools(first)
    for _ in range(MORE_DECISIONS):
        alike = [frame for frame in stage.by_label[source.choice(TIMING_LABELS)] if frame.domain is first.domain and len(frame.saying.turns) == 1]
        fitting = [frame for frame in alike if len(gold | _right_tools(frame)) <= MOST_RIGHT]  # else late decisions would seldom be `call`
        if fitting:
            frame = source.choice(fitting)
            asked[frame.id] = frame
            gold |= _right_tools(frame)
    messages = [Message(role="system", content=TIMING_INSTRUCTION)]
    for frame in asked.values():
        messages += [*conversation(concrete(frame, stage.world, source).turns), Message(role="assistant", content=frame.label)]
    never = {name for frame in asked.values() for name in frame.saying.elsewhere}
    offered = stage.offers.offer(first.domain.domain, list(gold), messages[1].content, source, never=never)
    return _dialogue(messages, offered, first.tags)


MAKERS: dict[str, Callable[[Stage, int, random.Random], Dialogue]] = {
    "call": call_dialogue,
    "parallel": parallel_dialogue,
    "plan": plan_dialogue,
    "clarify": clarify_dialogue,
    "correct": correct_dialogue,
    "talk": talk_dialogue,
    "timing": timing_dialogue,
}


def question(tool: ToolSpec, missing: Sequence[str]) -> str:
    """What to ask for the missing arguments."""
    return " ".join(tool.parameters[name].ask or f"What is the {name.replace('_', ' ')}?" for name in missing)


def called(made: Sequence[tuple[ToolCall, JSON]]) -> list[Message]:
    """One turn of calls, and what each answered."""
    calls = Message(role="assistant", tool_calls=tuple(call for call, _ in made))
    return [calls, *(Message(role="tool", content=json.dumps(answer, ensure_ascii=False), tool_call_id=call.id) for call, answer in made)]


def _answered(world: World, tool: ToolSpec, request: Request) -> list[Message]:
    """The call, the world's answer, and the report of it."""
    return [*called([(request.call, request.result.content)]), Message(role="assistant", content=report(tool, request, world))]


def _right_tools(frame: Frame) -> dict[str, None]:
    """The tool that a frame is about, if it asks for one; a dict, which keeps its order."""
    return {frame.tool.name: None} if frame.tool and frame.label in ("call", "clarify") else {}


def _pick(stage: Stage, label: str, i: int, turns: int | None = None) -> Frame:
    found = stage.by_label[label]
    found = [frame for frame in found if turns in (None, len(frame.saying.turns))] if turns else found
    return found[i % len(found)]


def _dialogue(messages: Sequence[Message], tools: Sequence[str], tags: Sequence[str]) -> Dialogue:
    return Dialogue(id="", messages=tuple(messages), tools=tuple(tools), split="train", task="", tags=tuple(tags))
