"""nano's making: the recipe is what the code does, exercises are the same for the same seed, a cut run goes on."""

import random
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer

from toolwright.cli.train import read_settings
from toolwright.models.hub import NANO
from toolwright.models.local import load_weights
from toolwright.schema import check_arguments
from toolwright.training import nano
from toolwright.training.nano import NanoSettings, School, make_row, train_nano
from toolwright.training.nano_dialogues import Dialogues
from toolwright.training.nano_exercises import Exercise, Lexicon, Services, copying_tokens, likeness_exercise
from toolwright.training.nano_guidance import hidden_states
from toolwright.training.nano_init import grown
from toolwright.training.nano_operations import Operations, imperative, snake, styled
from toolwright.training.nano_rows import encode
from toolwright.types import InputError, Message, Tool, ToolCall
from toolwright.world.engine import World

RECIPE = Path(__file__).parent.parent / "recipes" / "nano.yaml"


def test_the_recipe_says_what_the_defaults_are():
    assert read_settings([str(RECIPE)], NanoSettings) == asdict(NanoSettings())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["tokenz=1"], "unknown setting 'tokenz'; allowed: hidden"), (["rows=many"], "rows is 'many'; expected int"), (["nowhere.yaml"], "no such recipe file")],
)
def test_bad_settings_are_named(arguments, said):
    with pytest.raises(InputError) as error:
        read_settings(arguments, NanoSettings)
    assert said in str(error.value)


def test_later_settings_win():
    assert read_settings([str(RECIPE), "steps=5", "learning_rate=1e-4"], NanoSettings)["steps"] == 5


OPERATIONS = [
    Tool(
        name=f"{service}.{verb}{noun}",
        description=f"{verb}s the {noun.lower()} of a {service}. Returns its state. Fails when there is none.",
        parameters={"type": "object", "properties": {"maxResults": {}, "pageToken": {}}},
    )
    for service in ("cluster", "mailbox")
    for verb in ("Delete", "List", "Restart")
    for noun in ("Node", "Backup")
]


@pytest.fixture(scope="module")
def lexicon():
    words = [f"{a}{b}{c}" for a in "bcdfgh" for b in "aeiou" for c in "klmnprst"]
    vectors = np.random.default_rng(0).normal(size=(len(words), 8))
    return Lexicon.build(words, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), words)


def test_exercises_are_the_same_for_the_same_seed_and_ask_for_tools_at_hand(lexicon):
    patterns = set()
    for seed in range(20):
        first = likeness_exercise(lexicon, seed / 20, 5, random.Random(seed))
        assert first == likeness_exercise(lexicon, seed / 20, 5, random.Random(seed))
        tools = {tool.name: tool for tool in first.tools}
        for user, assistant in zip(first.messages[::2], first.messages[1::2], strict=True):
            call = assistant.tool_calls[0]
            assert not check_arguments(tools[call.name].parameters, call.arguments)
            assert all(str(value) in user.content for value in call.arguments.values())
            patterns |= {schema["pattern"] for name, schema in tools[call.name].properties.items() if "pattern" in schema and name in call.arguments}
    assert len(patterns) > 5


def test_neighbours_are_near_and_never_the_word_itself(lexicon):
    assert all(word not in near for word, near in lexicon.neighbours.items())


def test_only_repetitions_are_trained_in_copying():
    ids, trained = copying_tokens(1000, 10, 400, random.Random(0))
    assert len(ids) == len(trained) == 400
    assert 0 < sum(trained) < 200
    for i, flag in enumerate(trained):
        assert not flag or ids[i] in ids[:i]


TINY = NanoSettings(feed_forward=64, steps=4, rows=3, length=512, checkpoint_steps=2, compile=False)


@pytest.fixture(scope="module")
def school(lexicon, domains):
    world = World(domains)
    return School(
        AutoTokenizer.from_pretrained(str(NANO)), lexicon, Operations(OPERATIONS, lexicon), Services(world, lexicon), Dialogues(world, lexicon, 0), TINY
    )


def test_links_lead_from_a_called_name_to_the_described_tool(school):
    rows = [make_row(school, step, row) for step in range(4) for row in range(12)]
    links = [(row.ids, at, *row.tools[which][:2]) for row in rows for at, which in row.links]
    assert len(links) > 100
    for ids, at, begin, end in links:
        assert ids[at + 1] in ids[begin:end]
        assert begin < end < ids.index(school.tokenizer.eos_token_id) < at
    for row in rows:
        assert sum(weight == TINY.name_weight for weight in row.weights) == len(row.links)


def test_dialogues_are_the_same_for_the_same_seed_and_call_tools_at_hand(school):
    kinds = set()
    for seed in range(30):
        made = school.dialogues.exercise(random.Random(seed))
        assert made == school.dialogues.exercise(random.Random(seed))
        named = {tool.name: tool for tool in made.tools}
        calls = [call for message in made.messages for call in message.tool_calls]
        assert all(not check_arguments(named[call.name].parameters, call.arguments) for call in calls)
        assert 3 <= len(named) <= 10
        kinds.add((bool(calls), made.messages[0].role == "system"))
        encode(school.tokenizer, made, 4096, 4.0, 0.5)
    assert kinds == {(True, False), (False, False), (False, True)}


