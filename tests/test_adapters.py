"""Adapters: what was trained is what loads, each kind is another, and one training goes on from another."""

import json
from itertools import islice
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from toolwright.cli.train import read_settings
from toolwright.data.render import render
from toolwright.models.local import load_model, load_tokenizer, load_weights
from toolwright.training.adapters import ADAPTERS, LORA_PLUS_RATIO, adapted, keep_start, lora_plus_groups, save_trained, trained_weights, weights_sha256
from toolwright.training.carry import hand_on, take_up_moments, take_up_weights
from toolwright.training.export import export_merged
from toolwright.training.sft import AgentSFTTrainer, SFTSettings
from toolwright.types import InputError

IDS = torch.arange(20, 60)[None]


def settings(model, **changes):
    base = {"model": str(model), "steps": 3, "seed": 1, "learning_rate": 1e-2, "rows_per_step": 1, "max_length": 1024, "checkpoint_steps": 1}
    return SFTSettings(**{**base, "lora_rank": 4, "lora_alpha": 8, "gradient_checkpointing": False, **changes})


@pytest.fixture(scope="module")
def dialogues(data, tiny_model):
    tokenizer = load_tokenizer(str(tiny_model))
    found = (one for one in data.dialogues("train") if len(render(tokenizer, one.messages, [data.tools[name] for name in one.tools]).ids) <= 1024)
    return list(islice(found, 6))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_what_moved_is_what_loads(adapter, tiny_model, tmp_path):
    torch.manual_seed(3)
    model = adapted(load_weights(str(tiny_model)), adapter, 4, 8, 0.0).eval()
    keep_start(model, adapter, tmp_path / "start")
    with torch.no_grad():
        untouched = model(input_ids=IDS).logits
        for parameter in trained_weights(model).values():
            parameter.add_(0.05 * torch.randn_like(parameter))
        wanted = model(input_ids=IDS).logits
    save_trained(model, adapter, tmp_path / "start", tmp_path / "trained")
    with torch.inference_mode():
        found = load_model(str(tiny_model), tmp_path / "trained").model(input_ids=IDS).logits
        base = load_model(str(tiny_model)).model(input_ids=IDS).logits
    assert torch.allclose(untouched, base, atol=1e-4)  # a fresh adapter changes nothing
    assert torch.allclose(found, wanted, atol=1e-4)
    assert not torch.allclose(found, base, atol=1e-2)


def test_a_folder_without_weights_is_named(tiny_model, tmp_path):
    with pytest.raises(InputError, match=r"holds neither adapter_model.safetensors nor model.safetensors"):
        load_model(str(tiny_model), tmp_path)
    with pytest.raises(InputError, match="adapter is 'lorra'; allowed: lora, dora, rslora, pissa, lora_plus, full"):
        settings("m", adapter="lorra")


@pytest.mark.parametrize("adapter", ["lora_plus", "dora"])
def test_magnitude_vectors_are_slow_and_b_is_fast(adapter, tiny_model):
    model = adapted(load_weights(str(tiny_model)), adapter, 4, 8, 0.0)
    slow, fast = lora_plus_groups(model, 1e-3)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    assert all("lora_B" in names[id(parameter)] for parameter in fast["params"])
    kinds = {next(kind for kind in ("lora_A", "magnitude") if kind in names[id(parameter)]) for parameter in slow["params"]}
    assert kinds == ({"lora_A", "magnitude"} if adapter == "dora" else {"lora_A"})
    assert len(slow["params"]) + len(fast["params"]) == len(trained_weights(model))
    assert fast["lr"] / slow["lr"] == pytest.approx(LORA_PLUS_RATIO)
    assert fast["lr"] * slow["lr"] == pytest.approx(1e-6)


@pytest.mark.slow
def test_every_adapter_trains_to_something_else(tiny_model, dialogues, data, tmp_path):
    trained = {}
    for adapter in ADAPTERS:
        trained[adapter] = AgentSFTTrainer(settings(tiny_model, adapter=adapter), tmp_path / adapter).train(dialogues, data.tools)
        assert trained[adapter].sha256 == weights_sha256(tmp_path / adapter / "adapter")
    fed = {(tmp_path / adapter / "batches.jsonl").read_text() for adapter in ADAPTERS}
    assert len(fed) == 1  # the same rows …
    assert len({one.sha256 for one in trained.values()}) == len(ADAPTERS)  # … and other weights
    magnitudes = load_file(tmp_path / "dora" / "adapter" / "adapter_model.safetensors")
    assert any("magnitude" in name for name in magnitudes)


