"""Fitting the classifier's network: AdamW with warm-up and linear decay, checkpoints that lose a minute at most, then one temperature

Word vectors stay as they are, so that words of tools never seen keep their meaning. Batches are of pages of like length, in an order that the seed
and the epoch alone decide, so that a run that was cut off goes on as if it had not been. Temperature scaling: Guo et al. (2017), section 4.2.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from toolwright.timing.network import PageReader, tensors
from toolwright.timing.pages import Page, collate
from toolwright.types import TIMING_LABELS, InputError, TimingLabel

CHECKPOINT = "checkpoint.pt"

Told = Callable[[int, int, str], None]  # done, in all, how it goes


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the network is fitted.

    Attributes:
        epochs: passes over the examples.
        batch: pages in a step.
        rate: highest learning rate of the encoder.
        head_rate: of the head.
        decay: weight decay.
        warm_up: share of the steps in which the rates grow.
        smoothing: label smoothing (Szegedy et al., 2016).
        bfloat16: whether products are computed in bfloat16; faster on processors that know it.
        seed: of the order and the dropout.
        seconds_between: between two checkpoints.
    """

    epochs: int = 4
    batch: int = 32
    rate: float = 1e-4
    head_rate: float = 1e-3
    decay: float = 0.01
    warm_up: float = 0.1
    smoothing: float = 0.05
    bfloat16: bool = True
    seed: int = 0
    seconds_between: float = 60.0


def fit_network(
    network: PageReader, pages: Sequence[Page], labels: Sequence[TimingLabel], tokenizer: Any, settings: FitSettings, folder: Path, told: Told
) -> PageReader:
    """Fit the network in place; goes on from the checkpoint in `folder` when there is one of the same settings.

    Args:
        network: with the encoder as it comes.
        pages: what is read.
        labels: the right outcome of each.
        tokenizer: of the encoder.
        settings: how to fit.
        folder: where the checkpoint goes; removed when done.
        told: hears steps done, steps in all, and how it goes.
    """
    if len(pages) != len(labels) or not pages:
        raise InputError(f"fitting needs a label for every page; got {len(pages)} pages and {len(labels)} labels")
    for weights in network.body.embeddings.parameters():
        weights.requires_grad = False
    body = [weights for weights in network.body.parameters() if weights.requires_grad]
    optimizer = torch.optim.AdamW(
        [{"params": body, "rate": settings.rate}, {"params": network.head.parameters(), "rate": settings.head_rate}], weight_decay=settings.decay
    )
    order = {label: i for i, label in enumerate(TIMING_LABELS)}
    targets = torch.tensor([order[label] for label in labels])
    plan = [batch for epoch in range(settings.epochs) for batch in _batches(pages, settings, epoch)]
    path = folder / CHECKPOINT
    said = repr((settings, len(pages)))
    done = _resume(path, said, network, optimizer)
    recent, saved = 0.0, time.monotonic()
    network.train()
    for step in range(done, len(plan)):
        torch.manual_seed(settings.seed * 1_000_003 + step)  # dropout follows from the step alone
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * _schedule(step, len(plan), settings.warm_up)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.bfloat16):
            logits = network(tensors(collate([pages[i] for i in plan[step]], tokenizer)))
        loss = nn.functional.cross_entropy(logits.float(), targets[plan[step]], label_smoothing=settings.smoothing)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        recent = loss.item() if not recent else 0.98 * recent + 0.02 * loss.item()
        told(step + 1, len(plan), f"loss {recent:.3f}")
        if time.monotonic() - saved > settings.seconds_between:
            _save(path, {"said": said, "network": network.state_dict(), "optimizer": optimizer.state_dict(), "done": step + 1})
            saved = time.monotonic()
    path.unlink(missing_ok=True)
    return network.eval()


def logits_of(network: PageReader, pages: Sequence[Page], tokenizer: Any, batch: int = 32) -> Tensor:
    """Logits of many pages, (pages, 4), in the order of the pages."""
    network.eval()
    order = sorted(range(len(pages)), key=lambda i: len(pages[i]))
    found = torch.zeros(len(pages), len(TIMING_LABELS))
    with torch.inference_mode():
        for at in range(0, len(order), batch):
            part = order[at : at + batch]
            found[part] = network(tensors(collate([pages[i] for i in part], tokenizer)))
    return found


def fit_temperature(logits: Tensor, labels: Sequence[TimingLabel]) -> float:
    """The temperature with the lowest negative log-likelihood, from 0.25 to 8 in steps of 2 %."""
    order = {label: i for i, label in enumerate(TIMING_LABELS)}
    targets = torch.tensor([order[label] for label in labels])
    grid = [0.25 * 1.02**i for i in range(176)]
    losses = [float(nn.functional.cross_entropy(logits / temperature, targets)) for temperature in grid]
    return grid[losses.index(min(losses))]


def _resume(path: Path, said: str, network: PageReader, optimizer: torch.optim.Optimizer) -> int:
    """Take up a checkpoint; the number of steps that it has done."""
    if not path.is_file():
        return 0
    state = torch.load(path, weights_only=True)
    if state["said"] != said:
        raise InputError(f"{path}: belongs to a run of other settings ({state['said']}); remove it or give those")
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["done"])


def _batches(pages: Sequence[Page], settings: FitSettings, epoch: int) -> list[list[int]]:
    source = random.Random(f"{settings.seed}/{epoch}")
    shuffled = list(range(len(pages)))
    source.shuffle(shuffled)
    chunk = settings.batch * 16
    near = [i for at in range(0, len(shuffled), chunk) for i in sorted(shuffled[at : at + chunk], key=lambda i: (len(pages[i]), i))]
    batches = [near[at : at + settings.batch] for at in range(0, len(near), settings.batch)]
    source.shuffle(batches)
    return batches


def _schedule(step: int, steps: int, warm_up: float) -> float:
    rising = max(1, round(steps * warm_up))
    return (step + 1) / rising if step < rising else max(0.0, (steps - step) / max(1, steps - rising))


def _save(path: Path, state: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    torch.save(state, temporary)
    temporary.replace(path)
