"""A goal's clauses: the pieces that may each be served by a tool of their own."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass

QUOTED = re.compile(r"\"[^\"\n]{1,400}\"|“[^”\n]{1,400}”|(?<!\w)'(?=\w)[^'\n]{1,200}'(?!\w)")
END = re.compile(r"[.;!?:](?=\s|$)|,(?=\s)|\s(?:and|then|but|so that|because|while|who|which|after that)(?=\s)", re.IGNORECASE)
SHORTEST = 12  # characters; shorter pieces belong to what stands before them
MOST = 24  # clauses of one goal; what comes after belongs to the last


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a goal and where it stands, in characters."""

    text: str
    start: int
    end: int


def clauses_of(goal: str) -> list[Clause]:
    """The clauses in order, at least one; together they cover the goal. What is quoted is not taken apart."""
    hidden = QUOTED.sub(lambda match: "x" * len(match[0]), goal)
    cuts = [0]
    for match in END.finditer(hidden):
        if match.end() - cuts[-1] >= SHORTEST and len(hidden) - match.end() >= SHORTEST and len(cuts) < MOST:
            cuts.append(match.start() if match[0][0].isspace() else match.end())
    bounds = [*cuts, len(goal)]
    found = [Clause(goal[a:b].strip(), a, b) for a, b in itertools.pairwise(bounds)]
    return [clause for clause in found if clause.text] or [Clause(goal, 0, len(goal))]
