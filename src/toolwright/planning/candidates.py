"""What an argument could be: a value read from the goal, a field that another step returns, a text around such fields, or nothing; and what speaks for each.

A candidate is described by numbers (`FEATURES`), so that a classifier can learn which is right. What earlier plans did with the same parameter is in `Habits`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np

from toolwright.planning.clauses import Clause
from toolwright.planning.fields import Field, parameters_of, part_at, returned_by
from toolwright.planning.references import Reference, references
from toolwright.planning.returned import ANYTHING
from toolwright.planning.validate import at, paths_of_references
from toolwright.selection.keyword import words
from toolwright.tools.spans import Span
from toolwright.tools.values import Reading, candidates
from toolwright.types import JSON, Step, Tool

Kind = Literal["literal", "reference", "moment", "text", "nothing"]
LITERALS = 8  # values read for one parameter, the best first
PROSE = frozenset("text body message note comment subject title reason description remark".split())
SPANS = ("quoted", "date", "datetime", "time", "number", "name", "code", "email", "phone", "month", "url")
EFFECTS = ("search", "read", "compute", "create", "update", "transition", "delete")

FEATURES = (
    "literal", "reference", "moment", "text", "nothing", "required", "reading", "same_clause", "clause_distance", "literals", "best_literal", "is_best",
    "words_before", "words_after", "unit", "value_habit", "present_habit", "present_seen", "literal_habit", "reference_habit", "same_meaning", "same_pattern",
    "same_form", "same_name", "shared_words", "wants_id", "edge_habit", "producer_habit", "meaning_habit", "listed", "depth", "echo", "rivals", "enum",
    "boolean", "number", "prose", "array", "producer_distance", "rank_in_goal", "said_in_clause", "wants_name", "wants_date", "wants_email", "twin",
    "same_producer_word", "span_takers", "span_best", "span_lead", "best_takers", "best_lead",
    *(f"span_{kind}" for kind in SPANS), *(f"effect_{effect}" for effect in EFFECTS), *(f"producer_{effect}" for effect in EFFECTS),
)  # fmt: skip
TABLES = ("given", "used", "kinds", "edges", "meanings", "values")
AT = {name: i for i, name in enumerate(FEATURES)}


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing an argument could be.

    Attributes:
        kind: a value read from the goal, a field of another step, a moment made of a day and a time, a text around fields, or nothing.
        value: of literals; of moments, as it is written.
        source: the step and the path behind references and moments.
        span: where a literal, or a moment's time, stands in the goal.
        score: how well a literal reads as this parameter, 0 to 1.
        given: the field behind a reference.
    """

    kind: Kind
    value: Any = None
    source: tuple[str, tuple[str | int, ...]] | None = None
    span: Span | None = None
    score: float = 0.0
    given: Field | None = None

    def written(self, wanted: Field) -> Any:
        """The argument as a step has it."""
        if self.kind == "reference" and self.source is not None:
            said = str(Reference(*self.source))
            return [said] if wanted.types == {"array"} and self.given is not None and self.given.scalar else said
        return self.value


@dataclass(frozen=True, slots=True)
class Slot:
    """A step whose arguments are looked for: its id, its tool, and the clause that speaks of it most."""

    id: str
    tool: Tool
    clause: int


