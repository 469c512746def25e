"""Every tool and every kind of dialogue has a place; what is left goes to facility location."""

from __future__ import annotations

from collections.abc import Sequence

from toolwright.coreset.facility_location import greedy_facility_location, neighbours
from toolwright.coreset.protocol import Signals, check_keep
from toolwright.types import Dialogue


def tool_coverage(dialogues: Sequence[Dialogue], keep: int, signals: Signals, *, seed: int) -> list[int]:
    """First dialogues that cover most of the tools called and tasks not covered yet (greedy set cover), then the dialogues the others are most like."""
    check_keep(dialogues, keep)
    return sorted(greedy_facility_location(neighbours(signals.embeddings()), keep, cover([themes(dialogue) for dialogue in dialogues], keep)))


def themes(dialogue: Dialogue) -> frozenset[str]:
    """The tools it calls and the task it is of."""
    return frozenset({f"task {dialogue.task}", *(call.name for message in dialogue.messages for call in message.tool_calls)})


def cover(sets: Sequence[frozenset[str]], keep: int) -> list[int]:
    """Indices of sets, each time the one with most that is not covered yet, until all is covered or `keep` are chosen."""
    open_: set[str] = set().union(*sets)
    chosen: list[int] = []
    while open_ and len(chosen) < keep:
        best = max(range(len(sets)), key=lambda i: (len(sets[i] & open_), -i))
        chosen.append(best)
        open_ -= sets[best]
    return chosen
