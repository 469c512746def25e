"""Typed spans of a text: dates, times, numbers with units, e-mail addresses, phone numbers, codes, quotations and names

Word lists and regular expressions, English; nothing is learned. Every expression is linear in the text, and a turn is read to its `READ_LIMIT`th
character. What is inside a quotation is not read again, but for codes. A day that only a calendar can tell ("tomorrow", "27 April") is resolved where
`today` is given; otherwise its value is None and its words stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

from toolwright.tools.vocabulary import CURRENCIES, MONTHS, NUMBER_WORDS, SMALL, STARTS, UNITS, WEEKDAYS, singular

Kind = Literal["url", "email", "quoted", "datetime", "date", "month", "time", "phone", "code", "number", "name"]

READ_LIMIT = 20_000  # characters of a turn

_MONTH = "(?:" + "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS) + r")\b\.?"
_DAY = r"(?:[12][0-9]|3[01]|0?[1-9])(?:st|nd|rd|th)?\b"
_YEAR = r"(?:19|20)[0-9]{2}\b"
_CLOCK = r"(?:[01]?[0-9]|2[0-3])(?::[0-5][0-9](?: ?[ap]\.?m\b\.?)?| ?[ap]m\b|(?= o'clock))"
_NUMBER_WORD = r"(?:" + "|".join(sorted(NUMBER_WORDS, key=len, reverse=True)) + r")"
_DATE = (
    rf"{_YEAR}-(?:0[1-9]|1[0-2])-[0-3][0-9]\b|{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?|{_MONTH} {_DAY}(?:,? {_YEAR})?"
    rf"|\b[0-3]?[0-9][./][01]?[0-9][./]{_YEAR}"
)
_RELATIVE = (
    r"\b(?:the day after tomorrow|the day before yesterday|today|tonight|tomorrow|yesterday|this (?:morning|afternoon|evening|weekend)|"
    rf"(?:(?:next|last|this|coming|on) )?(?:{'|'.join(WEEKDAYS)})|(?:next|last|this) (?:week|month|year|quarter)|"
    rf"in (?:a|an|[0-9]{{1,3}}|{_NUMBER_WORD}) (?:day|week|month|year)s?(?:' time)?|(?:a|an|[0-9]{{1,3}}|{_NUMBER_WORD}) (?:day|week|month|year)s? ago|"
    r"(?:the )?end of (?:the|this|next) (?:week|month|year))\b"
)

PATTERNS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("url", re.compile(r"\bhttps?://[^\s<>\"'“”]+[^\s<>\"'“”.,;:!?)\]]", re.I)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}")),
    (
        "quoted",
        re.compile(
            r"\"[^\"\n]{1,4000}\"|“[^”\n]{1,4000}”|«[^»\n]{1,4000}»|„[^“”\n]{1,4000}[“”]"
            r"|(?<!\w)['‘](?=\w)[^'‘’\n]{1,200}(?:['’]\w[^'‘’\n]{0,200}){0,5}['’](?!\w)"
        ),
    ),
    (
        "datetime",
        re.compile(rf"\b{_YEAR}-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-5][0-9](?::[0-5][0-9])?Z?|(?:{_DATE})(?:,? at|,| around| from)? {_CLOCK}", re.I),
    ),
    ("date", re.compile(rf"{_DATE}|{_RELATIVE}", re.I)),
    (
        "month",
        re.compile(
            rf"\b{_MONTH} {_YEAR}|\b{_YEAR}-(?:0[1-9]|1[0-2])\b|\bQ[1-4][ /]?{_YEAR}|\b(?:{'|'.join(m for m in MONTHS if m not in ('march', 'may'))})\b", re.I
        ),
    ),
    (
        "time",
        re.compile(rf"\b{_CLOCK}|\b(?:noon|midday|midnight)\b|\bat (?:{'|'.join(SMALL[1:13])})\b(?! \w+s\b)|\bhalf past (?:{'|'.join(SMALL[1:13])})\b", re.I),
    ),
    ("phone", re.compile(r"(?<![\w-])(?:\+|00)[1-9][0-9]{0,2}(?:[ ()/.-]{0,2}[0-9]{2,5}){2,6}\b|(?<![\w-])0[0-9]{2,4}[ /-][0-9]{3,4}[ -]?[0-9]{3,4}\b")),
    (
        "number",
        re.compile(
            rf"(?P<before>[€$£¥])? ?(?<![\w.#-])(?P<digits>[-−]?[0-9]{{1,3}}(?:,[0-9]{{3}})+(?:\.[0-9]+)?|[-−]?[0-9]{{1,15}}(?:\.[0-9]{{1,9}})?)"
            rf"(?P<scale>[kKmM]\b)?(?P<stuck>[a-zA-Z]{{1,3}}\b)?(?![\w-])(?: ?(?P<sign>[%€$£¥°]))?"
            rf"|\b(?P<words>(?:{_NUMBER_WORD})(?:[ -](?:{_NUMBER_WORD}))*|an?(?= (?:{'|'.join(UNITS)})\b))(?![\w-])",
            re.I,
        ),
    ),
    ("code", re.compile(r"(?<![\w-])[#@]?[A-Za-z0-9][\w./:#@-]{0,80}\w(?![\w-])|(?<!\w)[#@]\w[\w-]{0,60}")),
    (
        "name",
        re.compile(
            r"\b(?:(?:Dr|Mr|Mrs|Ms|St|Prof)\.? )?[A-ZÀ-ÞÄÖÜ][\w'’&-]*"
            r"(?: and [A-ZÀ-ÞÄÖÜ][\w'’&-]*\b(?! [A-Z]))?"
            r"(?: (?:(?:of|de|da|del|la|le|van|von|der|the|&) ){0,2}[A-ZÀ-ÞÄÖÜ0-9][\w'’&-]*){0,6}"
        ),
    ),
)


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a text and what it says.

    Attributes:
        kind: what sort of value it is.
        text: as it stands in the text, quotation marks left out.
        value: ISO date, time (`14:30`) or both, month (`2025-04`), number, or the text; None for a day that `today` would tell.
        start: where it begins in its turn, in characters.
        end: where it ends.
        unit: of a number: the word or sign that it counts, in the singular ("minute", "euro", "percent"); else empty.
        turn: index of the turn it was said in.
    """

    kind: Kind
    text: str
    value: Any
    start: int
    end: int
    unit: str = ""
    turn: int = 0


