"""Dialogues under names that mean nothing: the same calls, of the same tools, by names that nobody knows."""

import random

import pytest

from toolwright.schema import check_arguments
from toolwright.training.masking import masked, with_masked, words_of
from toolwright.types import Dialogue, InputError, Message, Tool, ToolCall


def test_calls_are_as_valid_as_before_and_no_name_is_left(data):
    words = words_of(data.tools)
    for one in data.dialogues("train"):
        found = masked(one, data.tools, words, random.Random(one.id))
        tools = {tool.name: tool for tool in found.tools}
        assert len(tools) == len(one.tools)
        assert not set(tools) & set(one.tools)
        for before, after in zip(one.messages, found.messages, strict=True):
            assert (before.role, before.content, len(before.tool_calls)) == (after.role, after.content, len(after.tool_calls))
            for old, new in zip(before.tool_calls, after.tool_calls, strict=True):
                assert list(new.arguments.values()) == list(old.arguments.values())
                assert found.tools.index(tools[new.name]) == one.tools.index(old.name)
                valid = [not check_arguments(tool.parameters, call.arguments) for tool, call in ((data.tools[old.name], old), (tools[new.name], new))]
                assert valid[0] == valid[1]


def test_parameters_that_only_their_names_tell_apart_keep_them():
    two = {"from_city": {"type": "string"}, "to_city": {"type": "string"}, "seats": {"type": "integer"}}
    tool = Tool(
        name="book_train", description="Books a seat; book_train_ahead is another.", parameters={"type": "object", "properties": two, "required": ["seats"]}
    )
    call = ToolCall(name="book_train", arguments={"from_city": "Bern", "to_city": "Chur", "seats": 2})
    one = Dialogue(id="a", messages=(Message(role="assistant", tool_calls=(call,)),), tools=("book_train",), split="train", task="call")
    plain, changed, again = with_masked([one], {"book_train": tool}, 2, seed=0)
    assert plain.tools == [tool]
    properties = list(changed.tools[0].parameters["properties"])
    assert properties[:2] == ["from_city", "to_city"]
    assert properties[2] != "seats"
    assert changed.tools[0].parameters["required"] == properties[2:]
    assert changed.messages[0].tool_calls[0].arguments == {"from_city": "Bern", "to_city": "Chur", properties[2]: 2}
    assert "book_train_ahead" in changed.tools[0].description
    assert again.tools[0].name not in (tool.name, changed.tools[0].name)
    assert with_masked([one], {"book_train": tool}, 2, seed=0)[1] == changed


def test_a_catalogue_of_few_words_has_names_enough():
    tools = {name: Tool(name=name, description="", parameters={"type": "object", "properties": {}}) for name in ("go", "stop", "go_stop", "stop_go", "go_go")}
    one = Dialogue(id="a", messages=(), tools=tuple(tools), split="train", task="call")
    found = [tool.name for tool in with_masked([one], tools, 1, seed=0)[1].tools]
    assert len({*found, *tools}) == 10
    with pytest.raises(InputError, match="hold no words"):
        with_masked([one.model_copy(update={"tools": ("42",)})], {"42": tools["go"].model_copy(update={"name": "42"})}, 1, seed=0)
