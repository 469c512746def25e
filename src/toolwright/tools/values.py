"""Which values a conversation offers for a parameter, each with a score

A parameter is known by its JSON Schema (`pattern`, `enum`, `format`, type, bounds) and by the words of its name and description. A `pattern` decides by
itself, except where plain words fit it. `slots` chooses among these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import jsonschema_rs

from toolwright.tools.spans import READ_LIMIT, Span, clock, read_spans, tokens
from toolwright.tools.vocabulary import FUNCTION_WORDS, ISO_NAMES, MEASURES, PEOPLE, PLACES, PROSE, singular, stem
from toolwright.types import JSON, InputError, Message

BACKTRACKS = 10_000  # of a pattern in a schema, which may be hostile
PLAIN = ("word", "Word", "please", "a-b", "2")  # what a pattern must refuse to decide by itself
NUMBERS = ("integer", "number")
MONEY = frozenset("amount price sum euro budget fee cost money salary rent balance payment paid pay".split())
NO_VALUES = FUNCTION_WORDS | frozenset("called named titled should reads says latest last next first".split())

Conversation = str | Sequence[Message]
Offer = tuple[float, Span, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """A conversation read once, for any number of tools: its turns and their typed spans, the newest turn first."""

    turns: tuple[str, ...]
    spans: tuple[Span, ...]
    tokens: tuple[Span, ...]
    heard: frozenset[int]  # turns that the user has not said: they give numbers and names, but no wording


def read(conversation: Conversation, today: date | None = None) -> Reading:
    """The typed spans of a conversation, for `fill` and `missing`."""
    if isinstance(conversation, str):
        turns, heard = [conversation], frozenset[int]()
    else:
        turns = [_said(message) for message in conversation]
        heard = frozenset(i for i, message in enumerate(conversation) if message.role != "user")
    newest = range(len(turns) - 1, -1, -1)
    spans = [span for i in newest for span in read_spans(turns[i], today, i)]
    words = [Span("code", word, word, start, start + len(word), turn=i) for i in newest for start, word in tokens(turns[i])]
    return Reading(tuple(turns), tuple(spans), tuple(words), heard)


def candidates(name: str, schema: JSON, reading: Reading) -> Iterator[Offer]:
    """Spans that could be the parameter's value, each with a score from 0 to 1 and the value as the schema wants it; in no order."""
    if "enum" in schema:
        yield from _enumerated(name, schema, reading)
    elif "pattern" in schema:
        yield from _patterned(name, schema, reading)
    elif schema.get("type") in NUMBERS:
        yield from _numbers(name, schema, reading)
    elif schema.get("type") == "boolean":
        yield from _booleans(name, schema, reading)
    else:
        yield from _texts(name, schema, reading)


def wording(name: str, schema: JSON) -> frozenset[str]:
    """The words that a parameter goes by: of its name and its description, in the singular."""
    return words_of(name) | (words_of(str(schema.get("description", ""))) - FUNCTION_WORDS)


@lru_cache(maxsize=8192)
def words_of(text: str) -> frozenset[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text[:2000])
    return frozenset(singular(word) for word in re.findall(r"[A-Za-z]{2,}", spaced))


def _said(message: Message) -> str:
    """A turn's text; a call's arguments count as said."""
    return " ".join((message.content, *(str(value) for call in message.tool_calls for value in call.arguments.values())))


def _newer(span: Span, reading: Reading) -> float:
    """A little more for what was said last."""
    return 0.05 / (len(reading.turns) - span.turn)


@lru_cache(maxsize=4096)
def fits(pattern: str, text: str) -> bool:
    return bool(_matcher(_whole(pattern)).is_valid(_whole(text)))


def _whole(text: str) -> str:
    """The text with halves of characters (lone surrogates), which no file holds, replaced."""
    return text.encode("utf-8", "replace").decode("utf-8")


@lru_cache(maxsize=4096)
def _matcher(pattern: str) -> Any:
    try:
        return jsonschema_rs.Draft202012Validator(
            {"type": "string", "pattern": pattern}, pattern_options=jsonschema_rs.FancyRegexOptions(backtrack_limit=BACKTRACKS)
        )
    except (ValueError, jsonschema_rs.ValidationError) as error:
        raise InputError(f"pattern {pattern!r:.80} is no regular expression: {error}") from error


@lru_cache(maxsize=4096)
def decides(pattern: str) -> bool:
    """Whether what fits the pattern is surely meant: plain words do not fit."""
    return not any(fits(pattern, plain) for plain in PLAIN)


