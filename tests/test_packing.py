"""Packed dialogues cost what each would alone; rows have one length and lose nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.render import Rendered, render
from toolwright.models.local import load_model, load_tokenizer
from toolwright.training.convolutions import shift_convolutions
from toolwright.training.packing import IGNORED, collate, pack, row_loss
from toolwright.training.weights import Weights, token_weights
from toolwright.types import Message, Tool, ToolCall

sizes = st.lists(st.integers(1, 30), min_size=1, max_size=20)


@given(sizes=sizes)
def test_rows_have_one_length_and_hold_every_token(sizes):
    dialogues = [Rendered([i + 1] * n, [j % 2 == 0 for j in range(n)]) for i, n in enumerate(sizes)]
    packed = pack(dialogues, [[0.5] * n for n in sizes], 32, pad=0)
    assert sorted(i for members in packed.members for i in members) == list(range(len(sizes)))
    assert all(len(row[key]) == 32 for row in packed.rows for key in row)
    assert sum(token != 0 for row in packed.rows for token in row["input_ids"]) == sum(sizes)
    assert sum(sum(row["weights"]) for row in packed.rows) == sum(sizes) / 2
    assert sum(label != IGNORED for row in packed.rows for label in row["labels"]) == sum(sum(dialogue.trained) for dialogue in dialogues)


def test_a_dialogue_longer_than_a_row_is_refused():
    with pytest.raises(ValueError, match="has 9 tokens; a row holds 8"):
        pack([Rendered([1] * 9, [True] * 9)], [[1.0] * 9], 8, pad=0)


def test_the_loss_of_a_row_is_that_of_its_dialogues_alone(tiny_model):
    lm = load_model(str(tiny_model))
    generator = torch.Generator().manual_seed(0)
    dialogues = [Rendered(torch.randint(10, 200, (n,), generator=generator).tolist(), [i % 3 > 0 for i in range(n)]) for n in (11, 7, 9)]
    weights = [[1.0 + i % 2 for i in range(len(dialogue.ids))] for dialogue in dialogues]
    packed = pack(dialogues, weights, 40, lm.tokenizer.pad_token_id)
    assert len(packed.rows) == 1
    with torch.no_grad():
        expected = torch.zeros(())
        for dialogue, counts in zip(dialogues, weights, strict=True):
            logits = lm.model(input_ids=torch.tensor([dialogue.ids])).logits[0, :-1]
            targets = torch.tensor([token if trained else IGNORED for token, trained in zip(dialogue.ids, dialogue.trained, strict=True)])[1:]
            losses = torch.nn.functional.cross_entropy(logits, targets, ignore_index=IGNORED, reduction="none")
            expected += (losses * torch.tensor(counts)[1:]).sum()
        assert torch.allclose(row_loss(lm.model, collate(packed.rows)), expected, rtol=1e-5)


def test_shifted_convolutions_compute_the_same(tiny_model):
    model = load_model(str(tiny_model)).model
    ids = torch.randint(10, 200, (2, 30), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = model(input_ids=ids, use_cache=False).logits
        shift_convolutions(model)
        assert torch.allclose(model(input_ids=ids, use_cache=False).logits, before, atol=1e-5)


def test_a_token_counts_by_what_it_is():
    tokenizer = load_tokenizer("nano")
    tool = Tool(name="set_alarm", description="Sets an alarm.", parameters={"type": "object", "properties": {"hour": {"type": "integer"}}})
    messages = [
        Message(role="user", content="Wake me at 7"),
        Message(role="assistant", tool_calls=(ToolCall(id="c1", name="set_alarm", arguments={"hour": 7}),)),
        Message(role="tool", content="{}", tool_call_id="c1"),
        Message(role="assistant", content="You will be woken at seven."),
        Message(role="user", content="call or answer?"),
        Message(role="assistant", content="answer"),
    ]
    rendered = render(tokenizer, messages, [tool])
    found = token_weights(tokenizer, rendered, Weights(decision=5.0, name=3.0, talk=0.25))
    text = {weight: "".join(tokenizer.decode([i]) for i, w in zip(rendered.ids, found, strict=True) if w == weight) for weight in {*found}}
    assert text[5.0] == "<tool_call>Youanswer"
    assert text[3.0] == "set_alarm"
    assert text[0.25].strip() == "will be woken at seven."
    assert '"arguments"' in text[1.0]
    assert text[1.0].count(tokenizer.eos_token) == 3
    assert all((weight > 0) == trained for weight, trained in zip(found, rendered.trained, strict=True))
