"""nano's starting weights: word meanings in the embeddings, and copying built in.

A small model learns for millions of tokens before it first copies from its context, because copying takes two layers that are useless without each
other: an induction head (Olsson et al., "In-context Learning and Induction Heads", 2022). Here both are laid down before training, in the
spirit of mimetic initialisation (Trockman and Kolter, 2023): the first convolution writes a rotated copy of the previous token beside each
token; the first attention's queries and keys look for positions whose previous token is the present one, and its values pass on the token
found there. Untrained, this already continues about half of all repeated random sequences rightly. Later attention layers start as search for
similar tokens. Embeddings are MiniLM's vectors of the token strings, reduced by PCA: words that mean alike start alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import Lfm2Config, Lfm2ForCausalLM

EMBEDDING_LENGTH = 0.6
CONVOLUTION_GAIN = EMBEDDING_LENGTH / 16  # normalised activations have length sqrt(256); this brings them back to that of an embedding


def nano_config(vocabulary: int, hidden: int, layers: int, feed_forward: int, heads: int, pad: int, eos: int) -> Lfm2Config:
    """LFM2's shape: convolution and attention layers in turn."""
    return Lfm2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=feed_forward,
        block_auto_adjust_ff_dim=False,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=heads,
        layer_types=["conv" if i % 2 == 0 else "full_attention" for i in range(layers)],
        max_position_embeddings=2048,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
        conv_bias=True,
        pad_token_id=pad,
        bos_token_id=None,
        eos_token_id=eos,
    )


def reduce_vectors(vectors: np.ndarray, hidden: int, generator: torch.Generator) -> torch.Tensor:
    """Vectors of shape (tokens, 384) to (tokens, hidden) by PCA, each of the embedding length, with a little noise to tell equals apart."""
    centred = torch.tensor(vectors) - torch.tensor(vectors).mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False)[2][:hidden]
    reduced = torch.nn.functional.normalize(centred @ directions.T, dim=1)
    noisy = reduced + 0.15 * torch.randn(reduced.shape, generator=generator) / hidden**0.5
    return EMBEDDING_LENGTH * torch.nn.functional.normalize(noisy, dim=1)


@torch.no_grad()
def new_nano(config: Lfm2Config, vectors: np.ndarray, seed: int) -> Any:
    """A model with these starting weights.

    Args:
        config: as `nano_config` makes it.
        vectors: MiniLM's vector of each token's string, shape (vocabulary, 384).
        seed: of all that is random.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Lfm2ForCausalLM(config)
    model.model.embed_tokens.weight.copy_(reduce_vectors(vectors, config.hidden_size, generator))
    rotation = _rotation(config.hidden_size, generator)
    convolutions = [layer.conv for layer in model.model.layers if hasattr(layer, "conv")]
    attentions = [layer.self_attn for layer in model.model.layers if hasattr(layer, "self_attn")]
    for i, convolution in enumerate(convolutions):
        _set_convolution(convolution, rotation if i == 0 else None, generator)
    for i, attention in enumerate(attentions):
        _set_attention(attention, config, rotation if i == 0 else None, generator)
    return model


def _rotation(size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0]


def _set_convolution(convolution: Any, rotation: torch.Tensor | None, generator: torch.Generator) -> None:
    """Open gates; the first convolution (with `rotation`) passes on the previous token, rotated."""
    hidden = convolution.out_proj.weight.shape[0]
    convolution.in_proj.bias.zero_()
    convolution.in_proj.bias[: 2 * hidden] = 1.0  # the two gates
    convolution.conv.bias.zero_()
    convolution.out_proj.bias.zero_()
    convolution.conv.weight.normal_(0, 0.1, generator=generator)
    if rotation is None:
        convolution.conv.weight[:, 0, -2:] += 0.5
        convolution.out_proj.weight.mul_(0.3)
        return
    convolution.in_proj.weight.normal_(0, 0.01, generator=generator)
    convolution.in_proj.weight[2 * hidden :] += torch.eye(hidden)
    convolution.conv.weight[:, 0, -2] = 1.0
    convolution.out_proj.weight.copy_(rotation * CONVOLUTION_GAIN)


def _set_attention(attention: Any, config: Lfm2Config, rotation: torch.Tensor | None, generator: torch.Generator) -> None:
    """Queries and keys look for likeness: to the previous token's rotated copy in the first attention (with `rotation`), to the token itself later."""
    hidden, heads = config.hidden_size, config.num_attention_heads
    size = hidden // heads
    lasting = torch.linspace(0.3, 1.6, size // 2).repeat(2)[:, None]  # rotary pairs that turn slowly see as far as the context goes
    for head in range(heads):
        projection = _rotation(hidden, generator)[:size] * lasting
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = projection
        attention.k_proj.weight[rows] = projection if rotation is None else projection @ rotation.T
    attention.q_layernorm.weight.fill_(1.3)
    attention.k_layernorm.weight.fill_(1.3)
    gain = 1.0 if rotation is not None else 0.1**0.5
    for part in (attention.v_proj, attention.out_proj):
        part.weight.copy_(gain * torch.eye(hidden))
        if rotation is None:
            part.weight.add_(0.02 * torch.randn(hidden, hidden, generator=generator))
