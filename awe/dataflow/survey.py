"""What became of everything that was asked for: what runs and how far it is, what failed and why, what is held, what was lost."""
from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.dataflow import jobs, runs
from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.mapping import class_of
from awe.persist.session import Database

#: States of jobs that may yet come to an end.
OPEN = ("running", "cancelling")


@dataclass
class Survey:
    """The state of all that was tried.

    Attributes
    ----------
    runs
        what is being made now: what was asked for, by whom, where, how far it is, what it does
    counts
        state -> how many things are in it: each is counted once, by the last that was tried
    jobs
        state -> the last job of each thing that is not done: running, failed, held, lost, cancelled
    """

    runs: list[dict[str, Any]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        return {"runs": self.runs, "counts": self.counts, **{state: self.jobs.get(state, []) for state in STATES}}


STATES = ("running", "failed", "held", "lost", "cancelled")


def survey(database: Database) -> Survey:
    """Look at the last job of everything, by one statement, and at what runs, by another; only what the user may see.

    As of an earlier moment, what had ended by then is there; what was running is not.
    """
    is_present = not database.standpoint
    if is_present:
        database.write(jobs.bury)
        database.write(runs.bury)
    with database.reading() as connection:
        found = Survey([] if not is_present else [run_as_dict(row) for row in connection.execute(running_runs(database))])
        rows = connection.execute(last_jobs(database), database.identity.parameters).all()
    for row in rows:
        state = "held" if row.state == "done" and row.is_held else "running" if row.state in OPEN else row.state
        found.counts[state] = found.counts.get(state, 0) + 1
        if state != "done":
            found.jobs.setdefault(state, []).append({**jobs.as_dict(row), "state": state, "reason": reason_of(row, state)})
    return found


def last_jobs(database: Database) -> sa.Select[Any]:
    """The last job of each derivation; and of one that is done, whether its result stands, and may not be used."""
    job, cls, user, c, o = tables.job, tables.class_, tables.user, tables.candidate, tables.object_
    number = sa.func.row_number().over(partition_by=job.c.derivation, order_by=job.c.id.desc()).label("place")
    last = sa.select(job, job.c.who.label("creator_id"), number).subquery()
    newer = c.alias()
    later = sa.exists().where(newer.c.sel == c.c.own, newer.c.own == c.c.own, newer.c.created > c.c.created, newer.c.t_start < c.c.t_end,
                              c.c.t_start < newer.c.t_end)
    held = sa.and_(c.c.eligible == 0, ~later)
    source = last.outerjoin(user, user.c.id == last.c.who).outerjoin(cls, cls.c.class_id == last.c.class_id).outerjoin(
        o, o.c.oid == last.c.oid).outerjoin(
        c, sa.and_(c.c.oid == last.c.oid, c.c.sel == c.c.own, c.c.t_end > c.c.t_start + 1))
    return sa.select(last, user.c.name.label("user"), cls.c.name.label("class"), held.label("is_held"), o.c.quality_flags, o.c.is_valid,
                     o.c.object_id).select_from(source).where(last.c.place == 1, database.identity.visible(last)).order_by(last.c.id.desc())


def reason_of(row: Any, state: str) -> str:
    """Why it is in its state."""
    if state != "held":
        return str(row.reason)
    if row.is_valid == 0:
        return f"its result {row.object_id[:8]} was invalidated"
    cls = class_of(row.class_id)
    names = cls.flag_names(row.quality_flags) if hasattr(cls, "flag_names") else [hex(row.quality_flags)]
    return f"its result {row.object_id[:8]} is flagged {', '.join(names)}"


def running_runs(database: Database) -> sa.Select[Any]:
    """The runs that are not over."""
    run, user = tables.run, tables.user
    return sa.select(run, user.c.name.label("user")).select_from(run.outerjoin(user, user.c.id == run.c.creator_id)).where(
        run.c.state.in_(OPEN), database.identity.visible(run)).order_by(run.c.id).params(database.identity.parameters)


def run_as_dict(row: Any) -> dict[str, Any]:
    """One run as plain data."""
    return {"id": row.id, "what": row.what, "state": row.state, "done": row.done, "planned": row.planned, "now": row.now, "user": row.user,
            "host": row.host, "started": row.started.isoformat(), "updated": row.updated.isoformat()}


def job_row(database: Database, number: int) -> Any:
    """One job that the user may see, with the parameters its run was asked with."""
    cls, user, run = tables.class_, tables.user, tables.run
    job = sa.select(tables.job, tables.job.c.who.label("creator_id")).subquery()
    source = job.outerjoin(user, user.c.id == job.c.who).outerjoin(cls, cls.c.class_id == job.c.class_id).outerjoin(
        run, run.c.id == job.c.run_id)
    columns = (job, user.c.name.label("user"), cls.c.name.label("class"), run.c.pars)
    statement = sa.select(*columns).select_from(source).where(job.c.id == number, database.identity.visible(job))
    with database.reading() as connection:
        row = connection.execute(statement, database.identity.parameters).one_or_none()
    if row is None:
        raise NotFoundError(f"there is no job {number} that {database.identity.user or 'anonymous'} can see; `awe jobs` lists them")
    return row


def cancel(database: Database, numbers: Sequence[int], *, whole_run: bool = False) -> list[int]:
    """Ask the runs of some jobs to give them up, or to stop altogether; return which jobs were running.

    Raises
    ------
    NotFoundError
        there is no such job, or it cannot be seen
    ForbiddenError
        it is somebody else's
    QueryError
        it is over
    """
    who, word = database.identity, f"cancelled by {database.identity.user}"
    database.write(jobs.bury)
    for number in numbers:
        row = job_row(database, number)
        if row.who != who.user_id:
            raise ForbiddenError(f"job {number} is {row.user}'s; only they can cancel it")
        if row.state not in OPEN:
            raise QueryError(f"job {number} is over: it is {row.state}; there is nothing to cancel")
    j, r = tables.job, tables.run

    def work(connection: sa.Connection) -> None:
        if whole_run:
            mine = sa.select(j.c.run_id).where(j.c.id.in_(numbers))
            connection.execute(sa.update(r).where(r.c.id.in_(mine), r.c.state == "running").values(state="cancelling", now=word))
        connection.execute(sa.update(j).where(j.c.id.in_(numbers), j.c.state == "running").values(state="cancelling", reason=word))
    database.write(work)
    return list(numbers)


def pars_of(row: Any) -> dict[str, dict[str, Any]]:
    """The parameters that the run of a job was asked with."""
    found: dict[str, dict[str, Any]] = json.loads(row.pars) if row.pars else {}
    return found
