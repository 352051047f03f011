"""Row numbers and creation dates of what is new: given by the database, each greater than all before it.

A creation date is the time of day, or the microsecond after the last that was given where the clock stands behind that one: the
latest object wins, so the one that is made later has to be dated later, on whatever machine and whatever its clock does.
SQLite keeps the last in the row of `clock`, inside the transaction; the clock is that of the machine.  PostgreSQL keeps it in
the sequence of the table, which is no part of a transaction, so that nobody waits for the commit of another; the clock is that
of its server.
"""
from __future__ import annotations

import time

import sqlalchemy as sa

#: One statement of PostgreSQL for both, the first date beside the first number.
BOTH = "SELECT nextval('object_oid_seq'), CASE WHEN n = 1 THEN awe_guard_moments(%s) END FROM generate_series(1, %s) n"
NUMBERS = "SELECT nextval('object_oid_seq') FROM generate_series(1, %s)"
GREATEST = "SELECT max(m) FROM (SELECT max(oid) m FROM object UNION ALL SELECT max(oid) FROM change)"
#: The last date is moved on; the clock, or what follows the last, whichever is later.
MOVE_ON = "UPDATE clock SET last = max(last + 1, ?) + ? - 1 RETURNING last"
LATEST = {"sqlite": "SELECT max(last) FROM clock", "postgresql": "SELECT pg_sequence_last_value('clock_last_seq')"}


def draw(connection: sa.Connection, count: int) -> tuple[list[int], range]:
    """Row numbers and creation dates for `count` new objects, inside a transaction."""
    if not count or connection.dialect.name == "sqlite":
        return allocate(connection, count), moments(connection, count)
    rows = connection.exec_driver_sql(BOTH, (count, count)).all()
    return [row[0] for row in rows], range(rows[0][1], rows[0][1] + count)


def allocate(connection: sa.Connection, count: int) -> list[int]:
    """Row numbers for new objects, inside a transaction; those of deleted objects are not given again."""
    if connection.dialect.name == "postgresql":
        return [row[0] for row in connection.exec_driver_sql(NUMBERS, (count,))]
    last = connection.exec_driver_sql(GREATEST).scalar() or 0
    return list(range(last + 1, last + 1 + count))


def moments(connection: sa.Connection, count: int = 1) -> range:
    """Dates for `count` things that happen now, inside a transaction; no two are the same, and a later one is greater."""
    if not count:
        return range(0)
    if connection.dialect.name == "postgresql":
        first = int(connection.exec_driver_sql("SELECT awe_guard_moments(%s)", (count,)).scalar_one())
        return range(first, first + count)
    now = time.time_ns() // 1000
    last = connection.exec_driver_sql(MOVE_ON, (now, count)).scalar()
    if last is None:
        last = now + count - 1
        connection.exec_driver_sql("INSERT INTO clock (last) VALUES (?)", (last,))
    return range(last - count + 1, last + 1)


def latest(connection: sa.Connection) -> int:
    """The last date that was given; what is new from now on is later."""
    return connection.exec_driver_sql(LATEST[connection.dialect.name]).scalar() or 0
