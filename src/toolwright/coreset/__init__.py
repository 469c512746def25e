"""Coreset strategies: which dialogues to train on. A new one is one file and one line here."""

from toolwright.coreset.ccs import ccs
from toolwright.coreset.facility_location import facility_location
from toolwright.coreset.gradient_matching import gradient_matching
from toolwright.coreset.gradient_norm import gradient_norm
from toolwright.coreset.hybrid import hybrid
from toolwright.coreset.ifd import ifd
from toolwright.coreset.k_center import k_center
from toolwright.coreset.longest import longest
from toolwright.coreset.loss_topk import loss_topk
from toolwright.coreset.protocol import Signals, Strategy
from toolwright.coreset.random import random
from toolwright.coreset.rds import rds
from toolwright.coreset.tool_coverage import tool_coverage

STRATEGIES: dict[str, Strategy] = {
    "random": random,
    "longest": longest,
    "loss_topk": loss_topk,
    "k_center": k_center,
    "diversity": facility_location,
    "hybrid": hybrid,
    "gradient_norm": gradient_norm,
    "gradient_matching": gradient_matching,
    "ifd": ifd,
    "rds": rds,
    "ccs": ccs,
    "tool_coverage": tool_coverage,
}

__all__ = ["STRATEGIES", "Signals", "Strategy"]