def test_what_is_said_in_plain_words_counts_less_but_for_its_first_token_and_its_end(school):
    call = ToolCall(name="hotel_find", arguments={"city": "Oslo"})
    messages = [Message(role="user", content="go"), Message(role="assistant", tool_calls=(call,)), Message(role="assistant", content="All of it is done.")]
    row = encode(school.tokenizer, Exercise(messages, [Tool(name="hotel_find", description="Finds.")]), 200, 4.0, 0.25)
    said = [(school.tokenizer.decode([token]), weight) for token, weight in zip(row.ids, row.weights, strict=True) if weight]
    begins = next(i for i, (text, _) in enumerate(said) if text == "All")
    assert said[begins][1] == 1.0
    assert {weight for _, weight in said[begins + 1 : -1]} == {0.25}
    assert said[-1] == (school.tokenizer.eos_token, 1.0)
    assert {weight for _, weight in said[:begins]} == {1.0, 4.0}


def test_a_grown_model_is_the_model_it_grew_from(tiny_model):
    from transformers import Lfm2ForCausalLM

    model = Lfm2ForCausalLM.from_pretrained(str(tiny_model)).eval()
    larger = grown(model).eval()
    ids = torch.randint(10, 200, (2, 30), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(larger(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-5)
    assert len(larger.model.layers) == len(model.model.layers) + 2


def test_a_second_schooling_goes_on_from_a_model(small, school, tiny_model, tmp_path, monkeypatch):
    settings = replace(TINY, start=str(tiny_model), dialogues=0.5, talk_weight=0.2, steps=2)
    monkeypatch.setattr(nano, "build_school", lambda settings: replace(school, settings=settings))
    made = train_nano(settings, tmp_path / "second", lambda *_: None)
    assert len(load_weights(str(made)).model.layers) == 8


@pytest.fixture
def small(monkeypatch, school):
    """Nano in small: no MiniLM, exercises from the school at hand."""

    class Vectors:
        def encode(self, texts):
            return np.random.default_rng(0).normal(size=(len(texts), 384)).astype(np.float32)

    monkeypatch.setattr(nano, "build_school", lambda settings: school)
    monkeypatch.setattr(nano, "load_encoder", lambda name: Vectors())
    monkeypatch.setattr(nano, "measure", lambda model, school: {})


def test_a_cut_run_goes_on_as_if_it_had_not_been(small, school, tmp_path, monkeypatch):
    undisturbed = train_nano(TINY, tmp_path / "undisturbed", lambda *_: None)

    def cut(school, step, row):
        if step == 3:
            raise KeyboardInterrupt
        return make_row(school, step, row)

    monkeypatch.setattr(nano, "make_row", cut)
    with pytest.raises(KeyboardInterrupt):
        train_nano(TINY, tmp_path / "cut", lambda *_: None)
    monkeypatch.setattr(nano, "make_row", make_row)
    again = train_nano(TINY, tmp_path / "cut", lambda *_: None)
    assert (again / "model.safetensors").read_bytes() == (undisturbed / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="holds a run with other settings"):
        train_nano(NanoSettings(**{**asdict(TINY), "seed": 1}), tmp_path / "cut", lambda *_: None)


def test_states_are_those_of_the_model(tiny_model):
    from transformers import Lfm2ForCausalLM

    model = Lfm2ForCausalLM.from_pretrained(str(tiny_model)).eval()
    ids = torch.randint(10, 200, (2, 20), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.allclose(hidden_states(model, ids).last, model.model(input_ids=ids).last_hidden_state, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "style", "told"),
    [
        ("acm.ResendValidationEmail", "snake", "resend_validation_email"),
        ("acm.ResendValidationEmail", "camel", "resendValidationEmail"),
        ("gkehub.projects.scopes.get", "dotted", "gkehub.projects_scopes_get"),
        ("s3.X", "snake", "x"),
    ],
)
def test_names_in_other_conventions(name, style, told):
    assert styled(name, style) == told
    assert snake("maxResults") == "max_results"
    assert [imperative(verb) for verb in ("deletes", "fetches", "copies", "pass", "list")] == ["delete", "fetch", "copy", "pass", "list"]


def test_operations_are_asked_for_in_their_own_words(lexicon):
    operations = Operations(OPERATIONS, lexicon)
    for seed in range(30):
        made = operations.exercise(1.0, 4, random.Random(seed))
        named = {tool.name: tool for tool in made.tools}
        calls = [message.tool_calls[0] for message in made.messages if message.tool_calls]
        assert calls
        assert len({call.name for call in calls}) == len(calls)
        for call in calls:
            assert check_arguments(named[call.name].parameters, call.arguments) == []
