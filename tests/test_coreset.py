"""Coresets: each strategy against its definition, on signals made by hand and by a real small model."""

import random
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolwright.coreset import STRATEGIES, cells
from toolwright.coreset.facility_location import Likeness, greedy_facility_location, neighbours, objective
from toolwright.coreset.k_center import greedy_k_center
from toolwright.coreset.loss_topk import trimmed
from toolwright.coreset.signals import ModelSignals, asked
from toolwright.coreset.tool_coverage import cover
from toolwright.data.render import render
from toolwright.models.local import load_tokenizer, load_weights
from toolwright.types import Dialogue, InputError, Message, ToolCall

N = 60


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@dataclass
class Known:
    """Signals drawn from a seed."""

    seed: int = 0
    n: int = N
    scale: np.ndarray = field(init=False)

    def __post_init__(self):
        self.source = np.random.default_rng(self.seed)
        self._losses = self.source.gamma(2.0, size=self.n).astype(np.float32)
        self._alone = self.source.gamma(4.0, size=self.n).astype(np.float32)
        self._embeddings, self._states = unit(self.source.normal(size=(self.n, 8))), unit(self.source.normal(size=(self.n, 8)))
        self._gradients = self.source.normal(size=(self.n, 16)).astype(np.float32)

    def losses(self):
        return self._losses

    def losses_alone(self):
        return self._alone

    def embeddings(self):
        return self._embeddings

    def states(self):
        return self._states

    def gradients(self):
        return self._gradients

    def targets(self):
        return Known(self.seed + 1, 5)


def dialogue(i):
    call = ToolCall(name=f"tool_{i % 17}", arguments={"value": "x" * (i % 23)})
    turns = (Message(role="user", content=f"do {i}"), Message(role="assistant", tool_calls=(call,)))
    return Dialogue(id=str(i), messages=turns, tools=(call.name,), split="train", task="call" if i % 3 else "clarify")


POOL = [dialogue(i) for i in range(N)]


@pytest.mark.parametrize("name", STRATEGIES)
def test_every_strategy_chooses_as_many_as_asked_each_once_and_the_same_again(name):
    for keep in (1, 7, N - 1, N):
        chosen = STRATEGIES[name](POOL, keep, Known(), seed=3)
        assert chosen == sorted(set(chosen))
        assert len(chosen) == keep
        assert set(chosen) <= set(range(N))
        assert chosen == STRATEGIES[name](POOL, keep, Known(), seed=3)
    for keep in (0, N + 1):
        with pytest.raises(InputError, match=f"keep is {keep}; expected 1 to {N}"):
            STRATEGIES[name](POOL, keep, Known(), seed=3)


def test_no_two_strategies_choose_alike():
    chosen = {name: tuple(strategy(POOL, 15, Known(), seed=3)) for name, strategy in STRATEGIES.items()}
    assert len(set(chosen.values())) == len(STRATEGIES), chosen


def test_the_noisiest_are_trimmed_and_the_hardest_of_the_rest_kept():
    losses = np.arange(100, dtype=np.float32)
    assert np.argsort(-trimmed(losses, 0.05), kind="stable")[:3].tolist() == [94, 93, 92]
    assert np.argsort(-trimmed(losses, 0.05), kind="stable")[-1] == 99
    assert np.array_equal(trimmed(losses, 0.0), losses)


@given(seed=st.integers(0, 200), n=st.integers(4, 40), keep=st.integers(1, 4))
def test_lazy_greedy_is_greedy(seed, n, keep):
    """Against the plain algorithm: every gain computed anew at each step, over all pairs."""
    vectors = unit(np.random.default_rng(seed).normal(size=(n, 4)))
    likeness = np.maximum(vectors @ vectors.T, 0).astype(np.float32)
    np.fill_diagonal(likeness, 1.0)
    covered, expected = np.zeros(n), []
    for _ in range(min(keep, n)):
        gains = np.maximum(likeness - covered, 0).sum(1)
        gains[expected] = -1
        expected.append(int(gains.argmax()))
        covered = np.maximum(covered, likeness[expected[-1]])
    found = greedy_facility_location(neighbours(vectors, n), min(keep, n))
    reached = [np.maximum(vectors @ vectors[chosen].T, 0).max(1).mean() for chosen in (found, expected)]
    assert reached[0] == pytest.approx(reached[1], abs=1e-4)


