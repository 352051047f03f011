"""Who is making what: one lease for a derivation and those who share the result.

The holder shows its token when it commits; a holder whose process is gone is taken over at once, one that does not renew its
lease, since it hangs or its machine does, after a minute.  Time is that of the database.
"""
from __future__ import annotations

import datetime
import logging
import socket
import threading
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy as sa

from awe.errors import AweError, TransientError
from awe.fileserver.owner import Owner
from awe.persist import tables
from awe.persist.names import INSERT
from awe.persist.session import Database

log = logging.getLogger("awe.dataflow")

SECONDS = 60.0
HEARTBEAT = 15.0

#: The tokens that runs of this process hold: a lease of this process with another token was left behind by a run that ended.
_active: set[str] = set()


class TakenOver(TransientError):
    """Somebody else has taken a lease over, so that what its holder made may not be committed."""


@dataclass(frozen=True)
class Lease:
    """A lease that is held; its token begins with the process that holds it."""

    derivation: bytes
    scope: str
    token: str


class Keeper:
    """Holds the leases of one run, and renews them from a thread of its own as long as the run lasts."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._held: dict[str, Lease] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="awe leases", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for lease in list(self._held.values()):
            self.forget(lease)

    def intend(self, derivation: bytes, scope: str) -> Lease:
        """A lease to `take` in a transaction; `forget` it where it was not got."""
        lease = Lease(derivation, scope, f"{Owner.here()}.{uuid.uuid4().hex}")
        _active.add(lease.token)
        self._held[lease.token] = lease
        return lease

    def forget(self, lease: Lease) -> None:
        """Renew it no longer: it was given back, or will be taken over."""
        self._held.pop(lease.token, None)
        _active.discard(lease.token)

    def _beat(self) -> None:
        while not self._stop.wait(HEARTBEAT):
            held = list(self._held)
            try:
                if held:
                    self.database.write(lambda connection, held=held: renew(connection, held))  # type: ignore[misc]
            except (AweError, sa.exc.DBAPIError) as error:
                log.warning("%d leases could not be renewed, and are tried again: %s", len(held), error)


def take(connection: sa.Connection, wanted: Lease) -> bool:
    """Try once, within a transaction: take a lease that is free, expired, or held by a process that is gone."""
    me = Owner.parse(wanted.token.partition(".")[0]) or Owner.here()
    row = {"token": wanted.token, "host": socket.gethostname(), "pid": me.pid, "pid_start": me.started,
           "expires": clock(connection) + datetime.timedelta(seconds=SECONDS)}
    insert = INSERT[connection.dialect.name](tables.lease).values(derivation=wanted.derivation, scope=wanted.scope, **row)
    connection.execute(insert.on_conflict_do_nothing())
    mine = of(wanted.derivation, wanted.scope)
    held = connection.execute(sa.select(tables.lease).where(mine)).first()
    if held is not None and held.token == wanted.token:
        return True
    if held is None or not is_over(held, clock(connection)):
        return False
    return connection.execute(sa.update(tables.lease).where(mine & (tables.lease.c.token == held.token)).values(**row)).rowcount == 1


def holder(connection: sa.Connection, derivation: bytes, scope: str) -> str:
    """Who holds a lease now, as ``pid 123 on host``; empty where nobody does."""
    held = connection.execute(sa.select(tables.lease).where(of(derivation, scope))).first()
    return "" if held is None or is_over(held, clock(connection)) else f"pid {held.pid} on {held.host}"


def renew(connection: sa.Connection, tokens: Iterable[str]) -> None:
    """Put the end of some leases off."""
    until = clock(connection) + datetime.timedelta(seconds=SECONDS)
    connection.execute(sa.update(tables.lease).where(tables.lease.c.token.in_(list(tokens))).values(expires=until))


def give_back(connection: sa.Connection, lease: Lease) -> bool:
    """Give the lease back within a transaction; False when somebody else has taken it over."""
    mine = of(lease.derivation, lease.scope) & (tables.lease.c.token == lease.token)
    return connection.execute(sa.delete(tables.lease).where(mine)).rowcount == 1


def of(derivation: bytes, scope: str) -> sa.ColumnElement[bool]:
    """The criterion of one lease."""
    return (tables.lease.c.derivation == derivation) & (tables.lease.c.scope == scope)


def clock(connection: sa.Connection) -> datetime.datetime:
    """What time it is for the database; SQLite has the clock of this machine."""
    if connection.dialect.name == "postgresql":
        now: datetime.datetime = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return now.astimezone(datetime.UTC)
    return datetime.datetime.now(datetime.UTC)


def is_over(held: Any, now: datetime.datetime) -> bool:
    """Whether a row of the table no longer keeps others away."""
    return bool(held.expires <= now or is_gone(held.token))


def is_gone(token: str) -> bool:
    """Whether the run that holds a lease is known to have ended; of processes that cannot be seen from here nothing is known."""
    owner = Owner.parse(token.partition(".")[0])
    if owner is None:
        return False
    return owner.is_gone or (owner == Owner.here() and token not in _active)
