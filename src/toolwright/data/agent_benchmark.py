"""agent_benchmark: selection, timing and calls from what people say in the domain files; `agent_plans` makes the fourth, planning.

A selection request has one gold tool, or two where two requests stand in one message, or as many as a goal's plan needs, or none where nothing in the catalogue
serves. Timing has as many of each label at every length, so that length says nothing. Candidates are hard: the tools of the same domain whose
words fit best, others of the domain, some of elsewhere, in seeded order.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from toolwright.data.fill import Request, UnfillableError, fill_follow
from toolwright.data.frames import E, Filled, chinese_frames, conversation, evenly, fill_frames, follow_frames, frames, in_turn
from toolwright.data.offers import CANDIDATES, Offers
from toolwright.data.reports import report
from toolwright.types import (
    TIMING_LABELS,
    CallExample,
    ExpectedCall,
    Message,
    PlanExample,
    SelectionExample,
    Split,
    TimingExample,
    TimingLabel,
)
from toolwright.world.engine import World
from toolwright.world.spec import Domain, Saying

CALL_TOOLS = 5
LENGTH_CLASS = 8  # characters; timing examples of like length are as many of each label
MOST_GOLD = 4  # tools of a selection request
SELECTION_SHARES = {"one": 0.80, "two": 0.08, "goal": 0.07, "none": 0.05}
CALL_SHARES = {"one": 0.85, "two": 0.15}
JOINTS = (" And ", " Also, ", " Oh, and ", " Besides: ", " ")


@dataclass(frozen=True, slots=True)
class Material:
    """The filled sentences of one split, and what is needed to make examples of them."""

    domains: Sequence[Domain]
    world: World
    offers: Offers
    split: Split
    seed: int
    filled: list[Filled]

    @classmethod
    def gather(cls, domains: Sequence[Domain], world: World, split: Split, fills: int, seed: int) -> Material:
        """Fill every frame of a split up to `fills` times."""
        return cls(domains, world, Offers(world, split), split, seed, fill_frames(frames(domains, split), world, fills, seed))

    def source(self, *what: str) -> random.Random:
        return random.Random("/".join((str(self.seed), self.split, *what)))

    def offer(self, one: Filled, size: int = CANDIDATES) -> tuple[str, ...]:
        frame = one.frame
        return self.offers.offer(frame.domain.domain, frame.gold, one.said.turns[-1], self.source(one.id, str(size)), size, frame.saying.elsewhere)


def build_selection(material: Material, plans: Sequence[PlanExample], size: int) -> list[SelectionExample]:
    """Requests and the tools that serve them, at most `size`, in the shares of `SELECTION_SHARES`."""
    parts: dict[str, list[SelectionExample]] = {"one": [], "two": [], "goal": [], "none": []}
    for one in material.filled:
        frame = one.frame
        if len(one.said.turns) == 1 and (frame.label == "call" or (frame.label == "unable" and not frame.saying.elsewhere)):
            example = SelectionExample(id=one.id, query=one.text, tools=frame.gold, candidates=material.offer(one), tags=frame.tags)
            parts["one" if frame.gold else "none"].append(example)
    for first, second, text in _pairs(material):
        gold = (*first.frame.gold, *second.frame.gold)
        id_ = f"{first.frame.id}&{second.frame.id}.0"
        offered = material.offers.offer(first.frame.domain.domain, gold, text, material.source(id_))
        parts["two"].append(SelectionExample(id=id_, query=text, tools=gold, candidates=offered, tags=(*_shared_tags(first, second), "several_tools")))
    for plan in plans:
        gold = tuple(dict.fromkeys(step.tool for step in plan.steps))
        if len(gold) <= MOST_GOLD:
            offered = material.offers.offer(material.offers.domain_of[gold[0]], gold, plan.goal, material.source(plan.id))
            parts["goal"].append(SelectionExample(id=plan.id, query=plan.goal, tools=gold, candidates=offered, tags=(*plan.tags, "several_tools", "goal")))
    chosen = _shared_out(parts, SELECTION_SHARES, size)
    return chosen + (_in_chinese(material) if material.split == "test" else [])


def _in_chinese(material: Material) -> list[SelectionExample]:
    """Chinese requests, in the test beyond its size: every tool that has one, once."""
    filled = fill_frames(chinese_frames(material.domains), material.world, 1, material.seed)
    return [SelectionExample(id=one.id, query=one.text, tools=one.frame.gold, candidates=material.offer(one), tags=(*one.frame.tags, "zh")) for one in filled]


def build_timing(material: Material, size: int) -> list[TimingExample]:
    """Conversations and what the next turn should be, at most `size`, as many of each label at every length."""
    by_label: dict[TimingLabel, list[TimingExample]] = {label: [] for label in TIMING_LABELS}
    for one in material.filled:
        label = one.frame.label
        by_label[label].append(TimingExample(id=one.id, messages=one.messages, tools=material.offer(one), label=label, tags=one.frame.tags))
    by_label["call"] += _leaning(material)
    return _balanced(by_label, size, material.seed)


def build_calls(material: Material, size: int) -> list[CallExample]:
    """Conversations and the calls that answer them, one or two, at most `size`."""
    parts: dict[str, list[CallExample]] = {"one": [], "two": []}
    for one in material.filled:
        if isinstance(one.said, Request):
            offered = material.offer(one, CALL_TOOLS)
            parts["one"].append(CallExample(id=one.id, messages=one.messages, tools=offered, calls=(expected(one.said),), tags=one.frame.tags))
    for first, second, text in _pairs(material):
        assert isinstance(first.said, Request)
        assert isinstance(second.said, Request)
        id_ = f"{first.frame.id}&{second.frame.id}.0"
        gold = (*first.frame.gold, *second.frame.gold)
        offered = material.offers.offer(first.frame.domain.domain, gold, text, material.source(id_, "calls"), CALL_TOOLS + 1)
        calls = (expected(first.said), expected(second.said))
        tags = (*_shared_tags(first, second), "parallel")
        parts["two"].append(CallExample(id=id_, messages=(Message(role="user", content=text),), tools=offered, calls=calls, tags=tags))
    return _shared_out(parts, CALL_SHARES, size)


def expected(request: Request) -> ExpectedCall:
    """The call that a request asks for."""
    return ExpectedCall(name=request.call.name, arguments={name: [value] for name, value in request.call.arguments.items()}, copied=request.copied)


def joined(first: str, second: str, saying: Saying, source: random.Random) -> str:
    """Two requests as one message; `saying` is what the second was filled from: a name at its beginning keeps its capital."""
    joint = source.choice(JOINTS)
    keep = saying.turns[0].startswith(("{", "I ", "I'")) or second.split(maxsplit=1)[0].isupper() or not second[0].isalpha() or joint == " "
    return (first if first[-1] in ".!?" else first + ".") + joint + (second if keep else second[0].lower() + second[1:])


def _pairs(material: Material) -> list[tuple[Filled, Filled, str]]:
    """Two requests of one domain in one message, each first request once."""
    single = [one for one in material.filled if one.frame.label == "call" and len(one.said.turns) == 1 and one.id.endswith(".0")]
    by_domain: dict[str, list[Filled]] = {}
    for one in single:
        by_domain.setdefault(one.frame.domain.domain, []).append(one)
    pairs = []
    for one in single:
        source = material.source(one.id, "pair")
        others = [other for other in by_domain[one.frame.domain.domain] if other.frame.tool is not one.frame.tool]
        if others:
            other = source.choice(others)
            pairs.append((one, other, joined(one.text, other.text, other.frame.saying, source)))
    return pairs


def _shared_tags(first: Filled, second: Filled) -> tuple[str, ...]:
    """Tags of two requests together: seen only if both are."""
    seen = {"seen_tools", "unseen_tools"}
    both = ("unseen_tools",) if "unseen_tools" in (*first.frame.tags, *second.frame.tags) else ("seen_tools",)
    return (*both, *(tag for tag in first.frame.tags if tag not in seen))


def _leaning(material: Material) -> list[TimingExample]:
    """Requests whose missing argument was said in the turns before."""
    before: dict[str, list[Filled]] = {}
    for one in material.filled:
        if isinstance(one.said, Request) and len(one.said.turns) == 1:
            before.setdefault(one.frame.domain.domain, []).append(one)
    found = []
    for frame in follow_frames(material.domains, material.split):
        source = material.source(frame.id)
        known = before.get(frame.domain.domain, [])
        for one in source.sample(known, min(20, len(known))):
            assert frame.tool is not None
            assert one.frame.tool is not None
            assert isinstance(one.said, Request)
            with material.world.trial():
                material.world.call(one.said.call)
                try:
                    said = fill_follow(frame.domain, frame.tool, frame.saying, one.said, material.world, source)
                except UnfillableError:  # the call before knows nothing of what this wants, or rules it out
                    continue
            told = Message(role="assistant", content=report(one.frame.tool, one.said, material.world))
            messages = (*one.messages, told, *conversation(said.turns))
            offered = material.offers.offer(frame.domain.domain, frame.gold, said.turns[-1], source)
            found.append(TimingExample(id=f"{frame.id}.0", messages=messages, tools=offered, label="call", tags=(*frame.tags, "follow_up")))
            break
    return found


def _balanced(by_label: Mapping[TimingLabel, Sequence[TimingExample]], size: int, seed: int) -> list[TimingExample]:
    """As many of each label in every class of length, at most `size`, frames as even as they go."""
    classes: dict[int, dict[TimingLabel, list[TimingExample]]] = {}
    for label, examples in by_label.items():
        for example in in_turn(examples, seed):
            length = sum(len(message.content) for message in example.messages)
            classes.setdefault(length // LENGTH_CLASS, {}).setdefault(label, []).append(example)
    rows = []
    for members in classes.values():
        for rank, row in enumerate(zip(*(members.get(label, []) for label in by_label), strict=False)):
            rows.append((rank, row))
    random.Random(seed).shuffle(rows)
    rows.sort(key=lambda pair: pair[0])
    chosen = [example for _, row in rows[: size // len(by_label)] for example in row]
    return sorted(chosen, key=lambda example: example.id)


def _shared_out(parts: Mapping[str, Sequence[E]], shares: Mapping[str, float], size: int) -> list[E]:
    """At most `size` examples in these shares; the part with the largest share says how many there can be."""
    largest = max(shares, key=lambda name: shares[name])
    size = min(size, round(len(parts[largest]) / shares[largest]))
    chosen = [example for name, share in shares.items() for example in evenly(parts[name], round(share * size))]
    return sorted(chosen, key=lambda example: example.id)
