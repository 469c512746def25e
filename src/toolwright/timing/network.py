"""The classifier's network: attention between what was said, the tools at hand and their required arguments

A sentence encoder, left as it is, gives a vector for every token of the turns, and one for each tool and each parameter; a few transformer layers of
our own (pre-norm; Vaswani et al., 2017; Xiong et al., 2020) read them side by side, and a token of its own gathers the four logits. The cosine between the
newest turn and each tool comes free of charge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from toolwright.timing.pages import FIGURES, KINDS, ROLES, TOOL_FIGURES, TOOLS, TURNS
from toolwright.types import TIMING_LABELS


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the network: of the encoder's vectors, of its own, and how many layers and heads."""

    encoder: int = 384
    width: int = 128
    layers: int = 2
    heads: int = 4
    dropout: float = 0.15


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page in numbers; E is the encoder's dimension.

    Attributes:
        tokens: the turns' token vectors one after another, (T, E).
        roles: of each token's turn, (T,).
        agos: how many turns ago, (T,).
        tools: vectors of the tools, (K, E).
        tool_figures: (K, `TOOL_FIGURES` and the cosine to the newest turn).
        slots: vectors of the required parameters, (S, E).
        slot_marks: rank of the tool, given or not, kind, (S, 3).
        figures: (`FIGURES`,).
    """

    tokens: Tensor
    roles: Tensor
    agos: Tensor
    tools: Tensor
    tool_figures: Tensor
    slots: Tensor
    slot_marks: Tensor
    figures: Tensor


class PageReader(nn.Module):
    """Sheets → logits of the four outcomes."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.token_in, self.tool_in, self.slot_in = (nn.Sequential(nn.LayerNorm(shape.encoder), nn.Linear(shape.encoder, width)) for _ in range(3))
        self.tool_figures = nn.Linear(len(TOOL_FIGURES) + 1, width)
        self.figures = nn.Linear(len(FIGURES), width)
        self.role, self.ago = nn.Embedding(len(ROLES), width), nn.Embedding(TURNS, width)
        self.rank, self.given, self.kind = nn.Embedding(TOOLS, width), nn.Embedding(2, width), nn.Embedding(len(KINDS), width)
        self.gather = nn.Parameter(torch.zeros(width))
        self.dropout = nn.Dropout(shape.dropout)
        layer = nn.TransformerEncoderLayer(width, shape.heads, 2 * width, shape.dropout, "gelu", batch_first=True, norm_first=True)
        self.body = nn.TransformerEncoder(layer, shape.layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.head = nn.Linear(width, len(TIMING_LABELS))

    def forward(self, sheets: Sequence[Sheet]) -> Tensor:
        """Logits of shape (sheets, 4), in the order of `TIMING_LABELS`."""
        tokens, token_mask = _padded([sheet.tokens for sheet in sheets])
        roles, _ = _padded([sheet.roles for sheet in sheets])
        agos, _ = _padded([sheet.agos for sheet in sheets])
        tools, tool_mask = _padded([sheet.tools for sheet in sheets])
        tool_figures, _ = _padded([sheet.tool_figures for sheet in sheets])
        slots, slot_mask = _padded([sheet.slots for sheet in sheets])
        marks, _ = _padded([sheet.slot_marks for sheet in sheets])
        ranks = torch.arange(tools.shape[1]).expand(tools.shape[:2])
        gather = self.gather + self.figures(torch.stack([sheet.figures for sheet in sheets]))
        said = self.token_in(tokens) + self.role(roles) + self.ago(agos)
        offered = self.tool_in(tools) + self.tool_figures(tool_figures) + self.rank(ranks)
        wanted = self.slot_in(slots) + self.rank(marks[..., 0]) + self.given(marks[..., 1]) + self.kind(marks[..., 2])
        states = torch.cat([gather.unsqueeze(1), said, offered, wanted], dim=1)
        mask = torch.cat([torch.ones(len(sheets), 1, dtype=torch.bool), token_mask, tool_mask, slot_mask], dim=1)
        logits: Tensor = self.head(self.body(self.dropout(states), src_key_padding_mask=~mask)[:, 0])
        return logits


def _padded(rows: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Rows of shape (N, …) as one tensor (rows, longest N, …), and which places are real."""
    longest = max(1, *(len(row) for row in rows))
    out = rows[0].new_zeros((len(rows), longest, *rows[0].shape[1:]))
    mask = torch.zeros(len(rows), longest, dtype=torch.bool)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
        mask[i, : len(row)] = True
    return (out.float() if out.dtype == torch.float16 else out), mask
