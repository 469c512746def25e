"""Packed dialogues compute what each would alone; rows have one length and lose nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.render import Rendered
from toolwright.models.local import load_model
from toolwright.training.packing import GAP, IGNORED, collate, isolate_convolutions, pack

sizes = st.lists(st.integers(1, 30), min_size=1, max_size=20)


@given(sizes=sizes)
def test_rows_have_one_length_and_hold_every_token(sizes):
    dialogues = [Rendered([i + 1] * n, [j % 2 == 0 for j in range(n)]) for i, n in enumerate(sizes)]
    packed = pack(dialogues, 32, pad=0)
    assert sorted(i for members in packed.members for i in members) == list(range(len(sizes)))
    assert all(len(row[key]) == 32 for row in packed.rows for key in row)
    assert sum(token != 0 for row in packed.rows for token in row["input_ids"]) == sum(sizes)
    assert sum(label != IGNORED for row in packed.rows for label in row["labels"]) == sum(sum(dialogue.trained) for dialogue in dialogues)


def test_a_dialogue_longer_than_a_row_is_refused():
    with pytest.raises(ValueError, match="has 9 tokens; a row holds 8"):
        pack([Rendered([1] * 9, [True] * 9)], 8, pad=0)


def test_packed_is_unpacked(tiny_model):
    lm = load_model(str(tiny_model))
    isolate_convolutions(lm.model, lm.tokenizer.pad_token_id)
    generator = torch.Generator().manual_seed(0)
    dialogues = [Rendered(torch.randint(10, 200, (n,), generator=generator).tolist(), [True] * n) for n in (11, 7, 9)]
    packed = pack(dialogues, 40, lm.tokenizer.pad_token_id)
    batch = collate(packed.rows)
    with torch.no_grad():
        together = lm.model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
        for row, members in enumerate(packed.members):
            at = 0
            for i in members:
                size = len(dialogues[i].ids)
                alone = lm.model(input_ids=torch.tensor([dialogues[i].ids]), use_cache=False).logits[0]
                assert torch.allclose(together[row, at : at + size], alone, atol=1e-5)
                at += size + GAP


def test_without_isolation_convolutions_would_look_across(tiny_model):
    """The test above can fail: with no gap and no isolation the second dialogue's first token sees the first dialogue."""
    lm = load_model(str(tiny_model))
    ids = torch.tensor([[11, 12, 13, 14, 15, 16]])
    positions = torch.tensor([[0, 1, 2, 0, 1, 2]])
    with torch.no_grad():
        together = lm.model(input_ids=ids, position_ids=positions, use_cache=False).logits[0, 3:]
        alone = lm.model(input_ids=ids[:, 3:], use_cache=False).logits[0]
    assert not torch.allclose(together, alone, atol=1e-5)
