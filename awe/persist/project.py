"""Projects as rows: who takes part, who manages, and who may say so.

Every user may found a project and becomes its manager.  Managers add and remove members and managers, and set what new
objects of the project usually are; a member may leave.  A project always has a manager.  Names, descriptions and members are
known to every user; what a project holds is not.
"""
from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from awe.errors import ForbiddenError, NotFoundError, did_you_mean
from awe.persist import tables
from awe.persist.identity import ASTROWISE, LEVELS, Identity, level_of
from awe.persist.names import INSERT, checked_name
from awe.persist.session import Database
from awe.persist.user import number_of_user, somebody


@dataclass(frozen=True)
class Project:
    """A project, and who takes part.

    Attributes
    ----------
    public
        whether every user may work for it; for a private one, members alone
    privileges
        what its new objects are, unless their maker says otherwise
    managers, members
        names of users; managers are members too
    """

    name: str
    description: str
    public: bool
    privileges: int
    managers: tuple[str, ...]
    members: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """The same in plain values, as JSON has them."""
        return asdict(self)

    def __repr__(self) -> str:
        kind = "public" if self.public else "private"
        return f"<{kind} project {self.name}: {', '.join(self.members) or 'nobody'}; new objects are {LEVELS[self.privileges]}>"


def projects(database: Database) -> list[Project]:
    """All projects, by name."""
    member, user = tables.project_member, tables.user
    joined = member.join(user, user.c.id == member.c.user_id)
    taking_part = sa.select(member.c.project_id, user.c.name, member.c.manager).select_from(joined).order_by(user.c.name)
    with database.reading() as connection:
        rows = connection.execute(sa.select(tables.project).order_by(tables.project.c.name)).all()
        people: dict[int, list[Any]] = defaultdict(list)
        for row in connection.execute(taking_part):
            people[row.project_id].append(row)
    return [Project(row.name, row.description, bool(row.public), row.default_privileges,
                    tuple(one.name for one in people[row.id] if one.manager), tuple(one.name for one in people[row.id])) for row in rows]


def project_named(database: Database, name: str) -> Project:
    """One project; raises NotFoundError, with near names."""
    found = {project.name: project for project in projects(database)}
    if name not in found:
        raise NotFoundError(f"there is no project {name!r}{did_you_mean(name, found)}; context.make_project makes one")
    return found[name]


def make_project(database: Database, name: str, description: str = "", *, public: bool = True, privileges: int = ASTROWISE) -> None:
    """Found a project, whose manager the user becomes."""
    who, checked = somebody(database), checked_name(name, "project")

    def found(connection: sa.Connection) -> None:
        table = tables.project
        row = INSERT[database.dialect](table).values(name=checked, description=description, public=int(public),
                                                     default_privileges=level_of(privileges)).on_conflict_do_nothing().returning(table.c.id)
        number = connection.scalar(row)
        if number is None:
            raise ForbiddenError(f"there is a project {name!r} already; choose another name, or use context.set_project")
        connection.execute(tables.project_member.insert().values(project_id=number, user_id=who.user_id, manager=1))
    database.write(found)


def add_member(database: Database, project: str, user: str, *, manager: bool = False) -> None:
    """Let `user` take part in a project, or change whether they manage it; its managers may do so."""
    def add(connection: sa.Connection) -> None:
        member, project_id = tables.project_member, _managed(connection, somebody(database), project, f"add {user}")
        user_id = number_of_user(database, connection, user)
        if not manager:
            _keep_a_manager(connection, project, project_id, user, user_id)
        row = INSERT[database.dialect](member).values(project_id=project_id, user_id=user_id, manager=int(manager))
        connection.execute(row.on_conflict_do_update(index_elements=[member.c.project_id, member.c.user_id],
                                                     set_={"manager": int(manager)}))
    database.write(add)


def remove_member(database: Database, project: str, user: str) -> None:
    """Let `user` take part no more; its managers may do so, and everybody may leave."""
    who = somebody(database)

    def remove(connection: sa.Connection) -> None:
        member = tables.project_member
        project_id = number_of_project(connection, project) if user == who.user else _managed(connection, who, project, f"remove {user}")
        user_id = connection.scalar(sa.select(tables.user.c.id).where(tables.user.c.name == user))
        is_row = (member.c.project_id == project_id) & (member.c.user_id == user_id)
        if user_id is None or connection.scalar(sa.select(sa.literal(1)).where(is_row)) is None:
            raise NotFoundError(f"{user} is no member of {project}; there was nobody to remove")
        _keep_a_manager(connection, project, project_id, user, user_id)
        connection.execute(sa.delete(member).where(is_row))
    database.write(remove)


def set_usual_privileges(database: Database, project: str, privileges: int) -> None:
    """Say what new objects of a project are from now on; its managers may do so."""
    def change(connection: sa.Connection) -> None:
        number = _managed(connection, somebody(database), project, "say what its objects are")
        connection.execute(tables.project.update().where(tables.project.c.id == number).values(default_privileges=level_of(privileges)))
    database.write(change)


def number_of_project(connection: sa.Connection, project: str) -> int:
    """The number of a project; raises NotFoundError, with near names."""
    found = connection.scalar(sa.select(tables.project.c.id).where(tables.project.c.name == project))
    if found is None:
        known = connection.scalars(sa.select(tables.project.c.name))
        raise NotFoundError(f"there is no project {project!r}{did_you_mean(project, known)}; context.make_project makes one")
    return int(found)


def managed_by(connection: sa.Connection, who: Identity) -> frozenset[int]:
    """The projects that a user manages, as the database says now."""
    member = tables.project_member.c
    return frozenset(connection.scalars(sa.select(member.project_id).where(member.user_id == who.user_id, member.manager > 0)))


def is_manager(connection: sa.Connection, who: Identity, project_id: int) -> bool:
    """Whether a user manages a project, as the database says now."""
    return project_id in managed_by(connection, who)


def membership(connection: sa.Connection, who: Identity) -> frozenset[int]:
    """The projects that a user takes part in, as the database says now."""
    member = tables.project_member.c
    return frozenset(connection.scalars(sa.select(member.project_id).where(member.user_id == who.user_id)))


def is_member(connection: sa.Connection, who: Identity, project_id: int) -> bool:
    """Whether a user takes part in a project, as the database says now."""
    return project_id in membership(connection, who)


def _managed(connection: sa.Connection, who: Identity, project: str, to_do: str) -> int:
    number = number_of_project(connection, project)
    if not is_manager(connection, who, number):
        raise ForbiddenError(f"{who.user} is no manager of {project}, and cannot {to_do}; `awe project show {project}` says who is")
    return number


def _keep_a_manager(connection: sa.Connection, project: str, project_id: int, user: str, user_id: int) -> None:
    """Refuse to take the last manager away; two who take one another away at once wait for each other."""
    member = tables.project_member.c
    managers = sa.select(member.user_id).where(member.project_id == project_id, member.manager > 0).with_for_update()
    if set(connection.scalars(managers)) == {user_id}:
        raise ForbiddenError(f"{user} is the only manager of {project}; make somebody else manager first")
