"""One SQL statement of a user's own, which reads and sees what they see, within a time and a number of rows.

Which tables can be asked is said here; that nothing else is seen is held by the databases themselves: see `freesql_sqlite`
and `freesql_postgresql`.
"""
from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from awe.errors import QueryError
from awe.persist import freesql_postgresql, freesql_sqlite, guard, tables
from awe.persist.freesql_answer import Answer, Limits
from awe.persist.session import Database

#: Tables that belong to objects through this column, besides those of the classes.
OWNED = {tables.object_.name: "oid", tables.change.name: "oid"}
#: Tables of names that everybody knows.
NAMES = (tables.class_.name, tables.user.name, tables.project.name)
#: What belongs to objects and is of no use to a reader.
INTERNAL = (tables.candidate.name, tables.want.name, tables.release_member.name)
BEGINNING = re.compile(r"\s*\(*\s*(select|with|values)\b", re.IGNORECASE)
LONGEST = 4000


@dataclass(frozen=True)
class Published:
    """A table that can be asked: its name, the column that says whose object a row is of (None for names), and its columns."""

    name: str
    owner: str | None
    columns: tuple[str, ...]


def published(database: Database) -> list[Published]:
    """What can be asked, in alphabetical order."""
    with database.reading() as connection:
        there = sa.inspect(connection).get_table_names()
    owners = owners_of(there)
    known = {name: table for name, table in tables.metadata.tables.items() if name in owners}
    return [Published(name, owners[name], tuple(column.name for column in known[name].columns)) for name in sorted(known)]


def owners_of(there: Collection[str]) -> dict[str, str | None]:
    """Table -> the column that says whose object a row is of."""
    found: dict[str, str | None] = dict.fromkeys(NAMES)
    found.update({one.table: one.owner for one in guard.guarded(there) if one.owner and one.table not in INTERNAL})
    found.update(OWNED)
    return found


def ask(database: Database, text: str, limits: Limits) -> Answer:
    """The rows of a statement.

    Raises
    ------
    QueryError
        it is not one statement that reads, is wrong, or takes too long
    ForbiddenError
        it asks for what is not published, or this database cannot hold a user to what they see
    """
    statement = single(text)
    if database.dialect == "sqlite":
        return freesql_sqlite.ask(database, statement, [(one.name, one.owner) for one in published(database)], limits)
    return freesql_postgresql.ask(database, statement, {one.name for one in published(database)}, limits)


def single(text: str) -> str:
    """The statement without its semicolon; raises QueryError where it cannot be one that reads."""
    statement = text.strip().removesuffix(";").strip()
    if not statement or len(statement) > LONGEST or "\x00" in statement:
        raise QueryError(f"a statement has 1 to {LONGEST} characters, not {len(statement)}, and no zero bytes")
    if not BEGINNING.match(statement):
        raise QueryError(f"{statement[:40]!r} is no statement that reads: begin with SELECT, WITH or VALUES")
    return statement


def plain(value: Any) -> Any:
    """A value as it is shown: bytes in hexadecimal digits."""
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value
