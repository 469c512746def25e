"""The executable world: a seeded SQLite database on which any declared tool runs.

A call's id is stored in the same transaction as its effect and its answer: the same call asked again gets the first answer, and its effect
never happens twice, also when the process died in between (file databases). Answers are JSON objects, checked against the tool's return
schema; what a call may do wrong is a typed error in the answer: `invalid_argument`, `not_found`, `conflict`, `forbidden`.
"""

from __future__ import annotations

import json
import random
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolwright.schema import check_arguments
from toolwright.types import JSON, ErrorType, InputError, ToolCall
from toolwright.world.spec import Domain, RunStep, ToolSpec
from toolwright.world.tables import connect, create_tables, digest, fill_pattern, fill_tables

WRITES = re.compile(r'\b(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE(?:\s+OR\s+\w+)?|DELETE\s+FROM)\s+"?(\w+)', re.IGNORECASE)
OUTERMOST = ("BEGIN IMMEDIATE", "COMMIT", "ROLLBACK")
NESTED = ("SAVEPOINT call", "RELEASE call", "ROLLBACK TO call")  # within a trial
ID_ATTEMPTS = 20  # new ids are short, as people's are; a clash with an existing row is drawn again


class WorldError(RuntimeError):
    """A domain file whose tool breaks its own promises, found at run time."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call's answer; `error` is its type where the call was refused, and then nothing changed."""

    id: str
    content: JSON
    error: ErrorType | None = None


class _Refused(Exception):
    def __init__(self, kind: ErrorType, message: str) -> None:
        self.kind, self.message = kind, message


