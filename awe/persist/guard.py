"""Guards in the database itself: what is persistent stays as it is, and every edit stands in the change log.

Objects are edited by a line in `change`: a trigger applies it to `object`, and refuses what does not fit, so that log and
object never differ.  An UPDATE of `object` that the log does not speak of is refused, and so are UPDATE and DELETE of all
that belongs to an object; what the log calls deleted may be deleted.

The guards follow from the tables of the classes.  They have no versions: they are written at every upgrade, after the
tables have been brought up to date.
"""
from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import sqlalchemy as sa

from awe.persist import guard_postgresql, guard_sqlite, tables

#: Attribute of an object that may be edited -> its column.
EDITED = {"is_valid": "is_valid", "timestamp_start": "t_start", "timestamp_end": "t_end", "privileges": "privileges",
          "quality_flags": "quality_flags", "project": "project_id"}
#: What the log tells of an object besides, which changes nothing of it: what people say of it.
SAID = ("comment", "review", "announcement")
#: Tables whose rows many objects share, or that say what was: they are added to, and that is all.
ADDED_TO = (tables.scope, tables.recipe, tables.parameters, tables.parameter_set, tables.change, tables.release,
            tables.release_member)
#: What guards are called begins like this.
PREFIX = "awe_guard_"


class Guarded(NamedTuple):
    """A table, and the column that says to which object a row belongs; none where rows belong to no one object."""

    table: str
    owner: str | None


def guarded(there: Collection[str]) -> Iterator[Guarded]:
    """The tables whose rows never change, as far as they are there; `object` is not among them."""
    yield from (Guarded(table.name, None) for table in ADDED_TO if table.name in there)
    for table in tables.metadata.tables.values():
        for column in table.primary_key if table.name in there else ():
            if any(key.column is tables.object_.c.oid for key in column.foreign_keys):
                yield Guarded(table.name, column.name)


def wanted(connection: sa.Connection) -> dict[str, str]:
    """The guards that should be there: name -> statement."""
    dialect = connection.dialect.name
    there = set(sa.inspect(connection).get_table_names())
    kept = [column.name for column in tables.object_.columns if column.name not in EDITED.values()]
    if dialect == "sqlite":
        return guard_sqlite.texts(PREFIX, list(guarded(there)), EDITED, kept)
    schema = str(connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar())
    return guard_postgresql.texts(PREFIX, list(guarded(there)), EDITED, kept, there, schema)


def present(connection: sa.Connection) -> dict[str, str]:
    """The guards that are there: name -> what the database says of it."""
    texts = guard_sqlite.PRESENT if connection.dialect.name == "sqlite" else guard_postgresql.PRESENT
    return {row[0]: row[1] for row in connection.exec_driver_sql(texts.format(prefix=PREFIX))}


def install(connection: sa.Connection) -> None:
    """Write the guards that are missing or differ, inside a transaction."""
    missing = _missing(connection)
    if missing and connection.dialect.name == "postgresql":
        _run(connection, "SELECT pg_advisory_xact_lock(hashtext('awe_guard'))")
        missing = _missing(connection)
    for statement in missing.values():
        _run(connection, statement)


def differences(connection: sa.Connection) -> list[str]:
    """Which guards are missing or differ, in words."""
    return [f"guard {name} is missing or differs" for name in _missing(connection)]


def lift(connection: sa.Connection) -> None:
    """Take the guards away, inside a transaction: for migrations, which `install` them again in the end.

    Those of tables of packages that are not installed stay, since nobody here could write them anew.
    """
    if connection.dialect.name == "sqlite":
        for name in present(connection).keys() & wanted(connection).keys():
            _run(connection, f'DROP TRIGGER "{name}"')
    else:
        known = ", ".join(f"'{name}'" for name in tables.metadata.tables)
        _run(connection, guard_postgresql.LIFT.format(prefix=PREFIX, tables=known))


def _run(connection: sa.Connection, text: str) -> None:
    """Run one or several statements as they stand."""
    cursor = connection.connection.cursor()
    cursor.execute(text)
    cursor.close()


def _missing(connection: sa.Connection) -> dict[str, str]:
    there = present(connection)
    known = guard_sqlite.known if connection.dialect.name == "sqlite" else guard_postgresql.known
    return {name: text for name, text in wanted(connection).items() if there.get(name) != known(text)}
