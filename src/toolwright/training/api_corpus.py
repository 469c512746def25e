"""Descriptions of real services to learn tools' language from: the operations of AWS and of Google's APIs.

They come with the packages `botocore` and `google-api-python-client` (both Apache-2.0; the extra `corpus`), about 48,000 operations of 1,000 services.
"""

from __future__ import annotations

import gzip
import html
import json
import re
from collections.abc import Iterator
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from toolwright.types import JSON, InputError, Tool

TAG = re.compile(r"<[^>]+>")
LONGEST = 600  # characters of a description that are kept


def api_operations() -> list[Tool]:
    """Every operation as a tool `service.operation`, those without a description left out. Raises `InputError` when a package is missing."""
    found = {tool.name: tool for tool in (*_aws(), *_google()) if tool.description}
    return list(found.values())


def _aws() -> Iterator[Tool]:
    folders = sorted(folder for folder in (_package("botocore", "botocore") / "data").iterdir() if folder.is_dir())
    for folder in folders:
        versions = sorted(path for path in folder.glob("*/service-2.json.gz"))
        if not versions:
            continue
        service: JSON = json.loads(gzip.decompress(versions[-1].read_bytes()))
        for name, operation in sorted(service["operations"].items()):
            shape = service["shapes"].get(operation.get("input", {}).get("shape"), {})
            yield _tool(f"{folder.name}.{name}", operation.get("documentation", ""), list(shape.get("members", {})))


def _google() -> Iterator[Tool]:
    for path in sorted((_package("googleapiclient", "google-api-python-client") / "discovery_cache" / "documents").glob("*.json")):
        yield from _methods(json.loads(path.read_text(encoding="utf-8")))


def _methods(part: JSON) -> Iterator[Tool]:
    for _, resource in sorted(part.get("resources", {}).items()):
        for _, method in sorted(resource.get("methods", {}).items()):
            yield _tool(method["id"], method.get("description", ""), list(method.get("parameters", {})))
        yield from _methods(resource)


def _tool(name: str, description: str, parameters: list[str]) -> Tool:
    text = " ".join(html.unescape(TAG.sub(" ", description)).split())[:LONGEST]
    return Tool(name=name, description=text, parameters={"type": "object", "properties": {parameter: {} for parameter in parameters}})


def _package(module: str, package: str) -> Path:
    if find_spec(module) is None:
        raise InputError(f"the package {package} is not installed; `pip install 'toolwright[corpus]'` brings it")
    return Path(str(files(module)))
