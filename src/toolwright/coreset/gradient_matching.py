"""The dialogues whose gradients point where those of a small target set do (LESS; Xia et al., 2024, in the form without warm-up checkpoints)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep, highest
from toolwright.types import Dialogue


def gradient_matching(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """The `keep` highest cosines with the mean direction of the target gradients. (LESS sums over checkpoints of a warm-up run with Adam's scaling; this
    takes the plain gradient at the start.)
    """
    check_keep(dialogues, keep)
    wanted = _unit(signals.targets().gradients()).mean(0)
    return highest(_unit(signals.gradients()) @ wanted, keep)


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = vectors / np.where(lengths == 0, 1.0, lengths)
    return unit
