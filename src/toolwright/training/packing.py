"""Dialogues into rows of one fixed length, so that equal steps are equal tokens.

Rows are filled first-fit in decreasing length; positions begin anew with each dialogue. `row_loss` computes the dialogues of a row one by one, and logits
only where the assistant writes: no dialogue sees another, whatever the architecture (a test holds that), no attention is spent across dialogues, and
none of the memory that a large vocabulary takes goes to tokens that are not trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, repeat
from typing import Any

import torch

from toolwright.data.render import Rendered

IGNORED = -100


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows of equal length, and which dialogues stand in each."""

    rows: list[dict[str, list[Any]]]
    members: list[list[int]]


def pack(dialogues: Sequence[Rendered], weights: Sequence[Sequence[float]], length: int, pad: int) -> Packed:
    """Fill rows of `length` tokens. Every dialogue must fit: longer ones are the caller's to cut or refuse.

    `weights` are those of each dialogue's tokens in the loss.
    """
    order = sorted(range(len(dialogues)), key=lambda i: (-len(dialogues[i].ids), i))
    bins: list[list[int]] = []
    room: list[int] = []
    for i in order:
        size = len(dialogues[i].ids)
        if size > length:
            raise ValueError(f"dialogue {i} has {size} tokens; a row holds {length}")
        at = next((b for b, free in enumerate(room) if free >= size), None)
        if at is None:
            bins.append([])
            room.append(length)
            at = len(bins) - 1
        bins[at].append(i)
        room[at] -= size
    return Packed([_row([dialogues[i] for i in members], [weights[i] for i in members], length, pad) for members in bins], bins)


def _row(dialogues: Sequence[Rendered], weights: Sequence[Sequence[float]], length: int, pad: int) -> dict[str, list[Any]]:
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    for dialogue in dialogues:
        ids += dialogue.ids
        labels += [token if trained else IGNORED for token, trained in zip(dialogue.ids, dialogue.trained, strict=True)]
        positions += range(len(dialogue.ids))
    missing = length - len(ids)
    return {
        "input_ids": ids + [pad] * missing,
        "labels": labels + [IGNORED] * missing,
        "position_ids": [*positions, *range(missing)],
        "weights": [*chain(*weights), *repeat(0.0, missing)],
    }


def collate(rows: Sequence[dict[str, list[Any]]]) -> dict[str, torch.Tensor]:
    """Rows as tensors of shape (rows, length); the weights are float32, the others int64."""
    return {key: torch.tensor([row[key] for row in rows]) for key in ("input_ids", "labels", "position_ids", "weights")}


def row_loss(model: Any, row: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy summed over the trained tokens of packed rows, as `collate` makes them, each times its weight."""
    total = torch.zeros((), device=row["input_ids"].device)
    for ids, labels, positions, weights in zip(row["input_ids"], row["labels"], row["position_ids"], row["weights"], strict=True):
        starts = [*(positions == 0).nonzero()[:, 0].tolist(), len(ids)]
        for begin, end in pairwise(starts):
            targets = labels[begin + 1 : end]
            kept = (targets != IGNORED).nonzero()[:, 0]
            if len(kept):
                logits = model(input_ids=ids[None, begin:end], use_cache=False, logits_to_keep=kept).logits[0]
                losses = torch.nn.functional.cross_entropy(logits.float(), targets[kept], reduction="none")
                total = total + (losses * weights[begin + 1 : end][kept]).sum()
    return total
