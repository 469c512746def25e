"""The hand-written conversations: they can be read, their tools exist, and their ids could be real ones.

A failure names a line by its id alone, so that nobody reads the sealed ones by accident.
"""

import re
from collections import Counter
from pathlib import Path

import pytest

from toolwright.types import TimingExample, Tool, read_records
from toolwright.world.load import load_domains

FIXTURES = Path(__file__).parent / "fixtures"
KINDS = ("negation", "hypothetical", "quotation")
SHAPED = re.compile(r"\b[A-Z]{1,4}[-.]\d{2,8}\b")


def examples(name: str) -> list[TimingExample]:
    return read_records(FIXTURES / f"timing_{name}.jsonl", TimingExample)


def meant(example: TimingExample) -> str:
    """The tool that is called or that tempts: an id reads KIND.TOOL.NUMBER, and a tool's name may have dots."""
    return example.id.split(".", 1)[1].rsplit(".", 1)[0]


def patterns(tool: Tool) -> dict[str, str]:
    """The pattern of each parameter, or of its items."""
    found = {name: schema.get("pattern") or schema.get("items", {}).get("pattern") for name, schema in tool.properties.items()}
    return {name: pattern for name, pattern in found.items() if pattern}


@pytest.fixture(scope="module")
def owned() -> dict[str, tuple[str, Tool]]:
    """The domain and the definition of every tool."""
    return {spec.name: (domain.domain, domain.tool(spec)) for domain in load_domains() for spec in domain.tools}


def test_the_two_halves_are_alike_and_share_nothing():
    halves = [examples("open"), examples("sealed")]
    cells = {(kind, label): count for kind in KINDS for label, count in (("answer", 15), ("call", 5))}
    assert [Counter((e.tags[0], e.label) for e in half) for half in halves] == [cells, cells]
    assert len({e.id for half in halves for e in half}) == 120
    assert len({e.messages for half in halves for e in half}) == 120


@pytest.mark.parametrize("name", ["open", "sealed"])
def test_the_tools_exist_and_the_one_meant_is_among_them(name, owned):
    for example in examples(name):
        assert len(set(example.tools)) == 10, example.id
        assert not set(example.tools) - set(owned), example.id
        assert meant(example) in example.tools, example.id
        assert example.tags[1] == f"domain_{owned[meant(example)][0]}", example.id
        assert [m.role for m in example.messages] == [("user", "assistant")[turn % 2] for turn in range(len(example.messages))], example.id
        assert example.messages[-1].role == "user", example.id


@pytest.mark.parametrize("name", ["open", "sealed"])
def test_the_ids_fit_their_patterns(name, owned):
    for example in examples(name):
        domain, tool = owned[meant(example)]
        text = " ".join(message.content for message in example.messages)
        allowed = [pattern for owner, other in owned.values() if owner == domain for pattern in patterns(other).values()]
        strangers = [found for found in SHAPED.findall(text) if not any(re.search(pattern, found) for pattern in allowed)]
        assert not strangers, (example.id, strangers)
        if example.label == "call":
            tokens = set(re.findall(r"[\w.-]*\w", text))
            given = patterns(tool)
            missing = [name for name in tool.required if name in given and not any(re.search(given[name], token) for token in tokens)]
            assert not missing, (example.id, missing)
