"""What a language model gets right: selection among frozen candidates, timing, calls.

Selection: candidates are ranked by the likelihood the model gives to the beginning of each one's call, name included. Timing: the four labels are ranked
by likelihood after the fixed instruction. Calls: the model writes, greedily, and the call is parsed and compared. All three see the text
that training saw, rendered by the model's own template.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from toolwright.data.prompts import TIMING_INSTRUCTION
from toolwright.data.render import call_prefix, prompt_ids, require_call_form
from toolwright.models.local import LanguageModel, continuation_log_likelihoods, greedy_answers
from toolwright.types import TIMING_LABELS, CallExample, Message, SelectionExample, TimingExample, Tool

MAX_NEW_TOKENS = 128

Progress = Callable[[Sequence[Any], str], Iterable[Any]]


class Predictor(Protocol):
    """Whatever answers the tests: a model, or a baseline beside it.

    Attributes:
        tokens: read and written so far.
        parameters: of the model, without embeddings.
    """

    tokens: int
    parameters: int

    def rank(self, example: SelectionExample, tools: Sequence[Tool]) -> list[str]:
        """The candidates' names, best first."""
        ...

    def time(self, example: TimingExample, tools: Sequence[Tool]) -> dict[str, float]:
        """A probability for each label."""
        ...

    def answer(self, examples: Sequence[CallExample], tools: Sequence[Sequence[Tool]]) -> list[str]:
        """What is written in answer to each conversation."""
        ...


class ModelPredictor:
    """A language model as it is used: by likelihood and by greedy writing."""

    def __init__(self, lm: LanguageModel) -> None:
        require_call_form(lm.tokenizer)
        self.lm = lm
        self.tokens = 0
        self.parameters: int = lm.model.num_parameters(exclude_embeddings=True)

    def _ids(self, text: str) -> list[int]:
        return list(self.lm.tokenizer(text, add_special_tokens=False)["input_ids"])

    def _likelihoods(self, prompt: list[int], texts: Sequence[str]) -> list[float]:
        continuations = [self._ids(text) for text in texts]
        self.tokens += len(prompt) + sum(map(len, continuations))
        return continuation_log_likelihoods(self.lm, prompt, continuations)

    def rank(self, example: SelectionExample, tools: Sequence[Tool]) -> list[str]:
        prompt = prompt_ids(self.lm.tokenizer, [Message(role="user", content=example.query)], tools)
        scores = self._likelihoods(prompt, [call_prefix(tool.name) for tool in tools])
        return [tool.name for _, tool in sorted(zip(scores, tools, strict=True), key=lambda pair: (-pair[0], pair[1].name))]

    def time(self, example: TimingExample, tools: Sequence[Tool]) -> dict[str, float]:
        messages = [Message(role="system", content=TIMING_INSTRUCTION), *example.messages]
        scores = self._likelihoods(prompt_ids(self.lm.tokenizer, messages, tools), TIMING_LABELS)
        highest = max(scores)
        weights = [math.exp(score - highest) for score in scores]
        return {label: weight / sum(weights) for label, weight in zip(TIMING_LABELS, weights, strict=True)}

    def answer(self, examples: Sequence[CallExample], tools: Sequence[Sequence[Tool]]) -> list[str]:
        prompts = [prompt_ids(self.lm.tokenizer, example.messages, offered) for example, offered in zip(examples, tools, strict=True)]
        written = greedy_answers(self.lm, prompts, MAX_NEW_TOKENS)
        self.tokens += sum(map(len, prompts)) + sum(len(self._ids(text)) for text in written)
        return written


def shuffled_descriptions(tools: Sequence[Tool]) -> list[Tool]:
    """The same tools with their descriptions moved on by one: who reads them is misled, who goes by names is not."""
    return [tool.model_copy(update={"description": tools[(i + 1) % len(tools)].description}) for i, tool in enumerate(tools)]


def offered(tools: Mapping[str, Tool], names: Sequence[str]) -> list[Tool]:
    return [tools[name] for name in names]
