"""Fine-tuning: the adapter moves, the audit refuses what cannot be learned, an interrupted run ends where an undisturbed one does."""

import json
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file

from toolwright.data.render import Rendered, render
from toolwright.evaluation.dev import dev_metrics
from toolwright.evaluation.models import ModelPredictor
from toolwright.models.hub import NANO
from toolwright.training.adapters import trained_weights
from toolwright.training.audit import audit
from toolwright.training.sft import AgentSFTTrainer, SFTSettings
from toolwright.training.watch import Watch
from toolwright.types import InputError, Metric


def settings(model, **changes):
    base = {"model": str(model), "steps": 6, "seed": 1, "learning_rate": 1e-2, "rows_per_step": 2, "max_length": 1024}
    return SFTSettings(**{**base, "lora_rank": 4, "lora_alpha": 8, "checkpoint_steps": 2, "gradient_checkpointing": False, **changes})


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(NANO))


@pytest.fixture(scope="module")
def dialogues(data, tokenizer):
    """Twelve that fit into a row."""

    def tokens(dialogue):
        return len(render(tokenizer, dialogue.messages, [data.tools[name] for name in dialogue.tools]).ids)

    short = (dialogue for dialogue in data.dialogues("train") if tokens(dialogue) <= 1024)
    return list(islice(short, 12))


@pytest.fixture(scope="module")
def undisturbed(tiny_model, dialogues, data, tmp_path_factory):
    return AgentSFTTrainer(settings(tiny_model), tmp_path_factory.mktemp("undisturbed")).train(dialogues, data.tools)


def test_lora_b_moves_in_every_layer(undisturbed):
    weights = load_file(undisturbed.adapter / "adapter_model.safetensors")
    moved = {name: float(tensor.abs().max()) for name, tensor in weights.items() if "lora_B" in name}
    assert len(moved) > 8
    assert all(value > 0 for value in moved.values())


def test_gradient_checkpointing_moves_lora_b_too(tiny_model, dialogues, data, tmp_path):
    trained = AgentSFTTrainer(settings(tiny_model, steps=2, gradient_checkpointing=True), tmp_path).train(dialogues, data.tools)
    weights = load_file(trained.adapter / "adapter_model.safetensors")
    assert all(float(tensor.abs().max()) > 0 for name, tensor in weights.items() if "lora_B" in name)


def test_what_was_done_is_recorded(undisturbed):
    folder = undisturbed.adapter.parent
    batches = [json.loads(line) for line in (folder / "batches.jsonl").read_text().splitlines()]
    assert [line["step"] for line in batches] == [step for step in range(6) for _ in range(2)]
    found = json.loads((folder / "audit.json").read_text())
    assert found["dialogues"] == 12
    assert found["truncated"] == found["emptied"] == 0
    assert 0 < found["trained_tokens"] < found["tokens"] / 3
    pieces = found["samples"][0]
    assert any(piece["trained"] and piece["text"].endswith("<|im_end|>") for piece in pieces)
    assert undisturbed.tokens == 6 * 2 * 1024


class Cut(Exception):
    pass


def test_a_cut_run_ends_bit_equal(tiny_model, dialogues, data, undisturbed, tmp_path):
    with pytest.raises(Cut):
        AgentSFTTrainer(settings(tiny_model), tmp_path, cut_at_five).train(dialogues, data.tools)
    started = []
    again = AgentSFTTrainer(settings(tiny_model), tmp_path, lambda done, *_: started.append(done)).train(dialogues, data.tools)
    assert started[0] == 4
    assert again.sha256 == undisturbed.sha256


def cut_at_five(done, total, word):
    if done == 5:
        raise Cut


def steps_of(folder):
    return [json.loads(line)["step"] for line in (folder / "curve.jsonl").read_text().splitlines()]