class World:
    """Rows and tools of some domains.

    Args:
        domains: domain files as read by `world.load`.
        seed: the same seed gives the same rows.
        path: a database file to create, or to go on with when it holds a world of the same seed and domains; in memory when none is given.
    """

    def __init__(self, domains: Sequence[Domain], seed: int = 0, path: Path | None = None) -> None:
        self.domains = tuple(domains)
        self.seed = seed
        self._spec = {tool.name: (domain, tool) for domain in domains for tool in domain.tools}
        self.tools = {name: domain.tool(tool) for name, (domain, tool) in self._spec.items()}
        self._ids: random.Random = random.Random(seed)
        self._database = connect(str(path) if path else ":memory:")
        self._drew_id = False
        self.drawn: set[str] = set()  # ids that the world gave since the last trial began
        self._keys = {name: entity.key for domain in domains for name, entity in domain.entities.items()}
        self._kept: dict[str, Any] | None = {}  # what queries gave, and whole tables; None while a trial has changed rows
        self._database.create_function("new_id", 1, self._new_id)
        self._open(path)

    def _open(self, path: Path | None) -> None:
        want = {"seed": self.seed, "domains": sorted(domain.domain for domain in self.domains)}
        self._database.execute("BEGIN IMMEDIATE")
        if self._database.execute("SELECT 1 FROM sqlite_master WHERE name = 'world_about'").fetchone():
            found = json.loads(self._database.execute("SELECT about FROM world_about").fetchone()[0])
            self._database.execute("COMMIT")
            if found != want:
                raise InputError(f"{path}: holds a world of {found}; asked for {want}")
            return
        self._database.execute("CREATE TABLE world_about (about TEXT)")
        self._database.execute("CREATE TABLE world_calls (id TEXT PRIMARY KEY, tool TEXT, arguments TEXT, answer TEXT)")
        for domain in self.domains:
            create_tables(self._database, domain)
            fill_tables(self._database, domain, self.seed)
        self._database.execute("INSERT INTO world_about VALUES (?)", [json.dumps(want)])
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()

    def rows(self, query: str, arguments: JSON | None = None) -> list[JSON]:
        """The rows a SELECT gives, as objects."""
        cursor = self._database.execute(query, arguments or {})
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def draw(self, query: str, source: random.Random) -> JSON | None:
        """A row that a SELECT gives, drawn at random; None when it gives none. What a query gives is kept while nothing changes."""
        found = self._kept.get(query) if self._kept is not None else None
        if found is None:
            cursor = self._database.execute(query)
            found = [column[0] for column in cursor.description], cursor.fetchall()
            if self._kept is not None:
                self._kept[query] = found
        names, rows = found
        return dict(zip(names, source.choice(rows), strict=True)) if rows else None

    def fingerprint(self) -> int:
        """A number that is the same for worlds in the same state, whatever calls led there."""
        tables = sorted(name for domain in self.domains for name in domain.entities)
        return digest(*(sorted(json.dumps(row, sort_keys=True) for row in self.rows(f'SELECT * FROM "{table}"')) for table in tables))

    def writes(self, name: str) -> list[str]:
        """The tables that a tool's statements change."""
        _, tool = self._spec[name]
        return sorted({table for step in tool.run for table in WRITES.findall(step.do or "")})

    def state(self, tables: Iterable[str]) -> dict[str, dict[str, JSON]]:
        """The rows of some tables, to be read only: table → key → row."""
        return {table: self._table(table) for table in tables}

    def _table(self, table: str) -> dict[str, JSON]:
        found: dict[str, JSON] | None = self._kept.get(f"table {table}") if self._kept is not None else None
        if found is None:
            key = self._keys[table]
            found = {str(row[key]): row for row in self.rows(f'SELECT * FROM "{table}"')}
            if self._kept is not None:
                self._kept[f"table {table}"] = found
        return found

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is called within is undone at the end."""
        self._database.execute("BEGIN IMMEDIATE")
        self.drawn = set()
        kept = self._kept
        try:
            yield
        finally:
            self._database.execute("ROLLBACK")
            self._kept = kept

    def call(self, call: ToolCall) -> CallResult:
        """Run one call. Raises `InputError` for a call without an id or of an unknown tool."""
        return self._transact(call, keep=True)

    def preview(self, call: ToolCall) -> CallResult:
        """What the call would answer now; nothing changes and nothing is recorded."""
        return self._transact(call, keep=False)

    def _transact(self, call: ToolCall, keep: bool) -> CallResult:
        if not call.id:
            raise InputError(f"call of {call.name!r} has no id; every call needs one, so that it never happens twice")
        if call.name not in self._spec:
            raise InputError(f"unknown tool {call.name!r}; this world has {len(self._spec)} tools, see World.tools")
        domain, tool = self._spec[call.name]
        arguments = json.dumps(call.arguments, sort_keys=True)
        for attempt in range(ID_ATTEMPTS):
            self._ids, self._drew_id = random.Random(digest(self.seed, call.id, attempt)), False
            begin, commit, rollback = NESTED if self._database.in_transaction else OUTERMOST
            self._database.execute(begin)
            try:
                if (seen := self._seen(call, arguments)) is None:
                    seen = self._run(domain, tool, call.arguments)
                    record = [call.id, call.name, arguments, json.dumps(seen)]
                    self._database.execute("INSERT INTO world_calls VALUES (?, ?, ?, ?)", record)
                self._database.execute(commit if keep else rollback)
                if keep:
                    self._kept = None if self._database.in_transaction else {}
                return CallResult(call.id, seen)
            except _Refused as refused:
                self._database.execute(rollback)
                return CallResult(call.id, {"error": {"type": refused.kind, "message": refused.message}}, refused.kind)
            except sqlite3.IntegrityError as error:
                self._database.execute(rollback)
                if not self._drew_id:
                    return CallResult(call.id, {"error": {"type": "conflict", "message": f"That would clash with what is stored ({error})."}}, "conflict")
                if attempt == ID_ATTEMPTS - 1:
                    raise WorldError(f"{call.name}: {error}") from error
            except BaseException:
                self._database.execute(rollback)
                raise
        raise AssertionError("unreachable")

    def _new_id(self, pattern: str) -> str:
        self._drew_id = True
        drawn = fill_pattern(pattern, self._ids)
        self.drawn.add(drawn)
        return drawn

    def _seen(self, call: ToolCall, arguments: str) -> JSON | None:
        row = self._database.execute("SELECT tool, arguments, answer FROM world_calls WHERE id = ?", [call.id]).fetchone()
        if row is None:
            return None
        if (row[0], row[1]) != (call.name, arguments):
            raise _Refused("conflict", f"The call id {call.id} was used for another call.")
        answer: JSON = json.loads(row[2])
        return answer

    def _run(self, domain: Domain, tool: ToolSpec, arguments: JSON) -> JSON:
        if problems := [*check_arguments(self.tools[tool.name].parameters, arguments), *_unstorable(arguments)]:
            raise _Refused("invalid_argument", "; ".join(problems))
        values = {name: arguments.get(name, parameter.default) for name, parameter in tool.parameters.items()}
        kinds = self.tools[tool.name].properties
        bound = {name: _bound(value, kinds[name].get("type")) for name, value in values.items()}
        for step in tool.run[:-1]:
            self._step(step, bound)
        answer = self._answer(tool, bound)
        if problems := check_arguments(self.tools[tool.name].returns or {}, answer):
            raise WorldError(f"{tool.name}: the answer breaks its return schema: {problems[0]}; answer: {json.dumps(answer)[:300]}")
        return answer

    def _step(self, step: RunStep, bound: JSON) -> None:
        if step.do is not None:
            self._database.execute(step.do, bound)
            return
        query = step.need or step.forbid or ""
        found = self._database.execute(query, bound).fetchone() is not None
        if found != (step.need is not None):
            raise _Refused(step.raises or "conflict", _message(step.message or "", bound))

    def _answer(self, tool: ToolSpec, bound: JSON) -> JSON:
        give = tool.run[-1].give
        schema = (self.tools[tool.name].returns or {})["properties"]
        if isinstance(give, str):
            rows = self.rows(give, bound)
            if not rows:
                raise WorldError(f"{tool.name}: `give` found no row; guard it with a `need` step")
            return {name: _json(value, schema[name]) for name, value in rows[0].items()}
        answer: JSON = {}
        for name, query in (give or {}).items():
            rows = self.rows(query, bound)
            if schema[name]["type"] == "array" and "properties" in schema[name].get("items", {}):
                kinds = schema[name]["items"]["properties"]
                answer[name] = [{key: _json(value, kinds[key]) for key, value in row.items()} for row in rows]
            else:
                answer[name] = _json(next(iter(rows[0].values())), schema[name]) if rows else None
        return answer


def _bound(value: Any, kind: Any) -> Any:
    """An argument as SQLite takes it: lists and objects as JSON; `number` as a float, since SQLite divides integers without remainder."""
    if isinstance(value, list | dict):
        return json.dumps(value)
    return float(value) if kind == "number" and isinstance(value, int) else value


def _unstorable(value: Any) -> list[str]:
    """What SQLite cannot hold: integers beyond 64 bits, text with lone surrogates."""
    if isinstance(value, dict | list):
        return [problem for item in (value.values() if isinstance(value, dict) else value) for problem in _unstorable(item)]
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return ["an integer is beyond 64 bits"]
    if isinstance(value, str) and any("\ud800" <= c <= "\udfff" for c in value):
        return ["a text holds a lone surrogate"]
    return []


def _message(template: str, bound: JSON) -> str:
    for name, value in bound.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def _json(value: Any, schema: JSON) -> Any:
    """SQLite knows no booleans, lists or objects: give a value the type its schema states."""
    kinds = schema.get("type")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    if value is None:
        return None
    if "boolean" in kinds:
        return bool(value)
    if isinstance(value, str) and ("array" in kinds or "object" in kinds):
        return json.loads(value)
    if "number" in kinds and isinstance(value, float):
        return round(value, 6)
    return value
