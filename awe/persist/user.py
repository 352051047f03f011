"""Users as rows.

Where everybody comes to the database as its owner, as with SQLite, a user is written down when they are first named; one who
comes with a role of their own has been added before (see `roles`).
"""
from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError
from awe.persist import tables
from awe.persist.identity import Identity
from awe.persist.names import checked_name
from awe.persist.role import add_role
from awe.persist.session import Database


@dataclass(frozen=True)
class User:
    """A user, and the projects they take part in."""

    name: str
    projects: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, as JSON has them."""
        return asdict(self)


def users(database: Database) -> list[User]:
    """All users, by name."""
    user, member, project = tables.user, tables.project_member, tables.project
    joined = user.outerjoin(member, member.c.user_id == user.c.id).outerjoin(project, project.c.id == member.c.project_id)
    statement = sa.select(user.c.name, project.c.name.label("project")).select_from(joined).order_by(user.c.name, project.c.name)
    found: dict[str, list[str]] = {}
    with database.reading() as connection:
        for row in connection.execute(statement):
            found.setdefault(row.name, []).extend([row.project] if row.project else [])
    return [User(name, tuple(theirs)) for name, theirs in found.items()]


def add_user(database: Database, name: str) -> bool:
    """Write a user down, on PostgreSQL with a role of their own; returns whether they are new.

    Raises ForbiddenError where this connection cannot make roles; nothing is written then.
    """
    somebody(database)
    database.need_owner("adding users")
    table, checked = tables.user, checked_name(name, "user")

    def add(connection: sa.Connection) -> bool:
        is_new = connection.scalar(sa.select(table.c.id).where(table.c.name == checked)) is None
        number_of_user(database, connection, checked)
        if database.dialect == "postgresql":
            add_role(connection, checked)
        return is_new
    return database.write(add)


def number_of_user(database: Database, connection: sa.Connection, name: str) -> int:
    """The number of a user, who is written down when new."""
    return database.names.number(connection, tables.user, {"name": checked_name(name, "user")})


def somebody(database: Database) -> Identity:
    """Who uses the database; raises ForbiddenError for nobody in particular."""
    if database.identity.is_anonymous:
        raise ForbiddenError("nobody in particular cannot change anything; connect with a user")
    return database.identity