def _patterned(name: str, schema: JSON, reading: Reading) -> Iterator[Offer]:
    pattern, sure = str(schema["pattern"]), decides(str(schema["pattern"]))
    words = wording(name, schema)
    for span in reading.tokens:
        marked = reading.turns[span.turn][max(0, span.start - 1) : span.start] in tuple("#@\"'“‘")
        if fits(pattern, span.text) and (sure or marked or _odd(span.text) or _cued(span, words, reading)):
            near = 0.05 * min(2, len(words & _before(span, reading)))
            yield (0.85 if sure or marked else 0.55) + near + _newer(span, reading), span, span.text
    for span in reading.spans:
        if span.kind in ("date", "datetime", "time", "month", "quoted", "number", "url"):
            shapes = [span.value, span.text] if isinstance(span.value, str) else [span.text, str(span.value)]
            shapes += [str(span.value)[:7], str(span.value)[:10], str(span.value)[11:]] if span.kind in ("date", "datetime") and span.value else []
            shape = next((one for one in shapes if one and fits(pattern, one)), None)
            if shape is not None and (sure or span.kind != "number"):
                yield 0.8 + _newer(span, reading), span, shape


def _odd(text: str) -> bool:
    """No word of plain prose: a digit, a joint or a capital inside."""
    return any(character.isdigit() for character in text) or bool(re.search(r"\w[_./-]\w|[a-z][A-Z]|^[A-Z]{2,}$", text))


def _before(span: Span, reading: Reading) -> frozenset[str]:
    """The words of the clause around a span: sixty characters before it and thirty after."""
    turn = reading.turns[span.turn]
    return words_of(f"{turn[max(0, span.start - 60) : span.start]} {turn[span.end : span.end + 30]}")


def _cued(span: Span, words: frozenset[str], reading: Reading) -> bool:
    """Whether the span is a word of content and one of the parameter's words stands right before it."""
    before = reading.turns[span.turn][max(0, span.start - 24) : span.start]
    return span.text.lower() not in NO_VALUES and bool(words & frozenset(singular(word) for word in re.findall(r"[A-Za-z]{3,}", before)[-1:]))


@lru_cache(maxsize=8192)
def _forms(value: str) -> tuple[frozenset[str], ...]:
    """The words of an enum value, as stems: `not_recognised` → not, recognis."""
    return tuple(frozenset((word, stem(word))) for word in re.findall(r"[a-z0-9]+", value.lower()))


def _enumerated(name: str, schema: JSON, reading: Reading) -> Iterator[Offer]:
    values = [value for value in schema["enum"] if isinstance(value, str | int | float)]
    for i in range(len(reading.turns) - 1, -1, -1):
        turn = reading.turns[i][:READ_LIMIT]
        said = [(match.start(), match[0].lower()) for match in re.finditer(r"[A-Za-z0-9]+", turn)]
        places: dict[str, tuple[int, int]] = {}
        for start, word in reversed(said):
            places[word] = places[stem(word)] = (start, start + len(word))
        for value in values:
            code = str(value).lower()
            forms = _forms(ISO_NAMES.get(code, code if isinstance(value, str) else str(value)))
            found = [next(((places[form], form) for form in forms_ if form in places), None) for forms_ in forms]
            hits = [hit[0] for hit in found if hit is not None]
            content = [hit[1] for hit in found if hit is not None and hit[1] not in FUNCTION_WORDS]
            if hits and len(hits) / len(forms) >= 0.5 and (content or len(hits) == len(forms) > 1):
                start, end = min(hits)[0], max(hits)[1]
                score = 0.9 * len(hits) / len(forms) if len(hits) < len(forms) else 0.9 + 0.02 * len(forms)
                if end - start < 80:
                    span = Span("name", turn[start:end], value, start, end, turn=i)
                    yield score + _newer(span, reading), span, value


def _numbers(name: str, schema: JSON, reading: Reading) -> Iterator[Offer]:
    words = wording(name, schema)
    low, high = schema.get("minimum"), schema.get("maximum")
    whole = schema.get("type") == "integer"
    money = bool(words & MONEY)
    for span in reading.spans:
        if span.kind == "number":
            value, units = span.value, {span.unit}
        elif span.kind == "time" and span.text.isalpha():
            value, units = int(str(span.value)[:2]), set()
        elif span.kind == "month" and "quarter" in words and "-Q" in str(span.value):
            value, units = int(str(span.value)[-1]), {"quarter"}
        elif span.kind in ("month", "date") and "year" in words and span.value:
            value, units = int(str(span.value)[:4]), {"year"}
        elif span.kind == "date" and (ahead := re.match(r"in ([0-9]{1,3}) (day|week|month|year)", span.text)):
            value, units = int(ahead[1]), {ahead[2]}
        else:
            continue
        if span.unit == "hour" and "minute" in words and "hour" not in words:
            value, units = value * 60, {"minute"}
        if (whole and value != int(value)) or (isinstance(low, int | float) and value < low) or (isinstance(high, int | float) and value > high):
            continue
        score = 0.6 + 0.25 * bool(units & words) + 0.05 * min(3, len(words & _before(span, reading)))
        score += 0.1 * (money and span.unit in ("euro", "dollar", "pound", "franc", "yen"))
        score -= 0.25 * bool(span.unit in MEASURES and not units & words and not (money and span.unit in ("month", "year", "week", "day")))
        score -= 0.15 * bool(span.text.lower() in ("a", "an", "one", "once") and not units & words)
        yield score + _newer(span, reading), span, int(value) if whole else value