@dataclass
class Habits:
    """What plans did with each parameter, counted once a goal, so that one goal can be left out."""

    given: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    used: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    kinds: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    edges: dict[tuple[str, str, str, tuple[str | int, ...]], set[str]] = field(default_factory=lambda: defaultdict(set))
    meanings: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    values: dict[tuple[str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))

    def see(self, group: str, steps: Sequence[Step], tools: Mapping[str, Tool]) -> None:
        """Count one plan; plans of one goal share a group."""
        by = {step.id: step for step in steps}
        for step in steps:
            self.used[step.tool].add(group)
            for wanted in parameters_of(tools[step.tool]):
                has, value = part_at(step.arguments, wanted.path)
                if not has:
                    continue
                name = wanted.key
                self.given[step.tool, name].add(group)
                found = list(references(value))
                self.kinds[step.tool, name, "reference" if found else "literal"].add(group)
                if not found and isinstance(value, str | bool | int):
                    self.values[step.tool, name, repr(value)].add(group)
                for reference in found:
                    producer = by[reference.step].tool
                    self.edges[step.tool, name, producer, _first(reference.path)].add(group)
                    meaning = next((one.meaning for one in returned_by(tools[producer]) if one.path == _first(reference.path)), "")
                    self.meanings[wanted.meaning or wanted.name, meaning].add(group)

    def to_json(self) -> JSON:
        """Counts alone: which goals they came from is needed only while learning."""
        return {table: [[list(key) if isinstance(key, tuple) else key, len(seen)] for key, seen in getattr(self, table).items()] for table in TABLES}

    @classmethod
    def from_json(cls, value: JSON) -> Self:
        found = cls()
        for table in TABLES:
            for key, count in value[table]:
                whole = tuple(tuple(part) if isinstance(part, list) else part for part in key) if isinstance(key, list) else key
                getattr(found, table)[whole] = {str(i) for i in range(count)}
        return found

    def count(self, table: str, key: Any, without: str) -> int:
        """Goals that did this, but for one."""
        seen: set[str] = getattr(self, table).get(key, set())
        return len(seen) - (without in seen)


