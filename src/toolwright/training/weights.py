"""How much each trained token counts in the loss.

Half of what an assistant writes in a dialogue is plain words, and nearly three quarters of the loss of a small model lie there; whether to call at all, and
which tool, is one token in ten, and what tool use is judged by. Weights other than one move the training to where it is judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from toolwright.data.render import Rendered
from toolwright.types import InputError

NAME = re.compile(r'<tool_call>\s*\{"name": "([^"]*)"')


@dataclass(frozen=True, slots=True)
class Weights:
    """What a token counts by what it is; arguments and the form of calls, and the end of a turn, always count 1.

    Attributes:
        decision: the first token of a turn: it settles whether a tool is called, or is the answer where an answer is one word.
        name: the name of a called tool.
        talk: what a turn without calls says after its first token.
    """

    decision: float = 1.0
    name: float = 1.0
    talk: float = 1.0

    def __post_init__(self) -> None:
        for kind in ("decision", "name", "talk"):
            if getattr(self, kind) < 0:
                raise InputError(f"weight of {kind} is {getattr(self, kind)!r}; expected 0 or more")


def token_weights(tokenizer: Any, rendered: Rendered, weights: Weights) -> list[float]:
    """The weight of each token of a conversation, 0 where it is not trained on; as many as tokens."""
    found = [float(trained) for trained in rendered.trained]
    if weights == Weights():
        return found
    for begin, end in _turns(rendered.trained):
        pieces = [tokenizer.decode([token]) for token in rendered.ids[begin:end]]
        text = "".join(pieces)
        starts = [0, *accumulate(len(piece) for piece in pieces)][: len(pieces)]
        names = [match.span(1) for match in NAME.finditer(text)]
        for i, start in enumerate(starts):
            if i == 0:
                found[begin] = weights.decision
            elif any(first <= start < last for first, last in names):
                found[begin + i] = weights.name
            elif not names and begin + i < end - 1:
                found[begin + i] = weights.talk
    return found


def _turns(trained: list[bool]) -> list[tuple[int, int]]:
    """Runs of trained tokens."""
    edges = [i for i in range(len(trained) + 1) if (i > 0 and trained[i - 1]) != (i < len(trained) and trained[i])]
    return list(zip(edges[::2], edges[1::2], strict=True))
