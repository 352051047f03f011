"""Hands many rows to one statement: row numbers as one parameter, few other rows in its text, many through a temporary table."""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

SQL_TYPE = {"int": "bigint", "bytes": "bytea"}
#: So many rows stand in the text of a statement; a temporary table takes three statements more, and is faster to read for many.
FEW = 100
NUMBERS = {"sqlite": "(select value as oid from json_each(?))", "postgresql": "(select unnest(%s::bigint[]) as oid)"}


def numbers(connection: sa.Connection, oids: Sequence[int]) -> tuple[str, tuple[str]]:
    """What to write after FROM for a table of row numbers with the one column ``oid``, in this order, and the parameter it takes."""
    sqlite = connection.dialect.name == "sqlite"
    return NUMBERS[connection.dialect.name], (json.dumps(oids) if sqlite else "{" + ",".join(map(str, oids)) + "}",)


def asked(connection: sa.Connection, name: str, columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Any, ...]]) -> str:
    """Put `rows` where a statement on this connection can read them, and return what to write after FROM.

    Of many rows this is a temporary table that lives as long as the connection and holds only the last `rows`.
    """
    if 0 < len(rows) <= FEW:
        return written(connection.dialect.name, columns, rows)
    table = f"awe_{name}"
    if connection.dialect.name == "sqlite":
        defined = ",".join(f"{column} {'blob' if kind == 'bytes' else 'integer'}" for column, kind in columns)
        connection.exec_driver_sql(f"create temp table if not exists {table}({defined})")
        connection.exec_driver_sql(f"delete from temp.{table}")
        connection.exec_driver_sql(f"insert into temp.{table} values({','.join('?' * len(columns))})", list(rows))
        return f"temp.{table}"
    defined = ",".join(f"{column} {SQL_TYPE[kind]}" for column, kind in columns)
    connection.exec_driver_sql(f"create temp table if not exists {table}({defined})")
    connection.exec_driver_sql(f"truncate pg_temp.{table}")
    cursor = connection.connection.cursor()
    with cursor.copy(f"copy pg_temp.{table} from stdin (format binary)") as copy:  # type: ignore[attr-defined]
        copy.set_types(["int8" if kind == "int" else "bytea" for _, kind in columns])
        for row in rows:
            copy.write_row(row)
    cursor.close()
    connection.exec_driver_sql(f"analyze pg_temp.{table}")
    return f"pg_temp.{table}"


def written(dialect: str, columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Any, ...]]) -> str:
    """Rows of numbers and digests as a sub-select; the first row says of which types they are."""
    literal = "x'{}'" if dialect == "sqlite" else "'\\x{}'::bytea"

    def text(value: Any, kind: str) -> str:
        written = literal.format(value.hex()) if kind == "bytes" else str(int(value))
        return f"{written}::bigint" if kind == "int" and dialect == "postgresql" else written
    kinds = [kind for _, kind in columns]
    values = ",".join(f"({','.join(map(text, row, kinds))})" for row in rows)
    names = ",".join(f"column{place} as {name}" for place, (name, _) in enumerate(columns, 1))
    return f"(select {names} from (values {values}) as listed)"
