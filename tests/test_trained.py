"""Selection learned from requests: memory, belonging together, division, and a whole training in small."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.encoders import load_encoder
from toolwright.selection.doubt import Doubt, fit_doubt
from toolwright.selection.memory import MEMORIES, Memory, masked_words
from toolwright.selection.opening import load_selector, open_selector
from toolwright.selection.sets import Needs, Sets, lifts_of, needs_of
from toolwright.selection.trained import TrainedSelector
from toolwright.training.encoder_tuning import TuningSettings, tune_encoder
from toolwright.training.known_texts import KnownTexts
from toolwright.training.matrices import MatrixSettings, fit_matrices
from toolwright.training.selector import SelectorSettings, SelectorTrainer, divide
from toolwright.types import InputError, SelectionExample, Tool


def unit(rows, dimension=16, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(rows, dimension)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def test_memory_speaks_for_the_tools_of_the_nearest_request():
    vectors = unit(4)
    texts = ["cancel EV-25153", "cancel the booking AB-1", "play music", "send a mail"]
    memory = Memory(vectors, texts, [[0], [0, 2], [1], [2]])
    places = np.arange(4, dtype=np.int32)
    found = memory.evidence(["cancel EV-99999"], vectors[2:3], places, 4)[:, 0]
    best, votes, alike, known = (found[:, MEMORIES.index(name)] for name in MEMORIES)
    assert best[1] == pytest.approx(1, abs=1e-3)
    assert best.argmax() == votes.argmax() == 1
    assert alike.argmax() == 0
    assert known.tolist() == [1, 1, 1, 0]
    assert found[3].tolist() == [0, 0, 0, 0]
    some = memory.evidence(texts[:1], vectors[:1], np.array([1, -1, 0, -1], dtype=np.int32), 2)
    assert np.array_equal(some[[1, 0], 0], memory.evidence(texts[:1], vectors[:1], places, 4)[[0, 2], 0])


def test_values_are_no_words_of_a_remembered_request():
    assert masked_words("cancel EV-25153 at 10:45") == masked_words("cancel EV-16004 at 11:15") == ["cancel"]
    assert masked_words("EV-1") == ["_"]


def test_links_come_from_meaning_types_or_names():
    meanings = {"parameters": {"iban": "iban"}, "returns": {"accounts[].iban": "iban", "name": "person_name"}}
    typed = Tool(name="a", parameters={"properties": {"iban": {}}, "required": ["iban"]}, extras={"meanings": meanings})
    assert needs_of(typed) == Needs(frozenset({"iban"}), frozenset({"iban"}))
    returns = {"properties": {"rows": {"type": "array", "items": {"properties": {"orderId": {}, "name": {}}}}}}
    named = Tool(name="b", parameters={"properties": {"order_id": {}, "name": {}}, "required": ["order_id", "name"]}, returns=returns)
    assert needs_of(named) == Needs(frozenset({"rows", "order id"}), frozenset({"order id"}))


def test_what_belongs_to_the_best_comes_forward():
    needs = {"find": Needs(frozenset({"order id"}), frozenset()), "pay": Needs(frozenset(), frozenset({"order id"})), "play": Needs(frozenset(), frozenset())}
    sets = Sets(lifts_of([("find", "pay"), ("find", "pay"), ("play",), ("play",)]), together=1.0, linked=1.0)
    assert sets.lifts == {("find", "pay"): pytest.approx(np.log(2), abs=1e-4)}
    assert sets.reranked(["find", "play", "pay"], np.array([0.0, -1.0, -2.0]), needs) == [0, 2, 1]
    assert Sets().reranked(["find", "play", "pay"], np.array([0.0, -1.0, -2.0]), needs) == [0, 1, 2]


def test_doubt_tells_what_no_tool_serves(tmp_path):
    """Served requests stand high or mean one thing; the machine learns both together."""
    source = np.random.default_rng(0)
    served = source.random(300) < 0.7
    standing = source.normal(size=(300, 3)) + 1.5 * served[:, None]
    vectors = unit(300, 8)
    vectors[~served, 0] = 1.0
    doubt = fit_doubt(standing, vectors, served)
    told = doubt.fits(standing, vectors) >= doubt.threshold
    assert ((told[served]).mean() + (~told[~served]).mean()) / 2 > 0.85
    doubt.save(tmp_path / "doubt.npz")
    assert np.array_equal(Doubt.load(tmp_path / "doubt.npz").fits(standing, vectors), doubt.fits(standing, vectors))


@given(scores=st.lists(st.floats(-5, 0), min_size=1, max_size=8), linked=st.floats(0, 3))
def test_reranking_keeps_every_tool_and_the_first(scores, linked):
    scores = sorted(scores, reverse=True)
    names = [f"t{i}" for i in range(len(scores))]
    needs = {name: Needs(frozenset({f"x{i % 2}"}), frozenset({f"x{i % 3}"})) for i, name in enumerate(names)}
    order = Sets(linked=linked).reranked(names, np.array(scores), needs)
    assert sorted(order) == list(range(len(names)))
    assert order[0] == 0


def test_matrices_turn_requests_to_their_tools():
    """Requests are a hidden rotation of their tools: the identity finds few, the matrices nearly all."""
    tools = unit(12, seed=1)
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(16, 16)))[0].astype(np.float32)
    gold = [[i % 12] for i in range(240)]
    requests = np.array([tools[rows[0]] for rows in gold]) @ rotation + 0.05 * unit(240, seed=3)
    asked, offered, usage = fit_matrices(requests, tools, gold, MatrixSettings(rank=16, epochs=60, batch=64), lambda done, total: None)
    plain = (requests @ tools.T).argmax(1)
    turned = ((requests @ asked) @ (tools @ offered).T).argmax(1)
    truth = np.array([rows[0] for rows in gold])
    assert (plain == truth).mean() < 0.4
    assert (turned == truth).mean() > 0.8
    assert usage.shape == (12, 16)


def test_requests_of_one_frame_stay_together_and_new_tools_are_not_learned_from():
    examples = [SelectionExample(id=f"d.t{i % 16}.request.train{i % 40}.{i}", query="q", tools=(f"t{i % 16}",)) for i in range(400)]
    division = divide(examples, 0)
    assert sorted([*division.learn, *division.fuse, *division.report]) == list(range(400))
    assert len(division.new_tools) == 2
    assert not division.new_tools & {name for i in division.learn for name in examples[i].tools}
    frames = [{examples[i].id.rsplit(".", 1)[0] for i in part} for part in (division.learn, division.fuse, division.report)]
    assert not frames[0] & frames[1]
    assert not frames[0] & frames[2]


def test_texts_are_encoded_once(tmp_path):
    class Counting:
        name, dimension, asked = "counting", 16, 0

        def encode(self, texts):
            self.asked += len(texts)
            return unit(len(texts))

    first = KnownTexts(Counting(), tmp_path)
    first.learn(["a", "b", "a"], lambda done, total: None)
    again = KnownTexts(Counting(), tmp_path)
    again.learn(["a", "b", "c"], lambda done, total: None)
    assert (first.encoder.asked, again.encoder.asked) == (2, 1)
    assert np.array_equal(again.encode(["b"]), first.encode(["b"]))


@pytest.mark.slow
def test_a_selector_is_trained_saved_and_opened(data, tmp_path):
    tools = list(data.tools.values())
    examples = [example for example in data.selection("train") if "several_tools" not in example.tags][:150]
    stages = []
    trainer = SelectorTrainer(tools, examples, SelectorSettings(epochs=4), tmp_path, lambda stage, done, total: stages.append(stage))
    report = trainer.train()
    assert set(stages) == {"encode", "evidence", "matrices"}
    assert report["trained"]["all"]["n"] == report["zero_training"]["all"]["n"] > 10
    assert json.loads((tmp_path / "report.json").read_text()) == report
    selector = load_selector(tmp_path)
    assert isinstance(selector, TrainedSelector)
    served = [example for example in examples if example.tools]
    right = [set(example.tools) & set(selector.select(example.query, 1).names) for example in served[:40]]
    assert sum(map(bool, right)) > 30  # of requests that it remembers
    reopened = open_selector(str(tmp_path), tools)
    assert reopened.select(served[0].query, 5) == selector.select(served[0].query, 5)
    selector.add([Tool(name="launch_rocket", description="Launches a rocket into orbit around the moon.")])
    assert selector.select("launch the rocket to the moon", 1).names == ["launch_rocket"]
    selector.remove(["launch_rocket"])
    assert "launch_rocket" not in selector.select("launch the rocket to the moon", 10).names


@pytest.mark.slow
def test_an_encoder_is_tuned_and_goes_on_where_it_was_cut(tmp_path):
    requests = [(f"{verb} my {thing}", f"{verb}_{thing}") for verb in ("zorb", "quix") for thing in ("lamp", "door", "car")] * 4
    texts = {name: name.replace("_", " ") for _, name in requests}
    settings = TuningSettings(steps=4, batch=6, checkpoint_steps=2, longest=12)

    def cut(done, total):
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune_encoder("minilm", requests, texts, settings, tmp_path, cut)
    steps = []
    folder = tune_encoder("minilm", requests, texts, settings, tmp_path, lambda done, total: steps.append(done))
    assert steps == [3, 4]
    moved = load_encoder(str(folder)).encode(["zorb my lamp"]) @ load_encoder("minilm").encode(["zorb my lamp"]).T
    assert 0.5 < float(moved[0, 0]) < 0.9999
    with pytest.raises(InputError, match="other settings"):
        tune_encoder("minilm", requests, texts, TuningSettings(steps=5), tmp_path, cut)


def test_too_little_to_learn_from_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match="expected 50 or more"):
        SelectorTrainer([Tool(name="a")], [SelectionExample(id="1", query="q", tools=("a",))], SelectorSettings(), tmp_path)
    with pytest.raises(InputError, match="learned nothing yet"):
        TrainedSelector().fit([Tool(name="a")])
    with pytest.raises(InputError, match="train selector"):
        open_selector("trained", [Tool(name="a")])