def test_moments_go_on_and_rates_do_not(tiny_model, tmp_path):
    def training(rate):
        torch.manual_seed(0)
        model = adapted(load_weights(str(tiny_model)), "lora_plus", 4, 8, 0.0)
        return model, torch.optim.AdamW(lora_plus_groups(model, rate))

    def step(model, optimizer):
        optimizer.zero_grad()
        model(input_ids=IDS, labels=IDS).loss.backward()
        optimizer.step()

    model, optimizer = training(1e-3)
    for _ in range(2):
        step(model, optimizer)
    hand_on(model, optimizer, tmp_path)
    again, taken = training(1e-3)
    take_up_weights(again, tmp_path)
    take_up_moments(again, taken, tmp_path)
    slower, other = training(1e-4)
    take_up_moments(slower, other, tmp_path)
    assert [group["lr"] for group in other.param_groups] == pytest.approx([1e-4 / 4, 1e-4 * 4])
    step(model, optimizer)
    step(again, taken)
    assert all(torch.equal(parameter, trained_weights(again)[name]) for name, parameter in trained_weights(model).items())
    wider = adapted(load_weights(str(tiny_model)), "lora", 8, 8, 0.0)
    with pytest.raises(InputError, match="does not fit; expected weights of the same model, adapter and rank"):
        take_up_weights(wider, tmp_path)


@pytest.mark.slow
def test_a_training_goes_on_from_another_and_warms_up_again(tiny_model, dialogues, data, tmp_path):
    first = tmp_path / "first"
    AgentSFTTrainer(settings(tiny_model, warmup_ratio=0.5), first, hand_on=True).train(dialogues[:3], data.tools)
    second = AgentSFTTrainer(settings(tiny_model, warmup_ratio=0.5), tmp_path / "second", before=first).train(dialogues[3:], data.tools)
    fresh = AgentSFTTrainer(settings(tiny_model, warmup_ratio=0.5), tmp_path / "fresh").train(dialogues[3:], data.tools)
    assert second.sha256 != fresh.sha256

    def rates(name):
        return [json.loads(line)["learning_rate"] for line in (tmp_path / name / "losses.jsonl").read_text().splitlines()]

    assert rates("first") == rates("second") == rates("fresh")
    assert (first / "carried" / "moments.safetensors").is_file()
    assert not (tmp_path / "second" / "carried").exists()
    with pytest.raises(InputError, match="holds a run with another before_sha256"):
        AgentSFTTrainer(settings(tiny_model, warmup_ratio=0.5), tmp_path / "fresh", before=first).train(dialogues[3:], data.tools)


@pytest.mark.slow
@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_a_merged_export_is_a_plain_checkpoint_with_its_card(adapter, tiny_model, dialogues, data, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    trained = AgentSFTTrainer(settings(tiny_model, adapter=adapter), tmp_path / "run").train(dialogues, data.tools)
    card = (trained.adapter / "README.md").read_text()
    about = json.loads((tmp_path / "run" / "settings.json").read_text())
    assert trained.sha256 in card
    assert about["dialogues_sha256"] in card
    assert "| learning_rate | 0.01 |" in card
    out = export_merged(str(tiny_model), trained.adapter, tmp_path / "merged")
    plain = AutoModelForCausalLM.from_pretrained(str(out)).eval()
    with torch.inference_mode():
        wanted = load_model(str(tiny_model), trained.adapter).model(input_ids=IDS).logits
        assert torch.allclose(plain(input_ids=IDS).logits, wanted, atol=1e-4)
    assert AutoTokenizer.from_pretrained(str(out)).chat_template == load_tokenizer(str(tiny_model)).chat_template
    assert (out / "README.md").read_text() == card
    assert {path.name for path in tmp_path.iterdir()} == {"run", "merged"}


@pytest.mark.slow
def test_epochs_are_as_many_steps_as_they_take(tiny_model, dialogues, data, tmp_path):
    trained = AgentSFTTrainer(settings(tiny_model, steps=0, epochs=2, rows_per_step=4), tmp_path).train(dialogues, data.tools)
    batches = [json.loads(line)["batch"] for line in (tmp_path / "batches.jsonl").read_text().splitlines()]
    rows = len(set(batches))
    assert trained.steps == -(-2 * rows // 4)
    assert trained.tokens == len(batches) * 1024
    assert min(batches.count(one) for one in set(batches)) == 2
    with pytest.raises(InputError, match="steps is 3 and epochs 2; expected 1 or more of one of them"):
        settings("m", epochs=2)


@pytest.mark.parametrize("name", ["qwen2.5-0.5b", "qwen2.5-7b"])
def test_recipes_are_the_missions_settings(name):
    given = read_settings([str(Path(__file__).parent.parent / "recipes" / f"{name}.yaml")], SFTSettings)
    made = SFTSettings(**given)
    assert made == SFTSettings(model=made.model, epochs=3, gradient_checkpointing=made.gradient_checkpointing)  # the defaults are the mission's
