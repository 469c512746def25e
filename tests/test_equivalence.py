"""What must not matter does not: rows packed or each dialogue alone, gradients accumulated or one large batch."""

import json
import random

import pytest
import torch
from transformers import get_cosine_schedule_with_warmup

from toolwright.data.render import render
from toolwright.models.local import load_tokenizer, load_weights
from toolwright.training import sft
from toolwright.training.adapters import adapted, trained_weights
from toolwright.training.mix import in_rounds
from toolwright.training.packing import IGNORED, collate, pack, row_loss
from toolwright.training.sft import AgentSFTTrainer, SFTSettings

STEPS, ROWS, LENGTH = 30, 2, 512


@pytest.fixture(scope="module")
def dialogues(data):
    """The eight that say least, with one tool each, two or three to a row."""
    calls = [one.model_copy(update={"messages": one.messages[:4], "tools": one.tools[:1]}) for one in data.dialogues("train") if one.task == "call"]
    return sorted(calls, key=lambda one: sum(len(message.content) for message in one.messages))[:8]


@pytest.fixture(scope="module")
def rendered(dialogues, data, tiny_model):
    tokenizer = load_tokenizer(str(tiny_model))
    return [render(tokenizer, one.messages, [data.tools[name] for name in one.tools]) for one in dialogues]


@pytest.fixture(scope="module")
def trained(dialogues, data, tiny_model, tmp_path_factory):
    """The losses of the real trainer: packed rows, one at a time, gradients accumulated."""
    folder = tmp_path_factory.mktemp("trained")
    settings = SFTSettings(
        model=str(tiny_model),
        steps=STEPS,
        seed=1,
        learning_rate=1e-2,
        rows_per_step=ROWS,
        max_length=LENGTH,
        lora_rank=4,
        lora_alpha=8,
        lora_dropout=0.0,
        checkpoint_steps=STEPS,
        gradient_checkpointing=False,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sft, "has_bf16", lambda: False)  # the reference computes in float32
        AgentSFTTrainer(settings, folder).train(dialogues, data.tools)
    return [json.loads(line)["loss"] for line in (folder / "losses.jsonl").read_text().splitlines()][:STEPS]


def reference(tiny_model, rendered, loss_of):
    """The same training in plain torch: all that a step sees in one batch."""
    pad = load_tokenizer(str(tiny_model)).pad_token_id
    packed = pack(rendered, [[float(flag) for flag in one.trained] for one in rendered], LENGTH, pad)
    assert len(packed.rows) < len(rendered)
    torch.manual_seed(1)
    model = adapted(load_weights(str(tiny_model)), "lora", 4, 8, 0.0).train()
    weights = list(trained_weights(model).values())
    optimizer = torch.optim.AdamW(weights, lr=1e-2, weight_decay=0.0)
    schedule = get_cosine_schedule_with_warmup(optimizer, 3, STEPS)
    order = in_rounds(len(packed.rows), STEPS * ROWS, random.Random(1))
    losses = []
    for step in range(STEPS):
        rows = order[step * ROWS : (step + 1) * ROWS]
        count = sum(sum(rendered[i].trained) for row in rows for i in packed.members[row])
        loss = loss_of(model, [packed.rows[row] for row in rows], [rendered[i] for row in rows for i in packed.members[row]]) / count
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, 1.0)
        optimizer.step()
        schedule.step()
        losses.append(float(loss.detach()))
    return losses


def large_batch(model, rows, dialogues):
    return row_loss(model, collate(rows))


def alone(model, rows, dialogues):
    """Each dialogue by itself, its loss by transformers' own reading of labels."""
    total = torch.zeros(())
    for one in dialogues:
        labels = torch.tensor([[token if flag else IGNORED for token, flag in zip(one.ids, one.trained, strict=True)]])
        total = total + model(input_ids=torch.tensor([one.ids]), labels=labels).loss * sum(one.trained)
    return total


@pytest.mark.slow
@pytest.mark.parametrize("loss_of", [large_batch, alone])
def test_losses_are_those_of_plain_training(loss_of, trained, rendered, tiny_model):
    losses = reference(tiny_model, rendered, loss_of)
    assert losses[-1] < losses[0] - 0.5  # it learned, so that there was something to differ in
    assert trained == pytest.approx(losses, abs=1e-4)
