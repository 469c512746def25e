"""agent_benchmark: selection, timing and call examples from what people say in the domain files.

Splits are by phrasing (a sentence frame stands in one split only) and by tool (an unseen tool has test sentences alone). Each sentence is filled several
times from the world's rows; an id is `domain.tool.kind.frame.fill`, so what comes from one sentence shares all but the last part. Candidates
are hard: the tools of the same domain whose words fit the sentence best, others of the domain, some of elsewhere, in seeded order.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field

from toolwright.data.fill import Request, Said, fill_request, fill_text
from toolwright.selection.keyword import KeywordSelector
from toolwright.types import (
    CallExample,
    ExpectedCall,
    InputError,
    Message,
    SelectionExample,
    Split,
    TimingExample,
    TimingLabel,
)
from toolwright.world.engine import World
from toolwright.world.spec import Domain, Requests, Saying, ToolSpec

CANDIDATES = 10
CALL_TOOLS = 5
LENGTH_CLASS = 8  # characters; timing examples of like length are as many of each label, so that length says nothing


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
        return (*seen, f"domain_{self.domain.domain}")


@dataclass(frozen=True, slots=True)
class Benchmark:
    """The examples of one split."""

    selection: list[SelectionExample] = field(default_factory=list)
    timing: list[TimingExample] = field(default_factory=list)
    calls: list[CallExample] = field(default_factory=list)


def frames(domains: Sequence[Domain], split: Split) -> Iterator[Frame]:
    """Every saying of a split, in the order of the files."""
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


class Offers:
    """Which tools stand beside the right one.

    Args:
        world: the catalogue.
    """

    def __init__(self, world: World) -> None:
        self.keyword = KeywordSelector().fit(list(world.tools.values()))
        self.domain_of = {tool.name: domain.domain for domain in world.domains for tool in domain.tools}
        self.domains = set(self.domain_of.values())
        self.names = sorted(world.tools)

    def offer(self, domain: str, gold: Sequence[str], text: str, size: int, source: random.Random, never: Collection[str] = ()) -> tuple[str, ...]:
        """`size` tools in random order: the gold ones, a third hard, a third of the same domain, the rest of anywhere but the domains `never`."""
        near = [name for name in self.names if self.domain_of[name] == domain and name not in gold]
        free = size - len(gold)
        hard = self.keyword.select(text, free // 3, near).names
        others = [name for name in near if name not in hard]
        same = source.sample(others, min(len(others), free // 3))
        taken = {*gold, *hard, *same}
        away = {domain, *never} if len(self.domains) > 1 else set(never)
        rest = [name for name in self.names if name not in taken and self.domain_of[name] not in away]
        missing = free - len(hard) - len(same)
        if missing > len(rest):
            raise InputError(f"{size} candidates wanted, but a world of {len(self.names)} tools has too few")
        offered = [*gold, *hard, *same, *source.sample(rest, missing)]
        source.shuffle(offered)
        return tuple(offered)


def conversation(turns: Sequence[str]) -> tuple[Message, ...]:
    """Turns that alternate between user and assistant, the user first."""
    return tuple(Message(role="assistant" if i % 2 else "user", content=turn) for i, turn in enumerate(turns))


def concrete(frame: Frame, world: World, source: random.Random) -> Said:
    """The frame with its slots filled; a `Request` when it asks for a call."""
    if frame.label == "call":
        assert frame.tool is not None
        return fill_request(frame.domain, frame.tool, frame.saying, world, source)
    return fill_text(frame.domain, frame.tool, frame.saying, world, source)


def build_split(domains: Sequence[Domain], world: World, split: Split, fills: int, seed: int) -> Benchmark:
    """The examples of one split: every frame `fills` times for selection and calls, and timing balanced over its four labels."""
    benchmark = Benchmark()
    offers = Offers(world)
    by_label: dict[TimingLabel, list[TimingExample]] = {"call": [], "answer": [], "clarify": [], "unable": []}
    for frame in frames(domains, split):
        source = random.Random(f"{seed}/{frame.id}")
        told: set[tuple[str, ...]] = set()
        for k in range(fills):
            said = concrete(frame, world, source)
            id_, turns = f"{frame.id}.{k}", said.turns
            if turns in told:  # a sentence without slots says the same each time
                continue
            told.add(turns)
            gold = [frame.tool.name] if frame.tool and frame.label in ("call", "clarify") else []
            offered = offers.offer(frame.domain.domain, gold, turns[-1], CANDIDATES, source, frame.saying.elsewhere)
            by_label[frame.label].append(TimingExample(id=id_, messages=conversation(turns), tools=offered, label=frame.label, tags=frame.tags))
            if not isinstance(said, Request):
                continue
            query = " ".join(turns[::2])
            benchmark.selection.append(SelectionExample(id=id_, query=query, tools=tuple(gold), candidates=offered, tags=frame.tags))
            few = offers.offer(frame.domain.domain, gold, turns[-1], CALL_TOOLS, source)
            expected = ExpectedCall(name=said.call.name, arguments={name: [value] for name, value in said.call.arguments.items()}, copied=said.copied)
            benchmark.calls.append(CallExample(id=id_, messages=conversation(turns), tools=few, calls=(expected,), tags=frame.tags))
    benchmark.timing.extend(_balanced(by_label, seed))
    return benchmark


def _balanced(by_label: dict[TimingLabel, list[TimingExample]], seed: int) -> list[TimingExample]:
    """As many of each label in every class of length, frames as even as they go: one fill of every frame before a second of any."""
    classes: dict[int, dict[TimingLabel, list[TimingExample]]] = {}
    for label, examples in by_label.items():
        order = examples[:]
        random.Random(f"{seed}/{label}").shuffle(order)
        order.sort(key=lambda example: int(example.id.rsplit(".", 1)[1]))
        for example in order:
            length = sum(len(message.content) for message in example.messages)
            classes.setdefault(length // LENGTH_CLASS, {}).setdefault(label, []).append(example)
    chosen: list[TimingExample] = []
    for members in classes.values():
        least = min(len(members.get(label, ())) for label in by_label)
        chosen.extend(example for label in by_label for example in members.get(label, ())[:least])
    return sorted(chosen, key=lambda example: example.id)
