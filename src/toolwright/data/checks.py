"""What must hold of domain files and their data; every offender is named."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence

from toolwright.data.fill import UnfillableError, fill_request
from toolwright.data.frames import Frame, frames
from toolwright.data.reports import told_list
from toolwright.types import Split
from toolwright.world.engine import World
from toolwright.world.goals import SLOT
from toolwright.world.spec import Domain, Saying, ToolSpec

SPLITS: tuple[Split, ...] = ("train", "dev", "test")
LEAST: dict[Split, int] = {"train": 5, "dev": 1, "test": 2}
FUNCTION_WORDS = frozenset(
    "a an the of to in on for from with by at is are it this that and or not no be as any all one only when than its if into out up per whose who which "
    "what does do use has have can will their there before after i me my we our you your he she they them him her please".split()
)


def masked(saying: Saying) -> str:
    """The text with slots as blanks, in lower case: what must not stand in two splits."""
    return SLOT.sub("_", " ".join(saying.turns)).lower()


def domain_offenders(domains: Sequence[Domain], world: World) -> Iterator[str]:
    """Problems of the domain files that only running and counting show."""
    for domain in domains:
        for tool in domain.tools:
            yield from _tool_offenders(domain, tool, world)
        openings = Counter(" ".join(tool.description.lower().split()[:4]) for tool in domain.tools)
        yield from (f"{domain.domain}: {count} descriptions open with {opening!r}" for opening, count in openings.items() if count > 1)
    yield from _shared_sentences(domains)
    yield from _trained_on_unseen(domains)


def _trained_on_unseen(domains: Sequence[Domain]) -> Iterator[str]:
    """Goals and sequels of train and dev that use tools which stand in test alone, their own domain's or another's."""
    unseen = {tool.name for domain in domains for tool in domain.tools if domain.is_unseen(tool)}
    for domain in domains:
        told = {f"{split}[{i}]": goal.steps for split in ("train", "dev") for i, goal in enumerate(getattr(domain.goals, split))}
        told |= {sequel.name: sequel.steps for sequel in domain.goals.sequels if sequel.train or sequel.dev}
        for name, steps in told.items():
            yield from (f"{domain.domain}: goal {name} uses the unseen tool {step.tool!r}" for step in steps.values() if step.tool in unseen)


def _shared_sentences(domains: Sequence[Domain]) -> Iterator[str]:
    """Sentences that stand in two splits, or twice in one domain. Whatever a foundation domain says counts as train: `nano` has read it."""
    seen: dict[str, Frame] = {}
    for split in SPLITS:
        for frame in frames(domains, split):
            text = masked(frame.saying)
            other = seen.setdefault(text, frame)
            if other is not frame and (read_split(other) != read_split(frame) or other.domain is frame.domain):
                yield f"{frame.id}: stands already as {other.id}: {text!r}"


def read_split(frame: Frame) -> Split:
    return "train" if frame.domain.part == "foundation" else frame.split


def _tool_offenders(domain: Domain, tool: ToolSpec, world: World) -> Iterator[str]:
    here = f"{domain.domain}.{tool.name}"
    source = random.Random(here)
    for split in SPLITS:
        sayings = tool.requests.of(split)
        least = (0 if split != "test" else sum(LEAST.values())) if tool.unseen else LEAST[split]
        if len(sayings) < least:
            yield f"{here}: {len(sayings)} requests under {split}; at least {least}"
        for saying in sayings:
            try:
                fill_request(domain, tool, saying, world, source)
            except UnfillableError as error:
                yield f"{here}: {error}"
    known = set(tool.returns) | set(tool.parameters)
    yield from (f"{here}: reply names {slot!r}, neither returned nor a parameter" for slot, _ in SLOT.findall(tool.reply) if slot not in known)
    if tool.each is not None:
        told = told_list(tool)
        items = set(tool.returns[told]["list"]) if told else set()
        if not told:
            yield f"{here}: `each` tells the items of a list, but the reply names none of the answer's"
        yield from (f"{here}: each names {slot!r}; an item has {', '.join(sorted(items))}" for slot, _ in SLOT.findall(tool.each) if told and slot not in items)
    if tool.clarify.train:
        yield from (f"{here}: parameter {name!r} has no `ask`" for name in domain.required(tool) if not tool.parameters[name].ask)


def share_without_shared_words(domains: Sequence[Domain]) -> float:
    """Share of requests that have no content word (by its first five letters) in common with their tool's name or description."""
    free = total = 0
    for domain in domains:
        for tool in domain.tools:
            own = stems(f"{tool.name} {tool.description}")
            for split in SPLITS:
                for saying in tool.requests.of(split):
                    total += 1
                    free += not own & stems(SLOT.sub(" ", " ".join(saying.turns)))
    return free / total


def stems(text: str) -> set[str]:
    """Content words by their first five letters; identifiers are split."""
    plain = re.sub(r"([a-z])([A-Z])", r"\1 \2", text).lower()
    return {word[:5] for word in re.findall(r"[a-z]+", plain) if word not in FUNCTION_WORDS and len(word) > 2}
