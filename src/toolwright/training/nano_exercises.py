"""What nano is pre-trained on: conversations made without end from a seed.

Four kinds. *Copying*: random tokens repeated. *Likeness*: tools of random words, asked for in words that mean nearly the same (MiniLM's neighbours), so
that matching by meaning is learned over the whole vocabulary and not on a few services. *Operations* of real services (`nano_operations`). *Service*: the
foundation domains, one set of tools and many requests in a row; tool names are exchanged for random ones half of the time, and words for near ones now and
then, so that reading the description pays and remembering the service does not. No tool is asked for twice in a conversation: else the name called last,
which copying offers, would be a good guess. Exercises grow harder: more tools, longer descriptions, words further apart.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolwright.data.dialogues import question, reply
from toolwright.data.fill import Request
from toolwright.data.frames import Frame, concrete, conversation, frames
from toolwright.data.offers import Offers
from toolwright.types import JSON, Message, Tool, ToolCall
from toolwright.world.engine import World

STOP_WORDS = 120  # the commonest words carry form, not meaning
NEAREST, LIKENESS = 6, 0.42  # neighbours kept, and the least cosine to be one
VALUE_KINDS = ("id", "id", "integer", "number", "date", "name", "words")
LETTERS = "ABCDEFGHKLMNPRSTUVWX"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words with their neighbours in meaning; `short` are those that are one token inside an identifier."""

    words: tuple[str, ...]
    neighbours: dict[str, tuple[str, ...]]
    short: tuple[str, ...]

    @classmethod
    def build(cls, words: Sequence[str], vectors: np.ndarray, short: Sequence[str]) -> Lexicon:
        """From words, the commonest first, and their unit vectors of shape (words, dimensions)."""
        found: dict[str, tuple[str, ...]] = {}
        for begin in range(STOP_WORDS, len(words), 1000):
            likeness = vectors[begin : begin + 1000] @ vectors.T
            for i, row in enumerate(likeness):
                best = [j for j in np.argsort(-row)[: 2 * NEAREST] if j != begin + i and j >= STOP_WORDS and row[j] >= LIKENESS]
                found[words[begin + i]] = tuple(words[j] for j in best[:NEAREST])
        return cls(tuple(words), found, tuple(word for word in short if word in found))

    def near(self, word: str, source: random.Random) -> str:
        """A word of like meaning, or the word itself when it has no neighbour."""
        return source.choice(self.neighbours.get(word) or (word,))


@dataclass(frozen=True, slots=True)
class Exercise:
    """A conversation and the tools at hand."""

    messages: list[Message]
    tools: list[Tool]


