"""agent_sft: whole dialogues to learn from, with real tool results, in OpenAI chat form.

Four tasks: `call` (a request or several in a row, each called, answered by the world and reported), `clarify` (what is missing is asked for, given, and
the call made), `talk` (an answer without a call, or a refusal for want of a tool) and `timing` (the decision itself, in one word, for several messages in
a row). Tools offered are the right ones among hard others, in seeded order. Most tokens of a dialogue are its tools, so several requests share them.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from toolwright.data.agent_benchmark import CANDIDATES, Frame, Offers, concrete, conversation, frames
from toolwright.data.fill import Request, fill_request, render
from toolwright.data.prompts import TIMING_INSTRUCTION
from toolwright.types import TIMING_LABELS, Dialogue, Message, Split
from toolwright.world.engine import World
from toolwright.world.spec import SLOT, Domain, Saying, ToolSpec

# Share of each task, in dialogues.
MIX = {"call": 0.50, "clarify": 0.10, "talk": 0.10, "timing": 0.30}
FOUNDATION_SHARE = 0.5  # of the training dialogues are about foundation domains: more tools and more ways to put things than the tested ones have
REFUSAL = "Sorry, none of my tools can do that."
ACKNOWLEDGEMENT = "All right."
MORE_REQUESTS = (0, 1, 2, 2, 3)  # of a `call` dialogue, after the first; one is drawn
MORE_DECISIONS = 7  # of a `timing` dialogue, after the first, at most
MOST_RIGHT = CANDIDATES // 2  # tools that one of them is about; the other half are distractors


@dataclass(frozen=True, slots=True)
class Stage:
    """What a dialogue is made with."""

    world: World
    offers: Offers
    by_label: dict[str, list[Frame]]


def build_dialogues(domains: Sequence[Domain], world: World, split: Split, count: int, seed: int) -> list[Dialogue]:
    """`count` dialogues of one split, tasks mixed as `MIX` says, the same for the same seed."""
    offers = Offers(world)
    stages = [Stage(world, offers, _by_label(frames(domains, split), f"{seed}/{split}"))]
    foundation = [domain for domain in world.domains if domain.part == "foundation"]
    if split == "train" and foundation:
        told = [frame for part in ("train", "dev", "test") for frame in frames(foundation, part)]  # nothing of them is tested on
        stages.append(Stage(world, offers, _by_label(told, f"{seed}/foundation")))
    makers: dict[str, Callable[[Stage, int, random.Random], Dialogue]] = {"call": _call, "clarify": _clarify, "talk": _talk, "timing": _timing}
    dialogues = []
    for task, share in MIX.items():
        for i in range(round(share * count)):
            source = random.Random(f"{seed}/{split}/{task}/{i}")
            stage = stages[-1] if source.random() < FOUNDATION_SHARE else stages[0]
            made = makers[task](stage, i, source)
            dialogues.append(made.model_copy(update={"id": f"{split}.{task}.{i}", "split": split, "task": task}))
    random.Random(f"{seed}/{split}").shuffle(dialogues)
    return dialogues


def _by_label(found: Iterable[Frame], seed: str) -> dict[str, list[Frame]]:
    """Frames by what they ask of an assistant, shuffled."""
    by_label: dict[str, list[Frame]] = {label: [] for label in TIMING_LABELS}
    for frame in found:
        by_label[frame.label].append(frame)
    for label, members in by_label.items():
        random.Random(f"{seed}/{label}").shuffle(members)
    return by_label


def _call(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """Requests over the same tools, each called, answered and reported."""
    first = _pick(stage, "call", i)
    others = [frame for frame in stage.by_label["call"] if frame.domain is first.domain and frame.tool is not first.tool]
    asked = [first, *source.sample(others, min(len(others), source.choice(MORE_REQUESTS)))]
    asked = list({frame.tool.name: frame for frame in asked if frame.tool}.values())
    filled = [fill_request(frame.domain, frame.tool, frame.saying, stage.world, source) for frame in asked if frame.tool]
    gold = list(dict.fromkeys(one.call.name for one in filled))
    offered = stage.offers.offer(first.domain.domain, gold, filled[0].turns[-1], CANDIDATES, source)
    messages: list[Message] = []
    for frame, one in zip(asked, filled, strict=True):
        assert frame.tool is not None
        messages += [*conversation(one.turns), *_answered(frame.tool, one)]
    return _dialogue(messages, offered, first.tags)


def _clarify(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """A request that lacks something, the question, the missing values, the call."""
    frame = _pick(stage, "clarify", i)
    tool = frame.tool
    assert tool is not None
    given = [name for name in tool.parameters if name in frame.saying.slots or name in frame.saying.with_]
    missing = [name for name in frame.domain.required(tool) if name not in given]
    answer = ", ".join(f"{{{name}}}" for name in missing)
    whole = Saying(say=(*frame.saying.turns, question(tool, missing), answer), with_=frame.saying.with_)
    filled = fill_request(frame.domain, tool, whole, stage.world, source)
    offered = stage.offers.offer(frame.domain.domain, [tool.name], filled.turns[0], CANDIDATES, source)
    return _dialogue([*conversation(filled.turns), *_answered(tool, filled)], offered, frame.tags)


def _talk(stage: Stage, i: int, source: random.Random) -> Dialogue:
    """What calls no tool, and what a good assistant says to it."""
    frame = _pick(stage, "answer" if i % 3 else "unable", i)
    said = concrete(frame, stage.world, source)
    offered = stage.offers.offer(frame.domain.domain, [], said.turns[-1], CANDIDATES, source)
    reply = render(frame.saying.reply, said.shown) if frame.saying.reply else REFUSAL if frame.label == "unable" else ACKNOWLEDGEMENT
    return _dialogue([*conversation(said.turns), Message(role="assistant", content=reply)], offered, frame.tags)


def _timing(stage: Stage, i: int, source: random.Random) -> Dialogue:
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
    offered = stage.offers.offer(first.domain.domain, list(gold), messages[1].content, CANDIDATES, source)
    return _dialogue(messages, offered, first.tags)


def _right_tools(frame: Frame) -> dict[str, None]:
    """The tool that a frame is about, if it asks for one; a dict, which keeps its order."""
    return {frame.tool.name: None} if frame.tool and frame.label in ("call", "clarify") else {}


def _pick(stage: Stage, label: str, i: int) -> Frame:
    found = stage.by_label[label]
    return found[i % len(found)]


def _answered(tool: ToolSpec, request: Request) -> list[Message]:
    """The call, the world's answer, and the report of it."""
    values = {name: str(value) for name, value in {**request.call.arguments, **request.result.content}.items()}
    given = {slot: values.get(slot, "it") for slot, _ in SLOT.findall(tool.reply)}
    return [
        Message(role="assistant", tool_calls=(request.call,)),
        Message(role="tool", content=json.dumps(request.result.content, ensure_ascii=False), tool_call_id=request.call.id),
        Message(role="assistant", content=render(tool.reply, given)),
    ]


def question(tool: ToolSpec, missing: Sequence[str]) -> str:
    """What to ask for the missing arguments."""
    return " ".join(tool.parameters[name].ask or f"What is the {name.replace('_', ' ')}?" for name in missing)


def _dialogue(messages: Sequence[Message], tools: Sequence[str], tags: Sequence[str]) -> Dialogue:
    return Dialogue(id="", messages=tuple(messages), tools=tuple(tools), split="train", task="", tags=tuple(tags))
