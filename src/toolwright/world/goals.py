"""Goals: what people want done that takes several steps, as domain files tell it.

A goal says an outcome, not steps. Its steps name tools of any domain; an argument is a value, a `{slot}` of the example row, or a reference to an
earlier step's answer (`$bill.total`; `${bill.total}` within a text). What a goal comes to know it `tells`, and a *sequel* of any domain that wants such
things can follow it: "Settle HB-1234." + "Mail {who} {what}." + "the guest", "what it came to" → one plan.
"""

from __future__ import annotations

import re
from typing import Any

from pydantic import Field

from toolwright.types import JSON, Record

SLOT = re.compile(r"\{(\w+)(?::(said))?\}")


class GoalStep(Record):
    """One call of a goal. `free` names arguments whose wording is left open, with the values that their text must hold."""

    tool: str
    arguments: JSON = Field(default_factory=dict)
    free: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Told(Record):
    """Something that a goal comes to know: its value (a slot or a reference), what it means, and how a sentence names it."""

    value: str
    meaning: str
    said: tuple[str, ...] = Field(min_length=1)


class Goal(Record):
    """An outcome: how it is said, the query whose rows fill its slots, its steps, what the asker wants to know, what it tells to sequels.

    `reply` is the assistant's report when all is done, with slots of the example row and of `answer`.
    """

    say: tuple[str, ...] = Field(min_length=1)
    example: str
    steps: dict[str, GoalStep] = Field(min_length=1)
    answer: dict[str, str] = Field(default_factory=dict)
    reply: str | None = None
    tells: dict[str, Told] = Field(default_factory=dict)


class Sequel(Record):
    """What can follow a goal of any domain, or of those under `after`: `wants` names what it must be told, by meaning (`any` takes whatever there is, `figure`
    sums, numbers and dates).

    In its texts `{what}` is the told value and `{what_said}` how the goal names it.
    """

    name: str
    wants: dict[str, str] = Field(min_length=1)
    after: tuple[str, ...] = ()
    example: str | None = None
    steps: dict[str, GoalStep] = Field(min_length=1)
    reply: str | None = None
    train: tuple[str, ...] = ()
    dev: tuple[str, ...] = ()
    test: tuple[str, ...] = ()


class Goals(Record):
    """A domain's goals by split, and its sequels."""

    train: tuple[Goal, ...] = ()
    dev: tuple[Goal, ...] = ()
    test: tuple[Goal, ...] = ()
    sequels: tuple[Sequel, ...] = ()


def filled(value: Any, values: JSON) -> Any:
    """A goal's argument with its slots filled: `{slot}` alone keeps the value's type, within a text it is written out."""
    if isinstance(value, str):
        if (match := SLOT.fullmatch(value)) and match[1] in values:
            return values[match[1]]
        return SLOT.sub(lambda found: str(values[found[1]]) if found[1] in values else found[0], value)
    if isinstance(value, dict):
        return {key: filled(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [filled(item, values) for item in value]
    return value
