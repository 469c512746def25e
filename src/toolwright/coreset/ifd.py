"""Instruction-following difficulty: dialogues whose answers the conversation helps least to foresee (Li et al., "From Quantity to Quality", 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep, highest
from toolwright.types import Dialogue


def ifd(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """The `keep` highest ratios of the loss in the conversation to the loss alone, below 1: beyond it the conversation misleads, and such come last."""
    check_keep(dialogues, keep)
    ratio = signals.losses() / np.maximum(signals.losses_alone(), 1e-9)
    return highest(np.where(ratio < 1, ratio, -ratio), keep)
