"""Rows of tables as lines of JSON, the same for SQLite and PostgreSQL."""
from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.errors import IntegrityError, MissingFileError
from awe.persist import tables
from awe.persist.among import among, numbers
from awe.persist.rows import Row
from awe.persist.types import HexId, Instant

BLOCK = 2000
ROOT = tables.object_.name


def kind_of(column: sa.Column[Any]) -> str:
    """What a column holds: bytes, real, bool, int or text."""
    type_ = column.type
    if isinstance(type_, sa.LargeBinary | HexId):
        return "bytes"
    if isinstance(type_, sa.Boolean):
        return "bool"
    if isinstance(type_, sa.Integer | Instant):
        return "int"
    return "text" if isinstance(type_, sa.String) else "real"


def owner_of(table: sa.Table) -> sa.Column[Any] | None:
    """The column that says to which object a row of a table belongs; None where its rows belong to no one object."""
    found = [column for column in table.primary_key if refers_to_object(column)]
    return found[0] if found else None


def refers_to_object(column: sa.Column[Any]) -> bool:
    """Whether a column holds row numbers of objects."""
    return any(key.column is tables.object_.c.oid for key in column.foreign_keys)


def owned() -> list[sa.Table]:
    """The tables whose rows belong to objects, in the order in which they can be filled; `object` itself is the first."""
    return [tables.object_, *(table for table in tables.metadata.sorted_tables if owner_of(table) is not None)]


def owned_here(connection: sa.Connection) -> list[sa.Table]:
    """Those that the database has: a package may be installed whose tables it was not given yet."""
    there = set(sa.inspect(connection).get_table_names())
    return [table for table in owned() if table.name in there]


def read(connection: sa.Connection, table: sa.Table, by: sa.Column[Any], values: Iterable[int]) -> list[list[Any]]:
    """The rows of a table whose column `by` has one of some values, ready for JSON, in the order of the primary key."""
    dialect, wanted = connection.dialect.name, sorted(values)
    columns = [sa.type_coerce(column, sa.types.NullType()).label(column.name) for column in table.columns]
    statement = sa.select(*columns).where(among(by, dialect)).order_by(*table.primary_key)
    kinds = [kind_of(column) for column in table.columns]
    found: list[list[Any]] = []
    for start in range(0, len(wanted), BLOCK):
        rows = connection.execute(statement, numbers(wanted[start:start + BLOCK], dialect))
        found += [[encoded(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows]
    return found


def encoded(value: Any, kind: str) -> Any:
    """A value of the database as JSON has it."""
    if value is None:
        return None
    if kind == "bytes":
        return bytes(value).hex()
    if kind == "bool":
        return bool(value)
    if kind == "real":
        number = float(value)
        return number if math.isfinite(number) else repr(number)
    return value


def decoded(value: Any, kind: str, dialect: str) -> Any:
    """The same, ready for the driver of a database."""
    if value is None:
        return None
    if kind == "bytes":
        return bytes.fromhex(value)
    if kind == "real":
        number = float(value)
        return "nan" if math.isnan(number) and dialect == "sqlite" else number
    return value


def write(path: Path, rows: Sequence[Sequence[Any]]) -> str:
    """Write rows as lines; return the SHA-256 of the file."""
    text = "".join(json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n" for row in rows)
    data = text.encode("utf8", "surrogatepass")
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def load(path: Path, sha: str, count: int, columns: int) -> list[Row]:
    """Read lines back.

    Raises
    ------
    IntegrityError
        the file is not the one that was written
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFileError(f"{path} is missing from the export; export again, or copy the whole directory") from error
    if hashlib.sha256(data).hexdigest() != sha:
        raise IntegrityError(f"{path} is not as it was exported: its SHA-256 differs from the manifest; nothing was imported, export again")
    rows = [tuple(json.loads(line)) for line in data.decode("utf8", "surrogatepass").split("\n") if line]
    if len(rows) != count or any(len(row) != columns for row in rows):
        raise IntegrityError(f"{path} has {len(rows)} rows of other lengths than the manifest says; nothing was imported, export again")
    return rows