def _first(path: tuple[str | int, ...]) -> tuple[str | int, ...]:
    return tuple(0 if isinstance(key, int) else key for key in path)


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal as it is read: its typed values, its clauses, and the words of each."""

    text: str
    reading: Reading
    clauses: tuple[Clause, ...]
    heard: tuple[frozenset[str], ...]

    def clause_at(self, place: int) -> int:
        return next((i for i, clause in enumerate(self.clauses) if clause.start <= place < clause.end), len(self.clauses) - 1)


def read_goal(text: str, reading: Reading, clauses: Sequence[Clause]) -> Goal:
    return Goal(text, reading, tuple(clauses), tuple(frozenset(words(clause.text)) for clause in clauses))


def offered(slot: Slot, wanted: Field, others: Sequence[Slot], goal: Goal) -> Iterator[Candidate]:
    """What a parameter could be."""
    schema = wanted.schema
    inner = schema.get("items") if wanted.types == {"array"} else None
    read = {**inner, "description": schema.get("description", "")} if isinstance(inner, dict) else schema
    seen: set[str] = set()
    if not (isinstance(read, dict) and read.get("type") in ("array", "object")):
        for score, span, value in sorted(candidates(wanted.name, read, goal.reading), key=lambda one: (-one[0], one[1].start)):
            if repr(value) not in seen and len(seen) < LITERALS:
                seen.add(repr(value))
                yield Candidate("literal", [value] if inner else value, span=span, score=score)
    listed = read.get("enum") if isinstance(read, dict) else None
    for value in listed if isinstance(listed, list) else (True, False) if wanted.types == {"boolean"} else ():
        if repr([value] if inner else value) not in seen and repr(value) not in seen:
            yield Candidate("literal", [value] if inner else value)
    if is_moment(wanted):
        yield from _moments(slot, others, goal, seen)
    for other in others:
        if other.id != slot.id:
            for given in returned_by(other.tool):
                if fits(given, wanted):
                    yield Candidate("reference", source=(other.id, given.path), given=given)
    if is_prose(wanted):
        yield Candidate("text")
    if not wanted.required:
        yield Candidate("nothing")


def is_prose(wanted: Field) -> bool:
    """Whether a parameter is a free text that somebody will read."""
    return wanted.types == {"string"} and bool(frozenset(words(wanted.name)) & PROSE) and "enum" not in wanted.schema and not wanted.pattern


def is_moment(wanted: Field) -> bool:
    """Whether a parameter is a day with a time (`2026-03-02T09:00`)."""
    return wanted.form == "date-time" or "T[0-9]" in wanted.pattern or wanted.meaning == "iso_datetime"


def _moments(slot: Slot, others: Sequence[Slot], goal: Goal, seen: set[str]) -> Iterator[Candidate]:
    """Each time in the goal on each day that the goal or a step names."""
    times = [span for span in goal.reading.spans if span.kind == "time" and isinstance(span.value, str)]
    days = [span for span in goal.reading.spans if span.kind in ("date", "datetime") and isinstance(span.value, str)]
    for time in times[:4]:
        for day in days[:4]:
            value = f"{str(day.value)[:10]}T{time.value}"
            if repr(value) not in seen:
                seen.add(repr(value))
                yield Candidate("literal", value, span=time, score=0.6 - 0.1 * abs(goal.clause_at(day.start) - goal.clause_at(time.start)))
        for other in others:
            if other.id != slot.id:
                for given in returned_by(other.tool):
                    if given.form == "date":
                        said = "${" + str(Reference(other.id, given.path))[1:] + "}T" + str(time.value)
                        yield Candidate("moment", said, source=(other.id, given.path), span=time, given=given)


def fits(given: Field, wanted: Field) -> bool:
    """Whether a field can be what a parameter takes: types overlap, patterns and meanings do not contradict."""
    right = wanted.types
    if wanted.types == {"array"} and given.scalar:
        items = wanted.schema.get("items")
        right = frozenset([items["type"]]) if isinstance(items, dict) and isinstance(items.get("type"), str) else ANYTHING
    number = {"integer", "number"}
    if not (given.types & right or (given.types & number and right & number)):
        return False
    if (wanted.pattern and given.pattern and wanted.pattern != given.pattern) or (wanted.form and given.form != wanted.form):
        return False
    return not (wanted.meaning.endswith("_id") and given.meaning and given.meaning != wanted.meaning)


Takers = Mapping[int, Sequence[tuple[float, str]]]


def everything_offered(slots: Sequence[Slot], goal: Goal) -> tuple[list[tuple[Slot, Field, list[Candidate]]], Takers]:
    """Each parameter of each step with its candidates, and for each place in the goal the parameters that could take what stands there: (score, which)."""
    found = [(slot, wanted, list(offered(slot, wanted, slots, goal))) for slot in slots for wanted in parameters_of(slot.tool)]
    takers: dict[int, list[tuple[float, str]]] = defaultdict(list)
    for slot, wanted, candidates_ in found:
        for one in candidates_:
            if one.kind == "literal" and one.span is not None:
                takers[one.span.start].append((one.score, f"{slot.id} {wanted.key}"))
    return [one for one in found if one[2]], takers


def describe(
    slot: Slot, wanted: Field, found: Sequence[Candidate], slots: Mapping[str, Slot], goal: Goal, takers: Takers, habits: Habits, without: str
) -> np.ndarray:
    """Features of a parameter's candidates, shape (candidates, features)."""
    wants = [_wanted_elsewhere(one, takers, f"{slot.id} {wanted.key}") for one in found]
    hopes = [(one.score - lead, count) for one, (count, lead) in zip(found, wants, strict=True) if one.kind == "literal" and one.span is not None]
    literals = [one.score for one in found if one.kind == "literal" and one.span is not None]
    rivals = Counter(one.given.meaning for one in found if one.given is not None)
    best = max(literals, default=0.0)
    shared = _of_parameter(slot, wanted, habits, without)
    shared |= {"literals": len(literals), "best_literal": best}
    if hopes:
        shared["best_lead"], shared["best_takers"] = max(hopes)
    rows = np.zeros((len(found), len(FEATURES)))
    for row, one, (count, elsewhere) in zip(rows, found, wants, strict=True):
        told = {**shared, one.kind: 1.0, "reading": one.score}
        if one.kind == "literal":
            told["value_habit"] = np.log1p(habits.count("values", (slot.tool.name, wanted.key, repr(one.value)), without))
            told["said_in_clause"] = len(frozenset(words(str(one.value))) & goal.heard[slot.clause])
        if one.span is not None:
            told |= _of_span(one.span, slot, wanted, goal) | {"is_best": one.score >= best}
            told |= {"span_takers": count, "span_best": one.score >= elsewhere, "span_lead": one.score - elsewhere}
        if one.given is not None and one.source is not None:
            told |= _of_field(one.given, slots[one.source[0]], slot, wanted, habits, without) | {"rivals": rivals[one.given.meaning]}
        for name, value in told.items():
            row[AT[name]] = value
    return rows


def _wanted_elsewhere(one: Candidate, takers: Takers, which: str) -> tuple[int, float]:
    """How many other parameters could take what a candidate takes from the goal, and how well it reads as the best of them."""
    others = [score for score, name in takers.get(one.span.start, ()) if name != which] if one.span is not None else []
    return len(others), max(others, default=0.0)


