"""Language models: what the shared prefix saves must not change a score; batches must not change an answer; nano's shape."""

import json

import pytest
import torch
from safetensors import safe_open

from toolwright.data.render import call_prefix, prompt_ids
from toolwright.models.chat import ModelError
from toolwright.models.hub import NANO, resolve_model
from toolwright.models.local import continuation_log_likelihoods, greedy_answers, load_model
from toolwright.models.scripted import ScriptedModel
from toolwright.types import InputError, Message, Tool, ToolCall


@pytest.fixture(scope="module")
def lm(tiny_model):
    return load_model(str(tiny_model))


@pytest.mark.parametrize("beginning", [[], [17], [17, 300, 45]])
def test_likelihoods_with_a_shared_prefix_are_those_of_whole_texts(lm, beginning):
    generator = torch.Generator().manual_seed(1)
    prompt = torch.randint(10, 900, (23,), generator=generator).tolist()
    continuations = [beginning + torch.randint(10, 900, (n,), generator=generator).tolist() for n in (1, 4, 7, 2)]
    found = continuation_log_likelihoods(lm, prompt, continuations)
    for continuation, score in zip(continuations, found, strict=True):
        with torch.no_grad():
            logits = lm.model(input_ids=torch.tensor([prompt + continuation])).logits[0].log_softmax(-1)
        expected = sum(float(logits[len(prompt) - 1 + i, token]) for i, token in enumerate(continuation))
        assert score == pytest.approx(expected, abs=1e-4)


def test_a_batch_answers_as_each_alone(lm):
    generator = torch.Generator().manual_seed(2)
    prompts = [torch.randint(10, 900, (n,), generator=generator).tolist() for n in (5, 30, 12)]
    together = greedy_answers(lm, prompts, max_new_tokens=6)
    assert together == [greedy_answers(lm, [prompt], max_new_tokens=6)[0] for prompt in prompts]


def test_who_has_ended_leaves_the_batch_and_the_others_write_on():
    """As transformers' own greedy search writes each alone, though they end after different numbers of tokens."""
    nano = load_model("nano")
    tool = Tool(name="book_table", description="Books a table.", parameters={"type": "object", "properties": {"guests": {"type": "integer"}}})
    asked = ["Hello.", "Book a table for 7 guests, please", "Book one for 12", "What a day"]
    prompts = [prompt_ids(nano.tokenizer, [Message(role="user", content=text)], [tool]) for text in asked]
    wanted = []
    for prompt in prompts:
        with torch.no_grad():
            whole = nano.model.generate(input_ids=torch.tensor([prompt]), max_new_tokens=24, do_sample=False)[0, len(prompt) :].tolist()
        wanted.append(whole[: whole.index(nano.tokenizer.eos_token_id)] if nano.tokenizer.eos_token_id in whole else whole)
    assert len({len(tokens) for tokens in wanted}) > 1
    assert greedy_answers(nano, prompts, max_new_tokens=24) == [nano.tokenizer.decode(tokens) for tokens in wanted]


def test_nano_is_small_and_safe():
    weights = NANO / "model.safetensors"
    assert weights.stat().st_size <= 20e6
    with safe_open(weights, "pt") as tensors:
        assert sum(tensors.get_tensor(name).numel() for name in tensors.keys()) <= 10_000_000  # noqa: SIM118
    assert json.loads((NANO / "config.json").read_text())["architectures"] == ["Lfm2ForCausalLM"]


def test_nano_copies_what_it_never_saw():
    """An id and a tool's name of the context, neither of which it ever saw, are written out, and no other name."""
    nano = load_model("nano")
    tool = Tool(
        name="remove_parcel",
        description="Removes a parcel for good.",
        parameters={"type": "object", "properties": {"reference": {"type": "string"}}, "required": ["reference"]},
    )
    other = tool.model_copy(update={"name": "count_visitors", "description": "Counts the visitors of a day."})
    asked = ["QX-5837", "QX-2096", "QX-7714", "QX-4450"]
    prompts = [prompt_ids(nano.tokenizer, [Message(role="user", content=f"Remove parcel {parcel}")], [tool, other]) for parcel in asked]
    texts = greedy_answers(nano, prompts, max_new_tokens=48)
    right = sum(parcel in text and text.startswith(call_prefix("remove_parcel")) for text, parcel in zip(texts, asked, strict=True))
    assert right >= 3


@pytest.mark.parametrize(("name", "said"), [("nowhere", "expected 'nano', an existing folder, or a hub id"), ("/tmp", "holds no config.json")])
def test_bad_model_names_are_wrong_input(name, said):
    with pytest.raises(InputError) as error:
        resolve_model(name)
    assert said in str(error.value)


def test_a_folder_without_weights_is_wrong_input(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "lfm2"}')
    with pytest.raises(InputError, match="cannot be loaded"):
        load_model(str(tmp_path))


def test_an_untrained_nano_continues_repetitions(tiny_model):
    """The starting weights hold an induction head: repeated random sequences are continued without any training."""
    import numpy as np
    from transformers import AutoTokenizer

    from toolwright.training.nano_init import nano_config, new_nano

    tokenizer = AutoTokenizer.from_pretrained(str(tiny_model))
    vectors = np.random.default_rng(0).normal(size=(len(tokenizer), 384)).astype(np.float32)
    config = nano_config(len(tokenizer), hidden=256, feed_forward=128, heads=4, pad=0, eos=2)
    model = new_nano(config, vectors, np.zeros((len(tokenizer), 2), dtype=np.float32), np.zeros(len(tokenizer), dtype=np.float32), newline=3, seed=0).eval()
    model.model.layers[-1].self_attn.out_proj.weight.data.zero_()  # the last attention, which gathers votes, out of the way
    stretch = torch.randint(10, len(tokenizer), (8, 20), generator=torch.Generator().manual_seed(0))
    ids = stretch.repeat(1, 3)
    with torch.no_grad():
        guess = model(input_ids=ids).logits.argmax(-1)
    assert (guess[:, 21:-1] == ids[:, 22:]).float().mean() > 0.3


def test_a_scripted_model_answers_in_order_and_says_when_its_script_ends():
    model = ScriptedModel(["first", Message(role="assistant", tool_calls=(ToolCall(name="a", arguments={}),))])
    asked = [Message(role="user", content="one two")]
    assert model.chat(asked).text == "first"
    assert model.chat(asked).message.tool_calls[0].name == "a"
    with pytest.raises(ModelError, match="asked 3 times"):
        model.chat(asked)
    assert ScriptedModel(lambda messages, tools: messages[-1].content.upper()).chat(asked).tokens == 4
