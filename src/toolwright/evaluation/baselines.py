"""Predictors that read nothing, beside every model: random, majority and oracle."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from toolwright.data.build import Dataset
from toolwright.types import JSON, TIMING_LABELS, CallExample, SelectionExample, TimingExample, TimingLabel, Tool


class Uniform:
    """Every candidate, label and tool alike; calls have no arguments, since there is nothing to draw them from."""

    tokens = parameters = 0

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def _source(self, id_: str) -> random.Random:
        return random.Random(f"{self.seed}/{id_}")

    def rank(self, example: SelectionExample, tools: Sequence[Tool]) -> list[str]:
        names = sorted(tool.name for tool in tools)
        self._source(example.id).shuffle(names)
        return names

    def time(self, example: TimingExample, tools: Sequence[Tool]) -> dict[str, float]:
        return one_label(self._source(example.id).choice(TIMING_LABELS))

    def answer(self, examples: Sequence[CallExample], tools: Sequence[Sequence[Tool]]) -> list[str]:
        names = [self._source(example.id).choice(sorted(tool.name for tool in offered)) for example, offered in zip(examples, tools, strict=True)]
        return [written_call(name, {}) for name in names]


class Majority:
    """What was commonest in train: tools by how often they were right, the commonest label, the commonest value of each required argument."""

    tokens = parameters = 0

    def __init__(self, data: Dataset) -> None:
        self.tools = Counter(name for example in data.selection("train") for name in example.tools)
        self.label = min(Counter(example.label for example in data.timing("train")).items(), key=lambda pair: (-pair[1], pair[0]))[0]
        self.values: dict[tuple[str, str], Counter[str]] = {}
        for example in data.calls("train"):
            for call in example.calls:
                for argument, accepted in call.arguments.items():
                    self.values.setdefault((call.name, argument), Counter())[json.dumps(accepted[0], sort_keys=True)] += 1

    def _ranked(self, tools: Sequence[Tool]) -> list[Tool]:
        return sorted(tools, key=lambda tool: (-self.tools[tool.name], tool.name))

    def rank(self, example: SelectionExample, tools: Sequence[Tool]) -> list[str]:
        return [tool.name for tool in self._ranked(tools)]

    def time(self, example: TimingExample, tools: Sequence[Tool]) -> dict[str, float]:
        return one_label(self.label)

    def answer(self, examples: Sequence[CallExample], tools: Sequence[Sequence[Tool]]) -> list[str]:
        best = [self._ranked(offered)[0] for offered in tools]
        return [written_call(tool.name, {name: self._value(tool.name, name) for name in tool.required}) for tool in best]

    def _value(self, tool: str, argument: str) -> Any:
        seen = self.values.get((tool, argument))
        return json.loads(min(seen.items(), key=lambda pair: (-pair[1], pair[0]))[0]) if seen else ""


class Oracle:
    """The gold answer: what a perfect predictor scores, and so a test of the scoring."""

    tokens = parameters = 0

    def rank(self, example: SelectionExample, tools: Sequence[Tool]) -> list[str]:
        return sorted((tool.name for tool in tools), key=lambda name: (name not in example.tools, name))

    def time(self, example: TimingExample, tools: Sequence[Tool]) -> dict[str, float]:
        return one_label(example.label)

    def answer(self, examples: Sequence[CallExample], tools: Sequence[Sequence[Tool]]) -> list[str]:
        return [
            "\n".join(written_call(call.name, {name: accepted[0] for name, accepted in call.arguments.items()}) for call in example.calls)
            for example in examples
        ]


def one_label(label: TimingLabel) -> dict[str, float]:
    """All probability on one label."""
    return {each: float(each == label) for each in TIMING_LABELS}


def written_call(name: str, arguments: JSON) -> str:
    """A call as a model would write it."""
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"
