"""A selector by its name, or from the folder it was saved in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from toolwright.models.chat import ChatModel
from toolwright.selection import SELECTORS
from toolwright.selection.embedding import EmbeddingSelector
from toolwright.selection.hybrid import HybridSelector
from toolwright.selection.llm import LLMSelector
from toolwright.selection.protocol import Selector
from toolwright.selection.two_stage import TwoStageSelector
from toolwright.types import InputError, Tool


def open_selector(
    name: str, tools: Sequence[Tool], *, encoder: str | None = None, model: str | None = None, chat: ChatModel | None = None, option: str = "--selector"
) -> Selector:
    """A selector that chooses among `tools`.

    Args:
        name: one of `SELECTORS`, or a folder that a selector was saved in; what was saved keeps what it learned and takes up `tools`.
        tools: the catalogue.
        encoder: what reads meaning, where the selector has one; default: its own.
        model: the cross-encoder of `two_stage`.
        chat: the chat model of `llm`.
        option: how errors call the name.
    """
    folder = Path(name)
    if name not in SELECTORS:
        if not (folder / "selector.json").is_file():
            raise InputError(f"{option}: got {name!r}; allowed: {', '.join(SELECTORS)}, or a folder that a selector was saved in")
        return _saved(folder, tools, chat)
    if name == "two_stage":
        if model is None:
            raise InputError(f"{option} two_stage needs a cross-encoder; name its folder or hub id with --model")
        return TwoStageSelector(model, encoder or "minilm").fit(tools)
    if name == "trained":
        raise InputError(f"{option} trained: name the folder that `toolwright train selector` wrote in place of the word")
    if name == "llm":
        if chat is None:
            raise InputError(f"{option} llm needs a chat model; name one with --model")
        return LLMSelector(chat, encoder or "minilm").fit(tools)
    if encoder is None:
        return SELECTORS[name]().fit(tools)
    kind = SELECTORS[name]
    if not issubclass(kind, HybridSelector | EmbeddingSelector):
        raise InputError(f"--encoder: {name} reads no meaning; expected with one of embedding, hybrid, two_stage, llm")
    return kind(encoder).fit(tools)


def load_selector(folder: Path, chat: ChatModel | None = None) -> Selector:
    """The selector saved in a folder, whichever it is."""
    try:
        name = json.loads((folder / "selector.json").read_text(encoding="utf-8"))["selector"]
    except FileNotFoundError as error:
        raise InputError(f"{folder}: holds no selector.json; expected a folder that a selector was saved in") from error
    if name not in SELECTORS:
        raise InputError(f"{folder}/selector.json: selector {name!r} is unknown; known: {', '.join(SELECTORS)}")
    kind = SELECTORS[name]
    return LLMSelector.load(folder, chat) if kind is LLMSelector else kind.load(folder)


def _saved(folder: Path, tools: Sequence[Tool], chat: ChatModel | None) -> Selector:
    """The saved selector over another catalogue."""
    selector = load_selector(folder, chat)
    return selector.fit(tools)