def read_spans(text: str, today: date | None = None, turn: int = 0) -> list[Span]:
    """The typed spans of a text in order; they do not overlap, but for codes with a digit inside quotations."""
    text = text[:READ_LIMIT]
    taken = bytearray(len(text))  # 1: taken; 2: inside a quotation
    found: list[Span] = []
    for kind, pattern in PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            inside = taken[start:end]
            if any(inside) and not (kind == "code" and set(inside) == {2}):
                continue
            span = _READ[kind](match, today)
            if span is None or (any(inside) and not any(character.isdigit() for character in span[0])):
                continue
            taken[start:end] = (b"\2" if kind == "quoted" else b"\1") * (end - start)
            found.append(Span(kind, span[0], span[1], start, end, span[2], turn))
    return sorted(found, key=lambda span: (span.start, span.end))


Read = tuple[str, Any, str]  # text, value, unit


def _whole(match: re.Match[str], today: date | None) -> Read | None:
    return match[0], match[0], ""


def _quoted(match: re.Match[str], today: date | None) -> Read | None:
    inner = match[0][1:-1].strip()
    return (inner, inner, "") if inner else None


def _code(match: re.Match[str], today: date | None) -> Read | None:
    """A word that no dictionary has: with a digit and something else, an inner joint, or a leading sign. Hyphenated plain words count too."""
    text = match[0].rstrip("./:")
    has_digit = any(character.isdigit() for character in text)
    if text.isdigit() or not (has_digit or any(joint in text[1:-1] for joint in "-_/.:@") or text[0] in "#@"):
        return None
    return text, text, ""


def _name(match: re.Match[str], today: date | None) -> Read | None:
    """Capitalised words; a word that only begins a sentence is left out."""
    words = match[0].split(" ")
    while words and (re.sub("[’']s$", "", words[0].lower()) in STARTS or words[0].lower().replace("’", "'") in STARTS or not words[0][0].isupper()):
        words = words[1:]
    text = " ".join(words)
    for ending in ("'s", "’s"):
        text = text.removesuffix(ending)
    before = match.string[: match.start()].rstrip(" \"'“‘")
    begins = not before or before[-1] in ".!?:\n"
    alone = len(words) == len(match[0].split(" ")) == 1
    if len(text) < 2 or (begins and alone and not match[0].endswith(("'s", "’s")) and not text.isupper()):
        return None
    return text, text, ""


def _number(match: re.Match[str], today: date | None) -> Read | None:
    stuck = (match["stuck"] or "").lower()
    if stuck in ("st", "nd", "rd", "th"):
        return None
    if match["digits"]:
        value = float(match["digits"].replace(",", "").replace("−", "-")) * {"k": 1e3, "m": 1e6}.get((match["scale"] or "").lower(), 1)
    else:
        value = _words_value(match["words"].lower())
    following = re.match(r"[ -]{0,2}([A-Za-z]{2,20})(?:[ -]([A-Za-z]{2,20}))?", match.string[match.end() : match.end() + 44])
    sign = match["sign"] or match["before"] or ""
    unit = stuck or {"%": "percent", "°": "degree"}.get(sign) or CURRENCIES.get(sign) or ""
    if not unit and following:
        words = [singular(word) for word in following.groups() if word]
        unit = next((CURRENCIES.get(word, word) for word in words if word in UNITS or word in CURRENCIES), words[0])
    if unit in ("hour", "week", "day") and value == 0.25 and "half" not in match[0]:
        return None
    return match[0].strip(), int(value) if value == int(value) and abs(value) < 1e15 else value, unit


def _words_value(words: str) -> float:
    """Twenty-five → 25, two hundred → 200, a → 1."""
    total = 0.0
    for word in re.split("[ -]", words):
        value = 1.0 if word in ("a", "an") else NUMBER_WORDS[word]
        total = (total or 1) * value if value >= 100 or word == "dozen" else total + value
    return total


