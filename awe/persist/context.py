"""`context`: on whose behalf things are asked and made, and what may be deleted."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import project, tables
from awe.persist.identity import ASTROWISE, LEVELS, Identity
from awe.persist.journal import Change, Line, note_change
from awe.persist.judge import judge
from awe.persist.mapping import Mapped
from awe.persist.project import Project, is_manager
from awe.persist.publish import Publication, publish
from awe.persist.release import Inside, Release, make_release, release_named, released, releases
from awe.persist.session import Database, current
from awe.persist.shadow import Shadow
from awe.persist.touched import touch
from awe.persist.undo import undo
from awe.persist.user import User, somebody, users
from awe.persist.view import Moment, When, look_through, shadow_at, shadow_now


class Context:
    """The user, the project and the privileges that the current database is used with.

    What somebody else may not see is not there: the same predicate is in every statement.
    """

    @property
    def as_of(self) -> Moment:
        """The moment as of which everything is asked; assigned, or for a block: ``with context.as_of(time): ...``."""
        return Moment()

    @as_of.setter
    def as_of(self, when: When | None) -> None:
        look_through(dataclasses.replace(shadow_now(), moment=None) if when is None else shadow_at(when))

    @property
    def release(self) -> Inside:
        """The release inside of which everything is asked; assigned by its name, or for a block: ``with context.release(name): ...``."""
        return Inside()

    @release.setter
    def release(self, name: str | None) -> None:
        look_through(Shadow() if name is None else release_named(name).shadow)

    @property
    def releases(self) -> list[Release]:
        """All releases that can be seen, the oldest first."""
        return releases()

    def make_release(self, name: str, objects: Any, why: str) -> Release:
        """Freeze objects with all that they were made from, as they stand now (see `make_release`)."""
        return make_release(name, [objects] if isinstance(objects, Mapped) else objects, why)

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

    @property
    def projects(self) -> list[Project]:
        """All projects, with their managers and members."""
        return project.projects(current())

    @property
    def users(self) -> list[User]:
        """All users, with the projects they take part in."""
        return users(current())

    def set_user(self, user: str) -> None:
        """Work as `user`; without a name, anonymously."""
        database = current()
        database.act_as(database.find_identity(user, self.project))

    def set_project(self, name: str) -> None:
        """Work for a project, with its usual privileges.

        Raises NotFoundError where there is no such project, ForbiddenError where it is private and the user no member.
        """
        database = current()
        database.act_as(database.find_identity(self.user, project.project_named(database, name).name))

    def make_project(self, name: str, description: str = "", *, public: bool = True, privileges: int = ASTROWISE) -> None:
        """Found a project, whose manager the user becomes; `privileges` are those that its new objects usually get."""
        project.make_project(current(), name, description, public=public, privileges=privileges)

    def add_member(self, user: str, name: str | None = None, *, manager: bool = False) -> None:
        """Let `user` take part in a project, by default the current one; its managers may do so."""
        project.add_member(current(), name or self.project, user, manager=manager)

    def remove_member(self, user: str, name: str | None = None) -> None:
        """Let `user` take part no more in a project, by default the current one; its managers may do so, and members may leave."""
        project.remove_member(current(), name or self.project, user)

    def set_privileges(self, privileges: int) -> None:
        """Give new objects these privileges: 1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO.

        Raises ForbiddenError where only managers of the project give those.
        """
        current().act_as(self.identity.with_privileges(privileges))

    def publish(self, objects: Any, privileges: int, why: str = "", *, closure: bool = False, dry_run: bool = False) -> Publication:
        """Give an object, or several, other privileges; with `closure`, raise also what they were made from (see `publish`)."""
        return publish([objects] if isinstance(objects, Mapped) else objects, privileges, why, closure=closure, dry_run=dry_run)

    def invalidate(self, obj: Any, why: str, *, alone: bool = False) -> list[Any]:
        """Say that an object is bad, and with it those of the same value unless it is to be `alone`; returns what was changed."""
        return judge(obj, 0, why, alone=alone)

    def validate(self, obj: Any, why: str, *, qualified: bool = False, alone: bool = False) -> list[Any]:
        """Say that an object is good, `qualified` in spite of its flags; with those of the same value, as `invalidate`."""
        return judge(obj, 2 if qualified else 1, why, alone=alone)

    def undo(self, seqs: int | Iterable[int], why: str) -> list[Change]:
        """Take edits back, by their numbers in the change log, as `obj.changes` tells them (see `undo`)."""
        return undo(seqs, why)

    def visible(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        """The criterion of what may be seen, on `object`, `candidate` or an alias of one of them."""
        return self.identity.visible(table)

    def delete(self, obj: Any) -> list[str]:
        """Delete an object that is neither public nor used; returns the SHA-256 of its files that nothing refers to any more.

        Who sees only a part of the database (see `role`) is told of no files; `awe gc` finds them.

        Raises ForbiddenError, with the reason, for raw data, for what is public, what others refer to, and what is
        somebody else's.
        """
        if not isinstance(obj, Mapped) or "_row" not in obj.__dict__:
            raise QueryError(f"{obj!r} is not committed: there is nothing to delete")
        database = current()
        who = somebody(database)
        unused = database.write(lambda connection: _delete(database, connection, who, obj))
        database.objects.pop(obj.oid, None)  # type: ignore[attr-defined]
        return unused

    def __repr__(self) -> str:
        who = self.identity
        standpoint = current().standpoint
        return (f"<context: {who.user or 'anonymous'} for {who.project}, new objects are {LEVELS[who.privileges]} ({who.privileges})"
                f"{', looking ' * bool(standpoint)}{standpoint}>")


context = Context()


def _delete(database: Database, connection: sa.Connection, who: Identity, obj: Any) -> list[str]:
    oid, mapping = obj.oid, type(obj).__mapping__
    _refuse_delete(connection, who, obj)
    stored = tables.object_file.c
    files = list(connection.scalars(sa.select(stored.sha256).where(stored.oid == oid)))
    note_change(connection, Line(oid, "object", obj.object_id, None), who.user_id, "deleted")
    sels = set(connection.scalars(sa.select(tables.candidate.c.sel).where(tables.candidate.c.oid == oid)))
    for table, column in ((tables.candidate, "oid"), (tables.edge, "target"), (tables.want, "target"), (tables.object_file, "oid"),
                          *((part.type.__mapping__.table, "owner_oid") for part in mapping.parts.values()),
                          *((table, "oid") for table in reversed(mapping.tables)), (tables.object_, "oid")):
        connection.execute(sa.delete(table).where(table.c[column] == oid))
    touch(connection, {bytes(sel) for sel in sels})
    if database.roles:
        return []
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
    kept = released(connection, [obj.oid], current().dialect).get(obj.oid, ())
    if kept:
        raise ForbiddenError(f"{obj!r} belongs to a release{', ' + kept[0].name if who.sees(*kept[0][3:]) else ''}, and releases stay as "
                             "they are; invalidate it instead")
    _refuse_used(connection, who, obj)


def _refuse_used(connection: sa.Connection, who: Identity, obj: Any) -> None:
    """Refuse where others refer to it; how many is told of those that can be seen."""
    edge, root = tables.edge, tables.object_
    used = sa.select(root.c.oid).distinct().select_from(edge.join(root, root.c.oid == edge.c.target)).where(edge.c.input == obj.oid)
    seen = len(connection.execute(used.where(who.visible(root))).all())
    if seen:
        raise ForbiddenError(f"{obj!r} is referred to by {seen} other object{'s' if seen > 1 else ''}; delete those first "
                             "(obj.inverse_objects() finds them), or invalidate it")
    if connection.execute(used.limit(1)).first() is not None:
        raise ForbiddenError(f"{obj!r} is referred to by what {who.user} does not see, and stays; invalidate it instead")
