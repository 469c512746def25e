"""What a tool's effect allows: whether a call may be made again, and whether somebody has to approve it first.

Effects are stated under `x-toolwright` (`read`, `search`, `compute`, `create`, `update`, `transition`, `delete`) or by MCP's annotations, which are hints of
the server. A tool that states nothing is taken for the worst: its calls are never repeated and always asked about.
"""

from __future__ import annotations

from toolwright.types import Effect, Tool

REPEATABLE: frozenset[str | None] = frozenset({"read", "search", "compute"})
DESTRUCTIVE: frozenset[str | None] = frozenset({"delete", None})
EFFECTS: tuple[Effect, ...] = ("read", "search", "compute", "create", "update", "transition", "delete")


def effect_of(tool: Tool) -> Effect | None:
    """The effect that a tool states; None when it states none."""
    stated = tool.extras.get("effect")
    if stated in EFFECTS:
        return EFFECTS[EFFECTS.index(stated)]
    server = tool.extras.get("mcp")
    hints = server.get("annotations") if isinstance(server, dict) else None
    if not isinstance(hints, dict):
        return None
    if hints.get("readOnlyHint") is True:
        return "read"
    return "update" if hints.get("destructiveHint") is False else "delete"


def repeatable(tool: Tool) -> bool:
    """Whether making a call twice does no more than making it once."""
    return effect_of(tool) in REPEATABLE


def destructive(tool: Tool) -> bool:
    """Whether a call needs approval: it deletes, or nobody says what it does."""
    return effect_of(tool) in DESTRUCTIVE
