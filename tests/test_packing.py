"""Packed dialogues compute what each would alone; rows have one length and lose nothing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from toolwright.data.render import Rendered
from toolwright.models.local import load_model
from toolwright.training.packing import IGNORED, collate, isolate_convolutions, pack

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


@pytest.fixture
def packed_and_alone(tiny_model):
    """A model, three dialogues in one row, and what the model computes of each alone."""
    lm = load_model(str(tiny_model))
    generator = torch.Generator().manual_seed(0)
    dialogues = [Rendered(torch.randint(10, 200, (n,), generator=generator).tolist(), [True] * n) for n in (11, 7, 9)]
    with torch.no_grad():
        alone = [lm.model(input_ids=torch.tensor([dialogue.ids]), use_cache=False).logits[0] for dialogue in dialogues]
    return lm, pack(dialogues, 40, lm.tokenizer.pad_token_id), alone


def together(lm, packed):
    """Logits of each dialogue, computed in its packed row."""
    batch = collate(packed.rows)
    with torch.no_grad():
        logits = lm.model(input_ids=batch["input_ids"], position_ids=batch["position_ids"], use_cache=False).logits
    found = {}
    for row, members in enumerate(packed.members):
        starts = [i for i, position in enumerate(packed.rows[row]["position_ids"]) if position == 0]
        for i, start in zip(members, starts, strict=False):
            found[i] = logits[row, start:]
    return found


def test_packed_is_unpacked(packed_and_alone):
    lm, packed, alone = packed_and_alone
    assert max(len(members) for members in packed.members) == 3
    isolate_convolutions(lm.model)
    found = together(lm, packed)
    for i, expected in enumerate(alone):
        assert torch.allclose(found[i][: len(expected)], expected, atol=1e-5)


def test_without_isolation_convolutions_look_across(packed_and_alone):
    """The test above can fail: positions alone do not keep dialogues apart."""
    lm, packed, alone = packed_and_alone
    found = together(lm, packed)
    assert not all(torch.allclose(found[i][: len(expected)], expected, atol=1e-5) for i, expected in enumerate(alone))
