"""Guided attention: what nano's attentions should look at, when a called tool's name is written, as a second loss."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from transformers.models.lfm2.modeling_lfm2 import apply_rotary_pos_emb

from toolwright.training.nano_rows import Row


class States(NamedTuple):
    """Hidden states of shape (rows, length, hidden): the last, and those that go into each attention; cosines and sines of the rotary positions."""

    last: torch.Tensor
    attended: list[torch.Tensor]
    rotary: tuple[torch.Tensor, torch.Tensor]


def hidden_states(model: Any, ids: torch.Tensor) -> States:
    """What the model computes below its head for token ids of shape (rows, length)."""
    body = model.model
    hidden = body.embed_tokens(ids)
    rotary = body.rotary_emb(hidden, position_ids=torch.arange(ids.shape[1])[None])
    attended = []
    for layer in body.layers:
        if layer.is_attention_layer:
            attended.append(hidden)
        hidden = layer(hidden, position_embeddings=rotary)
    return States(body.embedding_norm(hidden), attended, rotary)


def guided_loss(model: Any, states: States, rows: list[Row]) -> torch.Tensor:
    """Where attention should lead when a called tool's name is written: over words of the request, to words of the tool, to its name.

    Guided attention is due to Chen et al., "Guided Alignment Training for Topic-Aware Neural Machine Translation", 2016; here a whole path is guided, by
    two negative logs, heads averaged: of what every word of a tool gives to the tool's name; and, for all links, of the right name's share in what
    arrives at any name. Through the tokens alone this is learned many times more slowly.
    """
    layers = [layer for layer in model.model.layers if layer.is_attention_layer]
    belong, match, _, gather = list(zip(layers, states.attended, strict=True))[:4]
    loss = states.last.new_zeros(())
    for i, row in enumerate(rows):
        if row.links:
            size, at = len(row.ids), torch.tensor([link[0] for link in row.links])
            owner = _attention(*belong, states.rotary, i, size)
            share = _attention(*gather, states.rotary, i, size, at) @ _attention(*match, states.rotary, i, size) @ owner
            begin, end, last = torch.tensor(row.tools).T
            within = torch.arange(size)[:, None]
            own = ((within >= end) & (within < last)).float()
            loss = loss - len(at) * (own * (_between(owner, begin, end) + 1e-6).log()).sum() / own.sum()
            arrived = (_between(share, begin, end) + 1e-6).log()
            loss = loss + torch.nn.functional.cross_entropy(arrived, torch.tensor([link[1] for link in row.links]), reduction="sum")
    return loss


def _between(shares: torch.Tensor, begin: torch.Tensor, end: torch.Tensor) -> torch.Tensor:
    """Sums over stretches of the last dimension, shape (..., stretches)."""
    upto = torch.nn.functional.pad(shares.cumsum(-1), (1, 0))
    return (upto[:, end] - upto[:, begin]).clamp_min(0)


def _attention(
    layer: Any, states: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor], row: int, size: int, at: torch.Tensor | None = None
) -> torch.Tensor:
    """Attention weights of one row, heads averaged, from the positions `at` (default: all) to the first `size`; shape (positions, size)."""
    attention, seen = layer.self_attn, layer.operator_norm(states[row, :size])
    query = attention.q_layernorm(attention.q_proj(seen).unflatten(-1, (-1, attention.head_dim)))
    key = attention.k_layernorm(attention.k_proj(seen).unflatten(-1, (-1, attention.head_dim)))
    query, key = apply_rotary_pos_emb(query, key, rotary[0][0, :size], rotary[1][0, :size])
    at = torch.arange(size) if at is None else at
    likeness = torch.einsum("qhd,khd->hqk", query[at], key) * attention.scaling
    return likeness.masked_fill(torch.arange(size)[None] > at[:, None], -torch.inf).softmax(-1).mean(0)
