"""The table of methods, one entry each, and the sizes of a comparison.

The rows beside them (`base`, `random`, `majority`, `oracle`) train nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Method:
    """What a method trains on. `coreset` names a strategy of `toolwright.coreset`; None trains on the whole pool."""

    title: str
    coreset: str | None = None


METHODS: dict[str, Method] = {
    "A_baseline": Method("all dialogues of the pool"),
    "B1_coreset_loss": Method("the quarter with the highest loss, the noisiest left out", coreset="loss_topk"),
    "B2_coreset_diversity": Method("a quarter that the rest is like: facility location", coreset="diversity"),
    "B3_coreset_hybrid": Method("a quarter: 60 % by loss, 40 % by diversity", coreset="hybrid"),
    "B4_coreset_random": Method("a random quarter of the pool", coreset="random"),
    "B5_coreset_longest": Method("the quarter in which the assistant says most", coreset="longest"),
}

ROWS: dict[str, str] = {
    "base": "the model before training",
    "random": "a guess drawn evenly",
    "majority": "always the commonest answer of train",
    "oracle": "the gold answer itself",
}


@dataclass(frozen=True, slots=True)
class Profile:
    """The size of a comparison. Every method of it trains the same number of steps on rows of the same length."""

    pool: int  # dialogues of agent_sft train that methods choose from
    keep: int  # dialogues a coreset keeps
    steps: int
    rows_per_step: int
    max_length: int
    checkpoint_steps: int
    test_items: int  # of each task, at most
    seeds: tuple[int, ...]


PROFILES: dict[str, Profile] = {
    "quick": Profile(pool=400, keep=100, steps=60, rows_per_step=4, max_length=2048, checkpoint_steps=10, test_items=200, seeds=(0,)),
    "full": Profile(pool=4000, keep=1000, steps=1000, rows_per_step=8, max_length=2048, checkpoint_steps=50, test_items=500, seeds=(0, 1, 2)),
}

# Settings of training beyond the profile's: the mission's for models of 0.5B and more, and for `nano` those of the trials on dev in LOG.md.
TRAINING: dict[str, dict[str, Any]] = {
    "mission": {},
    "nano": {
        "learning_rate": 2e-3,
        "lora_rank": 32,
        "lora_alpha": 64,
        "lora_dropout": 0.0,
        "gradient_checkpointing": False,
        "decision_weight": 3.0,
        "name_weight": 3.0,
        "talk_weight": 0.05,
    },
}
