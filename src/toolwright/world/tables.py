"""SQLite tables of a domain, and the rows of a new world, the same for the same seed.

How a field's values are made (`make` in a domain file):

    id: 'BK-####'          a fresh id; # a digit, @ a capital letter       ref: entity       the key of a row there
    each: [...]            row by row from the list, as many rows          one_of: [...]     any of the list
    choice: {a: 5, b: 1}   by weight                                       bool: 0.3         true with this probability
    int: [1, 9]            float: [0, 5, 1] (decimals)  money: [10, 99]    date / datetime: [-30, 60] (days from today)
    time: ['08:00', '18:30']   half-hours                                  person: name      of one person a row: first_name, last_name, name,
    faker: iban            any provider of Faker                                             email, phone, city, street
    sql: nights * rate     computed from the row's other fields, last      null: 0.2         beside any of these: null so often
"""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

from faker import Faker

from toolwright.world.spec import Domain, FieldType

TODAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 2, 9, 0)
SQL_TYPES = {"string": "TEXT", "integer": "INTEGER", "number": "REAL", "boolean": "INTEGER"}
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"
CITIES = (
    "Lisbon Porto Madrid Seville Valencia Lyon Nantes Bordeaux Geneva Basel Vienna Graz Prague Brno Krakow Gdansk Berlin Hamburg Leipzig Bremen "
    "Utrecht Ghent Antwerp Dublin Cork Leeds Bristol Glasgow Oslo Bergen Malmo Aarhus Turku Tallinn Riga Vilnius Athens Izmir Cairo Tunis Nairobi "
    "Accra Lagos Mumbai Pune Jaipur Bangkok Hanoi Manila Taipei Osaka Kyoto Sydney Perth Auckland Boston Denver Austin Chicago Toronto"
).split()


def connect(path: str = ":memory:") -> sqlite3.Connection:
    """A connection in which `today()`, `now()` and `new_id(pattern)` stand for a world that is only being checked."""
    database = sqlite3.connect(path, isolation_level=None)
    database.create_function("today", 0, TODAY.isoformat, deterministic=True)
    database.create_function("now", 0, lambda: NOW.isoformat(timespec="minutes"), deterministic=True)
    database.create_function("new_id", 1, lambda pattern: fill_pattern(pattern, random.Random(0)))
    return database


def create_tables(database: sqlite3.Connection, domain: Domain) -> None:
    """Create the domain's tables, empty."""
    for name, entity in domain.entities.items():
        columns = []
        for field in entity.fields:
            kind = domain.field(f"{name}.{field}")
            null = "" if kind.nullable else " NOT NULL"
            columns.append(f'"{field}" {SQL_TYPES[kind.type]}{null}{" PRIMARY KEY" if field == entity.key else ""}')
        database.execute(f'CREATE TABLE "{name}" ({", ".join(columns)})')


def columns_of(database: sqlite3.Connection, query: str, arguments: Mapping[str, Any]) -> list[str]:
    """Names of the columns a SELECT gives."""
    cursor = database.execute(f"SELECT * FROM ({query}) LIMIT 0", dict(arguments))
    return [column[0] for column in cursor.description]


def fill_tables(database: sqlite3.Connection, domain: Domain, seed: int) -> None:
    """Make the rows of a new world. Raises `ValueError` where a field says nothing usable about how its values are made."""
    for name, entity in domain.entities.items():
        computed: dict[str, str] = {}
        used: set[str] = set()
        for row in range(entity.rows):
            source = random.Random(f"{seed}/{domain.domain}/{name}/{row}")
            person = source.choice(people(seed))
            values: dict[str, Any] = {}
            for field, kind in entity.fields.items():
                make = kind.make if isinstance(kind.make, dict) else {}
                if kind.nullable and source.random() < make.get("null", 0.0):
                    values[field] = None
                elif "ref" in make:
                    target = domain.entities[make["ref"]]
                    rows = database.execute(f'SELECT "{target.key}" FROM "{make["ref"]}" ORDER BY rowid').fetchall()
                    values[field] = source.choice(rows)[0]
                elif "id" in make:
                    values[field] = _fresh(make["id"], source, used)
                elif "sql" in make:
                    computed[field] = make["sql"]
                    values[field] = 0
                else:
                    values[field] = make_value(kind, source, row=row, person=person, where=f"{name}.{field}")
            marks = ", ".join("?" * len(values))
            database.execute(f'INSERT INTO "{name}" VALUES ({marks})', list(values.values()))
        for field, expression in computed.items():
            database.execute(f'UPDATE "{name}" SET "{field}" = ({expression})')


