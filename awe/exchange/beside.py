"""What goes along with the objects of a project: the sets of parameters that hold for them, its members, and its releases.

Releases go along that have all their members in the export.
"""
from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from awe.exchange import rows
from awe.persist import tables
from awe.persist.names import INSERT
from awe.persist.rows import Row, write_rows

TABLES = (tables.parameter_set, tables.project_member, tables.release, tables.release_member)
#: The columns of these tables that name users and projects.
USERS = {tables.parameter_set: "who", tables.project_member: "user_id", tables.release: "creator_id"}
PROJECTS = {tables.parameter_set: "project_id", tables.project_member: "project_id", tables.release: "project_id"}

Found = Mapping[str, Sequence[Sequence[Any]]]


def place(table: sa.Table, column: str) -> int:
    """Where a column stands in the rows of a table."""
    return list(table.columns.keys()).index(column)


def read(connection: sa.Connection, project: str, oids: set[int], instruments: set[str]) -> dict[str, list[list[Any]]]:
    """The rows that go along with some objects, by the name of the table."""
    number = connection.scalar(sa.select(tables.project.c.id).where(tables.project.c.name == project)) or 0
    kept, member, release = tables.parameter_set, tables.release_member, tables.release
    whose, camera = place(kept, "project_id"), place(kept, "instrument")
    sets = [row for row in rows.read(connection, kept, kept.c.project_id, {0, number}) if row[whose] or row[camera] in instruments]
    members = rows.read(connection, member, member.c.oid, oids)
    counts: dict[int, int] = {}
    for row in members:
        counts[row[0]] = counts.get(row[0], 0) + 1
    found = [row for row in rows.read(connection, release, release.c.id, counts) if counts[row[0]] == row[place(release, "size")]]
    whole = {row[0] for row in found}
    people = rows.read(connection, tables.project_member, tables.project_member.c.project_id, {number})
    return {kept.name: sets, tables.project_member.name: people, release.name: found,
            member.name: [row for row in members if row[0] in whole]}


def numbers(found: Found, columns: Mapping[sa.Table, str]) -> set[int]:
    """The users, or the projects, that these rows name."""
    return {row[place(table, column)] for table, column in columns.items() for row in found.get(table.name, [])} - {0}


def write(connection: sa.Connection, found: Found, users: Mapping[int, int], projects: Mapping[int, int], oids: Mapping[int, int],
          founded: set[int]) -> None:
    """Write what is not there yet, with the numbers that users, projects and objects have here.

    Members are those of projects that came with the import (`founded`): nobody is let into one that was there before.
    """
    for row in found.get(tables.project_member.name, []):
        project, user, manager = projects[row[0]], users[row[1]], row[2]
        if project in founded:
            statement = INSERT[connection.dialect.name](tables.project_member)
            connection.execute(statement.values(project_id=project, user_id=user, manager=manager).on_conflict_do_nothing())
    _write_sets(connection, found, users, projects)
    _write_releases(connection, found, users, projects, oids)


def _write_sets(connection: sa.Connection, found: Found, users: Mapping[int, int], projects: Mapping[int, int]) -> None:
    table, (key, *columns) = tables.parameter_set, tables.parameter_set.columns.keys()
    there = {tuple(row) for row in connection.execute(sa.select(*(sa.type_coerce(table.c[name], sa.types.NullType()) for name in columns)))}
    new = []
    for row in sorted(map(tuple, found.get(table.name, []))):
        said = dict(zip((key, *columns), row, strict=True))
        said.update(who=users.get(said["who"], 0), project_id=projects.get(said["project_id"], 0))
        values = tuple(said[name] for name in columns)
        new += [values] if values not in there else []
    write_rows(connection, table, new, tuple(columns))


def _write_releases(connection: sa.Connection, found: Found, users: Mapping[int, int], projects: Mapping[int, int],
                    oids: Mapping[int, int]) -> None:
    """Members first, the row that seals a release last; one whose name is taken stays out."""
    table = tables.release
    there = connection.execute(sa.select(table.c.id, table.c.name)).all()
    known = {row.id for row in there} | {row.name for row in there}
    names = table.columns.keys()
    new = [dict(zip(names, row, strict=True)) for row in found.get(table.name, [])]
    new = [said for said in new if said["id"] not in known and said["name"] not in known]
    wanted = {said["id"] for said in new}
    members: list[Row] = [(row[0], oids[row[1]]) for row in found.get(tables.release_member.name, []) if row[0] in wanted]
    write_rows(connection, tables.release_member, sorted(members))
    for said in new:
        said.update(creator_id=users[said["creator_id"]], project_id=projects[said["project_id"]])
    write_rows(connection, table, [tuple(said[name] for name in names) for said in new])
