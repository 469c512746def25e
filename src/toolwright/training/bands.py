"""`toolwright train bands`: from which confidence on each stage of a hybrid decider is taken at its word."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolwright.timing.hybrid import fit_bands
from toolwright.timing.protocol import TimingDecider
from toolwright.types import Decision, TimingExample, Tool


@dataclass(frozen=True, slots=True)
class Bands:
    """The confidence from which on each stage decides, the share of cases it then decides, and how often each stage alone, and all together, are right."""

    sure: tuple[float, ...]
    shares: tuple[float, ...]
    alone: tuple[float, ...]
    together: float


def train_bands(
    deciders: Sequence[TimingDecider],
    examples: Sequence[TimingExample],
    tools: Mapping[str, Tool],
    progress: Callable[[Sequence[Any], str], Iterable[Any]] = lambda items, stage: items,
) -> Bands:
    """Let every stage decide every case, and fit the bands; use cases that no stage was trained on."""
    gold = [example.label for example in examples]
    rows: list[list[Decision]] = []
    for decider in deciders:
        rows.append([decider.decide(example.messages, [tools[name] for name in example.tools]) for example in progress(examples, decider.name)])
    sure = fit_bands(rows, gold)
    last = len(rows) - 1
    stages = [next((s for s in range(last) if rows[s][i].confidence >= sure[s]), last) for i in range(len(gold))]
    alone = tuple(sum(decision.outcome == label for decision, label in zip(row, gold, strict=True)) / len(gold) for row in rows)
    together = sum(rows[stage][i].outcome == gold[i] for i, stage in enumerate(stages)) / len(gold)
    return Bands(tuple(sure), tuple(stages.count(s) / len(gold) for s in range(len(rows))), alone, together)
