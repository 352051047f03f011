"""Releases: named sets of objects as they stood at a moment, with all that they were made from; they never change.

A release has privileges, a project and a creator as an object has, and all who see it see all of its members.  Its row is
written last, and is the seal: after it the database refuses further members.
"""
from __future__ import annotations

import contextlib
import datetime
import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError, did_you_mean
from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.identity import LEVELS, Identity, all_readers_see
from awe.persist.load import load
from awe.persist.names import checked_name
from awe.persist.serial import moments
from awe.persist.session import Database, current
from awe.persist.shadow import Shadow
from awe.persist.sharing import Reader
from awe.persist.types import from_microseconds, to_microseconds
from awe.persist.user import somebody
from awe.persist.view import seen_through, shadow_now

EACH = {"sqlite": "value FROM json_each(?)", "postgresql": "unnest(%s::bigint[])"}
MEMBERS = """WITH RECURSIVE below(oid) AS (SELECT {each}
UNION SELECT e.input FROM below b JOIN edge e ON e.target = b.oid) SELECT oid FROM below"""
COLUMNS = (tables.object_.c.oid, tables.object_.c.class_id, tables.object_.c.privileges, tables.object_.c.project_id,
           tables.object_.c.creator_id)


@dataclass(frozen=True)
class Release:
    """A frozen set of objects.

    Attributes
    ----------
    name, why, who
        what it is called, what it is for, who made it
    moment
        as of when its members are looked at
    count
        how many members it has
    privileges, project
        who sees it
    """

    name: str
    why: str
    who: str
    moment: datetime.datetime
    count: int
    privileges: int
    project: str
    number: int

    @property
    def shadow(self) -> Shadow:
        """What stands before the tables of the database inside of it."""
        return Shadow(to_microseconds(self.moment), (), self.number, self.name)

    def objects(self, cls: type | None = None) -> list[Any]:
        """Its members, of a class and those below it where one is given, as they are now."""
        database, member = current().base, tables.release_member
        with database.reading() as connection:
            oids = list(connection.scalars(sa.select(member.c.oid).where(member.c.release_id == self.number).order_by(member.c.oid)))
        return [obj for obj in load(database, oids).values() if cls is None or isinstance(obj, cls)]

    def __contains__(self, obj: Any) -> bool:
        member = tables.release_member
        with current().base.reading() as connection:
            return connection.execute(sa.select(member.c.oid).where(
                member.c.release_id == self.number, member.c.oid == getattr(obj, "oid", None))).first() is not None

    def __len__(self) -> int:
        return self.count

    def __str__(self) -> str:
        return (f"{self.name}: {self.count} objects as of {self.moment:%Y-%m-%d %H:%M:%S} UTC, {LEVELS[self.privileges]} "
                f"({self.privileges}), by {self.who} for {self.project}: {self.why}")


class Inside:
    """`context.release`: the release inside of which everything is asked, and how to ask inside another."""

    @property
    def name(self) -> str:
        """What it is called; empty outside of any."""
        return shadow_now().name

    def __call__(self, name: str) -> contextlib.AbstractContextManager[Database]:
        """A block in which everything is asked inside a release."""
        return seen_through(release_named(name).shadow)

    def __bool__(self) -> bool:
        return bool(self.name)

    def __repr__(self) -> str:
        return f"<inside release {self.name}>" if self.name else "<no release>"


def releases() -> list[Release]:
    """All releases that can be seen, the oldest first."""
    database, r = current().base, tables.release.alias("r")
    seen = database.identity.visible(r)
    statement = sa.select(r, tables.user.c.name.label("user_name"), tables.project.c.name.label("project_name")).join(
        tables.user, tables.user.c.id == r.c.creator_id).join(tables.project, tables.project.c.id == r.c.project_id)
    with database.reading() as connection:
        found = connection.execute(statement.where(seen).order_by(r.c.moment, r.c.name), database.identity.parameters).all()
    return [Release(row.name, row.why, row.user_name, row.moment, row.size, row.privileges, row.project_name, row.id) for row in found]


def release_named(name: str) -> Release:
    """A release by its name; raises NotFoundError."""
    there = {one.name: one for one in releases()}
    if name not in there:
        raise NotFoundError(f"there is no release {name!r} that can be seen{did_you_mean(name, there, listed=8)}")
    return there[name]


def make_release(name: str, objects: Iterable[Any], why: str) -> Release:
    """Freeze objects, with all that they were made from, as they stand now.

    Raises
    ------
    QueryError
        the name is taken or cannot be one, no reason is given, or there are no objects
    ForbiddenError
        some members cannot be seen by all who would see the release
    """
    database = current()
    who = somebody(database)
    checked_name(name, "release")
    if not why.strip():
        raise QueryError("say why: a release stays, and others want to know what it is for")
    chosen = list(objects)
    for obj in chosen:
        if "_row" not in getattr(obj, "__dict__", {}):
            raise QueryError(f"{obj!r} is not committed, and cannot be released")
    if not chosen:
        raise QueryError("no objects were given; a release has at least one")
    database.write(lambda connection: _write(database, connection, who, name, sorted({obj.oid for obj in chosen}), why))
    return release_named(name)


def _write(database: Database, connection: sa.Connection, who: Identity, name: str, oids: list[int], why: str) -> None:
    kept, number = tables.release, secrets.randbits(60)
    if connection.execute(sa.select(kept.c.id).where(kept.c.name == name)).first() is not None:
        raise QueryError(f"there is a release {name!r} already, and releases do not change; give another name")
    members = closure(database, connection, oids)
    check_readers(database, connection, who, members)
    connection.execute(sa.insert(tables.release_member), [{"release_id": number, "oid": oid} for oid in members])
    connection.execute(sa.insert(kept), {
        "id": number, "name": name, "why": why, "moment": from_microseconds(moments(connection)[0]), "size": len(members),
        "privileges": who.privileges, "project_id": who.project_id, "creator_id": who.user_id})


def closure(database: Database, connection: sa.Connection, oids: list[int]) -> list[int]:
    """Objects and all that they were made from, at any distance."""
    given = json.dumps(oids) if database.dialect == "sqlite" else oids
    return sorted(connection.exec_driver_sql(MEMBERS.format(each=EACH[database.dialect]), (given,)).scalars())


def check_readers(database: Database, connection: sa.Connection, who: Identity, members: list[int]) -> None:
    """Raise ForbiddenError where not all who would see the release see all of its members."""
    root = tables.object_
    statement = sa.select(*COLUMNS).where(among(root.c.oid, database.dialect), who.visible(root))
    seen = connection.execute(statement, {**numbers(members, database.dialect), **who.parameters}).all()
    reader = Reader(who.privileges, who.project_id, who.user_id)
    hidden = len(members) - sum(all_readers_see(reader, row) for row in seen)
    if hidden:
        raise ForbiddenError(f"{hidden} of {len(members)} members have fewer readers than a release of privileges {who.privileges} "
                             f"({LEVELS[who.privileges]}); publish those first, or lower context.set_privileges")


def released(connection: sa.Connection, oids: Iterable[int], dialect: str) -> dict[int, list[Any]]:
    """The releases that objects belong to, as rows with name, privileges, project_id and creator_id."""
    kept, member = tables.release, tables.release_member
    statement = sa.select(member.c.oid, kept.c.id, kept.c.name, kept.c.privileges, kept.c.project_id, kept.c.creator_id).join(
        kept, kept.c.id == member.c.release_id).where(among(member.c.oid, dialect))
    found: dict[int, list[Any]] = {}
    for row in connection.execute(statement, numbers(oids, dialect)):
        found.setdefault(row.oid, []).append(row)
    return found
