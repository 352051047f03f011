"""Which objects go into an export: those of a project, and all that they stand on."""
from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from awe.errors import ConfigError, ForbiddenError, NotFoundError
from awe.exchange.rows import BLOCK, owned_here, owner_of, refers_to_object
from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.identity import Identity
from awe.persist.mapping import class_of


def objects_of(connection: sa.Connection, project: str, who: Identity) -> set[int]:
    """The row numbers of the visible objects of a project, with everything that they refer to.

    Raises
    ------
    NotFoundError
        there is no such project, or nothing of it can be seen
    ForbiddenError
        something that they stand on cannot be seen
    ConfigError
        some are of a class that is not installed
    """
    o = tables.object_
    number = connection.scalar(sa.select(tables.project.c.id).where(tables.project.c.name == project))
    names = ", ".join(connection.scalars(sa.select(tables.project.c.name).order_by(tables.project.c.name)))
    if number is None:
        raise NotFoundError(f"there is no project {project!r}; there are: {names}")
    top = set(connection.scalars(sa.select(o.c.oid).where(o.c.project_id == number, who.visible(o)), who.parameters))
    if not top:
        raise NotFoundError(f"project {project!r} has no objects that {who.user or 'anonymous'} can see")
    found = everything_below(connection, top)
    check(connection, found, who)
    return found


def everything_below(connection: sa.Connection, top: Iterable[int]) -> set[int]:
    """Some objects, and all that they refer to, at any distance: a few statements for each level."""
    links = [(owner, column) for table in owned_here(connection)[1:] if (owner := owner_of(table)) is not None
             for column in table.columns if refers_to_object(column) and column is not owner]
    found, frontier = set(top), set(top)
    while frontier:
        there = {oid for owner, column in links for oid in linked(connection, owner, column, frontier)}
        frontier = there - found
        found |= frontier
    return found


def linked(connection: sa.Connection, owner: sa.Column[int], column: sa.Column[int], oids: set[int]) -> set[int]:
    """What a column refers to in the rows of some objects."""
    dialect, wanted, found = connection.dialect.name, sorted(oids), set[int]()
    statement = sa.select(column).where(among(owner, dialect), column.is_not(None)).distinct()
    for start in range(0, len(wanted), BLOCK):
        found.update(connection.scalars(statement, numbers(wanted[start:start + BLOCK], dialect)))
    return found


def check(connection: sa.Connection, oids: set[int], who: Identity) -> None:
    """Refuse what cannot be seen, and what cannot be read."""
    o, dialect, wanted = tables.object_, connection.dialect.name, sorted(oids)
    seen, classes = 0, set[int]()
    for start in range(0, len(wanted), BLOCK):
        statement = sa.select(o.c.class_id).where(among(o.c.oid, dialect), who.visible(o))
        there = connection.scalars(statement, {**numbers(wanted[start:start + BLOCK], dialect), **who.parameters}).all()
        seen, classes = seen + len(there), classes | set(there)
    if seen < len(oids):
        raise ForbiddenError(f"{len(oids) - seen} objects that it stands on cannot be seen by {who.user or 'anonymous'}; "
                             "let somebody export who sees them all")
    absent = [number for number in classes if class_of(number).__elsewhere__]
    if absent:
        cls = tables.class_.c
        names = connection.scalars(sa.select(cls.name).where(cls.class_id.in_(absent)).order_by(cls.name))
        raise ConfigError(f"there are objects of {', '.join(names)}, which are not installed; install their packages, and export again")
