"""Dialogues under names that mean nothing, so that a model has to read what a tool does and takes.

Trained on a few hundred tools, a small model learns their names by heart, and tools that it never saw suffer. Masking names (Lin et al., "Hammer: Robust
Function-Calling for On-Device Language Models via Function Masking", 2024, section 3.2) takes that way out. Tools get new names; so do those parameters
that their schema alone tells apart from the others of their tool, since nobody could know which of two plain texts a meaningless name wants.
"""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count

from toolwright.types import JSON, Dialogue, InputError, Message, Tool, ToolCall

WORD = re.compile(r"[A-Z]?[a-z]+")
TELLING = ("type", "pattern", "format", "enum", "items", "$ref", "anyOf", "oneOf")  # what of a schema says which values fit


@dataclass(frozen=True, slots=True)
class Masked:
    """A dialogue's messages and tools, as they read under other names."""

    messages: list[Message]
    tools: list[Tool]


@dataclass
class Names:
    """Draws names of two words that identifiers of a catalogue are made of."""

    words: Sequence[str]
    source: random.Random
    taken: set[str] = field(default_factory=set)

    def like(self, name: str) -> str:
        """A new name, written as the old one is: `findGuest`, `hotel.find_guest` or `find_guest`."""
        first, second = self.source.choices(self.words, k=2)
        drawn = first + second.capitalize() if name != name.lower() else f"{first}.{second}" if "." in name else f"{first}_{second}"
        made = next(one for one in chain([drawn], (f"{drawn}{i}" for i in count(2))) if one not in self.taken)
        self.taken.add(made)
        return made


def words_of(tools: Mapping[str, Tool]) -> list[str]:
    """The words that names of tools and parameters are made of, sorted. Raises `InputError` where there are none."""
    names = [name for tool in tools.values() for name in (tool.name, *tool.parameters.get("properties", {}))]
    found = sorted({word.lower() for name in names for word in WORD.findall(name)})
    if not found:
        raise InputError(f"masked_copies: names of {len(names)} tools and parameters hold no words to make others of; set it to 0")
    return found


def with_masked(dialogues: Sequence[Dialogue], tools: Mapping[str, Tool], copies: int, seed: int) -> list[Masked]:
    """All dialogues as they are, then `copies` times all of them under other names."""
    words = words_of(tools) if copies else []
    plain = [Masked(list(one.messages), [tools[name] for name in one.tools]) for one in dialogues]
    return plain + [masked(one, tools, words, random.Random(f"masked/{seed}/{copy}/{one.id}")) for copy in range(copies) for one in dialogues]


def masked(dialogue: Dialogue, tools: Mapping[str, Tool], words: Sequence[str], source: random.Random) -> Masked:
    """The dialogue with its tools, and the parameters that can be told apart, under names drawn from `source`."""
    names = Names(words, source, set(dialogue.tools))
    renamed = {name: names.like(name) for name in dialogue.tools}
    parameters = {name: _parameters(tools[name], names) for name in dialogue.tools}

    def call(one: ToolCall) -> ToolCall:
        arguments = {parameters[one.name].get(key, key): value for key, value in one.arguments.items()}
        return one.model_copy(update={"name": renamed[one.name], "arguments": arguments})

    messages = [message.model_copy(update={"tool_calls": tuple(map(call, message.tool_calls))}) for message in dialogue.messages]
    return Masked(messages, [_renamed(tools[name], renamed, parameters[name]) for name in dialogue.tools])


def _parameters(tool: Tool, names: Names) -> dict[str, str]:
    """New names of the parameters whose schema no other parameter of the tool has."""
    told = {name: json.dumps({key: schema.get(key) for key in TELLING}, sort_keys=True) for name, schema in tool.parameters.get("properties", {}).items()}
    alike = Counter(told.values())
    return {name: names.like(name) for name, schema in told.items() if alike[schema] == 1}


def _renamed(tool: Tool, tools: Mapping[str, str], parameters: Mapping[str, str]) -> Tool:
    schema: JSON = dict(tool.parameters)
    if parameters:
        schema["properties"] = {parameters.get(name, name): value for name, value in schema["properties"].items()}
        if "required" in schema:
            schema["required"] = [parameters.get(name, name) for name in schema["required"]]
    description = tool.description
    for old, new in tools.items():
        description = re.sub(rf"(?<![\w.]){re.escape(old)}(?!\w)", new, description)
    return tool.model_copy(update={"name": tools[tool.name], "description": description, "parameters": schema})
