"""Fitting the classifier's network: AdamW with warm-up and cosine decay, checkpoints that lose a minute at most, then one temperature

Batches are of pages of like length, in an order that the seed and the epoch alone decide, so that a run that was cut off goes on as if it had not been.
Temperature scaling: Guo et al. (2017), section 4.2.
"""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from toolwright.timing.network import PageReader, Shape, Sheet
from toolwright.timing.reading import Told
from toolwright.types import TIMING_LABELS, InputError, TimingLabel

CHECKPOINT = "checkpoint.pt"


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How the network is fitted.

    Attributes:
        epochs: passes over the examples.
        batch: pages in a step.
        rate: highest learning rate.
        decay: weight decay.
        warm_up: share of the steps in which the rate grows.
        smoothing: label smoothing (Szegedy et al., 2016).
        seed: of the weights, the order and the dropout.
        seconds_between: between two checkpoints.
    """

    epochs: int = 12
    batch: int = 32
    rate: float = 1e-3
    decay: float = 0.05
    warm_up: float = 0.1
    smoothing: float = 0.05
    seed: int = 0
    seconds_between: float = 60.0


def fit_network(sheets: Sequence[Sheet], labels: Sequence[TimingLabel], shape: Shape, settings: FitSettings, folder: Path, told: Told) -> PageReader:
    """The fitted network; goes on from the checkpoint in `folder` when there is one of the same settings.

    Args:
        sheets: the pages in numbers.
        labels: the right outcome of each.
        shape: sizes of the network.
        settings: how to fit.
        folder: where the checkpoint goes; removed when done.
        told: hears steps done, steps in all, and how it goes.
    """
    if len(sheets) != len(labels) or not sheets:
        raise InputError(f"fitting needs a label for every page; got {len(sheets)} pages and {len(labels)} labels")
    torch.manual_seed(settings.seed)
    network = PageReader(shape)
    optimizer = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=settings.decay)
    order = {label: i for i, label in enumerate(TIMING_LABELS)}
    targets = torch.tensor([order[label] for label in labels])
    plan = [batch for epoch in range(settings.epochs) for batch in _batches(sheets, settings, epoch)]
    said = repr((shape, settings, len(sheets)))
    path, done, recent = folder / CHECKPOINT, 0, 0.0
    if path.is_file():
        state = torch.load(path, weights_only=True)
        if state["said"] != said:
            raise InputError(f"{path}: belongs to a run of other settings ({state['said']}); remove it or give those")
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        done = int(state["done"])
    network.train()
    saved = time.monotonic()
    for step in range(done, len(plan)):
        torch.manual_seed(settings.seed * 1_000_003 + step)  # dropout follows from the step alone
        for group in optimizer.param_groups:
            group["lr"] = settings.rate * _schedule(step, len(plan), settings.warm_up)
        logits = network([sheets[i] for i in plan[step]])
        loss = nn.functional.cross_entropy(logits, targets[plan[step]], label_smoothing=settings.smoothing)
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


def logits_of(network: PageReader, sheets: Sequence[Sheet], batch: int = 64) -> Tensor:
    """Logits of many pages, (pages, 4)."""
    network.eval()
    with torch.no_grad():
        return torch.cat([network(sheets[i : i + batch]) for i in range(0, len(sheets), batch)])


def fit_temperature(logits: Tensor, labels: Sequence[TimingLabel]) -> float:
    """The temperature with the lowest negative log-likelihood, from 0.25 to 8 in steps of 2 %."""
    order = {label: i for i, label in enumerate(TIMING_LABELS)}
    targets = torch.tensor([order[label] for label in labels])
    grid = [0.25 * 1.02**i for i in range(176)]
    losses = [float(nn.functional.cross_entropy(logits / temperature, targets)) for temperature in grid]
    return grid[losses.index(min(losses))]


def _batches(sheets: Sequence[Sheet], settings: FitSettings, epoch: int) -> list[list[int]]:
    source = random.Random(f"{settings.seed}/{epoch}")
    shuffled = list(range(len(sheets)))
    source.shuffle(shuffled)
    chunk = settings.batch * 32
    near = [i for at in range(0, len(shuffled), chunk) for i in sorted(shuffled[at : at + chunk], key=lambda i: (len(sheets[i].tokens), i))]
    batches = [near[at : at + settings.batch] for at in range(0, len(near), settings.batch)]
    source.shuffle(batches)
    return batches


def _schedule(step: int, steps: int, warm_up: float) -> float:
    rising = max(1, round(steps * warm_up))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))


def _save(path: Path, state: dict[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    torch.save(state, temporary)
    temporary.replace(path)
