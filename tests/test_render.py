"""The text trained on is, token for token, the text at inference."""

import pytest

from toolwright.data.render import call_prefix, parse_calls, prompt_ids, render, require_generation_tags
from toolwright.models.hub import NANO
from toolwright.types import InputError, Message, Tool, ToolCall


@pytest.fixture(scope="module")
def tokenizer():
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(str(NANO))


def test_what_precedes_an_answer_in_training_is_the_prompt_at_inference(data, tokenizer):
    for dialogue in data.dialogues("train"):
        tools = [data.tools[name] for name in dialogue.tools]
        whole = render(tokenizer, dialogue.messages, tools)
        for i, message in enumerate(dialogue.messages):
            if message.role != "assistant":
                continue
            prompt = prompt_ids(tokenizer, dialogue.messages[:i], tools)
            assert whole.ids[: len(prompt)] == prompt
            assert not whole.trained[len(prompt) - 1]
            assert whole.trained[len(prompt)]


def test_exactly_the_assistants_words_and_end_of_turn_are_trained(data, tokenizer):
    for dialogue in data.dialogues("dev"):
        whole = render(tokenizer, dialogue.messages, [data.tools[name] for name in dialogue.tools])
        text = tokenizer.decode([token for token, trained in zip(whole.ids, whole.trained, strict=True) if trained])
        expected = ""
        for message in dialogue.messages:
            if message.role == "assistant":
                calls = "\n".join(f"{call_prefix(call.name)} {_json(call.arguments)}}}\n</tool_call>" for call in message.tool_calls)
                expected += message.content + calls + "<|im_end|>"
        assert text == expected


def test_nano_is_shown_what_numbers_look_like(tokenizer):
    parameters = {"type": "object", "properties": {"event_id": {"type": "string", "pattern": "^EV-[0-9]{5}$"}}, "required": ["event_id"]}
    prompt = prompt_ids(tokenizer, [Message(role="user", content="go")], [Tool(name="moveEvent", parameters=parameters)])
    assert "moveEvent(event_id: EV-9{5})" in tokenizer.decode(prompt)


def _json(value):
    import json

    return json.dumps(value, ensure_ascii=False)


def test_a_call_written_in_the_template_is_read_back(data, tokenizer):
    call = ToolCall(name="f.g", arguments={"a": [1, {"b": 'ü "quoted" <x>'}], "c": None})
    whole = render(tokenizer, [Message(role="user", content="go"), Message(role="assistant", tool_calls=(call, call))], list(data.tools.values())[:2])
    text = tokenizer.decode([token for token, trained in zip(whole.ids, whole.trained, strict=True) if trained])
    assert parse_calls(text) == [call, call]
    assert text.startswith(call_prefix("f.g"))


@pytest.mark.parametrize(
    "text", ["<tool_call>\n{\n</tool_call>", "<tool_call>[1]</tool_call>", '<tool_call>{"name": 1, "arguments": {}}</tool_call>', "<tool_call>"]
)
def test_malformed_calls_are_none(text):
    assert parse_calls(text) is None


def test_no_call_is_an_empty_list():
    assert parse_calls("Just words.") == []


def test_a_template_without_generation_tags_is_refused(tokenizer):
    from copy import deepcopy

    plain = deepcopy(tokenizer)
    plain.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    with pytest.raises(InputError, match=r"has no \{% generation %\} tags"):
        require_generation_tags(plain)


def test_digits_and_values_are_cut_alike_everywhere(tokenizer):
    def tokens(text):
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    for value in ("HB-4821", "2026-03-14", "Lisbon", "48.50"):
        inside = tokens(f'"{value}"')
        spaced = tokens(f"for {value} now")
        alone = tokens(value)
        assert any(inside[i : i + len(alone)] == alone for i in range(len(inside)))
        assert any(spaced[i : i + len(alone)] == alone for i in range(len(spaced)))
    assert len(tokens("48215")) == 5