def make_value(kind: FieldType, source: random.Random, *, row: int | None = None, person: Mapping[str, str] | None = None, where: str = "") -> Any:
    """One value of a field, in JSON form; `row` is its place in the table, for `each`."""
    make = kind.make
    if make is None and kind.enum:
        return source.choice(kind.enum)
    if make is None and kind.type == "boolean":
        return source.random() < 0.5
    if not isinstance(make, dict):
        raise ValueError(f"{where}: make is {make!r}; expected one of id, ref, each, one_of, choice, int, float, money, date, person, sql ...")
    how, what = next((key, value) for key, value in make.items() if key != "null")
    match how:
        case "each":
            return what[row] if row is not None else source.choice(what)
        case "one_of":
            return source.choice(what)
        case "choice":
            return source.choices(list(what), weights=list(what.values()))[0]
        case "bool":
            return source.random() < what
        case "int":
            return source.randint(*what[:2]) if len(what) == 2 else source.randrange(what[0], what[1] + 1, what[2])
        case "float":
            return round(source.uniform(what[0], what[1]), what[2])
        case "money":
            return round(source.uniform(*what), 2)
        case "date":
            return (TODAY + timedelta(days=source.randint(*what))).isoformat()
        case "datetime":
            day = TODAY + timedelta(days=source.randint(*what))
            return f"{day.isoformat()}T{source.randint(8, 18):02d}:{source.choice((0, 15, 30, 45)):02d}"
        case "time":
            first, last = (int(clock[:2]) * 2 + int(clock[3:]) // 30 for clock in what)
            half = source.randint(first, last)
            return f"{half // 2:02d}:{half % 2 * 30:02d}"
        case "person":
            return (person or source.choice(people(0)))[what]
        case "id":
            return fill_pattern(what, source)
        case "faker":
            fake = Faker("en_GB")
            fake.seed_instance(source.getrandbits(32))
            return getattr(fake, what)()
    raise ValueError(f"{where}: make has the unknown kind {how!r}")


@lru_cache(maxsize=8)
def people(seed: int) -> tuple[dict[str, str], ...]:
    """The 240 people of a world: the same person may be a hotel's guest, a shop's customer and somebody's colleague."""
    fake = Faker(["en_GB", "en_US", "en_IN"])
    fake.seed_instance(seed)
    source = random.Random(seed)
    found: dict[str, dict[str, str]] = {}
    while len(found) < 240:
        first, last = fake.first_name(), fake.last_name()
        local = "".join(c for c in f"{first}.{last}".lower() if c.isascii() and (c.isalpha() or c == "."))
        email = f"{local}@{source.choice(('example.com', 'example.org', 'mail.example'))}"
        phone = f"+{source.choice((1, 31, 33, 34, 44, 49, 91))} {source.randint(200, 799)} {source.randint(100000, 999999)}"
        place = {"city": source.choice(CITIES), "street": f"{source.randint(1, 180)} {fake.street_name()}"}
        found.setdefault(email, {"first_name": first, "last_name": last, "name": f"{first} {last}", "email": email, "phone": phone, **place})
    return tuple(found.values())


def fill_pattern(pattern: str, source: random.Random) -> str:
    """An id of this pattern: `#` becomes a digit (the first not 0), `@` a capital letter."""
    text = pattern
    if "#" in text:
        text = text.replace("#", str(source.randint(1, 9)), 1)
    return "".join(str(source.randint(0, 9)) if c == "#" else source.choice(LETTERS) if c == "@" else c for c in text)


def _fresh(pattern: str, source: random.Random, used: set[str]) -> str:
    while (text := fill_pattern(pattern, source)) in used:
        pass
    used.add(text)
    return text


def digest(*parts: object) -> int:
    """A number that depends on the parts and on nothing else (not on the hash seed of the interpreter)."""
    return int.from_bytes(hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).digest()[:8], "big")