def likeness_exercise(lexicon: Lexicon, difficulty: float, turns: int, source: random.Random) -> Exercise:
    """Tools of random words, asked for in near words; `difficulty` from 0 to 1."""
    count = source.randint(2, 2 + int(8 * difficulty))
    verbs = [source.choice(lexicon.short) for _ in range(max(2, count // 3))]
    nouns = [source.choice(lexicon.short) for _ in range(max(2, count // 3))]
    patterns = [random_pattern(source) for _ in range(1 + count // 2)]
    made: dict[tuple[str, str], tuple[Tool, list[str], dict[str, str]]] = {}
    for _ in range(count):
        verb = source.choice(verbs) if source.random() < 0.5 * difficulty else source.choice(lexicon.short)
        noun = source.choice(nouns) if source.random() < 0.6 * difficulty else source.choice(lexicon.short)
        made[verb, noun] = _random_tool(lexicon, verb, noun, patterns, difficulty, source)
    tools = list(made.values())
    messages: list[Message] = []
    for tool, meant, kinds in source.sample(tools, min(turns, len(tools))):
        said = [lexicon.near(word, source) if source.random() < 0.65 * difficulty else word for word in _asked(meant, difficulty, source)]
        text = " ".join(_padded(lexicon, said, difficulty, source))
        arguments: JSON = {}
        chunks = [text]
        for name, kind in kinds.items():
            if name not in tool.required and source.random() < 0.5:
                continue
            value = random_value(lexicon, kind, source)
            arguments[name] = value
            chunks.append(spoken_value(name if source.random() < 0.5 else lexicon.near(name, source), value, source))
        if source.random() < 0.3:
            source.shuffle(chunks)
        messages += [
            Message(role="user", content=source.choice((" ", ", ", ". ")).join(chunks)),
            Message(role="assistant", tool_calls=(ToolCall(name=tool.name, arguments=arguments),)),
        ]
    return Exercise(messages, [tool for tool, _, _ in tools])


def _random_tool(
    lexicon: Lexicon, verb: str, noun: str, patterns: Sequence[str], difficulty: float, source: random.Random
) -> tuple[Tool, list[str], dict[str, str]]:
    content = lexicon.words[STOP_WORDS:]
    extra = [source.choice(content) for _ in range(source.randint(0, 1 + int(3 * difficulty)))]
    shown = [lexicon.near(word, source) if source.random() < difficulty else word for word in (verb, noun)] + extra
    if source.random() < 0.4 * difficulty:
        source.shuffle(shown)
    description = " ".join(_padded(lexicon, shown, difficulty, source)).capitalize() + "."
    kinds = {source.choice(lexicon.short): source.choice(VALUE_KINDS) for _ in range(source.randint(0, int(3.9 * difficulty)))}
    kinds = {name: source.choice(patterns) if kind == "id" and source.random() < 0.7 else kind for name, kind in kinds.items()}
    properties = {name: schema_of(kind) for name, kind in kinds.items()}
    parameters = {"type": "object", "properties": properties, "required": [name for name in kinds if source.random() < 0.75]}
    named = (verb, noun) if source.random() < 0.3 else (source.choice(lexicon.short), source.choice(lexicon.short))
    return Tool(name=_name(*named, source), description=description, parameters=parameters), [verb, noun, *extra], kinds


def _name(verb: str, noun: str, source: random.Random) -> str:
    return source.choice((f"{verb}_{noun}", f"{noun}_{verb}", verb + noun.capitalize(), f"{noun}.{verb}"))


def random_name(lexicon: Lexicon, source: random.Random) -> str:
    """A tool's name that means nothing."""
    return _name(source.choice(lexicon.short), source.choice(lexicon.short), source)


def _asked(meant: Sequence[str], difficulty: float, source: random.Random) -> list[str]:
    """Which of a tool's words a request takes up, in some order."""
    verb, noun, *extra = meant
    if len(extra) > 1 and source.random() < 0.12 * difficulty:
        words = [*source.sample(extra, 2), source.choice((verb, noun))]
    else:
        words = [verb, noun, *(source.sample(extra, 1) if extra and source.random() < 0.5 else [])]
    if source.random() < 0.5:
        source.shuffle(words)
    return words


def _padded(lexicon: Lexicon, words: Sequence[str], difficulty: float, source: random.Random) -> list[str]:
    """Words with stop words between them, and now and then a word that means nothing here."""
    text: list[str] = []
    for word in words:
        text += [*(source.choice(lexicon.words[:STOP_WORDS]) for _ in range(source.randint(0, int(2.9 * difficulty)))), word]
    if source.random() < 0.3 * difficulty:
        text.insert(source.randint(0, len(text)), source.choice(lexicon.words[STOP_WORDS:]))
    return text


def spoken_value(label: str, value: str | int | float, source: random.Random) -> str:
    """A value as a request names it, with what it is or without."""
    return source.choice((f"{label} {value}", f"{label}: {value}", f"{value} {label}", f"{value}"))


def near_words(lexicon: Lexicon, text: str, share: float, source: random.Random, keep: str = "") -> str:
    """Some lower-case words exchanged for near ones; words of `keep` stay."""

    def exchange(match: re.Match[str]) -> str:
        word = match[0]
        return lexicon.near(word, source) if word not in keep and source.random() < share else word

    return re.sub(r"(?<![\w@.])[a-z]{4,}(?![\w@])", exchange, text)


def random_value(lexicon: Lexicon, kind: str, source: random.Random) -> str | int | float:
    """A value of a kind of `VALUE_KINDS`, or one that fits a pattern of `random_pattern`."""
    content = lexicon.words[STOP_WORDS:]
    if kind.startswith("^"):
        beginning, digits = kind[1:-2].split("[0-9]{")
        return beginning + "".join(source.choice("0123456789") for _ in range(int(digits)))
    if kind == "id":
        letters = "".join(source.choice(LETTERS) for _ in range(source.randint(1, 3)))
        return f"{letters}{source.choice(('-', '-', ''))}{source.randint(100, 99999)}"
    if kind == "integer":
        return source.randint(1, 5000)
    if kind == "number":
        return round(source.uniform(1, 900), 2)
    if kind == "date":
        return f"202{source.randint(4, 7)}-{source.randint(1, 12):02d}-{source.randint(1, 28):02d}"
    if kind == "name":
        return " ".join(source.choice(content).capitalize() for _ in range(source.randint(1, 2)))
    return " ".join(source.choice(content) for _ in range(source.randint(1, 3)))


def random_pattern(source: random.Random) -> str:
    """What a service's numbers look like: `^EV-[0-9]{5}$`."""
    return f"^{''.join(source.choice(LETTERS) for _ in range(source.choice((2, 2, 3, 3, 4))))}-[0-9]{{{source.randint(3, 6)}}}$"


def schema_of(kind: str) -> JSON:
    """The JSON Schema of a kind of value."""
    if kind.startswith("^"):
        return {"type": "string", "pattern": kind}
    return {"type": "string", "format": "date"} if kind == "date" else {"type": kind if kind in ("integer", "number") else "string"}


class Services:
    """Exercises from domain files: many requests in a row over one set of tools."""

    def __init__(self, world: World, lexicon: Lexicon) -> None:
        self.world = world
        self.lexicon = lexicon
        self.offers = Offers(world, "train")
        self.frames = [frame for split in ("train", "dev", "test") for frame in frames(world.domains, split)]

    def exercise(self, difficulty: float, turns: int, source: random.Random) -> Exercise:
        """Some tools of one domain, and requests, talk and questions about them."""
        domain = source.choice(self.world.domains)
        names = [tool.name for tool in domain.tools]
        chosen = source.sample(names, min(len(names), source.randint(3, 4 + int(4 * difficulty))))
        others = source.sample([name for name in self.offers.names if name not in names], 2) if len(self.world.domains) > 1 else []
        offered = [*chosen, *others]
        source.shuffle(offered)
        usable = [f for f in self.frames if f.domain is domain and (f.label in ("answer", "unable") or (f.tool is not None and f.tool.name in chosen))]
        calls = [frame for frame in usable if frame.label == "call"]
        talks = [frame for frame in usable if frame.label != "call"]
        asked = [source.choice(found) for name in chosen if (found := [frame for frame in calls if frame.tool and frame.tool.name == name])]
        asked += source.sample(talks, min(len(talks), len(asked) // 4))
        source.shuffle(asked)
        renamed = self._renamed(offered, source)
        messages: list[Message] = []
        for frame in asked[:turns]:
            messages += self._turn(frame, renamed, source)
        return Exercise(messages, [self._shown(name, renamed, difficulty, source) for name in offered])

    def _renamed(self, names: Sequence[str], source: random.Random) -> dict[str, str]:
        if source.random() < 0.5:
            return {}
        return {name: random_name(self.lexicon, source) for name in names}

    def _shown(self, name: str, renamed: dict[str, str], difficulty: float, source: random.Random) -> Tool:
        tool = self.world.tools[name]
        description = near_words(self.lexicon, tool.description, 0.15 * difficulty, source)
        if source.random() < 0.3:
            description = re.split(r"(?<=[.;:]) ", description)[0]
        for old, new in renamed.items():
            description = description.replace(old, new)
        return tool.model_copy(update={"name": renamed.get(name, name), "description": description})

    def _turn(self, frame: Frame, renamed: dict[str, str], source: random.Random) -> list[Message]:
        said = concrete(frame, self.world, source)
        turns = list(conversation(said.turns))
        if isinstance(said, Request):
            call = said.call.model_copy(update={"name": renamed.get(said.call.name, said.call.name)})
            kept = [str(value) for value in said.call.arguments.values()]
            if not any(isinstance(value, list | dict) for value in said.call.arguments.values()):
                last = near_words(self.lexicon, turns[-1].content, 0.12, source, keep=" ".join(kept))
                turns[-1] = turns[-1].model_copy(update={"content": last})
            return [*turns, Message(role="assistant", tool_calls=(call,))]
        if frame.label == "clarify":
            assert frame.tool is not None
            given = {*frame.saying.slots, *frame.saying.with_}
            said_back = question(frame.tool, [name for name in frame.domain.required(frame.tool) if name not in given])
        else:
            said_back = reply(frame, said.shown, source)
        return [*turns, Message(role="assistant", content=said_back)]


def copying_tokens(vocabulary: int, first: int, length: int, source: random.Random) -> tuple[list[int], list[bool]]:
    """Random tokens, a stretch repeated several times and then another; the repetitions are trained on, a fifth of their tokens."""
    ids: list[int] = []
    trained: list[bool] = []
    while len(ids) < length:
        stretch = [source.randrange(first, vocabulary) for _ in range(source.randint(4, 30))]
        repeats = source.randint(2, 4)
        ids += stretch * repeats
        trained += [False] * len(stretch) + [source.random() < 0.2 for _ in range(len(stretch) * (repeats - 1))]
    return ids[:length], trained[:length]
