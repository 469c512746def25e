"""Texts of tools and requests as selectors read them: words, parts of a request, and descriptions made harmless.

Identifiers are split at `_`, `.`, `-` and case changes; English stop words are dropped; Chinese, Japanese and Korean text counts by character
pairs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from toolwright.types import InputError, Message, Tool

Query = str | Sequence[Message]

CJK = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"
WORD = re.compile(rf"[{CJK}]+|[0-9]+|[^\W\d_{CJK}]+")
IS_CJK = re.compile(f"[{CJK}]")
CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
STOP_WORDS = frozenset(
    "a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to was will with i me my we "
    "our you your do does can could would please".split()
)
LONGEST_DESCRIPTION = 300  # words; what stands behind says little and may be stuffing
MOST_REPEATS = 3  # of one word in one description
LONGEST_REQUEST = 4000  # characters: more is a document, not a request
MOST_PARTS = 6
BREAK = re.compile(
    r"(?<=[.!?;])\s+|(?<=[。！？；])\s*|\n+"
    r"|,?\s+(?:and then|and also|then|also|plus|besides|as well as|after that|afterwards)[,:]?\s+"
    r"|,\s+(?:and|but|so)\s+|\s+and\s+(?=(?:\w+\s+){2})",
    re.IGNORECASE,
)


def words(text: str) -> list[str]:
    """The words of a text as word search indexes them."""
    found: list[str] = []
    for word in WORD.findall(CAMEL.sub(" ", text).lower()):
        if IS_CJK.match(word):
            found.extend(word[i : i + 2] for i in range(max(1, len(word) - 1)))
        elif word not in STOP_WORDS:
            found.append(word)
    return found


def stem(word: str) -> str:
    """A word without its commonest English endings, so that `rooms` meets `room` and `cancelled` meets `cancel`."""
    for ending, least in (("ings", 7), ("ing", 6), ("ied", 5), ("ies", 5), ("ed", 5), ("es", 5), ("s", 4)):
        if word.endswith(ending) and len(word) >= least and not word.endswith("ss"):
            word = word[: -len(ending)] + ("y" if ending in ("ied", "ies") else "")
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiouls":
                word = word[:-1]
            break
    return word[:-1] if len(word) > 4 and word.endswith("e") else word


def stems(text: str) -> list[str]:
    """The words of a text by their stems."""
    return [stem(word) for word in words(text)]


def identifier_words(name: str) -> str:
    """An identifier as words: `getUser_byID` → `get user by id`."""
    return " ".join(WORD.findall(CAMEL.sub(" ", name).lower()))


def keywords(tool: Tool) -> list[str]:
    """The keywords that a tool carries in any language."""
    spoken = tool.extras.get("keywords")
    return [str(word) for listed in spoken.values() for word in listed] if isinstance(spoken, dict) else []


def visible(text: str) -> str:
    """The text in Unicode's compatibility form without control and invisible characters, spaces made one."""
    kept = (char if unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs", "Cn") else " " if char.isspace() else "" for char in text)
    return " ".join(unicodedata.normalize("NFKC", "".join(kept)).split())


def honest(description: str) -> str:
    """A description that cannot win by bulk: visible characters alone, no word more than three times, at most 300 words."""
    kept: list[str] = []
    seen: dict[str, int] = {}
    for piece in visible(description).split():
        key = piece.lower().strip(".,;:!?()[]\"'")
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= MOST_REPEATS or key in STOP_WORDS:
            kept.append(piece)
    return " ".join(kept[:LONGEST_DESCRIPTION])


def tool_text(tool: Tool) -> str:
    """What is known of a tool in words: name, description, parameter names, keywords."""
    return " ".join((tool.name, tool.description, *tool.properties, " ".join(keywords(tool))))


def query_text(query: Query) -> str:
    """The request that a text or a conversation makes, at most 4,000 characters (the last ones).

    Of a conversation it is the user's last turn, and before it the turns that it answers a question about: an assistant's turn that ends in a
    question mark and calls nothing asks about the request before it.
    """
    if isinstance(query, str):
        return visible(query)[-LONGEST_REQUEST:]
    turns: list[str] = []
    for message in reversed(query):
        if message.role == "user":
            turns.append(message.content)
        elif turns and (message.role != "assistant" or message.tool_calls or not message.content.rstrip().endswith(("?", "？"))):
            break
    if not turns:
        raise InputError(f"the conversation of {len(query)} turns has none of a user; nothing is asked")
    return visible(" ".join(reversed(turns)))[-LONGEST_REQUEST:]


def parts(text: str) -> list[str]:
    """The parts of a request that may each ask for something: sentences and clauses of three words or more, at most six; the whole when it is one."""
    found = [part.strip(" ,;:") for part in BREAK.split(text) if part and len(WORD.findall(part)) >= 3]
    return found[:MOST_PARTS] if len(found) > 1 else [text]
