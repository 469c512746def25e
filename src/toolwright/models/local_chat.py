"""A local language model as a chat model: its own chat template with the tools in it, greedy answers, calls read from its own form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from toolwright.models.chat import ModelError, Reply
from toolwright.models.local import LanguageModel, greedy_answers
from toolwright.types import JSON, Message, Tool, ToolCall

Prompt = Callable[[Any, Sequence[Message], Sequence[Tool]], list[int]]
ParseCalls = Callable[[str], list[ToolCall] | None]


class LocalModel:
    """Answers with a model in this process; a `schema` cannot be enforced here, so that only the caller's check counts.

    Args:
        lm: the model with its tokenizer.
        prompt: (tokenizer, messages, tools) → token ids; the rendering that the model was trained with.
        parse: a text → the calls in it; None where one is not well formed.
    """

    def __init__(self, lm: LanguageModel, prompt: Prompt, parse: ParseCalls) -> None:
        self.lm = lm
        self.name = lm.name
        self.prompt = prompt
        self.parse = parse

    def chat(self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, schema: JSON | None = None, max_tokens: int = 512) -> Reply:
        """The model's next turn. Raises `ModelError` when the conversation is longer than the model reads."""
        ids = self.prompt(self.lm.tokenizer, messages, tools)
        longest = getattr(self.lm.model.config, "max_position_embeddings", None)
        if longest is not None and len(ids) + max_tokens > longest:
            raise ModelError(f"{self.name}: {len(ids)} tokens and an answer of {max_tokens} are more than the {longest} that it reads")
        text = greedy_answers(self.lm, [ids], max_tokens)[0]
        calls = self.parse(text) or []
        spoken = text.split("<tool_call>")[0].strip() if calls else text
        return Reply(Message(role="assistant", content=spoken, tool_calls=tuple(calls)), len(ids), len(self.lm.tokenizer.encode(text)))
