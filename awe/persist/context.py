"""`context`: on whose behalf things are asked and made, and what may be deleted."""
from __future__ import annotations

import dataclasses
import datetime
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError, did_you_mean
from awe.persist import tables
from awe.persist.identity import ASTROWISE, LEVELS, Identity
from awe.persist.insert import touch
from awe.persist.journal import note_change
from awe.persist.mapping import Mapped
from awe.persist.session import Database, current


class Context:
    """The user, the project and the privileges that the current database is used with.

    What somebody else may not see is not there: the same predicate is in every statement.
    """

    #: Reserved: the moment as of which everything is asked.
    as_of: datetime.datetime | None = None

    @property
    def identity(self) -> Identity:
        """User, project and privileges in one."""
        return current().identity

    @property
    def user(self) -> str:
        """The name of the user; empty for anonymous."""
        return self.identity.user

    @property
    def project(self) -> str:
        """The project that new objects belong to."""
        return self.identity.project

    @property
    def privileges(self) -> int:
        """The privileges that new objects get."""
        return self.identity.privileges

    def set_user(self, user: str) -> None:
        """Work as `user`; without a name, anonymously."""
        database = current()
        database.act_as(database.find_identity(user, self.project))

    def set_project(self, project: str) -> None:
        """Work for `project`, with its usual privileges.

        Raises NotFoundError where there is no such project, ForbiddenError where it is private and the user no member.
        """
        database = current()
        with database.reading() as connection:
            known = list(connection.scalars(sa.select(tables.project.c.name)))
        if project not in known:
            raise NotFoundError(f"there is no project {project!r}{did_you_mean(project, known)}; context.make_project makes one")
        database.act_as(database.find_identity(self.user, project))

    def make_project(self, project: str, description: str = "", *, public: bool = True, privileges: int = ASTROWISE) -> None:
        """Found a project, whose manager the user becomes; `privileges` are those that its new objects get."""
        database, who = current(), self._somebody()

        def found(connection: sa.Connection) -> None:
            table = tables.project
            if connection.scalar(sa.select(table.c.id).where(table.c.name == project)) is not None:
                raise ForbiddenError(f"there is a project {project!r} already; choose another name, or use context.set_project")
            row = table.insert().values(name=project, description=description, public=int(public),
                                        default_privileges=_level(privileges)).returning(table.c.id)
            number = connection.execute(row).scalar_one()
            connection.execute(tables.project_member.insert().values(project_id=number, user_id=who.user_id, manager=1))
        database.write(found)

    def add_member(self, user: str, *, manager: bool = False) -> None:
        """Let `user` take part in the current project; its managers may do so."""
        database, who = current(), self._somebody()

        def add(connection: sa.Connection) -> None:
            member = tables.project_member
            if not is_manager(connection, who):
                raise ForbiddenError(f"{who.user} is no manager of {who.project}, and cannot add {user}")
            number = database.names.number(connection, tables.user, {"name": user})
            connection.execute(sa.delete(member).where(member.c.project_id == who.project_id, member.c.user_id == number))
            connection.execute(member.insert().values(project_id=who.project_id, user_id=number, manager=int(manager)))
        database.write(add)

    def set_privileges(self, privileges: int) -> None:
        """Give new objects these privileges: 1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO."""
        current().act_as(dataclasses.replace(self.identity, privileges=_level(privileges)))

    def visible(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """The criterion of what may be seen, on `object`, `candidate` or an alias of one of them."""
        return self.identity.visible(table)

    def delete(self, obj: Any) -> list[str]:
        """Delete an object that is neither public nor used; returns the SHA-256 of its files that nothing refers to any more.

        Raises ForbiddenError, with the reason, for raw data, for what is public, what others refer to, and what is
        somebody else's.
        """
        if not isinstance(obj, Mapped) or "_row" not in obj.__dict__:
            raise QueryError(f"{obj!r} is not committed: there is nothing to delete")
        database, who = current(), self._somebody()
        unused = database.write(lambda connection: _delete(database, connection, who, obj))
        database.objects.pop(obj.oid, None)  # type: ignore[attr-defined]
        return unused

    def _somebody(self) -> Identity:
        if self.identity.is_anonymous:
            raise ForbiddenError("nobody in particular cannot change anything; connect with a user")
        return self.identity

    def __repr__(self) -> str:
        who = self.identity
        return f"<context: {who.user or 'anonymous'} for {who.project}, new objects are {LEVELS[who.privileges]} ({who.privileges})>"


context = Context()


def is_manager(connection: sa.Connection, who: Identity, project_id: int | None = None) -> bool:
    """Whether `who` manages a project, by default the current one."""
    member = tables.project_member.c
    number = who.project_id if project_id is None else project_id
    asked = sa.select(member.manager).where(member.project_id == number, member.user_id == who.user_id)
    return bool(connection.scalar(asked))


def _level(privileges: int) -> int:
    if privileges not in LEVELS:
        raise QueryError(f"privileges are {', '.join(f'{n} {name}' for n, name in LEVELS.items())}, not {privileges!r}")
    return privileges


def _delete(database: Database, connection: sa.Connection, who: Identity, obj: Any) -> list[str]:
    oid, mapping = obj.oid, type(obj).__mapping__
    _refuse_delete(connection, who, obj)
    stored = tables.object_file.c
    files = list(connection.scalars(sa.select(stored.sha256).where(stored.oid == oid)))
    sels = set(connection.scalars(sa.select(tables.candidate.c.sel).where(tables.candidate.c.oid == oid)))
    for table, column in ((tables.candidate, "oid"), (tables.edge, "target"), (tables.want, "target"), (tables.object_file, "oid"),
                          *((part.type.__mapping__.table, "owner_oid") for part in mapping.parts.values()),
                          *((table, "oid") for table in reversed(mapping.tables)), (tables.object_, "oid")):
        connection.execute(sa.delete(table).where(table.c[column] == oid))
    note_change(connection, oid, "object", obj.object_id, None, who.user_id, "deleted")
    touch(connection, {bytes(sel) for sel in sels})
    left = set(connection.scalars(sa.select(stored.sha256).where(stored.sha256.in_(files))))
    return [bytes(sha256).hex() for sha256 in files if sha256 not in left]


def _refuse_delete(connection: sa.Connection, who: Identity, obj: Any) -> None:
    if obj.raw_data:
        raise ForbiddenError(f"{obj!r} is raw data, which is never deleted; invalidate it instead")
    row = connection.execute(sa.select(tables.object_).where(tables.object_.c.oid == obj.oid)).one_or_none()
    if row is None:
        raise NotFoundError(f"{obj!r} is deleted already")
    if row.privileges >= ASTROWISE:
        raise ForbiddenError(f"{obj!r} is public ({LEVELS[row.privileges]}) and may be in use; invalidate it instead")
    if row.creator_id != who.user_id and not (row.privileges > 1 and is_manager(connection, who, row.project_id)):
        raise ForbiddenError(f"{obj!r} was made by {obj.creator}, and {who.user} is not them, nor manager of {obj.project}")
    users = connection.scalar(sa.select(sa.func.count(sa.distinct(tables.edge.c.target))).where(tables.edge.c.input == obj.oid))
    if users:
        raise ForbiddenError(f"{obj!r} is referred to by {users} other object{'s' if users > 1 else ''}; delete those first "
                             "(obj.inverse_objects() finds them), or invalidate it")
