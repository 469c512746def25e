"""Methods of one's own: a YAML file with a name for each and the fields of `Method` under it."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import yaml

from toolwright.comparison.methods import METHODS, ROWS, Method
from toolwright.types import InputError

NAME = re.compile(r"[A-Za-z][\w.-]*")


def read_methods(path: Path) -> dict[str, Method]:
    """The methods of a file, in its order. Raises `InputError` that names file and line for whatever is not one."""
    if not path.is_file():
        raise InputError(f"--methods-file: {path}: no such file; expected YAML with methods by name")
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{path}:1: expected methods by name, each with its fields under it")
    found: dict[str, Method] = {}
    for key, body in root.value:
        name, where = str(key.value), f"{path}:{key.start_mark.line + 1}"
        if not NAME.fullmatch(name):
            raise InputError(f"{where}: got the name {name!r}; expected letters, digits, '_', '-' and '.', a letter first")
        if name in METHODS or name in ROWS or name in found:
            raise InputError(f"{where}: {name!r} is there already; choose another name")
        found[name] = _method(path, name, body, where)
    return found


def _method(path: Path, name: str, body: yaml.Node, where: str) -> Method:
    if not isinstance(body, yaml.MappingNode):
        raise InputError(f"{where}: {name} has no fields; expected at least a title")
    allowed = [field.name for field in fields(Method)]
    values, lines = {}, {}
    for key, node in body.value:
        field, line = str(key.value), f"{path}:{key.start_mark.line + 1}"
        if field not in allowed:
            raise InputError(f"{line}: unknown field {field!r}; allowed: {', '.join(allowed)}")
        if field in values:
            raise InputError(f"{line}: field {field!r} stands twice")
        values[field], lines[field] = yaml.safe_load(yaml.serialize(node)), line
    if "title" not in values:
        raise InputError(f"{where}: {name} has no title")
    try:
        return Method(**values)
    except InputError as error:
        raise InputError(f"{lines.get(str(error).split()[0], where)}: {error}") from error
