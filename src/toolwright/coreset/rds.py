"""The dialogues that look to the model like those of a target set (RDS+; Ivison et al., "Large-Scale Data Selection for Instruction Tuning", 2025)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue


def rds(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """Each target takes in turn the dialogue that is most like it and not taken yet, until `keep` are."""
    check_keep(dialogues, keep)
    likeness = signals.targets().states() @ signals.states().T
    ranked = np.argsort(-likeness, axis=1, kind="stable")
    at = [0] * len(ranked)
    chosen: dict[int, None] = {}
    while len(chosen) < keep:
        for target, order in enumerate(ranked):
            while int(order[at[target]]) in chosen:
                at[target] += 1
            chosen[int(order[at[target]])] = None
            if len(chosen) == keep:
                break
    return sorted(chosen)
