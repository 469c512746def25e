"""Sayings made concrete: slots filled from the world's own rows, with the arguments they imply."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from toolwright.types import JSON, ToolCall
from toolwright.world.engine import CallResult, World
from toolwright.world.goals import SLOT
from toolwright.world.spec import Domain, Saying, ToolSpec
from toolwright.world.tables import make_value

LEAVES_OPEN = ("read", "search", "create", "compute")  # effects of a call after which one still asks for more about the same thing
ATTEMPTS = 30  # rows tried until the call runs in the world
COUNTED = (
    "account adult agent alert appointment approval article backup batch bedroom bin box branch call carton case centimetre check clash class coat coin "
    "colleague comment company concert contract copy core date day deal degree delivery departure device document email employee entry euro event file "
    "folder follower game gigabyte gram guild heart hectare hit hour instalment instance issue item iteration job kid kilo kilometre lesson line list "
    "litre locker login lot machine mark match member message metre migration mile millimetre minute month night opening outage pack page pallet parameter "
    "parcel part payment payslip period person photo piece place player point post pound product project pupil record reject release remark replica report "
    "repository respondent review ride room round run sale seat second sentence server share shift sprint star step supply tariff test ticket time tonne "
    "topic track trade training translator trip unit value verdict visit visitor vote week word year"
).split()
NUMBER_WORDS = "zero one two three four five six seven eight nine ten eleven twelve".split()


class UnfillableError(RuntimeError):
    """No row of the world makes a saying into a call that runs."""


@dataclass(frozen=True, slots=True)
class Said:
    """A saying made concrete: its turns (user first and last), and what each slot was filled with."""

    turns: tuple[str, ...]
    shown: dict[str, str]


@dataclass(frozen=True, slots=True)
class Request(Said):
    """A saying that asks for a call: the call, what the world answers to it, and which arguments stand word for word in the text."""

    call: ToolCall
    result: CallResult
    copied: tuple[str, ...]


def fill_request(domain: Domain, tool: ToolSpec, saying: Saying, world: World, source: random.Random) -> Request:
    """Fill a request until its call runs in the world as it stands. Raises `UnfillableError` when no attempt does."""
    result = None
    for _ in range(ATTEMPTS):
        values, shown = slot_values(domain, tool, saying, world, source)
        arguments = {name: values[name] for name in tool.parameters if name in saying.slots or name in saying.with_}
        call = ToolCall(id=f"call_{source.randrange(16**8):08x}", name=tool.name, arguments=arguments)
        result = world.preview(call)
        if result.error is None:
            turns = tuple(render(turn, shown) for turn in saying.turns)
            text = " ".join(turns[::2])
            copied = tuple(name for name, value in arguments.items() if name in saying.slots and stands_in(value, text))
            return Request(turns, shown, call, result, copied)
    raise UnfillableError(f"{tool.name}: no attempt of {ATTEMPTS} runs: {saying.turns[-1]!r}; the last answer: {result.content if result else None}")


def fill_follow(domain: Domain, tool: ToolSpec, saying: Saying, before: Request, world: World, source: random.Random) -> Request:
    """Fill a request that leaves out what the call before it was about: a missing argument takes the value of the same meaning from there.

    Raises `UnfillableError` when the call before has no such value or has just settled the matter (moved it, closed it, deleted it), or no attempt runs.
    """
    if (effect := world.tools[before.call.name].extras["effect"]) not in LEAVES_OPEN:
        raise UnfillableError(f"{tool.name}: {before.call.name} settles the matter ({effect})")
    known = known_meanings(before, world)
    missing = {name: domain.parameter_field(tool, name).meaning for name in domain.required(tool) if name not in saying.slots and name not in saying.with_}
    if lost := [name for name, meaning in missing.items() if meaning not in known]:
        raise UnfillableError(f"{tool.name}: {before.call.name} knows no {lost[0]!r}")
    result = None
    for _ in range(ATTEMPTS):
        values, shown = slot_values(domain, tool, saying, world, source)
        arguments = {name: values[name] for name in tool.parameters if name in saying.slots or name in saying.with_}
        arguments |= {name: known[meaning] for name, meaning in missing.items() if meaning}
        call = ToolCall(id=f"call_{source.randrange(16**8):08x}", name=tool.name, arguments=arguments)
        result = world.preview(call)
        if result.error is None:
            return Request(tuple(render(turn, shown) for turn in saying.turns), shown, call, result, ())
    raise UnfillableError(f"{tool.name}: no attempt of {ATTEMPTS} runs: {saying.turns[-1]!r}; the last answer: {result.content if result else None}")


def known_meanings(request: Request, world: World) -> dict[str, Any]:
    """What a call was about, by meaning: its arguments, and the values of its answer. Two values of one meaning leave open which is meant."""
    meanings = world.tools[request.call.name].extras["meanings"]
    found: dict[str, list[Any]] = {}
    for part, given in (("parameters", request.call.arguments), ("returns", request.result.content)):
        for name, value in given.items():
            if (meaning := meanings[part].get(name)) and value not in found.setdefault(meaning, []):
                found[meaning].append(value)
    return {meaning: values[0] for meaning, values in found.items() if len(values) == 1}


def fill_text(domain: Domain, tool: ToolSpec | None, saying: Saying, world: World, source: random.Random) -> Said:
    """Fill a saying that calls no tool; `tool` is the one whose example rows its slots are filled from."""
    if tool is None:
        return Said(saying.turns, {})
    _, shown = slot_values(domain, tool, saying, world, source)
    return Said(tuple(render(turn, shown) for turn in saying.turns), shown)


def slot_values(domain: Domain, tool: ToolSpec, saying: Saying, world: World, source: random.Random) -> tuple[JSON, dict[str, str]]:
    """Values for every slot and argument of a saying, and how each is said in a text."""
    values: JSON = {}
    if tool.example:
        row = world.draw(tool.example, source)
        if row is None:
            raise UnfillableError(f"{tool.name}: its example query gives no row")
        values = whole(row)
    for name in tool.parameters:
        if name in saying.with_:
            values[name] = saying.with_[name]
        elif name not in values and name in saying.slots:
            kind = domain.parameter_field(tool, name)
            values[name] = whole(make_value(kind, source, person=None, where=f"{tool.name}.{name}"))
        elif name in values and tool.parameters[name].type == "boolean":
            values[name] = bool(values[name])
        elif name in values and tool.parameters[name].type in ("array", "object"):
            values[name] = whole(json.loads(values[name]))  # SQLite gives lists and objects as JSON text
    shown = {}
    for slot, style in dict.fromkeys(match for turn in saying.turns for match in SLOT.findall(turn)):
        said = domain.parameter_field(tool, slot).said if slot in tool.parameters else {}
        shown[f"{slot}:{style}" if style else slot] = say(values[slot], said, source) if style else plain(values[slot])
    return values, shown


def whole(value: Any) -> Any:
    """The value with numbers as people write them: 27, not 27.0."""
    if isinstance(value, list):
        return [whole(item) for item in value]
    if isinstance(value, dict):
        return {key: whole(item) for key, item in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def plain(value: Any) -> str:
    """A value as it is written: lists joined by commas and `and`."""
    if value is None or value == []:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        words = [plain(item) for item in value]
        return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
    if isinstance(value, dict):
        return ", ".join(f"{key} {plain(item)}" for key, item in value.items())
    return str(value)


def say(value: Any, said: dict[str, tuple[str, ...]], source: random.Random) -> str:
    """A value in other words: an enum by its synonyms, a date by its day and month, a small number as a word."""
    if isinstance(value, str) and value in said:
        return source.choice(said[value])
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value):
        day = date.fromisoformat(value)
        return source.choice((f"{day.day} {day:%B %Y}", f"{day:%B} {day.day}, {day.year}", f"{day.day} {day:%b} {day.year}"))
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d", value):
        moment = datetime.fromisoformat(value)
        return f"{moment.day} {moment:%B %Y} at {moment:%H:%M}"
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(NUMBER_WORDS):
        return NUMBER_WORDS[value]
    return plain(value).replace("_", " ")


def stands_in(value: Any, text: str) -> bool:
    """Whether a value stands in a text word for word (not inside a longer word or number)."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or str(value) not in text:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(str(value))}(?![\w-]|\.\d)", text) is not None


def render(text: str, shown: dict[str, str]) -> str:
    """The text with its slots filled; a slot that nothing was said for raises `KeyError`. One thing is said in the singular: 1 night, not 1 nights."""
    filled = SLOT.sub(lambda match: shown[f"{match[1]}:{match[2]}" if match[2] else match[1]], text)
    return ONE.sub(lambda match: f"1 {SINGULAR[match[1]]}{' is' if match[2] else ''}", filled)


def plural(noun: str) -> str:
    """The plural of a regular English noun."""
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith(("s", "x", "ch", "sh")) else "s")


SINGULAR = {plural(noun): noun for noun in COUNTED}
ONE = re.compile(rf"(?<![\w.,:/+-])1 ({'|'.join(SINGULAR)})\b( are\b)?")
