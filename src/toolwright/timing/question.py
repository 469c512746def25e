"""The question that asks for what is missing, built from the schema's own descriptions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from toolwright.selection.keyword import CAMEL
from toolwright.types import JSON, Tool

MOST_CHOICES = 8


def question(tool: Tool, missing: Sequence[str]) -> str:
    """One sentence that asks for the missing arguments of a tool: "To move the pallet I still need: the bin (Where it goes)."."""
    wanted = [_asked(name, tool.properties.get(name, {})) for name in missing]
    if not wanted:
        return f"What exactly shall I do with “{spoken(tool.name)}”?"
    listed = wanted[0] if len(wanted) == 1 else "; ".join(wanted[:-1]) + "; and " + wanted[-1]
    return f"To go on with “{spoken(tool.name)}” I still need: {listed}."


def _asked(name: str, schema: JSON) -> str:
    described = str(schema.get("description", "")).strip().rstrip(".")
    told = f"{spoken(name)} ({described[0].lower()}{described[1:]})" if described else spoken(name)
    choices = schema.get("enum")
    if isinstance(choices, list) and 0 < len(choices) <= MOST_CHOICES:
        told += ", one of " + ", ".join(str(one) for one in choices)
    return told


@lru_cache(maxsize=16384)
def spoken(name: str) -> str:
    """An identifier as words: `move_pallet` → move pallet."""
    return re.sub(r"[_.\-]+", " ", CAMEL.sub(" ", name)).strip().lower()
