"""Dialogues into rows of one fixed length, so that equal steps are equal tokens.

Rows are filled first-fit in decreasing length. Positions begin anew with each dialogue, and no attention mask is given: transformers then keeps the
dialogues of a row apart. Convolution layers (LFM2) look two tokens back whatever the positions say, so each dialogue is followed by two pad tokens,
and `isolate_convolutions` blanks those inside the model: a packed dialogue computes what it would alone (a test holds that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from toolwright.data.render import Rendered

IGNORED = -100
GAP = 2  # pad tokens after each dialogue: the reach of LFM2's convolutions


@dataclass(frozen=True, slots=True)
class Packed:
    """Rows of equal length, and which dialogues stand in each."""

    rows: list[dict[str, list[int]]]
    members: list[list[int]]


def pack(dialogues: Sequence[Rendered], length: int, pad: int) -> Packed:
    """Fill rows of `length` tokens. Every dialogue must fit: longer ones are the caller's to cut or refuse."""
    order = sorted(range(len(dialogues)), key=lambda i: (-len(dialogues[i].ids), i))
    bins: list[list[int]] = []
    room: list[int] = []
    for i in order:
        size = len(dialogues[i].ids) + GAP
        if size > length + GAP:
            raise ValueError(f"dialogue {i} has {len(dialogues[i].ids)} tokens; a row holds {length}")
        at = next((b for b, free in enumerate(room) if free >= size), None)
        if at is None:
            bins.append([])
            room.append(length + GAP)
            at = len(bins) - 1
        bins[at].append(i)
        room[at] -= size
    return Packed([_row([dialogues[i] for i in members], length, pad) for members in bins], bins)


def _row(dialogues: Sequence[Rendered], length: int, pad: int) -> dict[str, list[int]]:
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    for dialogue in dialogues:
        ids += [*dialogue.ids, *[pad] * GAP]
        labels += [*(token if trained else IGNORED for token, trained in zip(dialogue.ids, dialogue.trained, strict=True)), *[IGNORED] * GAP]
        positions += range(len(dialogue.ids) + GAP)
    missing = max(0, length - len(ids))
    ids, labels, positions = ids + [pad] * missing, labels + [IGNORED] * missing, [*positions, *range(missing)]
    return {"input_ids": ids[:length], "labels": labels[:length], "position_ids": positions[:length]}


def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Rows as tensors of shape (rows, length)."""
    return {key: torch.tensor([row[key] for row in rows]) for key in ("input_ids", "labels", "position_ids")}


def isolate_convolutions(model: Any, pad: int) -> None:
    """Make a model's short convolutions see pad tokens as nothing, so that they do not look across dialogues."""
    convolutions = [module for module in model.modules() if type(module).__name__.endswith("ShortConv")]
    if not convolutions:
        return
    seen: dict[str, torch.Tensor | None] = {"mask": None}

    def remember(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        ids = kwargs.get("input_ids", args[0] if args else None)
        seen["mask"] = None if ids is None else ids != pad

    def blank(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "attention_mask": seen["mask"]}

    model.register_forward_pre_hook(remember, with_kwargs=True)
    for convolution in convolutions:
        convolution.register_forward_pre_hook(blank, with_kwargs=True)