def test_facility_location_beats_random_and_few_neighbours_come_near_all_pairs():
    source = np.random.default_rng(5)
    centres = source.normal(size=(20, 16))
    vectors = unit(np.repeat(centres, 25, axis=0) + 0.3 * source.normal(size=(500, 16)))
    whole = objective(vectors, greedy_facility_location(neighbours(vectors, 500), 20))
    assert objective(vectors, greedy_facility_location(neighbours(vectors, 60), 20)) > 0.99 * whole
    assert whole > objective(vectors, random.Random(0).sample(range(500), 20)) + 0.05


def test_neighbours_hold_themselves_and_whom_they_stand_for():
    vectors = unit(np.random.default_rng(1).normal(size=(30, 5)))
    likeness = neighbours(vectors, 6)
    assert isinstance(likeness, Likeness)
    assert len(likeness.members) == 30 * 6
    for point in range(30):
        served, values = likeness.of(point)
        assert point in served
        assert values == pytest.approx(np.maximum(vectors[served] @ vectors[point], 0), abs=1e-5)


@given(seed=st.integers(0, 100), keep=st.integers(1, 6))
def test_k_center_covers_within_twice_the_best_radius(seed, keep):
    from itertools import combinations

    vectors = unit(np.random.default_rng(seed).normal(size=(9, 3)))
    distance = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)

    def radius(chosen):
        return distance[:, list(chosen)].min(1).max()

    best = min(radius(chosen) for chosen in combinations(range(9), keep))
    assert radius(greedy_k_center(vectors, keep)) <= 2 * best + 1e-5


@given(st.lists(st.frozensets(st.sampled_from("abcdefgh"), max_size=4), min_size=1, max_size=12))
def test_a_cover_covers_all_and_nothing_stands_in_it_for_nothing(sets):
    chosen = cover(sets, len(sets))
    assert set().union(*(sets[i] for i in chosen)) == set().union(*sets)
    seen: set[str] = set()
    for i in chosen:
        assert sets[i] - seen
        seen |= sets[i]


def test_every_tool_and_task_has_a_place():
    chosen = STRATEGIES["tool_coverage"](POOL, 25, Known(), seed=0)
    assert {call.name for i in chosen for message in POOL[i].messages for call in message.tool_calls} == {f"tool_{i}" for i in range(17)}
    assert {POOL[i].task for i in chosen} == {"call", "clarify"}


class Counting:
    """An encoder by letters."""

    name = "letters"
    dimension = 26

    def encode(self, texts):
        return unit(np.array([[1 + text.lower().count(chr(97 + i)) for i in range(26)] for text in texts], dtype=np.float32))


@pytest.fixture(scope="module")
def signals(data, tiny_model, tmp_path_factory):
    pool = data.dialogues("train")[:6]
    return ModelSignals(str(tiny_model), pool, data.tools, Counting(), tmp_path_factory.mktemp("signals"), data.dialogues("dev")[:2], max_length=1200)


def test_signals_are_those_of_the_model(signals, tiny_model):
    """The loss against one computed from all logits; the gradient against the loss's change along it."""
    model, tokenizer = load_weights(str(tiny_model)), load_tokenizer(str(tiny_model))
    for i, dialogue in enumerate(signals.dialogues):
        one = render(tokenizer, dialogue.messages, [signals.tools[name] for name in dialogue.tools])
        ids, trained = one.ids[:1200], one.trained[:1200]
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([ids])).logits[0, :-1].log_softmax(-1)
        each = [-float(logits[t - 1, ids[t]]) for t in range(1, len(ids)) if trained[t]]
        assert signals.losses()[i] == pytest.approx(np.mean(each), rel=1e-4)
    assert signals.losses_alone().shape == (6,)
    assert not np.allclose(signals.losses(), signals.losses_alone())
    assert np.linalg.norm(signals.states(), axis=1) == pytest.approx(np.ones(6), abs=1e-5)
    assert signals.embeddings().shape == (6, 26)
    said = [message.content for message in signals.dialogues[0].messages if message.role == "user"]
    assert asked(signals.dialogues[0]).splitlines()[0] == said[0].splitlines()[0]
    assert signals.targets().gradients().shape == (2, signals.gradients().shape[1])
    assert np.linalg.matrix_rank(signals.gradients()) == 6


