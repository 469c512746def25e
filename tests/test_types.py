"""JSON Lines in and out; a bad line is refused with its place."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolwright.types import Dialogue, InputError, Message, SelectionExample, ToolCall, read_records, write_records

values = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5)


@given(arguments=st.dictionaries(st.text(), values, max_size=3), content=st.text(max_size=30))
def test_a_message_survives_openai_form(arguments, content):
    message = Message(role="assistant", content=content, tool_calls=(ToolCall(id="c1", name="f", arguments=arguments),))
    assert Message.from_openai(json.loads(json.dumps(message.to_openai()))) == message


def test_dialogues_survive_the_file(tmp_path):
    call = ToolCall(id="c1", name="f", arguments={"a": [1, {"b": None}]})
    messages = (Message(role="user", content="hi"), Message(role="assistant", tool_calls=(call,)), Message(role="tool", content="{}", tool_call_id="c1"))
    dialogue = Dialogue(id="d", messages=messages, tools=("f",), split="train", task="call", tags=("x",))
    write_records(tmp_path / "d.jsonl", [dialogue])
    assert read_records(tmp_path / "d.jsonl", Dialogue) == [dialogue]
    assert json.loads((tmp_path / "d.jsonl").read_text())["messages"][1]["tool_calls"][0]["function"]["arguments"] == json.dumps(call.arguments)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", ":2: not JSON"),
        ("[1]", ":2: got list"),
        ('{"id": "a", "query": "q", "tools": [], "tols": 1}', ":2: unknown key 'tols'; allowed: id, query, tools"),
        ('{"id": "a", "tools": []}', ":2: key 'query' is missing"),
        ('{"id": "a", "query": 7, "tools": []}', ":2: query: got 7"),
        ('{"id": "a", "query": "q", "tools": ["f"], "accept": [[]]}', ":2: accept.0"),
    ],
)
def test_a_bad_line_is_named(tmp_path, line, said):
    path = tmp_path / "s.jsonl"
    path.write_text('{"id": "a", "query": "q", "tools": ["f"]}\n' + line + "\n")
    with pytest.raises(InputError) as error:
        read_records(path, SelectionExample)
    assert str(path) + said in str(error.value)
    assert "\n" not in str(error.value)
