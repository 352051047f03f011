"""Which digests something new can be found under: a line in `touched` for each, so that who remembers an answer knows what to ask anew.

Nobody waits for the commit of another to write such a line, so that their numbers do not grow in the order in which they come to
be seen.  On PostgreSQL a line therefore has the number of its transaction, and who looks remembers the oldest one that may still
have been going on; SQLite has one writer at a time, and the number of the line itself does.
"""
from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from awe.persist.outbox import Outbox

WRITE = {"sqlite": "INSERT INTO touched (sel) VALUES (?)",
         "postgresql": "INSERT INTO touched (sel, xid) "
                       "SELECT sel, pg_current_xact_id()::text::bigint FROM unnest(%s::bytea[]) sel"}
MARK = {"sqlite": "SELECT coalesce(max(seq), 0) FROM touched",
        "postgresql": "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"}
#: Lines of transactions that are to come are from another server, where this database was before.
SINCE = {"sqlite": "seq > {mark}",
         "postgresql": "xid BETWEEN {mark} AND pg_snapshot_xmax(pg_current_snapshot())::text::bigint"}


def touch(connection: sa.Connection, sels: Collection[bytes]) -> None:
    """Note that what can be found under these digests has changed, inside the transaction that changes it."""
    outbox = Outbox(connection)
    touch_with(outbox, sels)
    outbox.send()


def touch_with(outbox: Outbox, sels: Collection[bytes]) -> None:
    """The same, together with what else is sent."""
    dialect, given = outbox.connection.dialect.name, sorted(sels)
    if given:
        outbox.run(WRITE[dialect], [(given,)] if dialect == "postgresql" else [(sel,) for sel in given])


def mark(connection: sa.Connection) -> int:
    """How far the lines have been seen, as of the first statement of a transaction that reads."""
    return int(connection.exec_driver_sql(MARK[connection.dialect.name]).scalar() or 0)


def since(connection: sa.Connection, mark: int) -> str:
    """The condition on `touched` that holds for all lines that were not seen at `mark`, and on PostgreSQL for some that were."""
    return SINCE[connection.dialect.name].format(mark=int(mark))
