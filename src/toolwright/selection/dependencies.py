"""Tools that others depend on: a catalogue may say so (`"x-toolwright": {"depends_on": [names]}`), and then the best tool brings what it needs.

After Graph RAG-Tool Fusion (Lumer et al., 2025): the best tool, then the tools it depends on, directly or through others, the nearest first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolwright.types import ScoredTool, Tool


def dependencies_of(tools: Sequence[Tool]) -> dict[str, tuple[str, ...]]:
    """For each tool that says so, the names of those it depends on."""
    said = {tool.name: tool.extras.get("depends_on") for tool in tools}
    return {name: tuple(str(other) for other in listed) for name, listed in said.items() if isinstance(listed, list) and listed}


def closure(name: str, edges: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Every tool that a tool depends on with its distance, 1 for direct ones; cycles are followed once."""
    distance = {name: 0}
    queue = [name]
    for current in queue:
        for other in edges.get(current, ()):
            if other not in distance:
                distance[other] = distance[current] + 1
                queue.append(other)
    del distance[name]
    return distance


def with_dependencies(ranked: Sequence[ScoredTool], edges: Mapping[str, Sequence[str]]) -> list[ScoredTool]:
    """The ranking with what the best tool depends on moved up behind it, by distance, then as ranked; tools outside the ranking are left out."""
    if not ranked or ranked[0].name not in edges:
        return list(ranked)
    near = closure(ranked[0].name, edges)
    place = {tool.name: i for i, tool in enumerate(ranked)}
    moved = sorted((tool for tool in ranked[1:] if tool.name in near), key=lambda tool: (near[tool.name], place[tool.name]))
    return [ranked[0], *moved, *(tool for tool in ranked[1:] if tool.name not in near)]