def test_stored_signals_are_charged_as_if_made(signals, monkeypatch):
    signals.losses()
    again = ModelSignals(signals.model, signals.dialogues, signals.tools, signals.encoder, signals.cache, max_length=1200)
    monkeypatch.setattr(ModelSignals, "_by_model", lambda *_: pytest.fail("made again"))
    assert np.array_equal(again.losses(), signals.losses())
    assert again.cost.seconds > 0
    assert again.cost.tokens > 6 * 200
    other = ModelSignals(signals.model, signals.dialogues[:5], signals.tools, signals.encoder, signals.cache, max_length=1200)
    with pytest.raises(pytest.fail.Exception):
        other.losses()


def clustered(n, seed=0):
    """Unit vectors around a hundred centres."""
    source = np.random.default_rng(seed)
    centres = source.normal(size=(100, 16))
    return unit(centres[source.integers(100, size=n)] + 0.4 * source.normal(size=(n, 16)))


def test_neighbours_found_in_cells_are_nearly_those_of_all_pairs(monkeypatch):
    monkeypatch.setattr(cells, "CELL", 64)
    vectors = clustered(3000)
    exact, near = (neighbours(vectors, 16, exact=exact) for exact in (True, False))
    pairs = [set(zip(one.members.tolist(), np.repeat(np.arange(3000), np.diff(one.starts)).tolist(), strict=True)) for one in (exact, near)]
    assert len(pairs[0] & pairs[1]) > 0.9 * len(pairs[0])
    assert len(pairs[1]) == len(near.members)
    assert all(near.of(i)[1][near.of(i)[0] == i] == 1 for i in range(0, 3000, 71))
    chosen = [greedy_facility_location(one, 100) for one in (exact, near)]
    assert objective(vectors, chosen[1]) > 0.99 * objective(vectors, chosen[0]) > objective(vectors, list(range(100)))
    assert greedy_facility_location(neighbours(vectors, 16, exact=False), 100) == chosen[1]


def test_every_point_is_in_one_cell_and_looks_into_its_own(monkeypatch):
    monkeypatch.setattr(cells, "CELL", 32)
    found = list(cells.near_cells(clustered(700), 4))
    assert sorted(np.concatenate([inside for _, inside in found]).tolist()) == list(range(700))
    assert all(set(inside.tolist()) <= set(looking.tolist()) for looking, inside in found)
    assert sum(len(looking) for looking, _ in found) == 700 * cells.SEARCHED


@pytest.mark.parametrize("vectors", [np.ones((300, 4), dtype=np.float32) / 2, np.eye(300, dtype=np.float32), -np.ones((3, 1), dtype=np.float32)])
def test_cells_of_odd_vectors(vectors, monkeypatch):
    monkeypatch.setattr(cells, "CELL", 8)
    chosen = greedy_facility_location(neighbours(vectors, 2, exact=False), 3)
    assert len(set(chosen)) == 3


@given(st.integers(0, 10_000), st.integers(2, 40), st.integers(1, 12))
def test_the_lazy_greedy_takes_the_best_at_every_step(seed, n, keep):
    vectors = unit(np.random.default_rng(seed).normal(size=(n, 5)))
    likeness = np.maximum(vectors @ vectors.T, 0)
    np.fill_diagonal(likeness, 1)
    covered = np.zeros(n)
    for point in greedy_facility_location(neighbours(vectors, n), min(keep, n)):
        gains = np.maximum(likeness - covered[:, None], 0).sum(0)
        assert gains[point] >= gains.max() - 1e-4
        covered = np.maximum(covered, likeness[:, point])