def _booleans(name: str, schema: JSON, reading: Reading) -> Iterator[Offer]:
    """A switch is given where a word of its name is said; a denial right before it turns it off."""
    for span in reading.tokens:
        if stem(span.text.lower()) in {stem(word) for word in words_of(name)} and len(span.text) > 3:
            before = reading.turns[span.turn][max(0, span.start - 16) : span.start].lower()
            yield 0.75 + _newer(span, reading), span, not re.search(r"\b(?:not|no|without|never|\w+n't)\b", before)


def _texts(name: str, schema: JSON, reading: Reading) -> Iterator[Offer]:
    words, wanted = wording(name, schema), schema.get("format")
    longest = schema.get("maxLength", 100_000)
    prose = bool(words_of(name) & PROSE)
    kinds = _kinds(name, words, wanted)
    for before, span in zip((None, *reading.spans), reading.spans, strict=False):
        if span.kind in kinds and len(span.text) <= longest and not (prose and span.turn in reading.heard):
            score = kinds[span.kind] + 0.05 * min(3, len(words & _before(span, reading)))
            yield score + _newer(span, reading), span, _valued(span, wanted)
        if before and before.kind == "number" and span.kind == "name" and 0 <= span.start - before.end <= 1 and words & {"street", "address"}:
            whole = Span("name", f"{before.text} {span.text}", f"{before.text} {span.text}", before.start, span.end, turn=span.turn)
            yield 0.95 + _newer(span, reading), whole, whole.text
    if wanted is None and "quoted" in kinds:
        yield from _bare_texts(words, prose, reading)


def _kinds(name: str, words: frozenset[str], wanted: Any) -> dict[str, float]:
    """Which kinds of span suit a text parameter, and how well."""
    formats = {
        "date": {"date": 0.85, "datetime": 0.7},
        "date-time": {"datetime": 0.9, "date": 0.55},
        "time": {"time": 0.9, "datetime": 0.7},
        "email": {"email": 0.95},
        "uri": {"url": 0.95},
    }
    if wanted in formats:
        return formats[wanted]
    if words & {"hour", "moment", "hh"} or name.endswith("_at"):
        return {"datetime": 0.9, "time": 0.6, "date": 0.55}
    if "phone" in words or "telephone" in words:
        return {"phone": 0.95, "code": 0.4}
    if words & {"url", "link"}:
        return {"url": 0.9, "quoted": 0.6}
    if words & {"email", "mail"} and not words & {"subject", "body", "text"}:
        return {"email": 0.9, "name": 0.55, "quoted": 0.5}
    number = 0.6 if words & {"number", "room", "tag", "batch", "code", "position"} else 0.0
    code = 0.7 if words & {"number", "tag", "batch", "code", "branch", "file", "host", "path", "target", "label", "device", "table", "version"} else 0.5
    for told in (words_of(name), words):  # what the name says goes before what the description says
        if told & PLACES or (told & PEOPLE and not told & PROSE):
            return {"name": 0.8, "quoted": 0.6, "code": code - 0.1, "number": number}
        if told & PROSE:
            return {"quoted": 0.9, "name": 0.45, "code": 0.3, "number": number}
    return {"quoted": 0.8, "name": 0.7, "code": code, "number": number}


def _valued(span: Span, wanted: Any) -> Any:
    """A span as the format wants it: a moment's day for a date, its hour for a time."""
    if not isinstance(span.value, str):
        return span.text
    if span.kind == "datetime" and wanted == "date":
        return span.value[:10]
    if span.kind == "datetime" and wanted == "time":
        return clock(span.value[11:]) or span.text
    return span.value


VAGUE = re.compile(
    r"(?:it|this|that|these|those|them|him|her|me|us|ones?|some|something|someone|somebody|anything|anyone|everything|there|here|which|what|who|the|an?|my|our|"
    r"your|his|their|now|please|once|time|sure|course|all|instead|any|another|both|each)\b",
    re.I,
)
CUE = re.compile(
    r":\s+([^\n]{2,400})|\b(?:saying|that says|it says|named|called|titled|because|to say)\s+([^\n.;!?]{2,200})"
    r"|\b(?:about|for|of|with|into|on|as|since)\s+([^\n.;:!?,]{2,60})",
    re.I,
)


def _bare_texts(words: frozenset[str], prose: bool, reading: Reading) -> Iterator[Offer]:
    """Free texts without quotation marks: what follows a colon or words such as "saying"; a few words after "for", "about" and the like."""
    for i in range(len(reading.turns) - 1, -1, -1):
        if i in reading.heard:
            continue
        for match in CUE.finditer(reading.turns[i][:READ_LIMIT]):
            group = match.lastindex or 1
            text = match[group].strip(" .!?\"'“”")
            if not text or (group == 3 and (VAGUE.match(text) or prose or len(text.split()) > 4 or any(character.isdigit() for character in text))):
                continue
            score = 0.75 if group < 3 else 0.5
            score += 0.15 * ("reason" in words and match[0].startswith(("because", "since", "as")))
            span = Span("quoted", text, text, match.start(group), match.start(group) + len(text), turn=i)
            yield score + _newer(span, reading), span, text
