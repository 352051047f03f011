"""What is being made, what failed and why, what is held; to watch, to cancel, to try again."""
from __future__ import annotations

from typing import Any

from awe.dataflow import jobs as job_rows
from awe.dataflow.survey import OPEN, STATES, cancel, job_row, pars_of, survey
from awe.errors import ForbiddenError, QueryError
from awe.persist.load import load
from awe.persist.mapping import class_of
from awe.services.asked import Asked
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.shown import Column, Done, Shown, Table
from awe.services.submitting import submissions

#: So many jobs in each state are shown.
SHOWN = 60
COLUMNS = [Column("id", type=int), Column("state"), Column("class"), Column("request"), Column("user"), Column("started"),
           Column("seconds", "s", type=float), Column("reason")]


def jobs(asked: Asked) -> Shown:
    """How everything stands."""
    found = survey(asked.database)
    wanted = asked["cls"]
    states = {state: [told(row) for row in found.jobs.get(state, []) if not wanted or row["class"] == wanted] for state in STATES}
    latest = [told(row) for row in job_rows.listed(asked.database, limit=SHOWN) if not wanted or row["class"] == wanted]
    data = {"runs": found.runs, "counts": found.counts, "states": {state: rows[:SHOWN] for state, rows in states.items()},
            "more": {state: max(len(rows) - SHOWN, 0) for state, rows in states.items()}, "latest": latest,
            "classes": sorted({row["class"] for rows in states.values() for row in rows} | {row["class"] for row in latest})}
    rows = ([row[column.name] for column in COLUMNS] for listed in states.values() for row in listed)
    is_busy = bool(found.runs) or bool(states["running"]) or submissions.running() > 0
    table = Table("jobs", COLUMNS, rows, "the last job of everything that is not done")
    return Shown("jobs.html", "Jobs", data, awe="!awe jobs", table=table, more={"is_busy": is_busy})


def told(row: dict[str, Any]) -> dict[str, Any]:
    """One job, without its log, its request in words."""
    return {**{name: value for name, value in row.items() if name not in ("log", "oid")},
            "request": " ".join(str(value) for value in row["request"].values())}


def job(asked: Asked) -> Shown:
    """One job with its log."""
    row = job_row(asked.database, asked["number"])
    data = {**told(job_rows.as_dict(row)), "of": job_rows.name_of(row), "log": row.log or "", "pars": pars_of(row),
            "is_running": row.state in OPEN, "object_id": object_of(asked, row.oid)}
    return Shown("job.html", f"Job {row.id}", data, awe=f"!awe jobs log {row.id}")


def object_of(asked: Asked, oid: int | None) -> str | None:
    """The identity of what a job made, if it can be seen."""
    return next((one.object_id for one in load(asked.database, [oid]).values()), None) if oid else None


def stop(asked: Asked) -> Done:
    """Ask a job, or its whole run, to end."""
    cancel(asked.database, [asked["number"]], whole_run=asked["whole"])
    return Done("It was asked to end; what was made before is kept.", "/jobs", {"job": asked["number"]})


def retry(asked: Asked) -> Done:
    """Try again what failed, was lost, cancelled or held."""
    row = job_row(asked.database, asked["number"])
    if row.state in OPEN:
        raise QueryError(f"job {row.id} is still running; cancel it, or wait")
    cls = class_of(row.class_id)
    if cls.__elsewhere__:
        raise ForbiddenError("the package of this class is not installed here, so it cannot be made")
    request = job_rows.as_dict(row)["request"]
    words = [f"{name}={getattr(value, 'name', value)}" for name, value in request.items()]
    pars = [word for name, values in pars_of(row).items() for key, value in values.items() for word in ("--pars", f"{name}.{key}={value}")]
    submissions.submit(asked.house, asked.need_user(), [cls.__name__, *words, "--all", "--retry", *pars])
    return Done("It is being tried again.", "/jobs", {"job": row.id})


NUMBER = Parameter("number", int, "the number of a job", at_least=0)
PAGES = [
    Page("jobs", "/jobs", jobs, "what is being made, what failed and why, what is held", (
        Parameter("cls", str, "only of this class", "", longest=120),), formats=("csv", "json"), menu="Jobs", rank=40),
    Page("job", "/jobs/{number}", job, "one job with its log", (NUMBER,)),
    Page("cancel", "/jobs/{number}/cancel", stop, "ask a job to end", (
        NUMBER, Parameter("whole", bool, "and everything else of its run", False)), method="POST", needs_user=True),
    Page("retry", "/jobs/{number}/retry", retry, "try a job again", (NUMBER,), method="POST", needs_user=True),
]
