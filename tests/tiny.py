"""The smallest comparison that trains for real: four steps of one row, and four test cases a task."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from toolwright.comparison.cell import Cell
from toolwright.comparison.methods import METHODS, Profile
from toolwright.data.build import Dataset
from toolwright.models.hub import model_sha256

TINY = Profile(
    pool=24,
    keep=6,
    steps=4,
    rows_per_step=1,
    max_length=1536,
    checkpoint_steps=1,
    test_items=4,
    test_goals=2,
    seeds=(0,),
    phases=2,  # two domains of the tests' data have training dialogues
    phase_items=3,
    look_steps=0,
    look_items=4,
)
TRAINING = {"learning_rate": 1e-2, "lora_rank": 4, "lora_alpha": 8, "gradient_checkpointing": False}


def cell(method: str, data: Dataset, model: Path, **changes: Any) -> Cell:
    """The cell of one method, seed 0, on the tests' data; `changes` name other fields."""
    made = Cell(method, 0, str(model), model_sha256(str(model)), str(data.directory), data.sha256, METHODS.get(method), TINY, TRAINING)
    return replace(made, **changes)
