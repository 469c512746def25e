"""The arguments of chosen steps, learned: which value of the goal, or which field of another step, each parameter takes.

Every candidate of every parameter gets a probability from boosted trees; the surest are settled first. A value of the goal serves one parameter of a tool, and
a reference is taken only where no cycle comes of it. Free texts say what the goal says, with the fields that it seems to ask for; a parameter for which nothing
is likely stays out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from toolwright.planning.candidates import Candidate, Goal, Habits, Slot, describe, everything_offered
from toolwright.planning.fields import Field, part_at, put_at, returned_by
from toolwright.planning.forest import Forest
from toolwright.planning.references import Reference
from toolwright.selection.keyword import words
from toolwright.types import JSON

ALSO = 0.5  # probability from which a list takes a further member
TOLD = 14  # fields that a free text tells at most
ASKED = {  # words by which goals ask for a field of some format or meaning without naming it
    "date": ("day", "date", "when", "until", "last", "due"),
    "iso_datetime": ("time", "when", "start", "starts", "day", "moment"),
    "money": ("cost", "costs", "sum", "price", "total", "amount", "come", "comes", "owe", "pay"),
    "person_name": ("name", "who", "whose"),
    "count": ("many", "number"),
    "minutes": ("long", "minutes", "time"),
}
SHORT = frozenset({"subject", "title"})  # texts that hold no fields


@dataclass(frozen=True, slots=True)
class _Open:
    """A parameter of a step with its candidates, the likeliest first."""

    slot: Slot
    wanted: Field
    found: tuple[tuple[float, Candidate], ...]


class ArgumentScorer:
    """Fills the arguments of steps.

    Args:
        forest: gives each candidate its probability.
        habits: what plans did with each parameter.
    """

    def __init__(self, forest: Forest, habits: Habits) -> None:
        self.forest = forest
        self.habits = habits

    def fill(self, slots: Sequence[Slot], goal: Goal) -> dict[str, JSON]:
        """Arguments of each step by its id; required ones may be missing."""
        arguments: dict[str, JSON] = {slot.id: {} for slot in slots}
        needs: dict[str, set[str]] = {slot.id: set() for slot in slots}
        said: list[_Open] = []
        taken: set[tuple[str, int]] = set()
        for one in sorted(self._open(slots, goal), key=lambda one: (-one.found[0][0], one.slot.id, one.wanted.key)):
            chosen = next((candidate for p, candidate in one.found if self._possible(candidate, one, needs, taken)), None)
            if chosen is None or chosen.kind == "nothing":
                continue
            if chosen.kind == "text":
                said.append(one)
                continue
            if chosen.source is not None:
                needs[one.slot.id].add(chosen.source[0])
            if chosen.span is not None:
                taken.add((one.slot.id, chosen.span.start))
            value = chosen.written(one.wanted)
            if isinstance(value, list):
                value = self._listed(value, chosen, one, needs)
            put_at(arguments[one.slot.id], one.wanted.path, value)
        for one in said:
            put_at(arguments[one.slot.id], one.wanted.path, self._told(one, slots, goal, needs))
        return arguments

    def _listed(self, value: list[Any], chosen: Candidate, one: _Open, needs: dict[str, set[str]]) -> list[Any]:
        """A list's further members: what is as likely as not, and as many as the list has to have."""
        least = one.wanted.schema.get("minItems", 1)
        members = list(value)
        for probability, other in one.found:
            if other is chosen or other.kind == "nothing" or (probability < ALSO and len(members) >= least):
                continue
            written = other.written(one.wanted)
            if isinstance(written, list) and (other.source is None or not _reaches(other.source[0], one.slot.id, needs)):
                members.extend(item for item in written if item not in members)
                if other.source is not None:
                    needs[one.slot.id].add(other.source[0])
        return members

    def _open(self, slots: Sequence[Slot], goal: Goal) -> list[_Open]:
        """Every parameter that has candidates, with their probabilities."""
        by = {slot.id: slot for slot in slots}
        found, takers = everything_offered(slots, goal)
        rows = [describe(slot, wanted, candidates, by, goal, takers, self.habits, "") for slot, wanted, candidates in found]
        probability = self.forest.probability(np.concatenate(rows)) if rows else np.zeros(0)
        result, at = [], 0
        for slot, wanted, candidates in found:
            chances = probability[at : at + len(candidates)]
            at += len(candidates)
            ranked = sorted(zip(chances.tolist(), candidates, strict=True), key=lambda one: -one[0])
            result.append(_Open(slot, wanted, tuple(ranked)))
        return result

    def _possible(self, candidate: Candidate, one: _Open, needs: Mapping[str, set[str]], taken: set[tuple[str, int]]) -> bool:
        if candidate.span is not None and (one.slot.id, candidate.span.start) in taken:
            return False
        return candidate.source is None or not _reaches(candidate.source[0], one.slot.id, needs)

    def _told(self, one: _Open, slots: Sequence[Slot], goal: Goal, needs: dict[str, set[str]]) -> str:
        """A free text: the clause that asks for it, and the fields of other steps that go by its words or that such texts held before."""
        clause = goal.clauses[one.slot.clause]
        text = clause.text.replace("${", "$ {")
        if one.wanted.name in SHORT:
            return text[:80]
        heard = frozenset(words(goal.text))
        scored: list[tuple[float, str, Field]] = []
        for slot in slots:
            if slot.id == one.slot.id or _reaches(slot.id, one.slot.id, needs):
                continue
            for given in returned_by(slot.tool):
                if given.scalar and not given.types <= {"boolean"}:
                    habit = self.habits.count("edges", (one.slot.tool.name, one.wanted.key, slot.tool.name, given.path), "")
                    kin = self.habits.count("meanings", (one.wanted.meaning or one.wanted.name, given.meaning), "") if given.meaning else 0
                    shared = len(given.words & heard) / max(1, len(given.words))
                    asked = any(word in heard for word in ASKED.get(given.form or given.meaning, ()))
                    score = 2.0 * shared + 0.7 * asked + float(np.log1p(habit)) + 0.3 * float(np.log1p(kin)) - 0.4 * given.listed
                    if shared or habit or asked:
                        scored.append((score, slot.id, given))
        lines = []
        for _, step, given in sorted(scored, key=lambda found: (-found[0], found[1], found[2].path))[:TOLD]:
            lines.append(f"{given.name.replace('_', ' ')}: ${{{str(Reference(step, given.path))[1:]}}}")
            needs[one.slot.id].add(step)
        return "\n".join([text, *lines])


def _reaches(start: str, goal: str, needs: Mapping[str, set[str]]) -> bool:
    """Whether a step needs another, directly or not, or is it."""
    left, seen = [start], {start}
    while left:
        step = left.pop()
        if step == goal:
            return True
        new = needs.get(step, set()) - seen
        seen |= new
        left.extend(new)
    return False


def rightness(arguments: Mapping[str, Any], wanted: Field, candidates: Sequence[Candidate], right: Sequence[bool]) -> np.ndarray:
    """Labels to learn from: a free text that is none of the candidates is one that has to be worded."""
    labels = np.array(right, dtype=bool)
    _, value = part_at(arguments, wanted.path)
    if isinstance(value, str) and not labels.any():
        labels = np.array([candidate.kind == "text" for candidate in candidates], dtype=bool)
    return labels
