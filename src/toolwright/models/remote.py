"""Chat models behind any OpenAI-compatible server: vLLM, llama.cpp, Ollama, or a provider's own.

The key stands in the environment variable `OPENAI_API_KEY`; local servers want none. A JSON Schema is sent as `response_format`, which servers that cannot
enforce it ignore or refuse; a refusal is a `ModelError` like any other.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from toolwright.models.chat import ModelError, Reply
from toolwright.schema import write_tool
from toolwright.types import JSON, InputError, Message, Tool

KEY_VARIABLE = "OPENAI_API_KEY"


class RemoteModel:
    """One model of one server, asked at temperature 0.

    Args:
        url: the server's base, up to and with `/v1`.
        model: the model's name there.
        seconds: how long one answer may take.
        retries: how often a request is repeated that the server could not take.
    """

    def __init__(self, url: str, model: str, seconds: float = 120.0, retries: int = 2) -> None:
        self.url = url.rstrip("/")
        self.model = model
        self.name = f"{self.url}#{model}"
        self.seconds = seconds
        self.retries = retries

    @cached_property
    def client(self) -> Any:
        """The `openai` client. Raises `InputError` where it is not installed."""
        try:
            import openai
        except ModuleNotFoundError as error:
            raise InputError("the client of remote models is not installed; `pip install 'toolwright[remote]'` brings it") from error
        return openai.OpenAI(base_url=self.url, api_key=os.environ.get(KEY_VARIABLE, "none"), timeout=self.seconds, max_retries=self.retries)

    def chat(self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, schema: JSON | None = None, max_tokens: int = 512) -> Reply:
        """The server's answer. Raises `ModelError` when it gives none that can be read."""
        client = self.client
        import openai

        asked: JSON = {"model": self.model, "messages": [message.to_openai() for message in messages], "max_tokens": max_tokens, "temperature": 0}
        if tools:
            asked["tools"] = [{"type": "function", "function": _told(tool)} for tool in tools]
        if schema is not None:
            asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        try:
            answer = client.chat.completions.create(**asked).model_dump()
            message = answer["choices"][0]["message"]
            usage = answer.get("usage") or {}
            said = Message.from_openai({"role": "assistant", "content": message.get("content"), "tool_calls": message.get("tool_calls")})
            return Reply(said, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
        except openai.OpenAIError as error:
            raise ModelError(f"{self.name}: {type(error).__name__}: {error}") from error
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{self.name}: what it sent is no chat completion ({error!r})") from error


def _told(tool: Tool) -> JSON:
    """What a model is told of a tool: OpenAI's own keys."""
    flat = write_tool(tool, "openai_flat")
    return {key: flat[key] for key in ("name", "description", "parameters", "strict") if key in flat}
