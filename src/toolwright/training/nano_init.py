"""nano's starting weights: word meanings in the embeddings; copying and searching built in.

A small model learns for millions of tokens before it first copies from its context, because copying takes two layers that are useless without each
other: an induction head (Olsson et al., "In-context Learning and Induction Heads", 2022). Here it is laid down before training, in the spirit of
mimetic initialisation (Trockman and Kolter, 2023), and so are the layers that finding a tool by the words of a request takes:

- embeddings are MiniLM's vectors of the token strings, reduced by PCA, so that words that mean alike start alike; two dimensions before them hold a
  token's form (with a space or without, with a capital or without), two behind them how much it says (content words much, function words and
  punctuation little) and a constant;
- the first convolution writes a rotated copy of the previous token beside each token;
- *belong*: the first attention looks for the nearest token that follows a newline, where tools are listed the first of a tool's name, and writes it,
  moved, beside every word of the tool. Nearness comes from rotary frequencies applied to the constant;
- *match*: the second looks for positions that follow a word like the present one, and writes down, moved, what those belong to: each word of a request
  votes for the tools in whose signature or description it stands;
- *copy*: the third looks for positions whose previous token is the present one and passes on the token found there. Untrained and
  alone, this continues about half of all repeated random sequences rightly;
- *gather*: the fourth adds up the votes of the last twenty tokens or so, content words first, and passes on the name that they are for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from transformers import Lfm2Config, Lfm2ForCausalLM

EMBEDDING_LENGTH = 0.6
FORM = 0.15  # the first two dimensions of an embedding
CONSTANT, SAYING = 0.3, 0.15  # the last two dimensions of an embedding: a constant, and how much the token says, between -1 and 1
NEAR = range(6, 12)  # rotary pairs whose summed cosines fall off over about twenty tokens
NEARER = range(7, 14)  # ... and over a hundred
SLOWEST = 31  # the rotary pair that turns least: what is put there counts alike at every distance
LAYERS = ("conv", "full_attention", "full_attention", "conv", "full_attention", "full_attention")
COPIED, OWNER, VOTE = slice(158, 254), slice(62, 110), slice(110, 158)  # dimensions for the previous token, for what a word belongs to, for votes
LIKE = slice(2, 32)  # leading dimensions that words are matched by, whatever their form: as many as fit into rotary pairs that hardly turn
BELONG_GAIN, MATCH_GAIN, COPY_GAIN, GATHER_GAIN = 0.1, 0.08, 0.15, 0.6
BELONG_SHARPNESS, MATCH_SHARPNESS, COPY_SHARPNESS, GATHER_SHARPNESS = 2.0, 2.0, 1.3, 2.0


def nano_config(vocabulary: int, hidden: int, feed_forward: int, heads: int, pad: int, eos: int) -> Lfm2Config:
    """LFM2's shape: convolution and attention layers."""
    return Lfm2Config(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=feed_forward,
        block_auto_adjust_ff_dim=False,
        num_hidden_layers=len(LAYERS),
        num_attention_heads=heads,
        num_key_value_heads=heads,
        layer_types=list(LAYERS),
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
def new_nano(config: Lfm2Config, vectors: np.ndarray, forms: np.ndarray, saying: np.ndarray, newline: int, seed: int) -> Any:
    """A model with these starting weights.

    Args:
        config: as `nano_config` makes it, with rotary heads of 64.
        vectors: MiniLM's vector of each token's string, shape (vocabulary, 384).
        forms: 1 or -1 for with and without a space, with and without a capital, 0 where it does not apply; shape (vocabulary, 2).
        saying: how much each token says, -1 to 1, shape (vocabulary,).
        newline: the token that stands before each tool's name.
        seed: of all that is random.
    """
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    model = Lfm2ForCausalLM(config)
    content = config.hidden_size - 2
    embeddings = model.model.embed_tokens.weight
    embeddings[:, :2] = FORM * torch.tensor(forms)
    embeddings[:, 2:content] = reduce_vectors(vectors, content - 2, generator)
    embeddings[:, content] = SAYING * torch.tensor(saying)
    embeddings[:, content + 1] = CONSTANT
    before, owner, vote = (_moved(config.hidden_size, where) for where in (COPIED, OWNER, VOTE))
    convolutions = [layer.conv for layer in model.model.layers if hasattr(layer, "conv")]
    belong, match, copy, gather = (layer.self_attn for layer in model.model.layers if hasattr(layer, "self_attn"))
    for i, convolution in enumerate(convolutions):
        _set_convolution(convolution, _on_content(torch.eye(content)), before if i == 0 else None, generator)
    clear = torch.diag((torch.arange(config.hidden_size) < OWNER.start).float())
    _set_copy(copy, clear, clear @ before.T, generator)
    _set_match(match, before.T)
    _set_near(belong, before @ embeddings[newline] / (before @ embeddings[newline]).square().sum(), NEARER, (1.0, 2.0, 1.0), BELONG_SHARPNESS, generator)
    says = torch.zeros(config.hidden_size)
    says[content] = 1 / SAYING
    _set_near(gather, says, NEAR, (1.5, 1.0, 0.5), GATHER_SHARPNESS, generator)
    copy.v_proj.weight.copy_(_on_content(torch.eye(content)))
    copy.out_proj.weight.copy_(COPY_GAIN * _on_content(torch.eye(content)))
    _set_value(belong, torch.eye(config.hidden_size), owner, BELONG_GAIN)
    _set_value(match, owner.T, vote, MATCH_GAIN)
    _set_value(gather, vote.T, torch.eye(config.hidden_size), GATHER_GAIN)
    for layer in model.model.layers:
        layer.feed_forward.w2.weight.mul_(0.1)
    return model


@torch.no_grad()
def grown(model: Any) -> Any:
    """The same model with two layers more at its end, a convolution and an attention, which add nothing yet.

    What the first six have laid down is for finding and copying; these are for all else. (Layers that begin as identities: Wu et al., "LLaMA Pro", 2024.)
    """
    config = Lfm2Config(**{**model.config.to_dict(), "layer_types": [*LAYERS, "conv", "full_attention"], "num_hidden_layers": len(LAYERS) + 2})
    larger = Lfm2ForCausalLM(config)
    larger.load_state_dict(model.state_dict(), strict=False)
    for layer in larger.model.layers[len(LAYERS) :]:
        mixer = layer.self_attn if layer.is_attention_layer else layer.conv
        mixer.out_proj.weight.zero_()
        layer.feed_forward.w2.weight.zero_()
    return larger


def _on_content(matrix: torch.Tensor) -> torch.Tensor:
    """A map of the content dimensions that leaves the last two out."""
    return torch.nn.functional.pad(matrix, (0, 2, 0, 2))


def _moved(hidden: int, where: slice) -> torch.Tensor:
    """The map that moves the leading dimensions, which say most of a token, to others, where tokens say less."""
    size = where.stop - where.start
    matrix = torch.zeros(hidden, hidden)
    matrix[where, :size] = torch.eye(size)
    return matrix


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


def _set_copy(attention: Any, of_query: torch.Tensor, of_key: torch.Tensor, generator: torch.Generator) -> None:
    """Queries and keys look for likeness of what these two maps see of a position, each head through a projection of its own."""
    size = attention.head_dim
    lasting = torch.linspace(0.3, 1.6, size // 2).repeat(2)[:, None]  # rotary pairs that turn slowly see as far as the context goes
    for head in range(of_query.shape[0] // size):
        projection = torch.linalg.qr(torch.randn(of_query.shape, generator=generator))[0][:size] * lasting
        rows = slice(head * size, (head + 1) * size)
        attention.q_proj.weight[rows] = projection @ of_query
        attention.k_proj.weight[rows] = projection @ of_key
    attention.q_layernorm.weight.fill_(COPY_SHARPNESS)
    attention.k_layernorm.weight.fill_(COPY_SHARPNESS)


def _set_match(attention: Any, of_key: torch.Tensor) -> None:
    """As `_set_copy`, by the leading dimensions alone, which lie in the rotary pairs that hardly turn."""
    size = attention.head_dim
    half = (LIKE.stop - LIKE.start) // 2
    slow = [*range(size // 2 - half, size // 2), *range(size - half, size)]
    for part, seen in ((attention.q_proj, torch.eye(of_key.shape[0])), (attention.k_proj, of_key)):
        part.weight.normal_(0, 0.002)
        for head in range(of_key.shape[0] // size):
            part.weight[[head * size + pair for pair in slow]] += seen[LIKE]
    attention.q_layernorm.weight.fill_(MATCH_SHARPNESS)
    attention.k_layernorm.weight.fill_(MATCH_SHARPNESS)


def _set_value(attention: Any, seen: torch.Tensor, written: torch.Tensor, gain: float) -> None:
    """Every head passes on the leading dimensions of what `seen` sees, to where `written` puts them."""
    size, width = attention.head_dim, OWNER.stop - OWNER.start
    attention.v_proj.weight.normal_(0, 0.002)
    attention.out_proj.weight.normal_(0, 0.002)
    heads = seen.shape[0] // size
    for head in range(heads):
        columns = slice(head * size, head * size + width)
        attention.v_proj.weight[columns] += seen[:width]
        attention.out_proj.weight[:, columns] += gain / heads * written[:, :width]


def _set_near(attention: Any, wanted: torch.Tensor, near: range, strength: tuple[float, float, float], sharpness: float, generator: torch.Generator) -> None:
    """Queries and keys look for what is near and lies in the wanted direction, whose scale makes it 1 there."""
    asked, gate, ballast = strength
    size, constant = attention.head_dim, attention.q_proj.weight.shape[1] - 1
    each = 1 / len(near) ** 0.5
    for head in range(attention.q_proj.weight.shape[0] // size):
        rows = slice(head * size, (head + 1) * size)
        for part in (attention.q_proj, attention.k_proj):
            part.weight[rows] = 0.002 * torch.randn(size, constant + 1, generator=generator)
        for pair in near:
            attention.q_proj.weight[head * size + pair, constant] += 0.85 * each / CONSTANT
            attention.k_proj.weight[head * size + pair, constant] += each / CONSTANT
        attention.q_proj.weight[head * size + SLOWEST, constant] += asked / CONSTANT
        attention.k_proj.weight[head * size + SLOWEST] += gate * wanted
        attention.k_proj.weight[head * size + SLOWEST - 1, constant] += ballast / CONSTANT  # keeps what is not wanted from growing when normalised
    attention.q_layernorm.weight.fill_(sharpness)
    attention.k_layernorm.weight.fill_(sharpness)
