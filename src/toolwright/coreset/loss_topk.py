"""The dialogues that the model finds hardest, the very hardest left out: those are more often wrong than hard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep, highest
from toolwright.types import Dialogue

TRIM = 0.05  # share of the pool, the highest losses, that counts as noise


def loss_topk(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int, trim: float = TRIM) -> list[int]:
    """The `keep` highest mean losses below the trimmed ones; trimmed ones come in only when nothing else is left."""
    check_keep(dialogues, keep)
    return highest(trimmed(signals.losses(), trim), keep)


def trimmed(losses: np.ndarray, trim: float) -> np.ndarray:
    """The losses with the share `trim` of highest ones put below all others, the highest lowest."""
    scores = losses.astype(np.float64)
    noisy = np.argsort(-losses, kind="stable")[: int(trim * len(losses))]
    scores[noisy] = losses.min() - 1 - losses[noisy]
    return scores
