"""Small real things that the tests share: the package's domains, a world, built data, and a tiny model in nano's own shape."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from toolwright.data.build import SPLITS, Dataset, Sizes, build_data, open_data
from toolwright.world.engine import World
from toolwright.world.load import DOMAINS, load_domain
from toolwright.world.spec import Domain

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])  # a busy machine is no failure
settings.load_profile("untimed")


SMALL = Sizes(
    fills={"train": 1, "dev": 1, "test": 1},
    examples={split: {"selection": 400, "timing": 200, "calls": 200, "planning": 20} for split in SPLITS},
    dialogues={"train": 60, "dev": 12},
)


@pytest.fixture(scope="session")
def domains() -> list[Domain]:
    """One foundation domain and the two that are tested on."""
    return [load_domain(DOMAINS / f"{name}.yaml") for name in ("helpdesk", "hotel", "library")]


@pytest.fixture
def world(domains: list[Domain]) -> World:
    return World(domains)


@pytest.fixture(scope="session")
def data(domains: list[Domain], tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The three domains' data, smaller than the real one."""
    folder = tmp_path_factory.mktemp("data")
    build_data(domains, folder, sizes=SMALL)
    return open_data(folder)


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained model of nano's shape and tokenizer, small enough for a test: 64 wide."""
    import torch
    from transformers import AutoTokenizer, Lfm2ForCausalLM

    from toolwright.models.hub import NANO
    from toolwright.training.nano_init import nano_config

    folder = tmp_path_factory.mktemp("tiny")
    tokenizer = AutoTokenizer.from_pretrained(str(NANO))
    torch.manual_seed(0)
    config = nano_config(len(tokenizer), hidden=64, feed_forward=64, heads=2, pad=tokenizer.pad_token_id, eos=tokenizer.eos_token_id)
    model = Lfm2ForCausalLM(config)
    with torch.no_grad():
        model.model.embed_tokens.weight[tokenizer.pad_token_id].normal_(0, 0.5)  # a pad token that would be seen if nothing hid it
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.save_pretrained(str(folder))
    tokenizer.save_pretrained(str(folder))
    return folder


@pytest.fixture(scope="session")
def public_directory() -> Path:
    """The public benchmark files; the test is skipped where they are not named."""
    folder = os.environ.get("TOOLWRIGHT_PUBLIC_DATA")
    if not folder:
        pytest.skip("TOOLWRIGHT_PUBLIC_DATA names no directory of public benchmark files")
    return Path(folder)
