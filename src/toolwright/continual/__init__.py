"""Continual learning: phases that arrive one after another, what is kept of earlier ones to replay, and what was forgotten."""

from toolwright.continual.buffer import Buffer
from toolwright.continual.herding import Herding
from toolwright.continual.learner import OnlineContinualLearner
from toolwright.continual.reservoir import Reservoir
from toolwright.continual.ring import Ring
from toolwright.continual.surprise import Surprise

BUFFERS: dict[str, type[Buffer]] = {
    "reservoir": Reservoir,
    "ring": Ring,
    "herding": Herding,
    "surprise": Surprise,
}

__all__ = ["BUFFERS", "Buffer", "OnlineContinualLearner"]
