"""The classifier: pages, network, fitting that survives being cut off, calibration, costs; with MiniLM's tokenizer and a small body of its shape."""

import json
from dataclasses import replace

import pytest
import torch

from toolwright.encoders import RemoteEncoder, load_encoder, minilm_folder
from toolwright.timing import fitting
from toolwright.timing.classifier import EQUAL, ClassifierDecider, check_costs, page_of
from toolwright.timing.fitting import FitSettings, fit_network, fit_temperature, logits_of
from toolwright.timing.match import Matcher
from toolwright.timing.network import Head, PageReader, body_and_tokenizer, tensors
from toolwright.timing.pages import CONVERSATION_TOKENS, DETAILED_TOKENS, collate, figure_count, write_page
from toolwright.training.decider import DeciderSettings, in_three_ways, of_foundation, train_decider
from toolwright.types import TIMING_LABELS, InputError, Message, Tool

CANCEL = Tool(
    name="cancel_booking",
    description="Cancels a reservation.",
    parameters={
        "type": "object",
        "properties": {
            "booking_id": {"type": "string", "pattern": "^HB-[0-9]{4}$", "description": "Number"},
            "why": {"type": "string", "enum": ["illness", "other"]},
        },
        "required": ["booking_id", "why"],
    },
)
HEAD = Head(hidden=16, dropout=0.1)


def user(text):
    return [Message(role="user", content=text)]


def nothing(done, total, word):
    pass


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(minilm_folder()))


@pytest.fixture
def network(tokenizer):
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64, "max_position_embeddings": 512}
    still = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return PageReader(BertModel(BertConfig(vocab_size=len(tokenizer), **sizes, **still), add_pooling_layer=False), figure_count(), HEAD)


@pytest.fixture(scope="module")
def pages(data, tokenizer):
    examples = data.timing("train")[:48]
    return [page_of(example, data.tools, tokenizer) for example in examples], [example.label for example in examples]


def test_a_page_tells_turns_tools_and_what_is_given(tokenizer):
    messages = [*user("Which one?"), Message(role="assistant", content="HB-1063?"), *user("Yes, cancel it")]
    page = write_page(messages, Matcher([CANCEL]).best(messages), 1, tokenizer)
    assert tokenizer.decode(page.conversation) == "user : which one? assistant : hb - 1063? user : yes, cancel it"
    assert tokenizer.decode(page.tools[0]) == "cancel booking | booking id = hb - 1063 ; why ( illness, other ) =? | cancels a reservation."
    assert len(page.figures) == figure_count()


def test_a_page_is_cut_to_its_room(tokenizer):
    long = user("word " * 5000 + "and the end")
    tools = [CANCEL.model_copy(update={"name": f"tool_{i}", "description": "much " * 300}) for i in range(30)]
    page = write_page(long, Matcher(tools).best(long), 30, tokenizer)
    assert len(page.conversation) == CONVERSATION_TOKENS
    assert tokenizer.decode(page.conversation).endswith("and the end")
    assert len(page.tools) == 10
    assert max(map(len, page.tools)) == DETAILED_TOKENS


def test_halves_are_told_apart_and_padding_is_hidden(tokenizer):
    pages = [write_page(user(text), Matcher([CANCEL]).best(user(text)), 1, tokenizer) for text in ("Hello", "Cancel HB-1063 because of illness, please")]
    batch = collate([*pages, write_page(user("Hello"), (), 0, tokenizer)], tokenizer)
    assert batch["attention_mask"].sum(axis=1).tolist() == [len(page) for page in pages] + [batch["attention_mask"][2].sum()]
    for row, page in enumerate(pages):
        assert batch["token_type_ids"][row].sum() == sum(len(tool) + 1 for tool in page.tools)
    assert batch["token_type_ids"][2].sum() == 0


def test_company_in_the_batch_changes_nothing(pages, network, tokenizer):
    some = pages[0][:6]
    alone = torch.cat([logits_of(network, [page], tokenizer) for page in some])
    assert torch.allclose(logits_of(network, some, tokenizer), alone, atol=1e-5)


def test_attention_runs_between_the_halves(network, tokenizer):
    network.eval()
    page = write_page(user("Cancel it"), Matcher([CANCEL]).best(user("Cancel it")), 1, tokenizer)
    batch = tensors(collate([page, replace(page, tools=((5,),))], tokenizer))
    states = network.body(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], token_type_ids=batch["token_type_ids"]).last_hidden_state
    assert not torch.allclose(states[0, 1], states[1, 1])


def test_encoders_that_cannot_be_trained_are_wrong_input(tmp_path):
    with pytest.raises(InputError, match="on a server"):
        body_and_tokenizer(RemoteEncoder("http://localhost/v1", "m"))
    one_type = load_encoder("minilm").__class__()
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert", "type_vocab_size": 1}))
    one_type.source = str(tmp_path)
    with pytest.raises(InputError, match="one token type"):
        body_and_tokenizer(one_type)


def test_the_network_learns_its_examples_and_leaves_word_vectors_alone(pages, network, tokenizer, tmp_path):
    before = network.body.embeddings.word_embeddings.weight.clone()
    settings = FitSettings(epochs=40, batch=16, rate=1e-3, head_rate=5e-3, smoothing=0.0)
    fitted = fit_network(network, *pages, tokenizer, settings, tmp_path, nothing)
    found = [TIMING_LABELS[i] for i in logits_of(fitted, pages[0], tokenizer).argmax(1)]
    assert sum(a == b for a, b in zip(found, pages[1], strict=True)) >= 40
    assert torch.equal(before, fitted.body.embeddings.word_embeddings.weight)


