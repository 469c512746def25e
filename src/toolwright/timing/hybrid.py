"""The decider in stages: rules where they are sure, the classifier where it is sure, a chat model in between

How sure is sure enough is fitted (`fit_bands`): for each stage the lowest confidence from which on it is right at least as often as the stages after
it, so that the whole is never worse than its last stage on what it was fitted on. Each decision names its stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from toolwright.timing.protocol import TimingDecider, check_input
from toolwright.types import Decision, InputError, Message, TimingLabel, Tool


@dataclass(frozen=True, slots=True)
class Stage:
    """A decider and the confidence from which on its word is taken."""

    decider: TimingDecider
    sure: float


class HybridDecider:
    """Asks one stage after another until one is sure; the last decides in any case.

    Args:
        stages: the cheapest first; at least one.
    """

    name = "hybrid"

    def __init__(self, stages: Sequence[Stage]) -> None:
        if not stages:
            raise InputError("a hybrid needs at least one stage; got none")
        self.stages = tuple(stages)

    def decide(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Decision:
        check_input(messages)
        for stage in self.stages[:-1]:
            decision = stage.decider.decide(messages, tools)
            if decision.confidence >= stage.sure:
                return replace(decision, stage=stage.decider.name)
        last = self.stages[-1].decider
        return replace(last.decide(messages, tools), stage=last.name)


def fit_bands(decisions: Sequence[Sequence[Decision]], gold: Sequence[TimingLabel]) -> list[float]:
    """The confidence from which on each stage is taken, given every stage's decisions on the same cases.

    From the last stage but one to the first: among all thresholds that leave the accuracy of the whole at its highest, the lowest, so that as few cases as can
    be go on to dearer stages. A stage that never helps gets a threshold above 1.

    Args:
        decisions: of each stage, the cheapest first, shape (stages, cases).
        gold: the right outcome of each case.
    """
    if not decisions or any(len(row) != len(gold) for row in decisions) or not gold:
        raise InputError(f"bands need decisions of every stage for every case; got {[len(row) for row in decisions]} for {len(gold)} cases")
    later = [decision.outcome == label for decision, label in zip(decisions[-1], gold, strict=True)]
    bands = [0.0]
    for row in reversed(decisions[:-1]):
        right = [decision.outcome == label for decision, label in zip(row, gold, strict=True)]
        order = sorted(range(len(gold)), key=lambda i: -row[i].confidence)
        best, band, gained = 0, 1.1, 0
        for rank, i in enumerate(order):
            gained += right[i] - later[i]
            last_of_its_confidence = rank + 1 == len(order) or row[order[rank + 1]].confidence < row[i].confidence
            if last_of_its_confidence and gained >= best:
                best, band = gained, row[i].confidence
        later = [right[i] if row[i].confidence >= band else later[i] for i in range(len(gold))]
        bands.insert(0, band)
    return bands
