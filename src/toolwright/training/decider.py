"""`toolwright train decider`: the timing classifier on agent_benchmark's conversations, and on calls whose tool has been taken away

A conversation that wants a call becomes one that nothing can serve when its tool is not at hand: `unable`. Such pairs teach the classifier to read the
tools rather than to know by heart how such requests sound.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwright.encoders import load_encoder
from toolwright.timing.classifier import EQUAL, ClassifierDecider, Costs
from toolwright.timing.fitting import FitSettings
from toolwright.timing.network import Shape
from toolwright.timing.reading import Told
from toolwright.types import CallExample, TimingExample, Tool


@dataclass(frozen=True, slots=True)
class DeciderSettings:
    """What `toolwright train decider` can be told.

    Attributes:
        encoder: by the names of `encoders.load_encoder`.
        width: of the network.
        layers: of the network.
        heads: of its attention.
        dropout: share of what is left out in training.
        epochs: passes over the examples.
        batch: pages in a step.
        rate: highest learning rate.
        decay: weight decay.
        without_tool: calls whose tool is taken away, at most.
        seed: of everything drawn.
    """

    encoder: str = "minilm"
    width: int = 128
    layers: int = 2
    heads: int = 4
    dropout: float = 0.15
    epochs: int = 12
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.05
    without_tool: int = 2000
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
    """Fit, calibrate and save a classifier into `out`; cut off, it goes on from what is kept there."""
    chosen = [*examples, *without_tool(calls, examples, tools, settings.without_tool, settings.seed)]
    encoder = load_encoder(settings.encoder)
    shape = Shape(encoder.dimension, settings.width, settings.layers, settings.heads, settings.dropout)
    how = FitSettings(settings.epochs, settings.batch, settings.rate, settings.decay, seed=settings.seed)
    decider = ClassifierDecider(encoder, costs).fit(chosen, held_out, tools, out, shape, how, told)
    decider.save(out)
    return decider


def without_tool(calls: Sequence[CallExample], examples: Sequence[TimingExample], tools: Mapping[str, Tool], count: int, seed: int) -> list[TimingExample]:
    """Conversations that want one call, with as many tools as the timing examples have, but not the one called: `unable`.

    The tools are those of the timing example of the same name, where there is one, and fillers come from other categories, so that nothing else serves.
    """
    source = random.Random(seed)
    same = {example.id: example.tools for example in examples}
    shown = sorted({name for example in examples for name in example.tools})
    size = max((len(example.tools) for example in examples), default=0)
    single = sorted((call for call in calls if len(call.calls) == 1), key=lambda call: call.id)
    source.shuffle(single)
    found = []
    for call in single[:count]:
        gold = call.calls[0].name
        offered = [name for name in same.get(call.id, call.tools) if name != gold]
        away = [name for name in shown if tools[name].extras.get("category") != tools[gold].extras.get("category") and name not in offered]
        offered += source.sample(away, min(len(away), max(0, size - len(offered))))
        source.shuffle(offered)
        found.append(TimingExample(id=f"{call.id}.without", messages=call.messages, tools=tuple(offered), label="unable", tags=call.tags))
    return found
