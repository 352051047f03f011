"""Job rows: what was tried, by whom, how it ended, with reason and log; what failed can be asked for."""
from __future__ import annotations

import datetime
import json
import os
import socket
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from awe.errors import AweError, PermanentError, StoreError, TransientError
from awe.persist import tables
from awe.persist.declare import number_of
from awe.persist.mapping import class_of
from awe.persist.selector import class_name
from awe.persist.session import Database

LOG_LIMIT = 100_000


def begin(connection: sa.Connection, cls: type, request: Mapping[str, Any], derivation: bytes, who: int) -> int:
    """Note that somebody began to make something; return the number of the job."""
    row = {"derivation": derivation, "class_id": number_of(class_name(cls)), "request": json.dumps(dict(request), default=str),
           "state": "running", "who": who, "started": now(), "host": socket.gethostname(), "pid": os.getpid()}
    key = connection.execute(sa.insert(tables.job).values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def end(connection: sa.Connection, job: int, state: str, *, oid: int | None = None, reason: str = "", log: str = "",
        permanent: bool = False) -> None:
    """Note how a job ended."""
    connection.execute(sa.update(tables.job).where(tables.job.c.id == job).values(
        state=state, oid=oid, reason=reason, log=log[-LOG_LIMIT:], permanent=int(permanent), ended=now()))


def is_permanent(error: BaseException) -> bool:
    """Whether trying again, with all else unchanged, would fail again."""
    if isinstance(error, TransientError | StoreError | OSError | MemoryError | sa.exc.OperationalError):
        return isinstance(error, PermanentError)
    return not isinstance(error, KeyboardInterrupt | SystemExit)


def in_words(error: BaseException) -> str:
    """An error as one line."""
    text = " ".join(str(error).split())
    return text if isinstance(error, AweError) and text else f"{type(error).__name__}: {text}"


def listed(database: Database, *, state: str | None = None, limit: int = 50) -> list[dict[str, Any]]:
    """The latest jobs as plain data; one whose process is gone is said to be lost."""
    job = tables.job
    statement = sa.select(job, tables.user.c.name.label("user")).outerjoin(tables.user, tables.user.c.id == job.c.who)
    statement = statement.order_by(job.c.id.desc()).limit(limit)
    if state is not None:
        statement = statement.where(job.c.state == state)
    with database.reading() as connection:
        rows = connection.execute(statement).all()
    return [as_dict(row) for row in rows]


def as_dict(row: Any) -> dict[str, Any]:
    """One job as plain data."""
    cls = class_of(row.class_id)
    took = (row.ended - row.started).total_seconds() if row.ended else None
    return {"id": row.id, "class": cls.__name__ if cls else str(row.class_id), "request": json.loads(row.request),
            "state": row.state, "reason": row.reason, "permanent": bool(row.permanent), "user": row.user, "host": row.host,
            "pid": row.pid, "started": row.started.isoformat(), "seconds": took, "log": row.log, "oid": row.oid}


def bury_the_lost(database: Database) -> int:
    """Mark running jobs of processes of this host that are gone as lost; return how many."""
    job = tables.job

    def work(connection: sa.Connection) -> int:
        rows = connection.execute(sa.select(job.c.id, job.c.host, job.c.pid, job.c.started).where(job.c.state == "running")).all()
        lost = [row.id for row in rows if row.host == socket.gethostname() and not alive(row.pid)]
        if lost:
            connection.execute(sa.update(job).where(job.c.id.in_(lost)).values(state="lost", reason="its process is gone", ended=now()))
        return len(lost)
    return database.write(work)


def alive(pid: int) -> bool:
    """Whether there is a process of this number."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def now() -> datetime.datetime:
    """This moment."""
    return datetime.datetime.now(datetime.UTC)


