"""Dialogues into rows of one fixed length, so that equal steps are equal tokens.

Rows are filled first-fit in decreasing length. Positions begin anew with each dialogue, and no attention mask is given: transformers then keeps the
dialogues of a row apart. Convolution layers (LFM2) look two tokens back whatever the positions say; `isolate_convolutions` makes them stop where a
dialogue begins: a packed dialogue computes what it would alone (a test holds that).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MethodType
from typing import Any

import torch

from toolwright.data.render import Rendered

IGNORED = -100


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
    return Packed([_row([dialogues[i] for i in members], length, pad) for members in bins], bins)


def _row(dialogues: Sequence[Rendered], length: int, pad: int) -> dict[str, list[int]]:
    ids: list[int] = []
    labels: list[int] = []
    positions: list[int] = []
    for dialogue in dialogues:
        ids += dialogue.ids
        labels += [token if trained else IGNORED for token, trained in zip(dialogue.ids, dialogue.trained, strict=True)]
        positions += range(len(dialogue.ids))
    missing = length - len(ids)
    return {"input_ids": ids + [pad] * missing, "labels": labels + [IGNORED] * missing, "position_ids": [*positions, *range(missing)]}


def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
    """Rows as tensors of shape (rows, length)."""
    return {key: torch.tensor([row[key] for row in rows]) for key in ("input_ids", "labels", "position_ids")}


def isolate_convolutions(model: Any) -> None:
    """For training: make LFM2's short convolutions stop where positions begin anew.

    They become sums of shifted rows, which is a third faster on a CPU than `conv1d`, besides. Models without such layers stay as they are.
    """
    convolutions = [module for module in model.modules() if type(module).__name__ == "Lfm2ShortConv"]
    if not convolutions:
        return
    seen: dict[str, torch.Tensor | None] = {"positions": None}

    def remember(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        seen["positions"] = kwargs.get("position_ids")

    def forward(self: Any, hidden_states: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        before, after, value = self.in_proj(hidden_states).chunk(3, dim=-1)
        gated, kernel, positions = before * value, self.conv.weight[:, 0], seen["positions"]
        mixed = gated * kernel[:, -1]
        for back in range(1, kernel.shape[1]):
            shifted = torch.nn.functional.pad(gated[:, :-back], (0, 0, back, 0)) * kernel[:, -1 - back]
            mixed = mixed + (shifted if positions is None else shifted * (positions >= back)[..., None])
        output: torch.Tensor = self.out_proj(after * mixed)
        return output

    model.register_forward_pre_hook(remember, with_kwargs=True)
    for convolution in convolutions:
        convolution.forward = MethodType(forward, convolution)
