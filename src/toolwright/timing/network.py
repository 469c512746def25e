"""The classifier's network: an encoder that reads a page whole, and a small head on what it makes of it

A cross-encoder (Nogueira and Cho, 2019): attention runs between conversation and tools, so that the request is read in the light of what is at hand.
The head sees the first token, the means of the two halves, and the page's figures.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toolwright.encoders import Encoder, SentenceEncoder
from toolwright.types import TIMING_LABELS, InputError


@dataclass(frozen=True, slots=True)
class Head:
    """Sizes of the head: hidden width, and the share of it that is dropped in training."""

    hidden: int = 256
    dropout: float = 0.1


class PageReader(nn.Module):
    """Pages → logits of the four outcomes.

    Args:
        body: a BERT-like model of transformers with two token types.
        figures: how many a page has.
        head: sizes of the head.
    """

    def __init__(self, body: Any, figures: int, head: Head) -> None:
        super().__init__()
        self.body = body
        self.sizes = head
        width = 3 * int(body.config.hidden_size) + figures
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Dropout(head.dropout), nn.Linear(width, head.hidden), nn.GELU(), nn.Dropout(head.dropout),
            nn.Linear(head.hidden, len(TIMING_LABELS)),
        )  # fmt: skip

    def forward(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Logits of shape (B, 4), in the order of `TIMING_LABELS`, for a batch of `pages.collate`."""
        mask, kinds = batch["attention_mask"], batch["token_type_ids"]
        states = self.body(input_ids=batch["input_ids"], attention_mask=mask, token_type_ids=kinds).last_hidden_state.float()
        halves = [(mask * (1 - kinds)).unsqueeze(-1).float(), (mask * kinds).unsqueeze(-1).float()]
        means = [(states * half).sum(1) / half.sum(1).clamp(min=1.0) for half in halves]
        logits: Tensor = self.head(torch.cat([states[:, 0], *means, batch["figures"]], dim=1).float())
        return logits


def body_and_tokenizer(encoder: Encoder) -> tuple[Any, Any]:
    """The transformer inside a sentence encoder, without pooling, and its tokenizer; weights from safetensors only.

    Raises:
        InputError: the encoder is no local model, or one without a second token type, which tells tools from conversation.
    """
    from transformers import AutoConfig

    if not isinstance(encoder, SentenceEncoder):
        raise InputError(f"encoder {encoder.name!r} is on a server; the classifier trains its own copy: expected 'minilm' or a sentence-transformers model")
    if int(getattr(AutoConfig.from_pretrained(encoder.source), "type_vocab_size", 0)) < 2:
        raise InputError(f"encoder {encoder.name!r} has one token type; expected a BERT-like model with two")
    return _loaded(encoder.source)


def saved_body_and_tokenizer(folder: Path) -> tuple[Any, Any]:
    """The transformer and the tokenizer that a fitted classifier saved."""
    return _loaded(str(folder))


def _loaded(source: str) -> tuple[Any, Any]:
    from transformers import AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.set_verbosity_error()  # the pooling layer that is left out is no news
    logging.disable_progress_bar()
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    body = AutoModel.from_pretrained(source, use_safetensors=True, trust_remote_code=False, dtype=torch.float32, add_pooling_layer=False, **still)
    return body, AutoTokenizer.from_pretrained(source, trust_remote_code=False)


def tensors(batch: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """A batch of arrays as tensors that share their memory."""
    return {name: torch.from_numpy(array) for name, array in batch.items()}
