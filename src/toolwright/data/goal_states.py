"""What running a plan changes, and whether that is what its goal wants: success is judged on the world's state, so that equally good plans count."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolwright.planning.references import UnresolvedError, renamed, resolve
from toolwright.types import JSON, PlanExample, Step, ToolCall
from toolwright.world.engine import World

ID = re.compile(r"[A-Za-z]+-\w*\d+")
NEW = "<new>"  # stands for an id that the world gave


@dataclass(frozen=True, slots=True)
class Outcome:
    """What running a plan came to."""

    answers: dict[str, JSON]
    changes: JSON
    answer: JSON
    new: set[str]  # ids that the world gave


def run_plan(world: World, steps: Sequence[Step], answer: Mapping[str, str]) -> Outcome | None:
    """Run steps in their order on the world as it stands, and undo them; None when a call is refused or a reference leads nowhere."""
    tables = sorted({table for step in steps for table in world.writes(step.tool)})
    before = world.state(tables)
    answers: dict[str, JSON] = {}
    with world.trial():
        try:
            for step in steps:
                result = world.call(ToolCall(id=f"plan_{step.id}", name=step.tool, arguments=resolve(step.arguments, answers)))
                if result.error is not None:
                    return None
                answers[step.id] = result.content
            found = resolve(dict(answer), answers)
        except UnresolvedError:
            return None
        new = set(world.drawn)
        return Outcome(answers, changes(before, world.state(tables), new), with_new(found, new), new)


def changes(before: Mapping[str, Mapping[str, JSON]], after: Mapping[str, Mapping[str, JSON]], new: Collection[str] = ()) -> JSON:
    """What differs between two states: by table, rows inserted, columns updated, keys deleted; ids that the world gave (`new`) are `<new>`."""
    found: JSON = {}
    for table, rows in after.items():
        old = before[table]
        inserted = [{name: with_new(value, new) for name, value in row.items()} for key, row in rows.items() if key not in old]
        updated = {
            key: {name: with_new(value, new) for name, value in row.items() if value != old[key][name]} for key, row in rows.items() if row != old.get(key, row)
        }
        deleted = sorted(key for key in old if key not in rows)
        parts = {"inserted": inserted, "updated": updated, "deleted": deleted}
        if kept := {name: part for name, part in parts.items() if part}:
            found[table] = kept
    return found


def with_new(value: Any, new: Collection[str]) -> Any:
    """The value with ids that the world gave exchanged for `<new>`, also within texts: with other call ids the world gives others."""
    if isinstance(value, dict):
        return {name: with_new(item, new) for name, item in value.items()}
    if isinstance(value, list):
        return [with_new(item, new) for item in value]
    if not isinstance(value, str):
        return value
    if value in new:
        return NEW
    within = [key for key in new if key in value and ID.fullmatch(key)]
    return re.sub("|".join(rf"(?<![\w-]){re.escape(key)}(?![\w-])" for key in within), NEW, value) if within else value


def loosened(state: JSON, free: Mapping[str, Sequence[str]]) -> JSON:
    """The state with texts whose wording is free exchanged for the values they must hold: `free` maps a text to these. Where a service puts something
    around the text (a reply with what it answers below), that must be there too.
    """

    def loose(value: Any) -> Any:
        if isinstance(value, str) and (text := max((text for text in free if text in value), key=len, default="")):
            return {"holds": [*free[text], *(part.strip() for part in value.split(text) if part.strip())]}
        if isinstance(value, dict):
            return {name: loose(item) for name, item in value.items()}
        return [loose(item) for item in value] if isinstance(value, list) else value

    found: JSON = loose(state)
    return found


def reaches(state: Any, wanted: Any) -> bool:
    """Whether changes are those wanted; `{"holds": [...]}` accepts any text with these values in it, lists in any order."""
    if isinstance(wanted, dict) and set(wanted) == {"holds"}:
        return isinstance(state, str) and all(str(value) in state for value in wanted["holds"])
    if isinstance(wanted, dict):
        return isinstance(state, dict) and set(state) == set(wanted) and all(reaches(state[name], value) for name, value in wanted.items())
    if isinstance(wanted, list):
        if not isinstance(state, list) or len(state) != len(wanted):
            return False
        left = list(state)
        for value in wanted:
            match = next((i for i, item in enumerate(left) if reaches(item, value)), None)
            if match is None:
                return False
            del left[match]
        return True
    return bool(state == wanted)


def succeeds(world: World, plan: PlanExample, steps: Sequence[Step]) -> bool:
    """Whether these steps reach the plan's goal state and come to know its answer; equally good plans do."""
    outcome = run_plan(world, steps, {})
    if outcome is None or not reaches(outcome.changes, plan.goal_state or {}):
        return False
    known = with_new(list(outcome.answers.values()), outcome.new)
    return all(_holds(known, value) for value in (plan.answer or {}).values())


def _holds(value: Any, wanted: Any) -> bool:
    """Whether a value is, or somewhere within has, the one wanted."""
    if value == wanted:
        return True
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(_holds(item, wanted) for item in items)


def without(steps: Sequence[Step], name: str) -> list[Step]:
    """The plan without a step and all that needs it."""
    gone = {name}
    kept = []
    for step in steps:
        if step.id in gone or gone & set(step.depends_on):
            gone.add(step.id)
        else:
            kept.append(step)
    return kept


def relabelled(steps: Sequence[Step], prefix: str = "other_") -> list[Step]:
    """The same plan, its steps called otherwise. Ids that the world gives come from calls' ids, so that these differ too."""
    names = {step.id: f"{prefix}{step.id}" for step in steps}
    return [
        Step(id=names[step.id], tool=step.tool, arguments=renamed(step.arguments, names), depends_on=tuple(names[one] for one in step.depends_on))
        for step in steps
    ]


def superfluous(world: World, plan: PlanExample) -> list[str]:
    """Steps without which the plan, less all that needs them, succeeds all the same."""
    return [step.id for step in plan.steps if succeeds(world, plan, without(plan.steps, step.id))]


def branches(steps: Sequence[Step]) -> bool:
    """Whether the plan is more than a chain: a step that feeds or needs two, or parts that have nothing to do with each other."""
    feeds = [name for step in steps for name in step.depends_on]
    return len(set(feeds)) < len(feeds) or any(len(step.depends_on) > 1 for step in steps) or sum(not step.depends_on for step in steps) > 1
