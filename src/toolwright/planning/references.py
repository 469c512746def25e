"""References from one step's arguments to another step's answer.

A string that is a reference as a whole, `$s1.order_id` or `$s2.rooms[0].room_number`, stands for the value itself, whatever its type. Within a longer text
the same in braces, `The fee is ${s1.fee}.`, stands for the value written out. The path goes through objects by key and through lists by number.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

PATH = r"(\w+)((?:\.\w+|\[\d{1,9}\])+)"
WHOLE = re.compile(rf"\${PATH}")
WITHIN = re.compile(rf"\$\{{{PATH}\}}")


class UnresolvedError(LookupError):
    """A reference to a step that has no answer, or to a part that its answer lacks."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One value in the answer of a step."""

    step: str
    path: tuple[str | int, ...]

    def __str__(self) -> str:
        return f"${self.step}" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in self.path)

    def find(self, answers: Mapping[str, Any]) -> Any:
        """The value referred to. Raises `UnresolvedError` where there is none."""
        if self.step not in answers:
            raise UnresolvedError(f"{self}: there is no answer of step {self.step!r}; answered: {', '.join(answers) or 'none'}")
        value = answers[self.step]
        for key in self.path:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                here = f"keys {', '.join(value)}" if isinstance(value, dict) else f"{len(value)} items" if isinstance(value, list) else repr(value)
                raise UnresolvedError(f"{self}: {key!r} is not in the answer of {self.step!r} ({here})") from None
        return value


def references(value: Any) -> Iterator[Reference]:
    """Every reference in a value, in order."""
    if isinstance(value, str):
        if match := WHOLE.fullmatch(value):
            yield _reference(match)
        else:
            yield from map(_reference, WITHIN.finditer(value))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from references(item)


def replace(value: Any, put: Callable[[Reference], Any]) -> Any:
    """The value with every reference exchanged for what `put` gives; within a text it is written out."""
    if isinstance(value, str):
        if match := WHOLE.fullmatch(value):
            return put(_reference(match))
        return WITHIN.sub(lambda match: written(put(_reference(match))), value)
    if isinstance(value, Mapping):
        return {key: replace(item, put) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [replace(item, put) for item in value]
    return value


def written(value: Any) -> str:
    """A value within a text: whole numbers without decimals, whatever their type."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def resolve(value: Any, answers: Mapping[str, Any]) -> Any:
    """The value with every reference exchanged for what it refers to. Raises `UnresolvedError`."""
    return replace(value, lambda reference: reference.find(answers))


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """The value with steps called by other names in its references."""
    if isinstance(value, str):
        if match := WHOLE.fullmatch(value):
            return str(_renamed(_reference(match), names))
        return WITHIN.sub(lambda match: "${" + str(_renamed(_reference(match), names))[1:] + "}", value)
    if isinstance(value, Mapping):
        return {key: renamed(item, names) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [renamed(item, names) for item in value]
    return value


def _renamed(reference: Reference, names: Mapping[str, str]) -> Reference:
    return Reference(names.get(reference.step, reference.step), reference.path)


def _reference(match: re.Match[str]) -> Reference:
    keys = re.findall(r"\.(\w+)|\[(\d+)\]", match[2])
    return Reference(match[1], tuple(name or int(number) for name, number in keys))
