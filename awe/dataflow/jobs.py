"""Job rows: what was tried, by whom, how it ended, with reason and log; what failed can be asked for."""
from __future__ import annotations

import datetime
import json
import os
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow import lease as leases
from awe.errors import (
    AweError,
    ConfigError,
    ForbiddenError,
    MissingFileError,
    PermanentError,
    SchemaError,
    StoreError,
    TransientError,
)
from awe.persist import tables
from awe.persist.declare import number_of
from awe.persist.identity import Identity
from awe.persist.mapping import class_of
from awe.persist.selector import class_name
from awe.persist.session import Database

LOG_LIMIT = 100_000

#: What may be otherwise next time with all inputs unchanged: the machine, the store, the database, rights, what is installed.
PASSING = (TransientError, StoreError, MissingFileError, ConfigError, SchemaError, ForbiddenError, OSError, MemoryError, ImportError,
           sa.exc.SQLAlchemyError, KeyboardInterrupt, SystemExit)


def begin(connection: sa.Connection, cls: type, request: Mapping[str, Any], derivation: bytes, who: Identity, *, at: int | None = None,
          run: int | None = None) -> int:
    """Note that somebody began to make something, for which moment and in which run; return the number of the job."""
    row = {"derivation": derivation, "class_id": number_of(class_name(cls)), "request": json.dumps(dict(request), default=str),
           "state": "running", "who": who.user_id, "project_id": who.project_id, "privileges": who.privileges,
           "started": now(), "host": socket.gethostname(), "pid": os.getpid(), "at": at, "run_id": run}
    key = connection.execute(sa.insert(tables.job).values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def end(connection: sa.Connection, job: int, state: str, *, oid: int | None = None, reason: str = "", log: str = "",
        permanent: bool = False) -> None:
    """Note how a job ended."""
    connection.execute(sa.update(tables.job).where(tables.job.c.id == job).values(
        state=state, oid=oid, reason=storable(reason), log=storable(log[-LOG_LIMIT:]), permanent=int(permanent), ended=now()))


def say(connection: sa.Connection, job: int, log: str) -> None:
    """Note what a job has logged so far, if it still runs."""
    running = (tables.job.c.id == job) & tables.job.c.state.in_(("running", "cancelling"))
    connection.execute(sa.update(tables.job).where(running).values(log=storable(log[-LOG_LIMIT:])))


def storable(text: str) -> str:
    """A text that both databases take: PostgreSQL has no NUL, neither has lone surrogates."""
    return text.replace("\0", "\N{SYMBOL FOR NULL}").encode("utf8", "backslashreplace").decode("utf8")


def is_permanent(error: BaseException) -> bool:
    """Whether trying again, with all else unchanged, would fail again."""
    return isinstance(error, PermanentError) or not isinstance(error, PASSING)


def in_words(error: BaseException) -> str:
    """An error as one line."""
    if isinstance(error, sa.exc.DBAPIError):
        error = error.orig or error
    text = " ".join(str(error).split())
    return text if isinstance(error, AweError) and text else f"{type(error).__name__}: {text}"


class Failed(NamedTuple):
    """The last thing that became of a derivation, where that was a permanent failure."""

    job: int
    reason: str


def last_failure(connection: sa.Connection, derivation: bytes) -> Failed | None:
    """Whether the last job of a derivation failed for a permanent reason."""
    job = tables.job.c
    statement = sa.select(job.id, job.state, job.permanent, job.reason).where(job.derivation == derivation)
    last = connection.execute(statement.order_by(job.id.desc()).limit(1)).first()
    return Failed(last.id, last.reason) if last is not None and last.state == "failed" and last.permanent else None


def listed(database: Database, *, state: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The latest jobs that made, or were to make, what can be seen, as plain data; one whose process is gone is said to be lost."""
    job, cls = sa.select(tables.job, tables.job.c.who.label("creator_id")).subquery(), tables.class_
    source = job.outerjoin(tables.user, tables.user.c.id == job.c.who).outerjoin(cls, cls.c.class_id == job.c.class_id)
    statement = sa.select(job, tables.user.c.name.label("user"), cls.c.name.label("class")).select_from(source)
    statement = statement.where(database.identity.visible(job)).order_by(job.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(job.c.state == state)
    with database.reading() as connection:
        rows = connection.execute(statement).all()
    return [as_dict(row) for row in rows]


def as_dict(row: Any) -> dict[str, Any]:
    """One job as plain data."""
    took = (row.ended - row.started).total_seconds() if row.ended else None
    return {"id": row.id, "class": name_of(row), "request": json.loads(row.request),
            "state": row.state, "reason": row.reason, "permanent": bool(row.permanent), "user": row.user, "host": row.host,
            "pid": row.pid, "started": row.started.isoformat(), "seconds": took, "log": row.log, "oid": row.oid}


def name_of(row: Any) -> str:
    """The name of the class of a job, with its package where that is not awe; the database knows it once it has an object of it."""
    cls = class_of(row.class_id)
    name = getattr(row, "class") or (f"class {row.class_id}" if cls.__elsewhere__ else cls.__mapping__.name)
    return str(name).removeprefix("awe:")


def bury_the_lost(database: Database) -> int:
    """Mark running jobs whose process is gone as lost; return how many."""
    return database.write(bury)


def bury(connection: sa.Connection, derivation: bytes | None = None) -> int:
    """The same within a transaction, for one derivation or all.

    A job runs as long as its process holds the lease on its derivation: both are noted, and both end, in one transaction.
    """
    job, lease = tables.job, tables.lease
    same = (lease.c.derivation == job.c.derivation) & (lease.c.host == job.c.host) & (lease.c.pid == job.c.pid)
    running = sa.select(job.c.id, lease.c.token, lease.c.expires).outerjoin(lease, same).where(job.c.state.in_(("running", "cancelling")))
    rows = connection.execute(running if derivation is None else running.where(job.c.derivation == derivation)).all()
    moment = leases.clock(connection) if rows else now()
    living = {row.id for row in rows if row.token is not None and not leases.is_over(row, moment)}
    lost = sorted({row.id for row in rows} - living)
    for start in range(0, len(lost), 500):
        connection.execute(sa.update(job).where(job.c.id.in_(lost[start:start + 500]), job.c.state.in_(("running", "cancelling"))).values(
            state="lost", reason="its process is gone; what it had begun is made by the next who asks", ended=now()))
    return len(lost)


def now() -> datetime.datetime:
    """This moment."""
    return datetime.datetime.now(datetime.UTC)
