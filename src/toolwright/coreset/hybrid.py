"""Hard and diverse: a part of the coreset by loss, the rest by what these leave uncovered."""

from __future__ import annotations

from collections.abc import Sequence

from toolwright.coreset.facility_location import greedy_facility_location, neighbours
from toolwright.coreset.loss_topk import loss_topk
from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue

LOSS_SHARE = 0.6


def hybrid(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int, loss_share: float = LOSS_SHARE) -> list[int]:
    """`loss_share` of the places to the highest trimmed losses, the others to facility location that takes these as given."""
    check_keep(dialogues, keep)
    by_loss = round(loss_share * keep)
    hard = loss_topk(dialogues, by_loss, signals, seed=seed) if by_loss else []
    return sorted(greedy_facility_location(neighbours(signals.embeddings()), keep, hard))
