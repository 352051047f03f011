"""`awe jobs`: what is being made, what failed and why, what is held, what is missing; to cancel, to try again, to read the log."""
from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from awe.cli.asking import counted
from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.cli.progress import of_targets, progress_bar
from awe.dataflow import jobs as job_rows
from awe.dataflow.node import Node
from awe.dataflow.plan import Plan
from awe.dataflow.planner import Options, Planner
from awe.dataflow.request import Request
from awe.dataflow.run import Report
from awe.dataflow.state import State
from awe.dataflow.survey import Survey, cancel, job_row, pars_of, survey
from awe.dataflow.target import number_of_workers
from awe.errors import AweError, QueryError
from awe.face.words import keys_given, target_named
from awe.persist.mapping import class_of
from awe.science.compiling import told

COLUMNS = ("id", "state", "class", "request", "user", "started", "seconds", "reason")
SHOWN = 20


def jobs(options: Namespace) -> int:
    """Tell how everything stands; with a target, what its targets lack too."""
    with opened(options) as instance:
        if options.failed:
            return failed(options, job_rows.listed(instance.database, state="failed", limit=options.limit))
        found = survey(instance.database)
        latest = job_rows.listed(instance.database, limit=options.limit)
        plan = planned(options) if options.target else None
        if options.json and not options.survey and plan is None:
            print_json(latest)
        elif options.json:
            print_json({**found.as_dict(), "latest": latest, **({"plan": plan_as_dict(plan)} if plan is not None else {})})
        else:
            said = [*lines(found), *(plan_lines(plan) if plan is not None else [])]
            print("\n".join([*said, as_table(COLUMNS, [[worded(row[name]) for name in COLUMNS] for row in latest])]))
    return 0


def failed(options: Namespace, rows: list[dict[str, Any]]) -> int:
    """The jobs that failed, each with its log."""
    if options.json:
        print_json(rows)
        return 0
    print(as_table(COLUMNS, [[worded(row[name]) for name in COLUMNS] for row in rows]))
    print("\n".join(f"\njob {row['id']}: {row['reason']}\n{row['log']}".rstrip() for row in rows))
    return 0


def planned(options: Namespace) -> Plan:
    """What the targets that are named would need."""
    cls = target_named(options.target)
    return Planner().plan(cls.requests(**keys_given(cls, options.keys)))


def lines(found: Survey) -> list[str]:
    """What runs, how much is in which state, and what is not well."""
    said = [f"running  {run['what']}: {run['done']} of {run['planned']}{', ' + run['now'] if run['now'] else ''} "
            f"(by {run['user']} on {run['host']}, since {run['started'][:19]})" for run in found.runs]
    said.append(", ".join(f"{count} {state}" for state, count in sorted(found.counts.items())) or "nothing was ever made here")
    for state in ("failed", "held", "lost", "cancelled"):
        rows = found.jobs.get(state, [])
        said += [f"{state:<9}{row['id']}  {row['class']} {worded(row['request'])}: {row['reason']}" for row in rows[:SHOWN]]
        said += [f"{state:<9}and {len(rows) - SHOWN} more; --json shows all"] if len(rows) > SHOWN else []
    return said


def plan_lines(plan: Plan) -> list[str]:
    """What stands between what there is and what was asked for."""
    roots = blocked_roots(plan)
    said = [f"asked for: {plan.summary()}"]
    said += [f"{node.state.value:<9} {node.name}: {'; '.join(reason.text for reason in node.reasons[:3])}" for node in roots[:SHOWN]]
    return said + ([f"and {len(roots) - SHOWN} more; --json shows all"] if len(roots) > SHOWN else [])


def blocked_roots(plan: Plan) -> list[Node]:
    """The nodes that cannot be had, but for those that only wait for such a one."""
    plan.complete(plan.blocked)
    return [node for node in plan.blocked if not any(child.state.is_blocked for child in node.children())]


def plan_as_dict(plan: Plan) -> dict[str, Any]:
    """The same as plain data."""
    found: dict[str, Any] = {"counts": plan.counts()}
    for state in (State.MISSING, State.HELD, State.NOT_VISIBLE):
        found[state.value] = [{"class": node.cls.__name__, "keys": {name: str(value) for name, value in (node.keys or {}).items()},
                               "reasons": [reason.text for reason in node.reasons]} for node in blocked_roots(plan) if node.state is state]
    return found


def log(options: Namespace) -> int:
    """Print why a job ended as it did, and what was logged."""
    with opened(options) as instance:
        row = job_rows.as_dict(job_row(instance.database, options.id))
    if options.json:
        print_json(row)
    else:
        print(f"job {row['id']}, {row['class']} {worded(row['request'])}: {row['state']}{', ' + row['reason'] if row['reason'] else ''}")
        print(row["log"].rstrip() or "nothing was logged")
    return 0


def stop(options: Namespace) -> int:
    """Ask for jobs to be given up."""
    with opened(options) as instance:
        numbers = cancel(instance.database, options.ids, whole_run=options.run)
    if options.json:
        print_json({"cancelled": numbers})
    else:
        what = "and with them all of their runs" if options.run else "what was made before is kept"
        print(f"{len(numbers)} jobs are being given up; {what}")
    return 0


def retry(options: Namespace) -> int:
    """Make again what jobs could not, with the same keys and parameters, for the same moment; one failure does not stop the others."""
    with opened(options) as instance:
        numbers = options.ids or unfinished(survey(instance.database))
        made: list[Any] = []
        failures: list[str] = []
        report = Report()
        with progress_bar(told("making")) as tell:
            for number in numbers:
                row = job_row(instance.database, number)
                planner = Planner(options=Options(pars_of(row) or None, retry=True))
                try:
                    made += planner.get([request_of(row)], workers=number_of_workers(options.workers), progress=of_targets(tell))
                except AweError as error:
                    failures.append(f"job {number}: {' '.join(str(error).split())}")
                report.add(planner.report or Report())
        if options.json:
            print_json({"objects": [obj.object_id for obj in made], "report": counted(report), "failures": failures})
        else:
            print("\n".join([*map(repr, made), str(report)]))
    for failure in failures:
        print(f"awe: {failure}", file=sys.stderr)
    return 2 if failures else 0


def unfinished(found: Survey) -> list[int]:
    """The numbers of all jobs that came to nothing."""
    return [row["id"] for state in ("failed", "lost", "cancelled") for row in found.jobs.get(state, [])]


def request_of(row: Any) -> Request:
    """What a job was to make."""
    cls = class_of(row.class_id)
    if cls.__elsewhere__ or row.state in ("running", "cancelling"):
        why = "its class is not installed" if cls.__elsewhere__ else "it is still running; `awe jobs cancel` gives it up"
        raise QueryError(f"job {row.id} cannot be tried again: {why}")
    read = job_rows.as_dict(row)
    return Request(cls, dict(read["request"]), row.at if row.at is not None else 0)


def worded(value: Any) -> Any:
    """The keys of a request as text."""
    return " ".join(str(one) for one in value.values()) if isinstance(value, dict) else value
