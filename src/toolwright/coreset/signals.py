"""Signals of a real model: its losses, states and gradients on each dialogue, by real forward and backward passes.

Each is stored under a hash of the model, the dialogues and how it was made, with what it cost: a coreset that reads a stored signal is charged as if it
had made it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from toolwright.data.render import Rendered, render, require_generation_tags
from toolwright.encoders import Encoder
from toolwright.models.hub import model_sha256, sha256_of_files
from toolwright.models.local import load_model
from toolwright.types import Dialogue, Tool

PROJECTED = 1024  # numbers that stand for a gradient
GRADIENT_RANK = 8  # of the LoRA matrices whose gradients are taken

Progress = Callable[[str, int, int], None]  # what, done, total


@dataclass(frozen=True, slots=True)
class Cost:
    """What signals took to make."""

    seconds: float = 0.0
    tokens: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.seconds + other.seconds, self.tokens + other.tokens)


@dataclass
class ModelSignals:
    """Signals of one model on one pool.

    Args:
        model: its name, as everywhere.
        dialogues: the pool.
        tools: the catalogue its dialogues name.
        encoder: makes the embeddings.
        cache: the folder where signals are kept.
        wanted: the target set, for strategies that ask for one.
        max_length: tokens of a dialogue, at most; the rest is cut off, as in training.
        progress: told how far each signal is.
        adapter: what the model has learned so far, as training saved it; None: nothing.
    """

    model: str
    dialogues: Sequence[Dialogue]
    tools: Mapping[str, Tool]
    encoder: Encoder
    cache: Path
    wanted: Sequence[Dialogue] = ()
    max_length: int = 4096
    progress: Progress = lambda what, done, total: None
    adapter: Path | None = None
    costs: dict[str, Cost] = field(default_factory=dict)
    waited: list[float] = field(default_factory=list)  # seconds that each signal took this time, made or read

    @property
    def cost(self) -> Cost:
        """What the signals that were asked for cost to make, those of the target set included."""
        return sum(self.costs.values(), Cost())

    def losses(self) -> np.ndarray:
        return self._stored("losses", lambda: self._by_model(mean_loss))

    def losses_alone(self) -> np.ndarray:
        return self._stored("losses_alone", lambda: self._by_model(loss_alone))

    def states(self) -> np.ndarray:
        return self._stored("states", lambda: self._by_model(mean_state))

    def gradients(self) -> np.ndarray:
        return self._stored("gradients", lambda: self._by_model(projected_gradient, adapted=True))

    def embeddings(self) -> np.ndarray:
        return self._stored("embeddings", lambda: (self.encoder.encode([asked(dialogue) for dialogue in self.dialogues]), 0), self.encoder.name)

    def targets(self) -> ModelSignals:
        return replace(self, dialogues=self.wanted, wanted=())  # costs and waiting are told to the same lists

    def _stored(self, what: str, make: Callable[[], tuple[np.ndarray, int]], by: str = "") -> np.ndarray:
        """The signal from its file, or made and written there; its cost is noted either way."""
        asked_at = time.perf_counter()
        texts = "".join(dialogue.model_dump_json() + json.dumps([self.tools[name].model_dump() for name in dialogue.tools]) for dialogue in self.dialogues)
        learned = sha256_of_files(self.adapter.glob("*.safetensors")) if self.adapter else ""
        identity = json.dumps([what, by or [self.model, model_sha256(self.model), learned, self.max_length, PROJECTED, GRADIENT_RANK], texts])
        path = self.cache / f"{what}-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.npz"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # another cell may be making it
            if not path.is_file():
                start = time.perf_counter()
                values, tokens = make()
                temporary = path.with_suffix(".tmp.npz")
                np.savez(temporary, values=values, seconds=time.perf_counter() - start, tokens=tokens)
                temporary.replace(path)
        with np.load(path) as stored:
            self.costs[path.name] = Cost(float(stored["seconds"]), int(stored["tokens"]))
            found: np.ndarray = stored["values"]
        self.waited.append(time.perf_counter() - asked_at)
        return found

    def _by_model(self, measure: Callable[[Any, Rendered], np.ndarray], adapted: bool = False) -> tuple[np.ndarray, int]:
        lm = load_model(self.model, self.adapter)
        tokenizer, model = lm.tokenizer, lm.model
        require_generation_tags(tokenizer)
        if adapted:
            model = _with_adapter(model)
        values, tokens = [], 0
        for i, dialogue in enumerate(self.dialogues):
            whole = render(tokenizer, dialogue.messages, [self.tools[name] for name in dialogue.tools])
            cut = Rendered(whole.ids[: self.max_length], whole.trained[: self.max_length])
            values.append(measure(model, cut))
            tokens += len(cut.ids)
            self.progress("coreset", i + 1, len(self.dialogues))
        return np.stack(values), tokens


def asked(dialogue: Dialogue) -> str:
    """What the user says in a dialogue, turn after turn."""
    return "\n".join(message.content for message in dialogue.messages if message.role == "user")


def _loss(model: Any, ids: Sequence[int], positions: Sequence[int]) -> torch.Tensor:
    """Mean cross-entropy of the tokens at these positions (from 1); logits are computed nowhere else."""
    tokens = torch.tensor([list(ids)], device=model.device)
    at = torch.tensor(positions, device=model.device)
    logits = model(input_ids=tokens, use_cache=False, logits_to_keep=at - 1).logits[0]
    return torch.nn.functional.cross_entropy(logits.float(), tokens[0, at])


@torch.inference_mode()
def mean_loss(model: Any, one: Rendered) -> np.ndarray:
    """Mean loss of the trained tokens; 0 when there are none."""
    positions = [i for i in range(1, len(one.ids)) if one.trained[i]]
    return np.array(_loss(model, one.ids, positions) if positions else 0.0, dtype=np.float32)


@torch.inference_mode()
def loss_alone(model: Any, one: Rendered) -> np.ndarray:
    """Mean loss of the trained tokens in a text of them alone; 0 when there are fewer than two."""
    ids = [token for token, trained in zip(one.ids, one.trained, strict=True) if trained]
    return np.array(_loss(model, ids, range(1, len(ids))) if len(ids) > 1 else 0.0, dtype=np.float32)


@torch.inference_mode()
def mean_state(model: Any, one: Rendered) -> np.ndarray:
    """The mean of the last hidden states, weighted by position (Muennighoff, "SGPT", 2022), of length 1; shape (hidden,)."""
    tokens = torch.tensor([one.ids], device=model.device)
    hidden = model(input_ids=tokens, use_cache=False, output_hidden_states=True, logits_to_keep=1).hidden_states[-1][0].float()
    weights = torch.arange(1, len(hidden) + 1, device=hidden.device, dtype=torch.float32)
    mean = (hidden * weights[:, None]).sum(0)
    vector: np.ndarray = (mean / mean.norm().clamp_min(1e-12)).cpu().numpy()
    return vector


def projected_gradient(model: Any, one: Rendered) -> np.ndarray:
    """The gradient of the mean loss by LoRA's B matrices, shape (PROJECTED,): numbers are added up in random places under random signs, which keeps inner
    products in expectation (count sketch; Charikar, Chen & Farach-Colton, 2002). B is where a fresh adapter moves: A's gradient is zero while B is.
    """
    positions = [i for i in range(1, len(one.ids)) if one.trained[i]]
    sketch = torch.zeros(PROJECTED)
    if not positions:
        return sketch.numpy()
    model.zero_grad(set_to_none=True)
    _loss(model, one.ids, positions).backward()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            gradient = parameter.grad.float().cpu().ravel()
            places = torch.randint(PROJECTED, gradient.shape, generator=generator)
            signs = torch.randint(0, 2, gradient.shape, generator=generator) * 2.0 - 1.0
            sketch.index_add_(0, places, gradient * signs)
    return sketch.numpy()


def _with_adapter(model: Any) -> Any:
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(0)
    settings = LoraConfig(r=GRADIENT_RANK, lora_alpha=GRADIENT_RANK, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    return get_peft_model(model, settings)
