"""Coreset strategies: which dialogues to train on. A new one is one file and one line here."""

from toolwright.coreset.protocol import Strategy
from toolwright.coreset.random import random

STRATEGIES: dict[str, Strategy] = {
    "random": random,
}

__all__ = ["STRATEGIES", "Strategy"]
