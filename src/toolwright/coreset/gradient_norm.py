"""The dialogues that would move the adapter most: the norm of their LoRA gradients (GraNd; Paul et al., "Deep Learning on a Data Diet", 2021)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.coreset.loss_topk import TRIM, trimmed
from toolwright.coreset.protocol import Signals, check_keep, highest
from toolwright.types import Dialogue


def gradient_norm(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """The `keep` largest gradients, the very largest trimmed as noise. (GraNd averages over several initialisations; here there is one model.)"""
    check_keep(dialogues, keep)
    return highest(trimmed(np.linalg.norm(signals.gradients(), axis=1), TRIM), keep)
