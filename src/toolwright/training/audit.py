"""The mask audit: what exactly is trained on, looked at before the first step.

It stores for a few dialogues, role by role, which text is trained; counts the dialogues that were cut to the row length and those left with nothing
to learn; and refuses to start when more than 1 % are empty or no end-of-turn token is trained, which would make a model that never stops.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from toolwright.data.render import Rendered
from toolwright.types import JSON, InputError

EMPTY_LIMIT = 0.01
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Audit:
    """Counts over all dialogues, and `samples`: for each, its pieces of text with whether they are trained."""

    dialogues: int
    truncated: int
    emptied: int
    tokens: int
    trained_tokens: int
    samples: list[list[JSON]]

    def to_json(self) -> JSON:
        return asdict(self)

    def __str__(self) -> str:
        """For people: the counts, then each sample with what is trained between ⟦ and ⟧."""
        share = self.trained_tokens / max(1, self.tokens)
        head = f"{self.dialogues} dialogues, {self.tokens:,} tokens, {share:.0%} of them trained; {self.truncated} cut, {self.emptied} left empty"
        shown = ["".join(f"⟦{piece['text']}⟧" if piece["trained"] else piece["text"] for piece in sample) for sample in self.samples]
        return "\n--- sample ---\n".join([f"mask audit: {head}", *shown])


def audit(rendered: Sequence[Rendered], length: int, tokenizer: Any) -> tuple[list[Rendered], Audit]:
    """Cut what is too long and count; returns the dialogues to train on (those with something to learn) and the audit.

    Raises `InputError` when more than 1 % of the dialogues are left empty or no end-of-turn token is trained.
    """
    cut = [Rendered(one.ids[:length], one.trained[:length]) for one in rendered]
    kept = [one for one in cut if any(one.trained)]
    found = Audit(
        dialogues=len(rendered),
        truncated=sum(len(one.ids) > length for one in rendered),
        emptied=len(cut) - len(kept),
        tokens=sum(len(one.ids) for one in kept),
        trained_tokens=sum(sum(one.trained) for one in kept),
        samples=[_pieces(one, tokenizer) for one in kept[:SHOWN]],
    )
    if not rendered or found.emptied > EMPTY_LIMIT * len(rendered):
        raise InputError(
            f"mask audit: {found.emptied} of {len(rendered)} dialogues have no token to train on within {length} tokens; at most 1 % may be. "
            "Raise max_length, or offer fewer tools in a prompt"
        )
    end = tokenizer.eos_token_id
    if not any(trained and token == end for one in kept for token, trained in zip(one.ids, one.trained, strict=True)):
        raise InputError(f"mask audit: the end-of-turn token {tokenizer.eos_token!r} is never trained on; the chat template must put it inside generation tags")
    return kept, found


def _pieces(one: Rendered, tokenizer: Any) -> list[JSON]:
    pairs = zip(one.ids, one.trained, strict=True)
    return [{"trained": trained, "text": tokenizer.decode([token for token, _ in run])} for trained, run in groupby(pairs, key=lambda pair: pair[1])]