def test_watching_changes_nothing(tiny_model, dialogues, data, undisturbed, tmp_path):
    """Looked at by writing calls, cut between two checkpoints and taken up again: the same weights, and one line a look."""
    watch = Watch(2, lambda lm: dev_metrics(ModelPredictor(lm), data, 4))
    with pytest.raises(Cut):
        AgentSFTTrainer(settings(tiny_model), tmp_path, cut_at_five, watch=watch).train(dialogues, data.tools)
    told = []
    trainer = AgentSFTTrainer(settings(tiny_model), tmp_path, lambda *now: told.append(now), watch=watch, log_to="tensorboard")
    assert trainer.train(dialogues, data.tools).sha256 == undisturbed.sha256
    assert steps_of(tmp_path) == [0, 2, 4, 6]
    assert "loss" in told[-1][2]
    assert "top_1" in told[-1][2]
    assert list((tmp_path / "tensorboard").glob("events.*"))


@pytest.mark.parametrize(("heights", "steps", "best"), [([1, 3, 2, 2, 9, 9, 9], 3, 1), ([1, 2, 3, 4, 5, 6, 7], 6, 6)])
def test_training_ends_when_dev_rises_no_more(tiny_model, dialogues, data, undisturbed, tmp_path, heights, steps, best):
    looked = []

    def look(lm):
        looked.append(copied(lm.model))
        return {"height": Metric(value=heights[len(looked) - 1] / 10, low=0, high=1, n=1)}

    trained = AgentSFTTrainer(settings(tiny_model), tmp_path, watch=Watch(1, look, "height", patience=2)).train(dialogues, data.tools)
    assert trained.steps == steps
    assert steps_of(tmp_path) == list(range(steps + 1))
    left = load_file(trained.adapter / "adapter_model.safetensors")
    kept = {name.replace(".default", ""): tensor for name, tensor in looked[best].items()}
    assert left.keys() == kept.keys()
    assert all(torch.equal(left[name], kept[name]) for name in left)


def copied(model):
    return {name: tensor.detach().clone() for name, tensor in trained_weights(model).items()}


def test_what_cannot_be_watched_is_refused(tiny_model, dialogues, data, tmp_path):
    watch = Watch(1, lambda lm: {"height": Metric(value=0, low=0, high=0, n=1)}, "width")
    with pytest.raises(InputError, match="metric is 'width'; allowed: height"):
        AgentSFTTrainer(settings(tiny_model), tmp_path / "metric", watch=watch).train(dialogues, data.tools)
    with pytest.raises(InputError, match="allowed: none, tensorboard"):
        AgentSFTTrainer(settings(tiny_model), tmp_path / "log", log_to="paper").train(dialogues, data.tools)


def test_a_finished_run_is_not_repeated(tiny_model, dialogues, data, undisturbed):
    def never(*_):
        raise AssertionError("trained again")

    assert AgentSFTTrainer(settings(tiny_model), undisturbed.adapter.parent, never).train(dialogues, data.tools) == undisturbed


def test_the_audit_counts_and_refuses(tokenizer):
    end = tokenizer.eos_token_id
    good = Rendered([10, 11, end], [False, True, True])
    late = Rendered([10] * 9 + [end], [False] * 9 + [True])
    kept, found = audit([good] * 199 + [late], 5, tokenizer)
    assert (len(kept), found.truncated, found.emptied) == (199, 1, 1)
    assert str(found).startswith("mask audit: 200 dialogues, 597 tokens, 67% of them trained; 1 cut, 1 left empty")
    assert "⟦" in str(found)
    with pytest.raises(InputError, match="2 of 100 dialogues have no token to train on"):
        audit([good] * 98 + [late] * 2, 5, tokenizer)
    with pytest.raises(InputError, match="end-of-turn token '<|im_end|>' is never trained on".replace("|", r"\|")):
        audit([Rendered([10, 11], [False, True])] * 3, 5, tokenizer)
    with pytest.raises(InputError, match="0 of 0"):
        audit([], 5, tokenizer)


def test_training_is_deterministic_and_the_seed_counts(tiny_model, dialogues, data, undisturbed, tmp_path):
    torch.manual_seed(99)
    same = AgentSFTTrainer(settings(tiny_model), tmp_path / "same").train(dialogues, data.tools)
    other = AgentSFTTrainer(settings(tiny_model, seed=2), tmp_path / "other").train(dialogues, data.tools)
    assert same.sha256 == undisturbed.sha256 != other.sha256
