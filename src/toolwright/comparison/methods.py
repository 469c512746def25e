"""The table of methods, one entry each, and the sizes of a comparison.

The rows beside them (`base`, `random`, `majority`, `oracle`) train nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_type_hints

from toolwright.types import InputError


@dataclass(frozen=True, slots=True)
class Method:
    """What a method trains on, in which order, and which weights it moves.

    Raises `InputError` for a value that a field does not allow, and for fields that do not go together.
    """

    title: str
    source: Literal["pool", "trajectories"] = "pool"  # dialogues as they are, or the model's own ways of answering them that succeeded in the world
    coreset: str | None = None  # a strategy of `toolwright.coreset`; None keeps all
    mix: Literal["as_is", "multitask"] = "as_is"  # tasks as the pool has them, or by the weights of `training/mix.py`
    order: Literal["random", "curriculum"] = "random"  # curriculum: from rows of low loss to all
    stream: bool = False  # in phases of domains that arrive one after another
    replay: float = 0.0  # of a stream: the share of a phase's dialogues that are of earlier ones
    buffer: str = "reservoir"  # of a stream: the rule of `toolwright.continual` for what is kept
    adapter: Literal["lora", "dora", "rslora", "pissa", "lora_plus", "full"] = "lora"

    def __post_init__(self) -> None:
        from toolwright.continual import BUFFERS
        from toolwright.coreset import STRATEGIES

        types = get_type_hints(Method)
        allowed = {field.name: get_args(types[field.name]) for field in fields(self) if isinstance(field.default, str)}
        allowed |= {"coreset": (None, *STRATEGIES), "buffer": tuple(BUFFERS), "stream": (False, True)}
        for name, values in allowed.items():
            if getattr(self, name) not in values or isinstance(getattr(self, name), bool) != (name == "stream"):
                raise InputError(f"{name} is {getattr(self, name)!r}; allowed: {', '.join(map(str, values))}")
        if not isinstance(self.title, str) or not self.title:
            raise InputError(f"title is {self.title!r}; expected a text")
        if isinstance(self.replay, bool) or not isinstance(self.replay, int | float) or not 0 <= self.replay < 1:
            raise InputError(f"replay is {self.replay!r}; expected a share from 0 to below 1")
        if self.replay and not self.stream:
            raise InputError(f"replay is {self.replay!r} without a stream; set stream: true, or leave replay out")
        if self.stream and self.order == "curriculum":
            raise InputError("order is 'curriculum' in a stream, which has an order of its own; choose one of them")


METHODS: dict[str, Method] = {
    "A_baseline": Method("all dialogues of the pool"),
    "B1_coreset_loss": Method("the quarter with the highest loss, the noisiest left out", coreset="loss_topk"),
    "B2_coreset_diversity": Method("a quarter that the rest is like: facility location", coreset="diversity"),
    "B3_coreset_hybrid": Method("a quarter: 60 % by loss, 40 % by diversity", coreset="hybrid"),
    "B4_coreset_random": Method("a random quarter of the pool", coreset="random"),
    "B5_coreset_longest": Method("the quarter in which the assistant says most", coreset="longest"),
    "C0_sequential": Method("a stream of domains, nothing replayed", stream=True),
    "C_continual": Method("a stream of domains, a quarter of each phase replayed", stream=True, replay=0.25),
    "D_combined": Method("a stream of domains, a hybrid quarter of each phase, a fifth replayed", coreset="hybrid", stream=True, replay=0.2),
    "E_trajectory": Method("the model's own trajectories where they succeed in the world, the pool's dialogues elsewhere", source="trajectories"),
    "F_multitask": Method("all dialogues, tasks by weight", mix="multitask"),
    "F2_curriculum": Method("all dialogues, from easy to hard by the untrained model's loss", order="curriculum"),
    "G_dora": Method("all dialogues, DoRA", adapter="dora"),
    "H_lora_plus": Method("all dialogues, LoRA+", adapter="lora_plus"),
    "I_dora_coreset": Method("a hybrid quarter, DoRA", coreset="hybrid", adapter="dora"),
    "J_lora_plus_continual": Method("a stream of domains, a quarter replayed, LoRA+", stream=True, replay=0.25, adapter="lora_plus"),
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
    test_items: int  # of each task but planning, at most
    test_goals: int  # of planning, each of several turns
    seeds: tuple[int, ...]
    phases: int = 5  # of a stream
    phase_items: int = 60  # requests that each phase is tested with, after every phase, at most
    look_steps: int = 100  # between two looks at dev, 0 for none; a stream is looked at after every phase
    look_items: int = 60  # of each task of dev, at most


PROFILES: dict[str, Profile] = {
    "quick": Profile(
        pool=400,
        keep=100,
        steps=40,
        rows_per_step=4,
        max_length=2048,
        checkpoint_steps=10,
        test_items=200,
        test_goals=60,
        seeds=(0,),
        phases=5,
        phase_items=8,
        look_steps=20,
        look_items=10,
    ),
    "full": Profile(
        pool=4000,
        keep=1000,
        steps=1000,
        rows_per_step=8,
        max_length=2048,
        checkpoint_steps=50,
        test_items=500,
        test_goals=500,
        seeds=(0, 1, 2),
        phases=5,
        phase_items=60,
    ),
}
BUFFER_SHARE = 2048 / 4000  # places of a replay buffer, of the pool

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
        "masked_copies": 1,
    },
}
