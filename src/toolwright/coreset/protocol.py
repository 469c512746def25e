"""What a coreset strategy is: dialogues and what is known of them in, the indices of those to train on out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from toolwright.types import Dialogue, InputError


class Signals(Protocol):
    """What a model and an encoder tell of the dialogues of a pool, in their order; computed when first asked for."""

    def losses(self) -> np.ndarray:
        """The model's mean cross-entropy over the trained tokens of each dialogue, shape (n,), nats a token."""
        ...

    def losses_alone(self) -> np.ndarray:
        """The same of what the assistant says when nothing stands before it: neither tools nor the user's turns."""
        ...

    def embeddings(self) -> np.ndarray:
        """Unit vectors of what the user says, shape (n, d)."""
        ...

    def states(self) -> np.ndarray:
        """Unit vectors of the model's last hidden states, later tokens weighing more, shape (n, d)."""
        ...

    def gradients(self) -> np.ndarray:
        """Gradients of each dialogue's mean loss by the LoRA parameters, randomly projected, shape (n, k); lengths are kept in expectation."""
        ...

    def targets(self) -> Signals:
        """The same signals of a small set that stands for what is wanted."""
        ...


class Strategy(Protocol):
    """Chooses `keep` dialogues; the same inputs give the same choice."""

    def __call__(self, dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
        """Indices of the chosen dialogues, ascending, each once. Raises `InputError` unless 1 ≤ keep ≤ the number of dialogues."""
        ...


def check_keep(dialogues: Sequence[Dialogue], keep: int) -> None:
    """Raise `InputError` for a number that cannot be kept."""
    if not 1 <= keep <= len(dialogues):
        raise InputError(f"coreset: keep is {keep}; expected 1 to {len(dialogues)}, the number of dialogues")


def highest(scores: np.ndarray, keep: int) -> list[int]:
    """Indices of the `keep` highest scores, ascending; of equal scores the first."""
    return sorted(np.argsort(-scores, kind="stable")[:keep].tolist())
