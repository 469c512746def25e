"""Fine-tuning a sentence encoder on requests and the tools that served them, as `toolwright train selector … tune=encoder` does first.

Requests are told apart by tool: every tool has a vector of its own, which begins as its text's and learns with the encoder, and a request's tool must stand
out among all of them (a softmax). Some requests of every batch are compared with their tools' texts as well, by InfoNCE within the batch (van den Oord et
al., 2018), both ways, so that texts of tools that nobody has used yet stay within reach. Cut off, it goes on from its last checkpoint.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolwright.encoders import SentenceEncoder, load_encoder
from toolwright.models.local import has_bf16
from toolwright.types import InputError, write_text


@dataclass(frozen=True, slots=True)
class TuningSettings:
    """Settings of the fine-tuning."""

    steps: int = 1000
    batch: int = 64  # requests
    described: int = 16  # of them, compared with their tools' texts too
    rate: float = 5e-5
    tools_rate: float = 2e-3  # of the tools' own vectors
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
    tuning = _Tuning(found, requests, texts, settings)
    checkpoint = out / "tuning.pt"
    for step in range(tuning.restored(checkpoint), settings.steps):
        tuning.step(step)
        progress(step + 1, settings.steps)
        if (step + 1) % settings.checkpoint_steps == 0:
            tuning.save(checkpoint, step + 1)
    tuning.model.eval()
    part = out / "encoder.part"
    tuning.model.save_pretrained(str(part))
    part.replace(folder)
    return folder


class _Tuning:
    """A model in training beside the tools' own vectors."""

    def __init__(self, encoder: SentenceEncoder, requests: Sequence[tuple[str, str]], texts: Mapping[str, str], settings: TuningSettings) -> None:
        import torch

        self.requests, self.texts, self.settings = requests, texts, settings
        self.places = {tool: i for i, tool in enumerate(sorted({tool for _, tool in requests}))}
        self.own = torch.nn.Parameter(torch.tensor(encoder.encode([texts[tool] for tool in self.places])))
        self.model = SentenceEncoder(encoder.source).model
        self.model.max_seq_length = settings.longest
        self.rates = (settings.rate, settings.tools_rate)
        learned = [{"params": list(self.model.parameters()), "weight_decay": 0.01}, {"params": [self.own], "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(learned, lr=settings.rate)
        self.model.train()

    def step(self, step: int) -> None:
        """One step on requests drawn for it: the same whether the run was cut off before or not."""
        import torch

        s = self.settings
        torch.manual_seed(s.seed + step)
        chosen = random.Random(f"{s.seed}/{step}").sample(self.requests, min(s.batch, len(self.requests)))
        tools = [tool for _, tool in chosen]
        with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16()):
            asked = self.vectors([text for text, _ in chosen])
            described = self.vectors([self.texts[tool] for tool in tools[: s.described]])
        likeness = asked @ torch.nn.functional.normalize(self.own, dim=1).T / s.temperature
        loss = torch.nn.functional.cross_entropy(likeness, torch.tensor([self.places[tool] for tool in tools]))
        loss = loss + contrastive(asked[: s.described], described, tools[: s.described], s.temperature)
        ramp = min(1.0, (step + 1) / (s.warmup * s.steps + 1)) * (1 - step / s.steps)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * ramp
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()

    def vectors(self, texts: Sequence[str]) -> Any:
        """Unit vectors that gradients flow through, shape (texts, dimension), float32."""
        import torch

        features = self.model.preprocess(list(texts)) if hasattr(self.model, "preprocess") else self.model.tokenize(list(texts))
        return torch.nn.functional.normalize(self.model(features)["sentence_embedding"].float(), dim=1)

    def save(self, path: Path, step: int) -> None:
        import torch

        temporary = path.with_suffix(".part")
        torch.save({"model": self.model.state_dict(), "own": self.own.data, "optimizer": self.optimizer.state_dict(), "step": step}, temporary)
        temporary.replace(path)

    def restored(self, path: Path) -> int:
        """Go on from a checkpoint where there is one; returns the steps done."""
        import torch

        if not path.is_file():
            return 0
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.own.data = state["own"]
        self.optimizer.load_state_dict(state["optimizer"])
        return int(state["step"])


def contrastive(left: Any, right: Any, same: Sequence[str], temperature: float) -> Any:
    """InfoNCE both ways over unit vectors of shape (batch, dimension); pairs of one name are no wrong answers to each other."""
    import torch

    likeness = left @ right.T / temperature
    alike = torch.tensor([[a == b for b in same] for a in same]) & ~torch.eye(len(same), dtype=torch.bool)
    likeness = likeness.masked_fill(alike, -1e4)
    truth = torch.arange(len(same))
    return (torch.nn.functional.cross_entropy(likeness, truth) + torch.nn.functional.cross_entropy(likeness.T, truth)) / 2
