"""Exercises on the operations of real services: a thousand services' vocabulary, so that nano learns to read and not to remember a few.

Nobody's requests come with the operations, so that one is made of what a description says: a stretch of one of its sentences, some words left out and
some exchanged for near ones, while the tool may show another sentence of the same description.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from toolwright.training.nano_exercises import Exercise, Lexicon, near_words, random_pattern, random_value, schema_of, spoken_value
from toolwright.types import JSON, Message, Tool, ToolCall

WORDS_IN_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
KINDS = ("id", "id", "id", "string", "integer", "number", "date")
VERBS = {  # what people say where descriptions say this
    "list": ("show me", "what are", "give me all", "which", "pull up"),
    "get": ("show me", "fetch", "look up", "what is", "check", "find out"),
    "return": ("show me", "look up", "tell me", "what about", "check"),
    "retrieve": ("show me", "find", "look up", "bring up", "read out"),
    "describe": ("tell me about", "explain", "show", "what about"),
    "create": ("make", "set up", "add", "open", "start", "new"),
    "delete": ("remove", "get rid of", "throw away", "drop", "erase"),
    "remove": ("take away", "get rid of", "delete", "drop"),
    "update": ("change", "edit", "correct", "alter", "adjust"),
    "modify": ("change", "edit", "adjust"),
    "start": ("begin", "run", "launch", "kick off"),
    "stop": ("end", "halt", "quit", "shut down"),
    "cancel": ("call off", "stop", "abort"),
    "add": ("put in", "include", "attach"),
    "send": ("pass on", "post", "mail"),
    "associate": ("connect", "link", "attach"),
    "disassociate": ("disconnect", "unlink", "detach"),
}
OPENINGS = ("", "", "", "please ", "can you ", "could you ", "I need to ", "I want to ", "we have to ", "I'd like to ", "time to ", "help me ")


class Operations:
    """Exercises from tools `service.operation`.

    Args:
        tools: with descriptions; services of fewer than four of them are left out.
        lexicon: words of like meaning.
    """

    def __init__(self, tools: Sequence[Tool], lexicon: Lexicon) -> None:
        self.lexicon = lexicon
        services: dict[str, list[Tool]] = {}
        for tool in tools:
            services.setdefault(tool.name.split(".")[0], []).append(tool)
        self.services = [found for _, found in sorted(services.items()) if len(found) >= 4]

    def exercise(self, difficulty: float, turns: int, source: random.Random) -> Exercise:
        """Some operations of one service and of another, and requests for them, no two alike."""
        near, far = source.sample(self.services, 2)
        count = source.randint(2, 4 + int(4 * difficulty))
        chosen = [*source.sample(near, min(count, len(near))), *source.sample(far, 2)]
        style = source.choice(("snake", "camel", "dotted"))
        random_names = source.random() < 0.4
        made: dict[str, tuple[Tool, str, dict[str, str]]] = {}
        patterns: dict[str, str] = {}
        for tool in chosen:
            name = self._random_name(style, source) if random_names else styled(tool.name, style)
            made[name] = self._shown(tool, name, patterns, difficulty, source)
        asked = list(made.values())
        source.shuffle(asked)
        messages: list[Message] = []
        for shown, said, kinds in asked[:turns]:
            messages += self._turn(shown, said, kinds, difficulty, source)
        tools = [shown for shown, _, _ in made.values()]
        source.shuffle(tools)
        return Exercise(messages, tools)

    def _random_name(self, style: str, source: random.Random) -> str:
        return styled(f"{source.choice(self.lexicon.short)}.{source.choice(self.lexicon.short)}_{source.choice(self.lexicon.short)}", style)

    def _shown(self, tool: Tool, name: str, patterns: dict[str, str], difficulty: float, source: random.Random) -> tuple[Tool, str, dict[str, str]]:
        """The tool as it is offered, the sentence that it is asked for by, and its parameters' kinds. A service's numbers look alike in all its tools."""
        sentences = [part.strip() for part in re.split(r"(?<=[.!?]) ", tool.description) if len(part.split()) > 2] or [tool.description]
        said = sentences[0]
        shown = sentences[: source.randint(1, 3)]
        if len(sentences) > 1 and source.random() < 0.25 * difficulty:
            said, shown = sentences[1], sentences[:1]
        words = " ".join(shown).split()[:45]
        names = source.sample(list(tool.properties), min(len(tool.properties), source.randint(0, 3)))
        kinds = {snake(parameter): source.choice(KINDS) for parameter in names}
        kinds = {key: patterns.setdefault(f"{tool.name.split('.')[0]}.{key}", random_pattern(source)) if kind == "id" else kind for key, kind in kinds.items()}
        properties = {key: schema_of(kind) for key, kind in kinds.items()}
        parameters = {"type": "object", "properties": properties, "required": [key for key in kinds if source.random() < 0.75]}
        description = near_words(self.lexicon, " ".join(words), 0.1 * difficulty, source)
        return Tool(name=name, description=description, parameters=parameters), said, kinds

    def _turn(self, tool: Tool, said: str, kinds: dict[str, str], difficulty: float, source: random.Random) -> list[Message]:
        words = said.rstrip(".").split()[:40]
        begin = 0 if source.random() < 0.7 else source.randrange(max(1, len(words) - 3))
        patterned = any(kind.startswith("^") for name, kind in kinds.items() if name in tool.required)
        stretch = words[begin : begin + (source.randint(1, 4) if patterned and source.random() < 0.4 * difficulty else source.randint(3, 12))]
        kept = [word for word in stretch if source.random() > 0.2 * difficulty] or stretch
        if begin == 0 and kept[0] == words[0]:
            verb = imperative(kept[0].lower())
            kept[0] = source.choice(VERBS[verb]) if verb in VERBS and source.random() < 0.6 * difficulty else verb
        text = near_words(self.lexicon, " ".join(kept), 0.4 * difficulty, source)
        opening = source.choice(OPENINGS) if begin == 0 else ""
        chunks = [opening + text if opening or source.random() < 0.6 else text[0].upper() + text[1:]]
        arguments: JSON = {}
        for name, kind in kinds.items():
            if name in tool.required or source.random() < 0.5:
                arguments[name] = random_value(self.lexicon, "id" if kind == "string" and source.random() < 0.3 else kind, source)
                chunks.append(spoken_value(name.replace("_", " "), arguments[name], source))
        if source.random() < 0.3:
            source.shuffle(chunks)
        ask = Message(role="user", content=source.choice((" ", ", ", ". ")).join(chunks))
        return [ask, Message(role="assistant", tool_calls=(ToolCall(name=tool.name, arguments=arguments),))]


def imperative(verb: str) -> str:
    """`deletes` → `delete`, `fetches` → `fetch`, `copies` → `copy`."""
    if verb.endswith("ies"):
        return verb[:-3] + "y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zes")):
        return verb[:-2]
    return verb[:-1] if verb.endswith("s") and not verb.endswith(("ss", "us", "is")) else verb


def snake(name: str) -> str:
    """`maxResults` → `max_results`."""
    return "_".join(word.lower() for word in WORDS_IN_NAME.findall(name)) or "value"


def styled(name: str, style: str) -> str:
    """A name `service.PartOperation` in another convention: of its service, and the last three words."""
    service, *rest = name.split(".")
    words = [word.lower() for word in WORDS_IN_NAME.findall(" ".join(rest))][-3:] or [service]
    if style == "camel":
        return words[0] + "".join(word.capitalize() for word in words[1:])
    joined = "_".join(words)
    return f"{snake(service)}.{joined}" if style == "dotted" else joined
