"""What a decider is: a conversation and tools in, one of four outcomes out, with its probability and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from toolwright.types import Decision, InputError, Message, Tool


class TimingDecider(Protocol):
    """Says what the next turn should be. Deterministic for the same conversation and tools, where the model behind it is."""

    name: str

    def decide(self, messages: Sequence[Message], tools: Sequence[Tool]) -> Decision:
        """The next turn's outcome.

        Args:
            messages: the conversation, the newest turn last: a user's, or the result of a tool.
            tools: the tools at hand; there may be none.

        Raises:
            InputError: the conversation is empty or ends with the assistant, or two tools have one name.
        """
        ...


def check_input(messages: Sequence[Message]) -> None:
    """Raise `InputError` where there is nothing to decide."""
    if not messages:
        raise InputError("a conversation needs at least one turn; got none")
    if messages[-1].role not in ("user", "tool"):
        raise InputError(f"the newest turn is the {messages[-1].role}'s; expected the user's or a tool's result")
