"""The stream: groups of domains that arrive one after another, and what learning each did to the others."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from toolwright.types import Dialogue, InputError

PHASES = 5
DOMAIN = "domain_"  # how a tag begins that names one


def domains_of(tags: Iterable[str]) -> list[str]:
    """The domains that an example's tags name."""
    return [tag.removeprefix(DOMAIN) for tag in tags if tag.startswith(DOMAIN)]


def phases(domains: Sequence[str], seed: int, count: int = PHASES, beside: Sequence[str] = ()) -> list[list[str]]:
    """The domains in `count` groups of nearly the same size, in a random order.

    Args:
        domains: those that something is tested on; every group has some of them.
        seed: of the order.
        count: of the groups.
        beside: others that dialogues are about, shared out likewise; no group need have any.
    """
    if not 1 <= count <= len(domains):
        raise InputError(f"stream: {count} phases of {len(domains)} domains; expected 1 to {len(domains)}")
    source = random.Random(f"phases/{seed}")
    order, others = source.sample(sorted(domains), len(domains)), source.sample(sorted(beside), len(beside))
    return [sorted([*order[i::count], *others[count - 1 - i :: count]]) for i in range(count)]


def in_phases(dialogues: Sequence[Dialogue], groups: Sequence[Sequence[str]]) -> list[list[Dialogue]]:
    """Each phase's dialogues: those of its domains, in their order; one that spans groups comes with the last of them, when all it needs is known."""
    phase_of = {domain: i for i, group in enumerate(groups) for domain in group}
    found: list[list[Dialogue]] = [[] for _ in groups]
    for dialogue in dialogues:
        numbers = [phase_of[domain] for domain in domains_of(dialogue.tags) if domain in phase_of]
        if not numbers:
            raise InputError(f"stream: dialogue {dialogue.id!r} is of no domain of any phase; its tags: {', '.join(dialogue.tags) or 'none'}")
        found[max(numbers)].append(dialogue)
    return found


@dataclass(frozen=True, slots=True)
class Transfer:
    """What a stream did (Lopez-Paz & Ranzato, "Gradient Episodic Memory", 2017; forgetting as Chaudhry et al., "Riemannian Walk", 2018).

    Attributes:
        average: mean accuracy over all phases after the last one.
        backward: mean over all phases but the last of how much their accuracy changed since they were learned.
        forward: mean over all phases but the first of how much better they were before they were learned than without any training.
        forgetting: mean over all phases but the last of how far they fell from their best.
    """

    average: float
    backward: float
    forward: float
    forgetting: float


def transfer(accuracy: np.ndarray, untrained: np.ndarray) -> Transfer:
    """Read a stream's accuracies.

    Args:
        accuracy: shape (phases, phases): row i after learning phase i, column j on phase j.
        untrained: shape (phases,): before anything was learned.
    """
    count = len(accuracy)
    if accuracy.shape != (count, count) or untrained.shape != (count,):
        raise ValueError(f"accuracy has shape {accuracy.shape} and untrained {untrained.shape}; expected (phases, phases) and (phases,)")
    if count == 1:
        return Transfer(float(accuracy[0, 0]), 0.0, 0.0, 0.0)
    last, earlier = accuracy[-1], np.arange(count - 1)
    return Transfer(
        average=float(last.mean()),
        backward=float((last[earlier] - accuracy[earlier, earlier]).mean()),
        forward=float((accuracy[earlier, earlier + 1] - untrained[1:]).mean()),
        forgetting=float((accuracy[:-1, earlier].max(0) - last[earlier]).mean()),
    )
