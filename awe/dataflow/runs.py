"""Runs: what somebody asked for, how far it has got, and whether it is to stop; rows that others can read while it lasts."""
from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow.jobs import now, storable
from awe.errors import TransientError
from awe.fileserver.owner import Owner
from awe.persist import tables
from awe.persist.session import Database

#: A run says how far it is, and looks whether it is to stop, no more often than this.
SECONDS = 1.0
#: So many targets that were asked for are named.
NAMED = 5


class Asked(NamedTuple):
    """What others ask of a run: to stop altogether, or to give up some jobs; and who asks."""

    stop: str = ""
    jobs: Mapping[int, str] = {}


class RunRow:
    """The row of one run of this process."""

    def __init__(self, database: Database, names: Iterable[str], pars: Mapping[str, Any], planned: int) -> None:
        self.database, self.planned = database, planned
        listed = list(names)
        self.what = ", ".join(listed[:NAMED]) + (f" and {len(listed) - NAMED} more" if len(listed) > NAMED else "")
        self.pars = {name: dict(values) for name, values in pars.items()}
        self.id = 0
        self._told = self._looked = time.monotonic()

    def begin(self) -> None:
        """Write it down."""
        who = self.database.identity
        row = {"creator_id": who.user_id, "project_id": who.project_id, "privileges": who.privileges, "host": socket.gethostname(),
               "owner": str(Owner.here()), "what": storable(self.what), "pars": json.dumps(self.pars, default=str), "planned": self.planned,
               "state": "running", "started": now(), "updated": now()}
        key = self.database.write(lambda connection: connection.execute(sa.insert(tables.run).values(row)).inserted_primary_key)
        assert key is not None
        self.id = int(key[0])

    def tell(self, done: int, planned: int, doing: str) -> None:
        """Say how far it is, if that was not said just now."""
        if self.id and time.monotonic() - self._told >= SECONDS:
            self._told = time.monotonic()
            self._write(done=done, planned=planned, now=storable(doing))

    def end(self, state: str, done: int, planned: int) -> None:
        """Say how it ended."""
        if self.id:
            self._write(state=state, done=done, planned=planned, now="", ended=now())

    def asked(self) -> Asked:
        """What others ask of it, if that was not looked at just now."""
        if not self.id or time.monotonic() - self._looked < SECONDS:
            return Asked()
        self._looked = time.monotonic()
        r, j = tables.run.c, tables.job.c
        with self.database.reading() as connection:
            row = connection.execute(sa.select(r.state, r.now).where(r.id == self.id)).one()
            jobs = connection.execute(sa.select(j.id, j.reason).where(j.run_id == self.id, j.state == "cancelling")).all()
        return Asked(row.now if row.state == "cancelling" else "", dict(map(tuple, jobs)))

    def _write(self, **values: Any) -> None:
        statement = sa.update(tables.run).where(tables.run.c.id == self.id)
        if "state" not in values:
            statement = statement.where(tables.run.c.state == "running")  # who asked it to stop is named there
        self.database.write(lambda connection: connection.execute(statement.values(updated=now(), **values)))


def stop_if_asked(asked: Asked) -> None:
    """Raise where the whole run is to stop."""
    if asked.stop:
        raise TransientError(f"{asked.stop}; what was made before is kept")


def is_gone(owner: str) -> bool:
    """Whether the process of a run is known to have ended."""
    found = Owner.parse(owner)
    return found is not None and found.is_gone


def bury(connection: sa.Connection) -> int:
    """Mark runs whose process is gone as lost; return how many."""
    r = tables.run
    running = connection.execute(sa.select(r.c.id, r.c.owner).where(r.c.state.in_(("running", "cancelling")))).all()
    lost = [row.id for row in running if is_gone(row.owner)]
    if lost:
        connection.execute(sa.update(r).where(r.c.id.in_(lost)).values(state="lost", now="", ended=now()))
    return len(lost)
