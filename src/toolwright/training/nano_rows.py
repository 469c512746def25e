"""An exercise as a row to train on: tokens, how much each counts, and where a called tool's name comes from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from toolwright.data.render import call_prefix, render
from toolwright.training.nano_exercises import Exercise
from toolwright.training.weights import Weights, token_weights


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation to train on.

    Attributes:
        ids: its tokens.
        weights: how much each counts in the loss; as many as tokens.
        tools: where the name of each tool begins and ends in the list of tools, and where the tool ends; in order.
        links: for each token of a called tool's name, the position before it, and which of the tools it is.
    """

    ids: list[int]
    weights: list[float]
    tools: list[tuple[int, int, int]]
    links: list[tuple[int, int]]


def encode(tokenizer: Any, exercise: Exercise, length: int, name_weight: float, talk_weight: float = 1.0) -> Row:
    """An exercise as the chat template renders it, cut to `length`; called tools' names are linked to where they come from. Weights: see `Weights`."""
    rendered = render(tokenizer, exercise.messages, exercise.tools)
    ids, weights = rendered.ids, token_weights(tokenizer, rendered, Weights(name=name_weight, talk=talk_weight))
    form = tokenizer(call_prefix("x").split("x")[0], add_special_tokens=False)["input_ids"]
    names = [tokenizer(tool.name, add_special_tokens=False)["input_ids"] for tool in exercise.tools]
    listed = ids.index(tokenizer.eos_token_id)  # tools stand in the first message
    sources = [(name, at) for at in range(1, listed) for name in names if ids[at : at + len(name)] == name and _signature(tokenizer, ids, at, len(name))]
    links = []
    for begin in range(len(form), len(ids)):
        if ids[begin - len(form) : begin] == form and weights[begin]:
            which = next(i for i, (name, _) in enumerate(sources) if ids[begin : begin + len(name)] == name and _quoted(tokenizer, ids, begin + len(name)))
            name, _ = sources[which]
            for j in range(len(name)):
                links.append((begin + j - 1, which))
    ends = [at for _, at in sources[1:]] + [listed]
    tools = [(at, at + len(name), end) for (name, at), end in zip(sources, ends, strict=True)]
    return Row(ids[:length], weights[:length], tools, [link for link in links if link[0] + 1 < length])


def _signature(tokenizer: Any, ids: list[int], at: int, size: int) -> bool:
    """Whether the tokens here stand alone in front of a parameter list."""
    return tokenizer.decode(ids[at - 1]).endswith("\n") and tokenizer.decode(ids[at + size]).startswith("(")


def _quoted(tokenizer: Any, ids: list[int], end: int) -> bool:
    return '"' in tokenizer.decode(ids[end])
