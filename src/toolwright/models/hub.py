"""Where a model comes from: `nano`, a folder, or the Hugging Face hub or its mirror (`HF_ENDPOINT`)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

from toolwright.types import InputError

NANO = Path(__file__).parent / "nano"


def model_sha256(name: str) -> str:
    """Hash of a local model's weights, configuration and tokenizer; empty for a model on the hub, whose name stands for it."""
    folder = Path(resolve_model(name))
    return sha256_of_files([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("*.jinja")]) if folder.is_dir() else ""


def resolve_model(name: str) -> str:
    """The folder or hub id to load. Raises `InputError` for what can be neither."""
    if name == "nano":
        return str(NANO)
    path = Path(name)
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise InputError(f"--model: the folder {name} holds no config.json; expected a model saved by transformers")
        return name
    if re.fullmatch(r"[\w.-]+/[\w.-]+", name) and not path.exists():
        return name
    raise InputError(f"--model: got {name!r}; expected 'nano', an existing folder, or a hub id such as 'Qwen/Qwen2.5-0.5B-Instruct'")


def sha256_of_files(paths: Iterable[Path]) -> str:
    """One hash over the names and bytes of files, in sorted order."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()
