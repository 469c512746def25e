"""What a chat model is: a conversation and tools in, one reply out.

`scripted` answers from a list (tests), `remote` asks any OpenAI-compatible server, `local` runs transformers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from toolwright.types import JSON, Message, Tool


class ModelError(RuntimeError):
    """A chat model that could not be asked or gave no answer: the server is gone, refuses, or what it sent cannot be read."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said, and what it cost."""

    message: Message
    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def text(self) -> str:
        return self.message.content

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens


class ChatModel(Protocol):
    """Answers one conversation at a time; deterministic where the model behind it is."""

    name: str

    def chat(self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, schema: JSON | None = None, max_tokens: int = 512) -> Reply:
        """The next turn.

        Args:
            messages: the conversation so far, at least one turn.
            tools: tools the model may call, in its own tool-call form.
            schema: a JSON Schema that the text should follow, where the server can enforce one; the caller checks in any case.
            max_tokens: the longest answer.

        Raises:
            ModelError: there is no answer.
        """
        ...