def _of_parameter(slot: Slot, wanted: Field, habits: Habits, without: str) -> dict[str, float]:
    key = (slot.tool.name, wanted.key)
    used, present = habits.count("used", slot.tool.name, without), habits.count("given", key, without)
    by_kind = {kind: habits.count("kinds", (*key, kind), without) for kind in ("literal", "reference")}
    found = {
        "required": wanted.required,
        "present_habit": present / used if used else 0.5,
        "present_seen": np.log1p(used),
        "literal_habit": by_kind["literal"] / present if present else 0.5,
        "reference_habit": by_kind["reference"] / present if present else 0.5,
        "wants_id": wanted.meaning.endswith("_id"),
        "wants_name": wanted.meaning in ("person_name", "company") or wanted.name == "name",
        "wants_date": wanted.form == "date" or is_moment(wanted),
        "wants_email": wanted.form == "email" or "email" in wanted.words,
        "enum": "enum" in wanted.schema,
        "boolean": wanted.types == {"boolean"},
        "number": bool(wanted.types & {"integer", "number"}),
        "prose": is_prose(wanted),
        "array": wanted.types == {"array"},
    }
    if (effect := slot.tool.extras.get("effect")) in EFFECTS:
        found[f"effect_{effect}"] = True
    return {name: float(value) for name, value in found.items()}


def _of_span(span: Span, slot: Slot, wanted: Field, goal: Goal) -> dict[str, float]:
    clause = goal.clause_at(span.start)
    before = frozenset(words(goal.text[max(0, span.start - 40) : span.start]))
    after = frozenset(words(goal.text[span.end : span.end + 25]))
    alike = [one.start for one in goal.reading.spans if one.kind == span.kind]
    found = {
        "same_clause": clause == slot.clause,
        "clause_distance": clause - slot.clause,
        "words_before": len(wanted.words & before),
        "words_after": len(wanted.words & after),
        "unit": span.unit != "" and bool({span.unit, f"{span.unit}s"} & wanted.words),
        "rank_in_goal": sum(start < span.start for start in alike) / max(1, len(alike)),
        f"span_{span.kind}": True,
    }
    return {name: float(value) for name, value in found.items()}


def _of_field(given: Field, producer: Slot, slot: Slot, wanted: Field, habits: Habits, without: str) -> dict[str, float]:
    tool, name = slot.tool.name, wanted.key
    fields = returned_by(producer.tool)
    taken = parameters_of(producer.tool)
    found = {
        "same_meaning": given.meaning == wanted.meaning != "",
        "same_pattern": given.pattern == wanted.pattern != "",
        "same_form": given.form == wanted.form != "",
        "same_name": given.name == wanted.name or given.name == wanted.name.rstrip("s"),
        "shared_words": len(given.words & wanted.words),
        "edge_habit": np.log1p(habits.count("edges", (tool, name, producer.tool.name, given.path), without)),
        "producer_habit": np.log1p(sum(habits.count("edges", (tool, name, producer.tool.name, one.path), without) for one in fields)),
        "meaning_habit": np.log1p(habits.count("meanings", (wanted.meaning or wanted.name, given.meaning), without)),
        "listed": given.listed,
        "depth": len(given.path),
        "echo": any(one.name == given.name or (one.meaning == given.meaning != "") for one in taken),
        "producer_distance": producer.clause - slot.clause,
        "twin": producer.tool.name == tool,
        "same_producer_word": len(frozenset(words(producer.tool.name)) & (wanted.words | frozenset(words(tool)))),
    }
    if (effect := producer.tool.extras.get("effect")) in EFFECTS:
        found[f"producer_{effect}"] = True
    return {key: float(value) for key, value in found.items()}


def is_right(candidate: Candidate, wanted: Field, arguments: Mapping[str, Any]) -> bool:
    """Whether a candidate is what a plan gives for a parameter."""
    has, value = part_at(arguments, wanted.path)
    if not has:
        return candidate.kind == "nothing"
    if candidate.kind == "text":
        return is_prose(wanted) and (any("${" in at(value, path) for path in paths_of_references(value)))
    written = candidate.written(wanted)
    if isinstance(value, list) and isinstance(written, list) and candidate.kind != "nothing":
        return len(written) == 1 and any(type(one) is type(written[0]) and one == written[0] for one in value)
    return candidate.kind != "nothing" and type(value) is type(written) and bool(value == written)
