"""Read and check domain files; the first problem is named with file, line and reason."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from toolwright.types import InputError, explain
from toolwright.world.goals import SLOT, GoalStep
from toolwright.world.spec import Domain, Requests, Saying, ToolSpec
from toolwright.world.tables import columns_of, connect, create_tables

DOMAINS = Path(__file__).parent / "domains"

REFERENCE = re.compile(r"\$\{?(\w+)[.\[]")

Where = tuple[str | int, ...]


def load_domain(path: Path) -> Domain:
    """Read and check one domain file."""
    if not path.is_file():
        raise InputError(f"{path}: no such domain file")
    text = path.read_text(encoding="utf-8")
    try:
        node = yaml.compose(text, Loader=yaml.CSafeLoader)
        data = yaml.load(text, Loader=_UniqueKeys)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputError(f"{path}:{line}: not YAML: {error.problem}") from error
    try:
        domain = Domain.model_validate(data)
    except ValidationError as error:
        raise InputError(f"{path}:{line_of(node, error.errors()[0]['loc'])}: {explain(error, Domain)}") from error
    for where, problem in problems(domain):
        raise InputError(f"{path}:{line_of(node, where)}: {problem}")
    return domain


def load_domains(paths: Iterable[Path] | None = None) -> list[Domain]:
    """Several domain files in order of name (those of the package when none are given); their names must not clash."""
    domains = [load_domain(path) for path in sorted(paths if paths is not None else DOMAINS.glob("*.yaml"))]
    owners: dict[tuple[str, str], str] = {}
    for domain in domains:
        names = [("domain", domain.domain), *(("entity", e) for e in domain.entities), *(("tool", t.name) for t in domain.tools)]
        for kind, name in names:
            if other := owners.get((kind, name)):
                raise InputError(f"{kind} {name!r} of domain {domain.domain!r} is declared by {other!r} too; names are unique")
            owners[kind, name] = domain.domain
    return domains


def domains_named(names: str, option: str) -> list[Domain]:
    """The package's domains that an option names, separated by commas. Raises `InputError` with those allowed."""
    allowed = sorted(path.stem for path in DOMAINS.glob("*.yaml"))
    for name in names.split(","):
        if name not in allowed:
            raise InputError(f"{option}: got {name!r}; allowed: {', '.join(allowed)}")
    return load_domains([DOMAINS / f"{name}.yaml" for name in dict.fromkeys(names.split(","))])


def problems(domain: Domain) -> Iterable[tuple[Where, str]]:
    """What the types alone cannot see, each with the path to it in the file."""
    names: set[str] = set()
    try:
        database = connect()
        create_tables(database, domain)
    except (ValueError, sqlite3.Error) as error:
        yield ("entities",), str(error)
        return
    for i, tool in enumerate(domain.tools):
        here: Where = ("tools", i)
        if tool.name in names:
            yield (*here, "name"), f"tool {tool.name!r} is declared twice"
        names.add(tool.name)
        if faults := list(_schema_problems(domain, tool)):
            yield from (((*here, *where), f"tool {tool.name!r}: {problem}") for where, problem in faults)
            continue
        for where, problem in (*_query_problems(domain, tool, database), *_saying_problems(domain, tool, database)):
            yield (*here, *where), f"tool {tool.name!r}: {problem}"
    yield from _goal_problems(domain, database)
    for label in ("answer", "unable"):
        for where, saying in _all_sayings(getattr(domain.talk, label)):
            if saying.like and saying.like not in names:
                yield ("talk", label, *where), f"like: {saying.like!r} is no tool of this domain"
            elif saying.slots and not saying.like:
                yield ("talk", label, *where), f"slots {saying.slots} want `like: TOOL` to be filled from"
            elif len(saying.turns) % 2 == 0:
                yield ("talk", label, *where), "a conversation ends with the user: an odd number of turns"
            elif lost := sorted({match[0] for match in SLOT.findall(saying.reply or "")} - set(saying.slots)):
                yield ("talk", label, *where), f"the reply's slot {lost[0]!r} does not stand in the saying"
            elif label == "answer" and saying.reply is None and (domain.part == "foundation" or where[0] != "test"):
                yield ("talk", label, *where), "is told in training and needs a reply"


def _goal_problems(domain: Domain, database: sqlite3.Connection) -> Iterable[tuple[Where, str]]:
    """What is wrong with goals and sequels as far as one file shows it; whether tools of other domains fit, only running them tells."""
    for split in ("train", "dev", "test"):
        for i, goal in enumerate(getattr(domain.goals, split)):
            here: Where = ("goals", split, i)
            for name, step in goal.steps.items():
                if split != "test" and step.tool in domain.by_name and domain.by_name[step.tool].unseen:
                    yield (*here, "steps", name), f"uses the unseen tool {step.tool!r}; under {split} a goal may not"
            try:
                slots = set(columns_of(database, goal.example, {}))
            except sqlite3.Error as error:
                yield (*here, "example"), f"query does not run ({error})"
                continue
            told = [item.value for item in goal.tells.values()]
            used = {"say": goal.say, "answer": list(goal.answer.values()), "tells": told}
            yield from ((((*here, *where)), problem) for where, problem in _step_problems(goal.steps, used, slots))
    for i, sequel in enumerate(domain.goals.sequels):
        slots = set(sequel.wants) | (set(columns_of(database, sequel.example, {})) if sequel.example else set())
        said = [*sequel.train, *sequel.dev, *sequel.test]
        yield from (
            ((("goals", "sequels", i, *where)), problem)
            for where, problem in _step_problems(sequel.steps, {"wants": said}, slots, {f"{want}_said" for want in sequel.wants})
        )


