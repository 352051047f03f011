"""Rows that many objects share and that never change: users, projects, scopes, recipes, parameter sets, classes."""
from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from awe.errors import ForbiddenError, QueryError
from awe.persist import tables
from awe.persist.identity import ASTROWISE, PROJECT, VO, Identity

#: How long a name may be, in bytes.
LONGEST = 63
INSERT: dict[str, Any] = {"sqlite": insert_sqlite, "postgresql": insert_postgresql}


class NameBook:
    """Remembers the numbers of shared rows, so that each is looked up once.

    What a transaction adds is kept apart until `keep`, since it may be rolled back.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._thread = threading.local()
        self._names: dict[tuple[str, int], str] = {}

    def number(self, connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], **extra: Any) -> int:
        """The primary key of the row of `table` that has `key`; the row is made, with `extra`, when there is none."""
        asked = (table.name, *key.values())
        found = self._numbers.get(asked, self._new.get(asked))
        if found is None:
            found = self._new[asked] = get_or_create(connection, table, key, **extra)
        return found

    @property
    def _new(self) -> dict[tuple[Any, ...], int]:
        """What the transaction of this thread has added."""
        new: dict[tuple[Any, ...], int] = self._thread.__dict__.setdefault("new", {})
        return new

    def keep(self) -> None:
        """What was added has been committed."""
        self._numbers.update(self._new)
        self._new.clear()

    def forget(self) -> None:
        """What was added has been rolled back."""
        self._new.clear()

    def name(self, connection: sa.Connection, table: sa.Table, number: int) -> str:
        """The name of user or project `number`; empty where there is none."""
        if (table.name, number) not in self._names:
            rows = connection.execute(sa.select(table.c.id, table.c.name))
            self._names.update({(table.name, row.id): row.name for row in rows})
        return self._names.get((table.name, number), "")


def get_or_create(connection: sa.Connection, table: sa.Table, key: Mapping[str, Any], **extra: Any) -> int:
    """The primary key of the row that has `key`, made when there is none; safe when others do the same."""
    (primary,) = table.primary_key.columns
    find = sa.select(primary).where(*(table.c[name] == value for name, value in key.items())).limit(1)
    found = connection.scalar(find)
    if found is None:
        insert = INSERT[connection.dialect.name](table).values(**key, **extra)
        connection.execute(insert.on_conflict_do_nothing())
        found = connection.scalar(find)
    return int(found)  # type: ignore[arg-type]


def find_identity(connection: sa.Connection, user: str, project: str, privileges: int | None) -> Identity | None:
    """User and project as the database knows them; None where one of them has to be made.

    Raises ForbiddenError for a project that is private and not theirs, and for privileges that only its managers give.
    """
    row = connection.execute(sa.select(tables.project).where(tables.project.c.name == project)).one_or_none()
    if not user:
        number, level = (row.id, row.default_privileges) if row else (0, ASTROWISE)
        return Identity("", 0, project, number, privileges or level)
    user_id = connection.scalar(sa.select(tables.user.c.id).where(tables.user.c.name == user))
    if row is None or user_id is None:
        return None
    member = tables.project_member.c
    theirs = {one.project_id: one.manager for one in connection.execute(
        sa.select(member.project_id, member.manager).where(member.user_id == user_id))}
    if not row.public and row.id not in theirs:
        raise ForbiddenError(f"project {project!r} is private and {user} is no member; ask one of its managers")
    highest = VO if theirs.get(row.id) else max(PROJECT, row.default_privileges)
    who = Identity(user, user_id, project, row.id, row.default_privileges, frozenset(theirs), highest)
    return who.with_privileges(privileges) if privileges else who


def make_identity(connection: sa.Connection, user: str, project: str) -> None:
    """Write down a new user, and a new project, whose manager they become."""
    user_id = get_or_create(connection, tables.user, {"name": checked_name(user, "user")})
    if connection.scalar(sa.select(tables.project.c.id).where(tables.project.c.name == project)) is None:
        project_id = get_or_create(connection, tables.project, {"name": checked_name(project, "project")})
        member = INSERT[connection.dialect.name](tables.project_member)
        connection.execute(member.values(project_id=project_id, user_id=user_id, manager=1).on_conflict_do_nothing())


def checked_name(name: str, what: str) -> str:
    """The name of a user or project, where it can be one: PostgreSQL has 63 bytes for the name of a role.

    Raises QueryError.
    """
    if not name or name != name.strip() or not name.isprintable() or len(name.encode("utf8", "replace")) > LONGEST:
        raise QueryError(f"{name!r} cannot be the name of a {what}: that has 1 to {LONGEST} bytes, "
                         "no control characters, and no space at either end")
    return name
