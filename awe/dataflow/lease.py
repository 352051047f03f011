"""Who is making what: one lease for a derivation and those who share the result.

The holder shows its token when it commits; a holder whose process is gone is taken over at once.
"""
from __future__ import annotations

import datetime
import os
import socket
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.session import Database

SECONDS = 60.0
POLL = 0.05


@dataclass(frozen=True)
class Lease:
    """A lease that is held."""

    derivation: bytes
    scope: str
    token: str


def acquire(database: Database, derivation: bytes, scope: str, ready: Callable[[], Any]) -> Lease | Any:
    """Take the lease on a derivation, waiting for whoever holds it.

    While waiting, and again after the lease was got, `ready` is asked whether the result is there; what it returns, unless
    None, is returned in place of a lease.
    """
    token = uuid.uuid4().hex
    pause = POLL
    while True:
        got = database.write(lambda connection: take(connection, derivation, scope, token))
        found = ready()
        if found is not None:
            if got:
                release(database, Lease(derivation, scope, token))
            return found
        if got:
            return Lease(derivation, scope, token)
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def take(connection: sa.Connection, derivation: bytes, scope: str, token: str) -> bool:
    """Try once: take a lease that is free, expired, or held by a process of this host that is gone."""
    lease = tables.lease
    mine = (lease.c.derivation == derivation) & (lease.c.scope == scope)
    held = connection.execute(sa.select(lease).where(mine)).first()
    now = datetime.datetime.now(datetime.UTC)
    row = {"token": token, "host": socket.gethostname(), "pid": os.getpid(), "pid_start": pid_start(os.getpid()),
           "expires": now + datetime.timedelta(seconds=SECONDS)}
    if held is None:
        connection.execute(sa.insert(lease).values(derivation=derivation, scope=scope, **row))
        return True
    if held.expires > now and not is_gone(held.host, held.pid, held.pid_start):
        return False
    changed = connection.execute(sa.update(lease).where(mine & (lease.c.token == held.token)).values(**row))
    return changed.rowcount == 1


def renew(database: Database, lease: Lease) -> None:
    """Hold on: put the end of the lease off."""
    t = tables.lease
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=SECONDS)
    database.write(lambda connection: connection.execute(sa.update(t).where(t.c.token == lease.token).values(expires=until)))


def release(database: Database, lease: Lease) -> None:
    """Give the lease back."""
    database.write(lambda connection: give_back(connection, lease))


def give_back(connection: sa.Connection, lease: Lease) -> bool:
    """Give the lease back within a transaction; False when somebody else has taken it over."""
    t = tables.lease
    return connection.execute(sa.delete(t).where((t.c.derivation == lease.derivation) & (t.c.token == lease.token))).rowcount == 1


def is_gone(host: str, pid: int, started: int) -> bool:
    """Whether a process of this host has ended; of other hosts nothing is known."""
    return host == socket.gethostname() and pid_start(pid) != started


def pid_start(pid: int) -> int:
    """When a process began, in clock ticks since the machine did; 0 when there is no such process."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return int(stat.read_text().rsplit(")", 1)[1].split()[19])
    except (FileNotFoundError, ProcessLookupError):
        return 0
    except PermissionError:
        return -1
