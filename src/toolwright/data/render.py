"""Dialogues as token ids: one rendering for training, inference and evaluation.

It is the model's own chat template, with the tools in it.

The trained part is what the template marks with `{% generation %}`: what the assistant writes, its end-of-turn token included. What stands before
it is, token for token, what `prompt_ids` gives at inference (a test holds that).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from toolwright.types import JSON, InputError, Message, Tool, ToolCall

TOOL_CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", flags=re.DOTALL)


@dataclass(frozen=True, slots=True)
class Rendered:
    """Token ids of a conversation, and for each whether it is trained on; lists of equal length."""

    ids: list[int]
    trained: list[bool]


def template_messages(messages: Sequence[Message]) -> list[JSON]:
    """Messages as chat templates want them: a call's arguments as an object, not as a JSON string."""
    rendered = []
    for message in messages:
        value: JSON = {"role": message.role, "content": message.content}
        if message.tool_calls:
            value["tool_calls"] = [{"type": "function", "function": {"name": call.name, "arguments": call.arguments}} for call in message.tool_calls]
        rendered.append(value)
    return rendered


def template_tools(tools: Sequence[Tool]) -> list[JSON]:
    """Tools as chat templates want them; what only we know of a tool (returns, extras) is left out."""
    return [{"type": "function", "function": {"name": t.name, "description": t.description, "parameters": t.parameters}} for t in tools]


def render(tokenizer: Any, messages: Sequence[Message], tools: Sequence[Tool]) -> Rendered:
    """A whole conversation, with the assistant's turns marked."""
    output = tokenizer.apply_chat_template(
        template_messages(messages), tools=template_tools(tools) or None, tokenize=True, return_dict=True, return_assistant_tokens_mask=True
    )
    return Rendered(list(output["input_ids"]), [bool(flag) for flag in output["assistant_masks"]])


def prompt_ids(tokenizer: Any, messages: Sequence[Message], tools: Sequence[Tool]) -> list[int]:
    """A conversation up to the point where the assistant begins to write."""
    output = tokenizer.apply_chat_template(
        template_messages(messages), tools=template_tools(tools) or None, tokenize=True, return_dict=True, add_generation_prompt=True
    )
    return list(output["input_ids"])


def require_generation_tags(tokenizer: Any) -> None:
    """Give the tokenizer a template that marks the assistant's turns: its own, or TRL's version of it. Raises `InputError` without either."""
    if "{%- generation" in (tokenizer.chat_template or "") or "{% generation" in (tokenizer.chat_template or ""):
        return
    from trl.chat_template_utils import get_training_chat_template

    try:
        template = get_training_chat_template(tokenizer)
    except ValueError as error:
        raise InputError(f"chat template of {tokenizer.name_or_path}: has no {{% generation %}} tags, and TRL knows no version with them") from error
    if template is not None:
        tokenizer.chat_template = template


def require_call_form(tokenizer: Any) -> None:
    """Raise `InputError` unless the template writes calls in Qwen2.5's form, the one that is ranked and parsed here."""
    call = ToolCall(name="a_tool", arguments={"key": "value"})
    ids = tokenizer.apply_chat_template(
        template_messages([Message(role="user", content="go"), Message(role="assistant", tool_calls=(call,))]), tokenize=True, return_dict=True
    )["input_ids"]
    text = tokenizer.decode(ids)
    if call_prefix(call.name) not in text or parse_calls(text) != [call]:
        raise InputError(
            f"chat template of {tokenizer.name_or_path}: does not write calls as <tool_call>{{...}}</tool_call>; other forms are not supported yet"
        )


def call_prefix(name: str) -> str:
    """How an assistant's turn begins that calls this tool, in Qwen2.5's form, up to its arguments (not the space before them: it would be cut
    into another token than in a whole call).
    """
    return f'<tool_call>\n{{"name": {json.dumps(name, ensure_ascii=False)}, "arguments":'


def parse_calls(text: str) -> list[ToolCall] | None:
    """The calls in an assistant's text, in order; None where one is not well formed."""
    calls = []
    for body in TOOL_CALL.findall(text):
        try:
            value = json.loads(body)
        except json.JSONDecodeError:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not isinstance(value.get("arguments"), dict):
            return None
        calls.append(ToolCall(name=value["name"], arguments=value["arguments"]))
    return None if not calls and "<tool_call>" in text else calls
