"""A chat model that answers from a script: for tests, and for replaying recorded conversations."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from toolwright.models.chat import ModelError, Reply
from toolwright.types import JSON, Message, Tool

Script = Sequence[str | Message] | Callable[[Sequence[Message], Sequence[Tool]], str | Message]


class ScriptedModel:
    """Gives the answers of a list one after another, or what a function makes of the conversation; counts words as tokens.

    Args:
        script: answers, as texts or whole messages, or a function of (messages, tools) that gives one.
        name: what results call it.
    """

    def __init__(self, script: Script, name: str = "scripted") -> None:
        self.script = script
        self.name = name
        self.asked: list[tuple[Message, ...]] = []

    def chat(self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, schema: JSON | None = None, max_tokens: int = 512) -> Reply:
        """The next answer of the script. Raises `ModelError` when it is at its end."""
        self.asked.append(tuple(messages))
        if callable(self.script):
            said = self.script(messages, tools)
        elif len(self.asked) > len(self.script):
            raise ModelError(f"{self.name}: asked {len(self.asked)} times, but the script has {len(self.script)} answers")
        else:
            said = self.script[len(self.asked) - 1]
        message = said if isinstance(said, Message) else Message(role="assistant", content=said)
        words = [len(text.split()) for text in (*(m.content for m in messages), message.content)]
        return Reply(message, prompt_tokens=sum(words[:-1]), completion_tokens=words[-1])
