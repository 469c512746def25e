"""`toolwright train encoder`: a static encoder, distilled from MiniLM and tuned on tools.

A text's vector is the sum of its word pieces' vectors, so that encoding costs microseconds. Every word piece of MiniLM's vocabulary starts with
MiniLM's own vector of it, reduced by principal components and weighed by its rank of frequency (model2vec: Tulkens and van Dongen, 2024; SIF: Arora et
al., 2017). Then the vectors are tuned on pairs that mean the same tool: requests to the foundation services with their tools, and the operations of
real services, name with description and one half of a description with the other; the loss is InfoNCE within the batch (van den Oord et al., 2018),
both ways.

The weights are those of `tokenizer.json` and `model.safetensors` in the folder: one signed byte a dimension and a scale a word piece.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from toolwright.encoders import load_encoder, minilm_folder, minilm_vocabulary
from toolwright.selection.evidence import description_text, parameter_text
from toolwright.selection.texts import identifier_words
from toolwright.training.api_corpus import api_operations
from toolwright.training.fusion import FusionSettings, foundation_requests
from toolwright.training.known_texts import KnownTexts
from toolwright.types import InputError, write_text

Progress = Callable[[str, int, int], None]
Pair = tuple[str, str]
LONGEST = 128  # word pieces of a text in training


@dataclass(frozen=True, slots=True)
class StaticSettings:
    """Settings of the static encoder."""

    services: str = "farm,fitness,fleet,games,library"  # foundation services whose requests teach it; those of the others are left to `train fusion`
    dimension: int = 256
    steps: int = 1200  # of tuning; 0 leaves the distilled vectors as they are
    batch: int = 512  # pairs
    rate: float = 2e-3
    temperature: float = 0.05
    tools_share: float = 0.4  # of the pairs that are requests with their tools; the others are operations of real services
    operations: int = 36_000  # at most
    checkpoint_steps: int = 200
    seed: int = 0


def train_static(settings: StaticSettings, out: Path, progress: Progress = lambda stage, done, total: None) -> Path:
    """Distil and tune; cut off, it goes on from its last checkpoint. Returns the folder to name as an encoder."""
    out.mkdir(parents=True, exist_ok=True)
    stated = out / "settings.json"
    if stated.is_file() and json.loads(stated.read_text(encoding="utf-8")) != asdict(settings):
        raise InputError(f"{out} holds a run with other settings; name another folder or go on with {stated.read_text(encoding='utf-8')}")
    write_text(stated, json.dumps(asdict(settings)))
    vectors = distilled(settings, out, progress)
    if settings.steps:
        vectors = tuned(vectors, settings, out, progress)
    return write_static(vectors, out / "static")


def distilled(settings: StaticSettings, out: Path, progress: Progress) -> np.ndarray:
    """A vector for every word piece, shape (pieces, dimension), float32: MiniLM's, reduced and weighed."""
    encoder = KnownTexts(load_encoder("minilm"), out / "vectors")
    pieces = [piece.removeprefix("##") for piece in minilm_vocabulary()]
    encoder.learn(pieces, lambda done, total: progress("distil", done, total))
    whole = encoder.encode(pieces)
    centred = whole - whole.mean(axis=0)
    _, _, directions = np.linalg.svd(centred[:: max(1, len(centred) // 8000)], full_matrices=False)
    reduced = centred @ directions[: settings.dimension].T
    weights = np.log1p(np.arange(len(pieces)))  # the vocabulary stands in order of frequency
    weights[[piece.startswith("[") and len(piece) > 1 for piece in pieces]] = 0
    found: np.ndarray = (reduced * (weights / weights.max())[:, None]).astype(np.float32)
    return found


def training_pairs(settings: StaticSettings) -> tuple[list[Pair], list[Pair]]:
    """Requests with their tools, and texts of real operations that belong together."""
    tools, examples = foundation_requests(FusionSettings(services=settings.services, joined=0))
    by_name = {tool.name: tool for tool in tools}
    asked = [(example.query, description_text(by_name[name])) for example in examples for name in example.tools]
    asked += [(parameter_text(tool), description_text(tool)) for tool in tools if tool.properties]
    source = random.Random(settings.seed)
    operations = api_operations()
    chosen = source.sample(operations, min(settings.operations, len(operations)))
    described: list[Pair] = []
    for tool in chosen:
        said = tool.description.split()
        described.append((identifier_words(tool.name.split(".")[-1]), tool.description))
        if len(said) >= 12:
            described.append((" ".join(said[: len(said) // 2]), f"{identifier_words(tool.name)}: {' '.join(said[len(said) // 2 :])}"))
    return asked, described


def tuned(vectors: np.ndarray, settings: StaticSettings, out: Path, progress: Progress) -> np.ndarray:
    """The vectors after contrastive tuning."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(minilm_folder() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(LONGEST)
    kinds = [_token_pairs(pairs, tokenizer) for pairs in training_pairs(settings)]
    bag = torch.nn.EmbeddingBag.from_pretrained(torch.from_numpy(vectors), freeze=False, mode="sum", sparse=True)
    optimizer = torch.optim.SparseAdam(list(bag.parameters()), lr=settings.rate)
    checkpoint = out / "checkpoint.pt"
    first = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        bag.load_state_dict(state["bag"])
        optimizer.load_state_dict(state["optimizer"])
        first = int(state["step"])
    for step in range(first, settings.steps):
        source = random.Random(f"{settings.seed}/{step}")
        counts = (round(settings.batch * settings.tools_share), settings.batch - round(settings.batch * settings.tools_share))
        batch = [pair for kind, count in zip(kinds, counts, strict=True) for pair in source.sample(kind, min(count, len(kind)))]
        left, right = (_bagged(bag, [pair[side] for pair in batch]) for side in (0, 1))
        likeness = left @ right.T / settings.temperature
        same = torch.tensor([[a[1] == b[1] for b in batch] for a in batch])
        likeness = likeness.masked_fill(same & ~torch.eye(len(batch), dtype=torch.bool), -1e4)  # another request for the same tool is no wrong answer
        truth = torch.arange(len(batch))
        loss = (torch.nn.functional.cross_entropy(likeness, truth) + torch.nn.functional.cross_entropy(likeness.T, truth)) / 2
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * (1 - step / settings.steps)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        progress("tune", step + 1, settings.steps)
        if (step + 1) % settings.checkpoint_steps == 0:
            temporary = out / "checkpoint.part"
            torch.save({"bag": bag.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, temporary)
            temporary.replace(checkpoint)
    found: np.ndarray = bag.weight.detach().numpy()
    return found


def write_static(vectors: np.ndarray, folder: Path) -> Path:
    """Write vectors, shape (pieces, dimension), as one signed byte a dimension with a scale a piece, and MiniLM's tokenizer."""
    from safetensors.numpy import save_file

    folder.mkdir(parents=True, exist_ok=True)
    scales = np.maximum(np.abs(vectors).max(axis=1), 1e-9).astype(np.float32) / 127
    codes = np.rint(vectors / scales[:, None]).astype(np.int8)
    save_file({"codes": codes, "scales": scales}, folder / "model.safetensors")
    shutil.copyfile(minilm_folder() / "tokenizer.json", folder / "tokenizer.json")
    return folder


def _token_pairs(pairs: Sequence[Pair], tokenizer: Any) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    sides = [[tuple(encoded.ids) for encoded in tokenizer.encode_batch([pair[side] for pair in pairs], add_special_tokens=False)] for side in (0, 1)]
    return [(left, right) for left, right in zip(*sides, strict=True) if left and right]


def _bagged(bag: Any, texts: Sequence[tuple[int, ...]]) -> Any:
    import torch

    offsets = np.cumsum([0, *(len(text) for text in texts[:-1])])
    ids = torch.tensor([token for text in texts for token in text])
    return torch.nn.functional.normalize(bag(ids, torch.from_numpy(offsets)), dim=1)
