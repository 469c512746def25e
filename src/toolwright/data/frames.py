"""Sentence frames: every saying of the domain files in its place, and the frames filled from the world's rows.

Splits are by phrasing (a frame stands in one split only) and by tool (an unseen tool has test sentences alone). An id is `domain.tool.kind.frame.fill`, so
what comes from one sentence shares all but the last part.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from toolwright.data.fill import Said, fill_request, fill_text
from toolwright.types import CallExample, Message, PlanExample, SelectionExample, Split, TimingExample, TimingLabel
from toolwright.world.engine import World
from toolwright.world.spec import Domain, Requests, Saying, ToolSpec

E = TypeVar("E", SelectionExample, TimingExample, CallExample, PlanExample)


@dataclass(frozen=True, slots=True)
class Frame:
    """A saying in its place: which domain, tool and split it belongs to, and what it asks of an assistant."""

    id: str
    domain: Domain
    tool: ToolSpec | None
    saying: Saying
    label: TimingLabel
    split: Split

    @property
    def tags(self) -> tuple[str, ...]:
        seen = () if self.tool is None else ("unseen_tools",) if self.tool.unseen else ("seen_tools",)
        unseen = ("unseen_domain",) if self.domain.part == "unseen" else ()
        return (*seen, *unseen, f"domain_{self.domain.domain}")

    @property
    def gold(self) -> tuple[str, ...]:
        """The tool that the saying is about, where it asks for one."""
        return (self.tool.name,) if self.tool and self.label in ("call", "clarify") else ()


@dataclass(frozen=True, slots=True)
class Filled:
    """A frame with its slots filled; `said` is a `Request` where it asks for a call."""

    id: str
    frame: Frame
    said: Said

    @property
    def text(self) -> str:
        """What the user says, all turns, each a sentence."""
        *before, last = self.said.turns[::2]
        return " ".join([*(turn if turn[-1] in ".?!" else f"{turn}." for turn in before), last])

    @property
    def messages(self) -> tuple[Message, ...]:
        return conversation(self.said.turns)


def frames(domains: Sequence[Domain], split: Split) -> Iterator[Frame]:
    """Every saying of a split that stands by itself, in the order of the files."""
    for domain in domains:
        for tool in domain.tools:
            spoken: tuple[tuple[str, TimingLabel, Requests], ...] = (("request", "call", tool.requests), ("clarify", "clarify", tool.clarify))
            for kind, label, requests in spoken:
                for j, saying in enumerate(requests.of(split)):
                    yield Frame(f"{domain.domain}.{tool.name}.{kind}.{split}{j}", domain, tool, saying, label, split)
        talk: tuple[tuple[TimingLabel, Requests], ...] = (("answer", domain.talk.answer), ("unable", domain.talk.unable))
        for label, requests in talk:
            for j, saying in enumerate(requests.of(split)):
                like = domain.by_name[saying.like] if saying.like else None
                yield Frame(f"{domain.domain}.talk.{label}.{split}{j}", domain, like, saying, label, split)


def follow_frames(domains: Sequence[Domain], split: Split) -> Iterator[Frame]:
    """Every saying of a split that leans on the turns before it."""
    for domain in domains:
        for tool in domain.tools:
            for j, saying in enumerate(tool.follow.of(split)):
                yield Frame(f"{domain.domain}.{tool.name}.follow.{split}{j}", domain, tool, saying, "call", split)


def chinese_frames(domains: Sequence[Domain]) -> Iterator[Frame]:
    """Every Chinese request; they stand in the test alone."""
    for domain in domains:
        for tool in domain.tools:
            for j, saying in enumerate(tool.requests.zh):
                yield Frame(f"{domain.domain}.{tool.name}.zh.test{j}", domain, tool, saying, "call", "test")


def fill_frames(found_frames: Iterable[Frame], world: World, fills: int, seed: int) -> list[Filled]:
    """Every frame filled up to `fills` times; one without slots says the same each time and stands once."""
    found = []
    for frame in found_frames:
        source = random.Random(f"{seed}/{frame.id}")
        told: set[tuple[str, ...]] = set()
        for k in range(fills):
            said = concrete(frame, world, source)
            if said.turns not in told:
                told.add(said.turns)
                found.append(Filled(f"{frame.id}.{k}", frame, said))
    return found


def concrete(frame: Frame, world: World, source: random.Random) -> Said:
    """The frame with its slots filled; a `Request` when it asks for a call."""
    if frame.label == "call":
        assert frame.tool is not None
        return fill_request(frame.domain, frame.tool, frame.saying, world, source)
    return fill_text(frame.domain, frame.tool, frame.saying, world, source)


def conversation(turns: Sequence[str]) -> tuple[Message, ...]:
    """Turns that alternate between user and assistant, the user first."""
    return tuple(Message(role="assistant" if i % 2 else "user", content=turn) for i, turn in enumerate(turns))


def frame_of(id_: str) -> str:
    """The frame that an example was filled from."""
    return id_.rsplit(".", 1)[0]


def cluster_of(id_: str) -> str:
    """What an example succeeds or fails together with: the other frames of its tool; its own frame where it is about no tool or a goal."""
    about, kind, _, _ = id_.rsplit(".", 3)
    return about if kind in ("request", "clarify", "follow", "zh") else frame_of(id_)


def evenly(examples: Sequence[E], count: int, seed: int = 0) -> list[E]:
    """At most `count` examples: one of every frame before a second of any, in order of their ids."""
    return sorted(in_turn(examples, seed)[:count], key=lambda example: example.id)


def in_turn(examples: Sequence[E], seed: int = 0) -> list[E]:
    """The examples in a fixed random order: one of every frame before a second of any."""
    order = list(examples)
    random.Random(seed).shuffle(order)
    seen: dict[str, int] = {}
    turns = []
    for example in order:
        frame = frame_of(example.id)
        seen[frame] = seen.get(frame, 0) + 1
        turns.append((seen[frame], example))
    turns.sort(key=lambda pair: pair[0])
    return [example for _, example in turns]