def _time(match: re.Match[str], today: date | None) -> Read | None:
    return match[0].removeprefix("at "), clock(match[0]), ""


def clock(said: str) -> str | None:
    """`2:30 pm` → `14:30`; None where no time is told."""
    said = said.lower().replace(".m", "m").replace("p.", "p").replace("a.", "a")
    fixed = {"noon": "12:00", "midday": "12:00", "midnight": "00:00"}
    if said in fixed:
        return fixed[said]
    if match := re.search(r"([0-9]{1,2})(?::([0-9]{2}))?(?::[0-9]{2})? ?([ap]m)?", said):
        hour, minute = int(match[1]), int(match[2] or 0)
        hour = hour % 12 + 12 if match[3] == "pm" else hour % 12 if match[3] == "am" else hour
        return f"{hour:02}:{minute:02}" if hour < 24 else None
    hours = [i for i, word in enumerate(SMALL[1:13], 1) if said.endswith(" " + word)]
    return f"{hours[0]:02}:{30 if 'half' in said else 0:02}" if hours else None


def _date(match: re.Match[str], today: date | None) -> Read | None:
    return match[0], day(match[0], today), ""


def _datetime(match: re.Match[str], today: date | None) -> Read | None:
    last = re.search(rf"(?:T| ){_CLOCK}", match[0][4:], re.I)
    assert last is not None
    when, at = day(match[0][: 4 + last.start()], today), clock(last[0][1:])
    return match[0], f"{when}T{at}" if when and at else None, ""


def _month(match: re.Match[str], today: date | None) -> Read | None:
    said = match[0].lower()
    year = re.search(r"(?:19|20)[0-9]{2}", said)
    if said[0] == "q":
        return (match[0], f"{year[0]}-Q{said[1]}", "") if year else None
    if said[0].isdigit():
        return match[0], said, ""
    number = next(i for i, month in enumerate(MONTHS, 1) if said.startswith(month[:3]))
    which = year[0] if year else str(today.year) if today else None
    return match[0], f"{which}-{number:02}" if which else None, ""


def day(said: str, today: date | None = None) -> str | None:
    """The ISO date that words name; None where `today` would tell, or where there is no such day."""
    said = said.lower()
    if match := re.match(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", said):
        return _iso(int(match[1]), int(match[2]), int(match[3]))
    if match := re.match(r"([0-9]{1,2})[./]([0-9]{1,2})[./]([0-9]{4})", said):
        return _iso(int(match[3]), int(match[2]), int(match[1])) or _iso(int(match[3]), int(match[1]), int(match[2]))
    year = re.search(r"(?:19|20)[0-9]{2}", said)
    number = re.search(r"(?<![0-9])([0-9]{1,2})(?![0-9])", said)
    month = next((i for i, name in enumerate(MONTHS, 1) if re.search(rf"\b{name[:3]}(?:{name[3:]})?\b", said)), None)
    if month and number and (year or today):
        return _iso(int(year[0]) if year else today.year if today else 0, month, int(number[1]))
    return _relative(said, today) if today and not month else None


def _relative(said: str, today: date) -> str | None:
    fixed = {"the day after tomorrow": 2, "the day before yesterday": -2, "tomorrow": 1, "yesterday": -1}
    if said in fixed:
        return (today + timedelta(fixed[said])).isoformat()
    if said in ("today", "tonight", "this morning", "this afternoon", "this evening"):
        return today.isoformat()
    for i, weekday in enumerate(WEEKDAYS):
        if said.endswith(weekday):
            ahead = (i - today.weekday()) % 7 or 7
            return (today + timedelta(ahead - 7 if said.startswith("last") else ahead)).isoformat()
    if match := re.search(r"(\w+) (day|week)s?\b", said):
        count = float(match[1]) if match[1].isdigit() else 1.0 if match[1] in ("a", "an") else NUMBER_WORDS.get(match[1])
        if count is not None:
            days = round(count * (7 if match[2] == "week" else 1))
            return (today + timedelta(-days if said.endswith("ago") else days)).isoformat()
    return None


def _iso(year: int, month: int, number: int) -> str | None:
    try:
        return date(year, month, number).isoformat()
    except ValueError:
        return None


_READ: dict[Kind, Callable[[re.Match[str], date | None], Read | None]] = {
    "url": _whole,
    "email": _whole,
    "quoted": _quoted,
    "datetime": _datetime,
    "date": _date,
    "month": _month,
    "time": _time,
    "phone": _whole,
    "number": _number,
    "code": _code,
    "name": _name,
}


def tokens(text: str) -> Iterator[tuple[int, str]]:
    """Words between blanks with where they begin, bare of surrounding punctuation, for what has a form of its own."""
    for match in re.finditer(r"\S+", text[:READ_LIMIT]):
        word = match[0].rstrip(".,;:!?)]}\"'“”‘’»…")
        bare = word.lstrip("([{\"'“”‘’«#@")
        if bare:
            yield match.start() + len(word) - len(bare), bare.removesuffix("'s").removesuffix("’s")
