"""Python values to rows, in the form that the database driver takes, and rows into tables."""
from __future__ import annotations

import datetime
import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from awe.persist.declare import number_of
from awe.persist.failure import translated
from awe.persist.mapping import Mapped, Mapping
from awe.persist.types import to_microseconds

Row = tuple[Any, ...]

#: From how many rows on PostgreSQL takes them by COPY.
COPY_FROM = 200


def write_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Row], names: tuple[str, ...] | None = None) -> None:
    """Insert `rows`, which have a value for each column of `table` in order, or for those called `names`."""
    if not rows:
        return
    names = names or tuple(table.columns.keys())
    if connection.dialect.name == "postgresql" and len(rows) >= COPY_FROM:
        _copy(connection, table.name, names, rows)
    else:
        connection.exec_driver_sql(insert_text(table.name, names, connection.dialect.name), list(rows))


def stream_rows(connection: sa.Connection, table: sa.Table, rows: Iterable[Row]) -> None:
    """The same for rows that come one by one and are not kept; the driver takes them as fast as it can."""
    names = tuple(table.columns.keys())
    if connection.dialect.name == "postgresql":
        _copy(connection, table.name, names, rows)
        return
    cursor = connection.connection.cursor()
    cursor.executemany(insert_text(table.name, names, "sqlite"), rows)  # type: ignore[arg-type]
    cursor.close()


@functools.cache
def insert_text(table: str, names: tuple[str, ...], dialect: str) -> str:
    """The INSERT of one row with a value for each of `names`."""
    mark = "?" if dialect == "sqlite" else "%s"
    columns = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join([mark] * len(names))})'


def _copy(connection: sa.Connection, table: str, names: Iterable[str], rows: Iterable[Row]) -> None:
    columns = ", ".join(f'"{name}"' for name in names)
    target = table
    if "awe_role" in connection.info:  # PostgreSQL copies into no table that has policies; into one of ours, and from there
        target = f"awe_copy_{table}"[:63]
        connection.exec_driver_sql(f'CREATE TEMP TABLE "{target}" (LIKE "{table}" INCLUDING DEFAULTS) ON COMMIT DROP')
    cursor: Any = connection.connection.cursor()
    with translated(connection, target), cursor, cursor.copy(f'COPY "{target}" ({columns}) FROM STDIN') as copy:
        for row in rows:
            copy.write_row(row)
    if target != table:
        connection.exec_driver_sql(f'INSERT INTO "{table}" ({columns}) SELECT {columns} FROM "{target}"')
        connection.exec_driver_sql(f'DROP TABLE "{target}"')


def encoder(type_: type, dialect: str) -> Callable[[Any], Any] | None:
    """What makes a value of `type_` ready for the driver; None where nothing has to be done."""
    if type_ is datetime.datetime:
        return lambda value: None if value is None else to_microseconds(value)
    if type_ is float and dialect == "sqlite":
        return lambda value: "nan" if value != value else value
    return None


def encoded(column: list[Any], encode: Callable[[Any], Any] | None) -> list[Any]:
    """A whole column, ready for the driver; one of floats is only touched where it has a NaN."""
    if encode is None or (set(map(type, column)) <= {float, type(None)} and not any(map(operator.ne, column, column))):
        return column
    return list(map(encode, column))


@functools.cache
def columns_of(mapping: Mapping, table: sa.Table, dialect: str) -> tuple[tuple[str, Any, Callable[[Any], Any] | None], ...]:
    """(name, default, encoder) for each own column of `table`, a table of this class."""
    found = []
    for column in table.columns:
        declared = mapping.attributes.get(column.key)
        if declared is not None:
            found.append((column.key, declared.default, encoder(declared.type, dialect)))
        elif column.key not in ("oid", "owner_oid", "slot"):
            found.append((column.key, None, None))
    return tuple(found)


def class_rows(obj: Mapped, oid: int, links: dict[str, int | None], dialect: str) -> list[tuple[sa.Table, Row]]:
    """The rows of an object in the tables of its class, and of its parts; `links` are its ``<name>_oid``."""
    mapping = type(obj).__mapping__
    values = {**obj.__dict__, **links}
    found = [(table, (oid, *own_values(mapping, table, values, dialect))) for table in mapping.tables]
    for name, declared in mapping.parts.items():
        part = values.get(name)
        if part is not None:
            theirs = declared.type.__mapping__
            found.append((theirs.table, (oid, number_of(name), *own_values(theirs, theirs.table, part.__dict__, dialect))))
    return found


def own_values(mapping: Mapping, table: sa.Table, values: dict[str, Any], dialect: str) -> list[Any]:
    """The values of the own columns of `table`, ready for the driver."""
    return [values.get(name, default) if encode is None else encode(values.get(name, default))
            for name, default, encode in columns_of(mapping, table, dialect)]
