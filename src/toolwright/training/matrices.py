"""Two matrices and usage vectors that turn requests and the tools that served them towards each other.

The matrices start as the identity and add something of low rank. All used tools are candidates (multi-class softmax: the contrastive loss of van den Oord
et al., 2018, without sampling); tools that were never used are none, else they would be learned to be wrong. A tool's usage vector is what requests say
about it beyond its text; it is left out at random, so that the matrices have to do without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

USAGE_KEPT = 0.7  # chance that a tool keeps its usage vector in a batch


@dataclass(frozen=True, slots=True)
class MatrixSettings:
    """Settings of the fit."""

    rank: int = 64  # of what the matrices add to the identity
    epochs: int = 12
    rate: float = 2e-3
    usage_rate: float = 1e-2
    batch: int = 256
    seed: int = 0


def fit_matrices(
    requests: np.ndarray, offered: np.ndarray, gold: Sequence[Sequence[int]], settings: MatrixSettings, progress: Callable[[int, int], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The matrix for requests, the one for tools, each of shape (dimension, dimension), and usage vectors, shape (tools, dimension).

    Args:
        requests: vectors, shape (requests, dimension).
        offered: vectors of the tools that were used, shape (tools, dimension).
        gold: for each request, the tools that serve it, by their rows in `offered`.
        settings: rank, epochs, rates.
        progress: told of every epoch.
    """
    import torch

    torch.manual_seed(settings.seed)
    dimension = requests.shape[1]
    asked_by, tool_by, eye = torch.from_numpy(requests), torch.from_numpy(offered), torch.eye(dimension)
    low = [torch.nn.Parameter(torch.randn(dimension, settings.rank) * (0.02 if i % 2 == 0 else 0.0)) for i in range(4)]
    usage, scale = torch.nn.Parameter(torch.zeros(len(offered), dimension)), torch.nn.Parameter(torch.tensor(3.0))
    groups = [{"params": [*low, scale], "lr": settings.rate}, {"params": [usage], "lr": settings.usage_rate}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01)
    steps = settings.epochs * -(-len(requests) // settings.batch)
    schedule = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, total_iters=steps)
    order = np.random.default_rng(settings.seed)
    for epoch in range(settings.epochs):
        shuffled = order.permutation(len(requests))
        for at in range(0, len(shuffled), settings.batch):
            batch = shuffled[at : at + settings.batch]
            target = torch.zeros(len(batch), len(offered))
            for i, request in enumerate(batch):
                target[i, list(gold[request])] = 1 / len(gold[request])
            asked = torch.nn.functional.normalize(asked_by[batch] @ (eye + low[0] @ low[1].T), dim=1)
            turned = torch.nn.functional.normalize(tool_by @ (eye + low[2] @ low[3].T), dim=1)
            kept = (torch.rand(len(offered), 1) < USAGE_KEPT).float()
            loss = -(target * torch.log_softmax(scale.exp() * (asked @ (turned + usage * kept).T), dim=1)).sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
        progress(epoch + 1, settings.epochs)
    with torch.no_grad():
        asked_matrix, tool_matrix = ((eye + low[i] @ low[i + 1].T).numpy() for i in (0, 2))
    return asked_matrix, tool_matrix, usage.detach().numpy()
