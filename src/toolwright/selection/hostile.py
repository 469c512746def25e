"""Tool definitions that are not to be trusted: what looks hostile in them, and whether they changed since they were approved.

A selector reads descriptions as data (see `texts.honest`), but the model that gets the chosen tools reads them as text. So whatever speaks to a model
rather than about a tool is flagged here for people to look at, and approved definitions are pinned by hash, so that a definition that changes
later is reported (the "rug pull" of MCP security reviews). Flags are heuristics: they find the crude cases.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toolwright.schema import write_tool
from toolwright.selection.texts import LONGEST_DESCRIPTION, words
from toolwright.types import JSON, InputError, Tool, write_text

STUFFED = 6  # a word this often in a description is stuffing, where it is
STUFFED_SHARE = 0.15  # this share of the words, too
INSTRUCTIONS = re.compile(
    r"\b(?:ignore|disregard|forget|override)\b.{0,40}\b(?:instructions?|prompts?|rules|other tools?|above|previous)\b"
    r"|\b(?:always|only|must|exclusively)\s+(?:use|call|choose|select|pick|prefer|invoke)\s+(?:this|me|our)\b"
    r"|\b(?:never|do not|don't)\s+(?:use|call|choose|select|mention|tell|inform)\b.{0,40}\b(?:other|another|any|user|users|anyone)\b"
    r"|\b(?:before|instead of)\s+(?:using|calling)\s+(?:any|all|every|other)\b"
    r"|\byou (?:must|should|are required to)\s+(?:first|always|now|also)\b"
    r"|\bsystem prompt\b|</?(?:system|important|instructions?|secret)>|\[(?:system|inst)\]"
    r"|\b(?:send|forward|include|exfiltrate|upload)\b.{0,60}\b(?:api keys?|passwords?|credentials|tokens?|private keys?|ssh|conversation history)\b"
    r"|忽略.{0,10}指令|必须(?:首先|总是)?(?:使用|调用)(?:本|此|这个)工具",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Drift:
    """How a catalogue differs from what was pinned: names, each list in order."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def any(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def suspicions(tool: Tool) -> list[str]:
    """What looks hostile in a tool's texts, in words; empty for most tools."""
    found: list[str] = []
    for where, text in texts_of(tool):
        if said := INSTRUCTIONS.search(text):
            found.append(f"{where} speaks to a model: {' '.join(said.group().split())!r:.80}")
        hidden = sorted(
            {unicodedata.name(char, f"U+{ord(char):04X}") for char in text if unicodedata.category(char) in ("Cc", "Cf", "Co") and not char.isspace()}
        )
        if hidden:
            found.append(f"{where} has invisible characters: {', '.join(hidden[:3])}")
        said_words = words(text)
        for word, count in Counter(said_words).most_common(1):
            if count >= STUFFED and count >= STUFFED_SHARE * len(said_words):
                found.append(f"{where} says {word!r} {count} times")
        if len(text.split()) > LONGEST_DESCRIPTION:
            found.append(f"{where} has {len(text.split())} words; selectors read {LONGEST_DESCRIPTION}")
    return found


def texts_of(tool: Tool) -> Iterator[tuple[str, str]]:
    """Every text of a tool that a model would read, with its place."""
    yield "the name", tool.name
    yield "the description", tool.description
    stack: list[tuple[str, object]] = [("parameters", tool.parameters)]
    while stack:
        where, value = stack.pop()
        if isinstance(value, Mapping):
            for key, inner in value.items():
                if key in ("description", "title", "default", "examples") and isinstance(inner, str):
                    yield f"{where}.{key}", inner
                else:
                    stack.append((f"{where}.{key}", inner))
        elif isinstance(value, list):
            stack.extend((f"{where}[{i}]", inner) for i, inner in enumerate(value) if isinstance(inner, Mapping))


def definition_hash(tool: Tool) -> str:
    """SHA-256 of the whole definition; the order of keys does not count."""
    return hashlib.sha256(json.dumps(write_tool(tool), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def write_pins(path: Path, tools: Sequence[Tool]) -> None:
    """Write the hash of every definition, as approved now."""
    write_text(path, json.dumps({tool.name: definition_hash(tool) for tool in sorted(tools, key=lambda tool: tool.name)}, indent=1, ensure_ascii=False) + "\n")


def read_pins(path: Path) -> dict[str, str]:
    """The pinned hashes by name."""
    try:
        pins: JSON = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: no pins can be read ({error}); expected what `toolwright tools lint --pin` writes") from error
    if not isinstance(pins, dict) or not all(isinstance(value, str) for value in pins.values()):
        raise InputError(f"{path}: holds no pins; expected an object of names and hashes")
    return pins


def drift(pins: Mapping[str, str], tools: Sequence[Tool]) -> Drift:
    """How the tools differ from what was pinned."""
    now = {tool.name: definition_hash(tool) for tool in tools}
    changed = sorted(name for name in now if name in pins and now[name] != pins[name])
    return Drift(tuple(sorted(set(now) - set(pins))), tuple(sorted(set(pins) - set(now))), tuple(changed))