def _step_problems(steps: Mapping[str, GoalStep], used: Mapping[str, Any], slots: set[str], more: Collection[str] = ()) -> Iterable[tuple[Where, str]]:
    """Slots that nothing fills, references to no earlier step; `used` are other texts that may hold either, `more` slots that arguments alone may have."""
    before: list[str] = []
    for name, step in steps.items():
        yield from ((("steps", name), problem) for problem in _loose_ends([step.arguments, step.free], slots | set(more), before))
        before.append(name)
    for where, value in used.items():
        yield from (((where,), problem) for problem in _loose_ends(value, slots, before))


def _loose_ends(value: Any, slots: set[str], steps: Sequence[str]) -> Iterable[str]:
    for lost in sorted({match[0] for match in SLOT.findall(str(value))} - slots):
        yield f"unknown slot {lost!r}; known: {', '.join(sorted(slots))}"
    for reference in REFERENCE.findall(str(value)):
        if reference not in steps:
            yield f"refers to the step {reference!r}; earlier steps: {', '.join(steps) or 'none'}"


def _schema_problems(domain: Domain, tool: ToolSpec) -> Iterable[tuple[Where, str]]:
    for name in tool.parameters:
        try:
            domain.parameter_schema(tool, name)
        except ValueError as error:
            yield ("parameters", name), str(error)
    try:
        domain.returns_schema(tool)
    except ValueError as error:
        yield ("returns",), str(error)


def _query_problems(domain: Domain, tool: ToolSpec, database: sqlite3.Connection) -> Iterable[tuple[Where, str]]:
    arguments = dict.fromkeys(tool.parameters)
    for j, step in enumerate(tool.run):
        for query in step.queries:
            try:
                database.execute(f"EXPLAIN {query}", arguments)
            except sqlite3.Error as error:
                yield ("run", j), f"query does not run ({error}): {' '.join(query.split())!r:.100}"
                return
    give = tool.run[-1].give
    if give is None:
        yield ("run",), "the last step must be `give`, the answer"
        return
    wanted = set(tool.returns)
    given = set(give) if isinstance(give, dict) else set(columns_of(database, give, arguments))
    if wanted != given:
        yield ("returns",), f"returns {sorted(wanted)}, but the last step gives {sorted(given)}"
    if isinstance(give, dict):
        for name, query in give.items():
            value = tool.returns.get(name)
            if isinstance(value, dict) and "list" in value:
                columns = set(columns_of(database, query, arguments))
                if columns != set(value["list"]):
                    yield ("returns",), f"{name}: a list of {sorted(value['list'])}, but its query gives {sorted(columns)}"


def _saying_problems(domain: Domain, tool: ToolSpec, database: sqlite3.Connection) -> Iterable[tuple[Where, str]]:
    known = set(tool.parameters)
    if tool.example:
        try:
            known |= set(columns_of(database, tool.example, {}))
        except sqlite3.Error as error:
            yield ("example",), f"query does not run ({error})"
            return
    if tool.unseen and (tool.requests.train or tool.requests.dev or tool.clarify.train or tool.clarify.dev or tool.follow.train or tool.follow.dev):
        yield ("requests",), "an unseen tool has requests under test only"
    for part, complete in (("requests", True), ("clarify", False), ("follow", False)):
        for where, saying in _all_sayings(getattr(tool, part)):
            said = f"{saying.turns[-1]!r:.70}"
            missing = [name for name in domain.required(tool) if name not in saying.slots and name not in saying.with_]
            if len(saying.turns) % 2 == 0:
                yield (part, *where), "a conversation ends with the user: an odd number of turns"
            elif unknown := sorted(set(saying.with_) - set(tool.parameters)):
                yield (part, *where), f"with: {unknown[0]!r} is no parameter; allowed: {', '.join(tool.parameters)}"
            elif lost := [slot for slot in saying.slots if slot not in known]:
                yield (part, *where), f"unknown slot {lost[0]!r} in {said}; known: {', '.join(sorted(known))}"
            elif complete and missing:
                yield (part, *where), f"{said} gives no {missing[0]!r}, which the tool requires"
            elif not complete and not missing:
                yield (part, *where), f"{said} gives every required argument: nothing is missing"


def _all_sayings(requests: Requests) -> Iterable[tuple[Where, Saying]]:
    for split in ("train", "dev", "test", "zh"):
        for j, saying in enumerate(getattr(requests, split)):
            yield (split, j), saying


class _UniqueKeys(yaml.CSafeLoader):
    """YAML in which a key may stand once, and dates stay text."""


def _unique_mapping(loader: yaml.CSafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [loader.construct_object(key, deep=True) for key, _ in node.value]
    for i, key in enumerate(keys):
        if key in keys[:i]:
            raise yaml.constructor.ConstructorError(None, None, f"key {key!r} stands twice", node.value[i][0].start_mark)
    return dict(zip(keys, (loader.construct_object(value, deep=True) for _, value in node.value), strict=True))


def _as_text(loader: yaml.CSafeLoader, node: yaml.ScalarNode) -> str:
    return str(loader.construct_scalar(node))


_UniqueKeys.add_constructor("tag:yaml.org,2002:map", _unique_mapping)
_UniqueKeys.add_constructor("tag:yaml.org,2002:timestamp", _as_text)


def line_of(node: yaml.Node | None, path: Iterable[str | int]) -> int:
    """The line, from 1, of the deepest part of `path` that stands in the file."""
    line = 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(part)]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            found = [(node.value[part], node.value[part])]
        else:
            break
        if not found:
            continue
        line = found[0][0].start_mark.line + 1
        node = found[0][1]
    return line
