"""`toolwright train decider`: the timing classifier on labelled conversations, and on calls among tools that are not what they were

A conversation that wants a call becomes one that nothing can serve when its tool is not at hand (`unable`), and one to ask back in when the tool needs
something that nobody said (`clarify`). The same words under three labels teach the classifier to read the tools rather than to know by heart how such
requests sound (counterfactual augmentation: Kaushik et al., 2020).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwright.encoders import load_encoder
from toolwright.timing.classifier import EQUAL, ClassifierDecider, Costs
from toolwright.timing.fitting import FitSettings, Told
from toolwright.timing.network import Head
from toolwright.types import CallExample, TimingExample, TimingLabel, Tool

FOUNDATION_FILLS = 2  # of each of their sentences


@dataclass(frozen=True, slots=True)
class DeciderSettings:
    """What `toolwright train decider` can be told.

    Attributes:
        encoder: by the names of `encoders.load_encoder`.
        hidden: width of the head.
        dropout: share of the head that is left out in training.
        epochs: passes over the examples.
        batch: pages in a step.
        rate: highest learning rate of the encoder.
        head_rate: of the head.
        bfloat16: whether products are computed in bfloat16.
        calls: calls that are shown as they are, with a tool that needs more, and without their tool, at most.
        foundation: conversations with the foundation services that are added.
        seed: of everything drawn.
    """

    encoder: str = "minilm"
    hidden: int = 256
    dropout: float = 0.1
    epochs: int = 4
    batch: int = 32
    rate: float = 1e-4
    head_rate: float = 1e-3
    bfloat16: bool = True
    calls: int = 2000
    foundation: int = 0
    seed: int = 0


def train_decider(
    settings: DeciderSettings,
    tools: Mapping[str, Tool],
    examples: Sequence[TimingExample],
    held_out: Sequence[TimingExample],
    calls: Sequence[CallExample],
    out: Path,
    costs: Costs = EQUAL,
    told: Callable[[str], Told] = lambda stage: lambda done, total, word: None,
) -> ClassifierDecider:
    """Fit, calibrate and save a classifier into `out`, and load it from there; cut off, it goes on from its checkpoint."""
    ways, made = in_three_ways(calls, examples, tools, settings.calls, settings.seed)
    foundation, more = of_foundation(settings.foundation, settings.seed) if settings.foundation else ([], {})
    chosen, tools = [*examples, *ways, *foundation], {**more, **made, **tools}
    how = FitSettings(settings.epochs, settings.batch, settings.rate, settings.head_rate, bfloat16=settings.bfloat16, seed=settings.seed)
    head = Head(settings.hidden, settings.dropout)
    ClassifierDecider(costs).fit(chosen, held_out, tools, load_encoder(settings.encoder), out, head, how, told).save(out)
    return ClassifierDecider.load(out)


def in_three_ways(
    calls: Sequence[CallExample], examples: Sequence[TimingExample], tools: Mapping[str, Tool], count: int, seed: int
) -> tuple[list[TimingExample], dict[str, Tool]]:
    """Conversations that want one call, as they are (`call`), with a tool that needs something more which nobody said (`clarify`) and without it (`unable`).

    As many tools stand beside as the timing examples have; fillers come from other categories, so that nothing else serves. What is needed more is a
    parameter of the tool that the call leaves out; calls that leave out none have two ways. Conversations of the timing examples are not repeated as
    they are.

    Returns:
        The examples, and the tools that were made for them, by the names they have there.
    """
    source = random.Random(seed)
    same = {example.id: example.tools for example in examples}
    shown = sorted({name for example in examples for name in example.tools})
    size = max((len(example.tools) for example in examples), default=0)
    single = sorted((call for call in calls if len(call.calls) == 1), key=lambda call: call.id)
    source.shuffle(single)
    found, made = [], {}
    for call in single[:count]:
        gold = tools[call.calls[0].name]
        beside = [name for name in same.get(call.id, call.tools) if name != gold.name]
        away = [name for name in shown if tools[name].extras.get("category") != gold.extras.get("category") and name not in beside]
        beside += source.sample(away, min(len(away), max(0, size - len(beside))))
        ways: dict[TimingLabel, list[str]] = {"unable": list(beside)}
        if call.id not in same:
            ways["call"] = [gold.name, *beside[: size - 1]]
        if left_out := [name for name in gold.properties if name not in gold.required and name not in call.calls[0].arguments]:
            more = source.choice(left_out)
            made[f"{gold.name} needing {more}"] = gold.model_copy(update={"parameters": {**gold.parameters, "required": [*gold.required, more]}})
            ways["clarify"] = [f"{gold.name} needing {more}", *beside[: size - 1]]
        for label, offered in ways.items():
            source.shuffle(offered)
            found.append(TimingExample(id=f"{call.id}.{label}", messages=call.messages, tools=tuple(offered), label=label, tags=call.tags))
    return found, made


def of_foundation(count: int, seed: int) -> tuple[list[TimingExample], dict[str, Tool]]:
    """Labelled conversations with the foundation services, which nothing is tested on, and their tools."""
    from toolwright.data.agent_benchmark import Material, build_timing
    from toolwright.world.engine import World
    from toolwright.world.load import load_domains

    domains = [domain for domain in load_domains() if domain.part == "foundation"]
    world = World(domains, seed)
    return build_timing(Material.gather(domains, world, "train", FOUNDATION_FILLS, seed), count), dict(world.tools)
