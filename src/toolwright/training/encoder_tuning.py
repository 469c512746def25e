"""Fine-tuning a sentence encoder on requests and the tools that served them, as `toolwright train selector … tune=encoder` does first.

Half of the time a request's partner is its tool's text, else another request for the same tool, so that requests for one tool move together; the loss is
InfoNCE within the batch (van den Oord et al., 2018), both ways, with partners of the same tool left out. Cut off, it goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolwright.encoders import SentenceEncoder, load_encoder
from toolwright.types import InputError, write_text


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """Settings of the fine-tuning."""

    steps: int = 2000
    batch: int = 48  # requests, each with its partner
    rate: float = 5e-5
    warmup: float = 0.1  # share of the steps
    temperature: float = 0.05
    longest: int = 64  # word pieces of a text
    checkpoint_steps: int = 100
    seed: int = 0


def tune_encoder(
    name: str,
    requests: Sequence[tuple[str, str]],
    texts: Mapping[str, str],
    settings: TuningSettings,
    out: Path,
    progress: Callable[[int, int], None],
) -> Path:
    """Fine-tune a copy of an encoder; returns its folder.

    Args:
        name: of a sentence-transformers encoder.
        requests: pairs of a request and the name of a tool that serves it.
        texts: what each tool is, by name.
        settings: of the fine-tuning.
        out: where checkpoints go, and the encoder, in `encoder`.
        progress: told of every step.
    """
    import torch

    found = load_encoder(name)
    if not isinstance(found, SentenceEncoder):
        raise InputError(f"tune=encoder: {name!r} is no sentence-transformers model; expected 'minilm', a folder or a hub id of one")
    folder = out / "encoder"
    about = {"encoder": name, "requests": len(requests), **asdict(settings)}
    stated = out / "tuning.json"
    if stated.is_file() and json.loads(stated.read_text(encoding="utf-8")) != about:
        raise InputError(f"{out} holds an encoder tuned with other settings or requests; name another folder")
    if (folder / "modules.json").is_file():
        return folder
    out.mkdir(parents=True, exist_ok=True)
    write_text(stated, json.dumps(about))
    torch.manual_seed(settings.seed)
    model = SentenceEncoder(found.source).model
    model.max_seq_length = settings.longest
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.rate, weight_decay=0.01)
    checkpoint, first = out / "tuning.pt", 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = int(state["step"])
    others: dict[str, list[str]] = {}
    for text, tool in requests:
        others.setdefault(tool, []).append(text)
    model.train()
    for step in range(first, settings.steps):
        source = random.Random(f"{settings.seed}/{step}")
        torch.manual_seed(settings.seed + step)
        chosen = source.sample(requests, min(settings.batch, len(requests)))
        partners = [texts[tool] if source.random() < 0.5 else source.choice(others[tool]) for _, tool in chosen]
        for group in optimizer.param_groups:
            done = step / settings.steps
            group["lr"] = settings.rate * min(1.0, done / settings.warmup) * (1 - done) if settings.warmup else settings.rate * (1 - done)
        optimizer.zero_grad()
        contrastive(_vectors(model, [text for text, _ in chosen]), _vectors(model, partners), [tool for _, tool in chosen], settings.temperature).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        progress(step + 1, settings.steps)
        if (step + 1) % settings.checkpoint_steps == 0:
            temporary = out / "tuning.part"
            torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": step + 1}, temporary)
            temporary.replace(checkpoint)
    model.eval()
    part = out / "encoder.part"
    model.save_pretrained(str(part))
    part.replace(folder)
    return folder


def contrastive(left: Any, right: Any, same: Sequence[str], temperature: float) -> Any:
    """InfoNCE both ways over unit vectors of shape (batch, dimension); pairs of one name are no wrong answers to each other."""
    import torch

    likeness = left @ right.T / temperature
    alike = torch.tensor([[a == b for b in same] for a in same]) & ~torch.eye(len(same), dtype=torch.bool)
    likeness = likeness.masked_fill(alike, -1e4)
    truth = torch.arange(len(same))
    return (torch.nn.functional.cross_entropy(likeness, truth) + torch.nn.functional.cross_entropy(likeness.T, truth)) / 2


def _vectors(model: Any, texts: Sequence[str]) -> Any:
    import torch

    features = model.preprocess(list(texts)) if hasattr(model, "preprocess") else model.tokenize(list(texts))
    return torch.nn.functional.normalize(model(features)["sentence_embedding"], dim=1)
