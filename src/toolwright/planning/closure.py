"""What chosen tools need from others: producers are added for ids that neither the goal nor another chosen tool gives.

A parameter that means an id (`hotel_booking_id`, or one with a pattern of its own) has to come from somewhere. Where the goal holds no such id and no chosen
tool returns one, the likeliest tool that does is added: one that plans used for it before, that looks things up, and that the goal speaks of. And so on, since
what is added may itself need something.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from toolwright.planning.candidates import Habits, fits
from toolwright.planning.fields import Field, parameters_of, returned_by
from toolwright.tools.values import Reading, candidates, decides
from toolwright.types import Tool

ROUNDS = 4  # producers of producers of …
SURE = 0.75  # how well a value of the goal has to read to be the id


def closed(chosen: Sequence[Tool], catalogue: Sequence[Tool], reading: Reading, habits: Habits, chance: Callable[[str], float]) -> list[Tool]:
    """The chosen tools and those that must come before them.

    Args:
        chosen: tools that the goal speaks of.
        catalogue: all there are.
        reading: the goal's values.
        habits: what plans did before.
        chance: how likely a tool is by what the goal says, 0 to 1.
    """
    found = list(chosen)
    for _ in range(ROUNDS):
        lacking = next(((tool, wanted) for tool in found for wanted in parameters_of(tool) if _lacks(tool, wanted, found, reading)), None)
        if lacking is None:
            break
        producer = _producer(*lacking, found, catalogue, habits, chance)
        if producer is None:
            break
        found.append(producer)
    return found


def is_id(wanted: Field) -> bool:
    """Whether a parameter wants something that only a tool or the goal's own letters can give."""
    return wanted.required and wanted.types == {"string"} and (wanted.meaning.endswith("_id") or (bool(wanted.pattern) and decides(wanted.pattern)))


def _lacks(tool: Tool, wanted: Field, found: Sequence[Tool], reading: Reading) -> bool:
    if not is_id(wanted) or any(score >= SURE for score, _, _ in candidates(wanted.name, wanted.schema, reading)):
        return False
    return not any(_gives(given, wanted) for other in found if other is not tool for given in returned_by(other))


def _gives(given: Field, wanted: Field) -> bool:
    same = given.meaning == wanted.meaning if wanted.meaning and given.meaning else given.pattern == wanted.pattern != "" or given.name == wanted.name
    return same and fits(given, wanted)


def _producer(tool: Tool, wanted: Field, found: Sequence[Tool], catalogue: Sequence[Tool], habits: Habits, chance: Callable[[str], float]) -> Tool | None:
    """The best tool that returns what is wanted and does not itself take it."""
    best, most = None, -1.0
    for other in catalogue:
        if other in found or any(_gives(one, wanted) for one in parameters_of(other) if one.required):
            continue
        paths = [given.path for given in returned_by(other) if _gives(given, wanted)]
        if not paths or other.extras.get("effect") in ("create", "update", "transition", "delete"):
            continue
        habit = sum(habits.count("edges", (tool.name, wanted.name, other.name, path), "") for path in paths)
        worth = float(np.log1p(habit)) + 0.5 * (other.extras.get("effect") == "search") + 2.0 * chance(other.name)
        if worth > most:
            best, most = other, worth
    return best
