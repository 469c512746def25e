"""Coverage-centric selection: as many dialogues of every difficulty, the hardest left out (Zheng et al., "Coverage-centric Coreset Selection", 2023)."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue

BINS = 50
HARDEST = 0.1  # share of the pool that is left out as long as others are left


def ccs(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """Losses in `BINS` strata of equal width; the smallest strata give all they have, and what they lack is shared among the larger ones (algorithm 1)."""
    check_keep(dialogues, keep)
    losses = signals.losses()
    left = max(keep, len(losses) - int(HARDEST * len(losses)))
    kept = np.argsort(losses, kind="stable")[:left]
    edges = np.linspace(losses[kept].min(), losses[kept].max(), BINS + 1)
    stratum = np.clip(np.searchsorted(edges, losses[kept], side="right") - 1, 0, BINS - 1)
    strata = sorted((kept[stratum == i].tolist() for i in range(BINS) if (stratum == i).any()), key=len)
    source = random.Random(seed)
    chosen: list[int] = []
    for i, members in enumerate(strata):
        share = (keep - len(chosen)) // (len(strata) - i)
        chosen += source.sample(members, min(share, len(members)))
    rest = sorted(set(kept.tolist()) - set(chosen))
    return sorted(chosen + source.sample(rest, keep - len(chosen)))
