"""nano's starting weights: word meanings in the embeddings; copying and searching built in.

A small model learns for millions of tokens before it first copies from its context, because copying takes two layers that are useless without each
other: an induction head (Olsson et al., "In-context Learning and Induction Heads", 2022). Here it is laid down before training, in the spirit of
mimetic initialisation (Trockman and Kolter, 2023), and so are the two layers that finding a tool by its meaning takes:

- embeddings are MiniLM's vectors of the token strings, reduced by PCA, so that words that mean alike start alike; two further dimensions hold how
  much a token says (content words much, function words and punctuation little) and a constant;
- the first convolution writes a rotated copy of the previous token beside each token; the first attention looks for positions whose previous
  token is the present one and passes on the token found there. Untrained, this continues about half of all repeated random sequences rightly;
- the second attention sums up: a mean of the last twenty tokens or so, content words first, in a rotation of its own. The recency comes from rotary
  frequencies applied to the constant;
- the third attention looks for positions whose sum is like its own, and passes on the token found there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import Lfm2Config, Lfm2ForCausalLM

EMBEDDING_LENGTH = 0.6
CONSTANT, SAYING = 0.3, 0.15  # the last two dimensions of an embedding: a constant, and how much the token says, between -1 and 1
WINDOW = range(6, 12)  # rotary pairs whose summed cosines fall off over about twenty tokens
SLOWEST = 31  # the rotary pair that turns least: what is put there counts alike at every distance
COPY_GAIN, SUM_GAIN, SEARCH_GAIN = 0.2, 0.3, 0.3
COPY_SHARPNESS, SUM_SHARPNESS, SEARCH_SHARPNESS = 1.3, (14 / 8) ** 0.5, 0.7


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
        conv_bias=False,  # a masked position must feed nothing into a convolution
        pad_token_id=pad,
        bos_token_id=None,
        eos_token_id=eos,
    )


def reduce_vectors(vectors: np.ndarray, size: int, generator: torch.Generator) -> torch.Tensor:
    """Vectors of shape (tokens, 384) to (tokens, size) by PCA, each of the embedding length, with a little noise to tell equals apart."""
    centred = torch.tensor(vectors) - torch.tensor(vectors).mean(0)
    directions = torch.linalg.svd(centred, full_matrices=False)[2][:size]
    reduced = torch.nn.functional.normalize(centred @ directions.T, dim=1)
    noisy = reduced + 0.15 * torch.randn(reduced.shape, generator=generator) / size**0.5
    return EMBEDDING_LENGTH * torch.nn.functional.normalize(noisy, dim=1)


@torch.no_grad()
def new_nano(config: Lfm2Config, vectors: np.ndarray, saying: np.ndarray, seed: int) -> Any:
    """A model with these starting weights.

    Args:
        config: as `nano_config` makes it, with rotary heads of 64.
        vectors: MiniLM's vector of each token's string, shape (vocabulary, 384).
        saying: how much each token says, -1 to 1, shape (vocabulary,).
        seed: of all that is random.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Lfm2ForCausalLM(config)
    content = config.hidden_size - 2
    embeddings = model.model.embed_tokens.weight
    embeddings[:, :content] = reduce_vectors(vectors, content, generator)
    embeddings[:, content] = SAYING * torch.tensor(saying)
    embeddings[:, content + 1] = CONSTANT
    identity = _on_content(torch.eye(content))
    before, summed = _on_content(_rotation(content, generator)), _on_content(_rotation(content, generator))
    convolutions = [layer.conv for layer in model.model.layers if hasattr(layer, "conv")]
    attentions = [layer.self_attn for layer in model.model.layers if hasattr(layer, "self_attn")]
    for i, convolution in enumerate(convolutions):
        _set_convolution(convolution, identity, before if i == 0 else None, generator)
    for i, attention in enumerate(attentions):
        attention.v_proj.weight.copy_(identity)
        if i == 0:
            _set_search(attention, identity, before.T, COPY_SHARPNESS, generator)
            attention.out_proj.weight.copy_(COPY_GAIN * identity)
        elif i == 1:
            _set_sum(attention, content, generator)
            attention.out_proj.weight.copy_(SUM_GAIN * summed)
        else:
            _set_search(attention, summed.T, summed.T, SEARCH_SHARPNESS, generator)
            attention.out_proj.weight.copy_(SEARCH_GAIN * identity)
    for layer in model.model.layers:
        layer.feed_forward.w2.weight.mul_(0.5)
    return model


def _rotation(size: int, generator: torch.Generator) -> torch.Tensor:
    return torch.linalg.qr(torch.randn(size, size, generator=generator))[0]


def _on_content(matrix: torch.Tensor) -> torch.Tensor:
    """A map of the content dimensions that leaves the last two out."""
    return torch.nn.functional.pad(matrix, (0, 2, 0, 2))


def _set_convolution(convolution: Any, identity: torch.Tensor, before: torch.Tensor | None, generator: torch.Generator) -> None:
    """Gates held open by the constant; with `before`, the previous token passes on, turned by it."""
    hidden = convolution.out_proj.weight.shape[0]
    length = (EMBEDDING_LENGTH**2 + CONSTANT**2) ** 0.5  # of an embedding; normalised, activations have length sqrt(hidden)
    convolution.in_proj.weight.normal_(0, 0.01, generator=generator)
    convolution.in_proj.weight[: 2 * hidden, -1] += length / (CONSTANT * hidden**0.5)  # the two gates
    convolution.conv.weight.normal_(0, 0.05, generator=generator)
    if before is None:
        convolution.conv.weight[:, 0, -2:] += 0.5
        convolution.out_proj.weight.mul_(0.1)
        return
    convolution.in_proj.weight[2 * hidden :] += identity
    convolution.conv.weight[:, 0, -2] = 1.0
    convolution.out_proj.weight.copy_(before * length / hidden**0.5)


def _set_search(attention: Any, of_query: torch.Tensor, of_key: torch.Tensor, sharpness: float, generator: torch.Generator) -> None:
    """Queries and keys look for likeness of what these two maps see of a position."""
    hidden = of_query.shape[0]
    size = attention.head_dim
    lasting = torch.linspace(0.3, 1.6, size // 2).repeat(2)[:, None]  # rotary pairs that turn slowly see as far as the context goes
    for head in range(hidden // size):
        projection = _rotation(hidden, generator)[:size] * lasting
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = projection @ of_query
        attention.k_proj.weight[rows] = projection @ of_key
    attention.q_layernorm.weight.fill_(sharpness)
    attention.k_layernorm.weight.fill_(sharpness)


def _set_sum(attention: Any, content: int, generator: torch.Generator) -> None:
    """Queries and keys look for what is near and says much."""
    size = attention.head_dim
    near = 1 / len(WINDOW) ** 0.5
    for head in range(attention.q_proj.weight.shape[0] // size):
        rows = slice(head * size, (head + 1) * size)
        for part in (attention.q_proj, attention.k_proj):
            part.weight[rows] = 0.002 * torch.randn(size, content + 2, generator=generator)
        for pair in WINDOW:
            attention.q_proj.weight[head * size + pair, content + 1] += 0.85 * near
            attention.k_proj.weight[head * size + pair, content + 1] += near
        attention.q_proj.weight[head * size + SLOWEST, content + 1] += 0.53
        attention.k_proj.weight[head * size + SLOWEST, content] += 0.5 * CONSTANT / SAYING
    attention.q_layernorm.weight.fill_(SUM_SHARPNESS)
    attention.k_layernorm.weight.fill_(SUM_SHARPNESS)
