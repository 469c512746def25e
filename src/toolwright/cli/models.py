"""Chat models by the name that a command line gives them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolwright.models.chat import ChatModel


def open_chat_model(name: str) -> ChatModel:
    """`http(s)://HOST/v1#MODEL`: a model of a server; else a local one: `nano`, a folder or a hub id.

    Raises:
        InputError: a server without a model's name, or a model that cannot be loaded.
    """
    from toolwright.types import InputError

    if re.match(r"https?://", name):
        from toolwright.models.remote import RemoteModel

        url, _, model = name.partition("#")
        if not model:
            raise InputError(f"--model: {name!r} names no model; expected http(s)://HOST/v1#MODEL")
        return RemoteModel(url, model)
    from toolwright.data.render import parse_calls, prompt_ids
    from toolwright.models.local import load_model
    from toolwright.models.local_chat import LocalModel

    return LocalModel(load_model(name), prompt_ids, parse_calls)