class CutError(Exception):
    pass


def cut_at(step):
    def told(done, total, word):
        if done == step:
            raise CutError

    return told


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(pages, network, tokenizer, tmp_path):
    from copy import deepcopy

    settings = FitSettings(epochs=2, batch=16, seconds_between=0.0)
    whole = fit_network(deepcopy(network), *pages, tokenizer, settings, tmp_path / "whole", nothing)
    with pytest.raises(CutError):
        fit_network(deepcopy(network), *pages, tokenizer, settings, tmp_path / "cut", cut_at(3))
    seen = []
    again = fit_network(deepcopy(network), *pages, tokenizer, settings, tmp_path / "cut", lambda done, total, word: seen.append(done))
    assert seen[0] == 3
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), again.parameters(), strict=True))
    assert not (tmp_path / "cut" / fitting.CHECKPOINT).exists()


def test_a_checkpoint_of_other_settings_is_wrong_input(pages, network, tokenizer, tmp_path):
    settings = FitSettings(epochs=1, batch=16, seconds_between=0.0)
    with pytest.raises(CutError):
        fit_network(network, *pages, tokenizer, settings, tmp_path, cut_at(2))
    with pytest.raises(InputError, match="other settings"):
        fit_network(network, *pages, tokenizer, replace(settings, rate=0.5), tmp_path, nothing)


def test_temperature_softens_what_is_too_sure():
    logits = torch.tensor([[9.0, 0, 0, 0]] * 10)
    temperature = fit_temperature(logits, ["call"] * 7 + ["answer"] * 3)
    assert torch.softmax(logits[0] / temperature, 0)[0].item() == pytest.approx(0.7, abs=0.02)


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("decider")
    settings = DeciderSettings(hidden=16, epochs=1, calls=4)
    train_decider(settings, data.tools, data.timing("train")[:24], data.timing("dev")[:16], data.calls("train"), folder)
    return folder


def test_the_artifact_decides_alike_each_time(trained, data):
    decider, again = ClassifierDecider.load(trained), ClassifierDecider.load(trained)
    example = data.timing("dev")[0]
    tools = [data.tools[name] for name in example.tools]
    decision = decider.decide(example.messages, tools)
    assert decision == again.decide(example.messages, tools)
    assert sum(decision.probabilities.values()) == pytest.approx(1)
    assert decision.reasons


def test_costs_move_the_decision(trained):
    decider = ClassifierDecider.load(trained)
    dear = {right: {decided: 0.0 if right == decided else 100.0 if decided != "clarify" else 0.1 for decided in TIMING_LABELS} for right in TIMING_LABELS}
    decider.costs = check_costs(dear)
    decision = decider.decide(user("Cancel HB-1063"), [CANCEL])
    assert decision.outcome == "clarify"
    assert decision.question is not None


def test_nothing_can_be_called_without_tools(trained):
    decision = ClassifierDecider.load(trained).decide(user("Cancel HB-1063"), [])
    assert decision.probabilities["call"] == decision.probabilities["clarify"] == 0


@pytest.mark.parametrize("costs", [{}, {**EQUAL, "call": {"call": 0}}, {**EQUAL, "call": dict.fromkeys(TIMING_LABELS, -1)}, 3])
def test_costs_that_are_none_are_wrong_input(costs):
    with pytest.raises(InputError, match="costs: deciding"):
        check_costs(costs)


def test_folders_of_something_else_are_wrong_input(trained, tmp_path):
    with pytest.raises(InputError, match="expected a folder that"):
        ClassifierDecider.load(tmp_path)
    for name in ("head.safetensors", "encoder"):
        (tmp_path / name).symlink_to(trained / name)
    about = json.loads((trained / "decider.json").read_text())
    for broken in ({}, {**about, "figures": 3}, {**about, "head": {"depth": 3}}):
        (tmp_path / "decider.json").write_text(json.dumps(broken))
        with pytest.raises(InputError, match="is no trained decider"):
            ClassifierDecider.load(tmp_path)
    with pytest.raises(InputError, match="not fitted"):
        ClassifierDecider().decide(user("Hello"), [])


def test_a_call_is_shown_in_three_ways(data):
    made, changed = in_three_ways(data.calls("train"), data.timing("train"), data.tools, 40, seed=0)
    calls = {call.id: call.calls[0] for call in data.calls("train")}
    known = {example.id for example in data.timing("train")}
    tools = {**data.tools, **changed}
    assert {example.label for example in made} == {"call", "clarify", "unable"}
    for example in made:
        assert len(example.tools) == len(set(example.tools)) == 10
        name = example.id.removesuffix(f".{example.label}")
        offered = {tools[tool].name: tools[tool] for tool in example.tools}
        assert (calls[name].name in offered) == (example.label != "unable")
        if example.label == "call":
            assert name not in known
        if example.label == "clarify":
            assert len(set(offered[calls[name].name].required) - set(calls[name].arguments)) == 1


def test_foundation_services_lend_conversations():
    examples, tools = of_foundation(40, seed=0)
    assert {example.label for example in examples} == set(TIMING_LABELS)
    assert all(set(example.tools) <= set(tools) for example in examples)
