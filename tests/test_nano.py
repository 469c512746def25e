"""nano's making: the recipe is what the code does, exercises are the same for the same seed, a cut run goes on."""

import random
from dataclasses import asdict
from pathlib import Path

import pytest

from toolwright.cli.train import read_settings
from toolwright.training.nano import NanoSettings
from toolwright.training.nano_exercises import VALUE_KINDS, Lexicon, copying_tokens, likeness_exercise
from toolwright.types import InputError

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


@pytest.fixture(scope="module")
def lexicon():
    import numpy as np

    words = [f"{a}{b}{c}" for a in "bcdfgh" for b in "aeiou" for c in "klmnprst"]
    vectors = np.random.default_rng(0).normal(size=(len(words), 8))
    return Lexicon.build(words, vectors / np.linalg.norm(vectors, axis=1, keepdims=True), words)


def test_exercises_are_the_same_for_the_same_seed_and_ask_for_tools_at_hand(lexicon):
    for seed in range(20):
        first = likeness_exercise(lexicon, seed / 20, 5, random.Random(seed))
        assert first == likeness_exercise(lexicon, seed / 20, 5, random.Random(seed))
        names = {tool.name for tool in first.tools}
        for user, assistant in zip(first.messages[::2], first.messages[1::2], strict=True):
            call = assistant.tool_calls[0]
            assert call.name in names
            assert all(str(value) in user.content for value in call.arguments.values())
    assert set(VALUE_KINDS.values()) == {"string", "integer", "number"}


def test_neighbours_are_near_and_never_the_word_itself(lexicon):
    assert all(word not in near for word, near in lexicon.neighbours.items())


def test_only_repetitions_are_trained_in_copying():
    ids, trained = copying_tokens(1000, 10, 400, random.Random(0))
    assert len(ids) == len(trained) == 400
    assert 0 < sum(trained) < 200
    for i, flag in enumerate(trained):
        assert not flag or ids[i] in ids[:i]
