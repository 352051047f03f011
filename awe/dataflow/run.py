"""Carries out a plan: here, or by a pool of long-lived workers; the commits are all made here.

A node is dealt with when its inputs have been: cut off where nothing it stands on came out different, shared where the same
was made before, else made.  What somebody else is making is put off, and taken from them when it is there.  A failure is kept
with its log on a job row, stops what stands on it, and nothing else; one that may pass, as of a full disk, stops open sets too,
which would else be made of what happened to be there.
"""
from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from awe.dataflow import jobs
from awe.dataflow import lease as leases
from awe.dataflow.commit import Work, commit, share
from awe.dataflow.instance import Instance
from awe.dataflow.maker import Failure, Product
from awe.dataflow.node import Node
from awe.dataflow.plan import Plan
from awe.dataflow.prepare import Prepared, prepare
from awe.dataflow.runs import SECONDS, RunRow, stop_if_asked
from awe.dataflow.schedule import Schedule
from awe.dataflow.settle import Result, is_cut_off
from awe.dataflow.state import State
from awe.dataflow.workers import Here, Makers, Outcome
from awe.errors import AweError, InstanceError, MakeError
from awe.faults import reach

Progress = Callable[[str, Node, int, int], None]


@dataclass
class Report:
    """What was done about a plan: nodes by what became of them."""

    planned: int = 0
    made: list[Node] = field(default_factory=list)
    shared: list[Node] = field(default_factory=list)
    cut_off: list[Node] = field(default_factory=list)
    failed: dict[Node, str] = field(default_factory=dict)
    held: dict[Node, str] = field(default_factory=dict)

    def add(self, other: Report) -> None:
        """Take in what was done afterwards."""
        self.planned += other.planned
        self.made += other.made
        self.shared += other.shared
        self.cut_off += other.cut_off
        self.failed.update(other.failed)
        self.held.update(other.held)

    def __str__(self) -> str:
        parts = [f"{self.planned} planned", f"{len(self.made)} made", f"{len(self.shared)} shared", f"{len(self.cut_off)} cut off"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{len(self.held)} held"] if self.held else []
        return ", ".join(parts)


class Runner:
    """Carries out one plan."""

    def __init__(self, instance: Instance, plan: Plan, parameters: Callable[[Node], dict[str, Any]], *, retry: bool = False,
                 workers: Makers | None = None, progress: Progress | None = None, row: RunRow | None = None) -> None:
        self.instance, self.plan, self.parameters = instance, plan, parameters
        self.retry, self.progress = retry, progress
        self.makers = workers or Here(instance)
        self.report = Report(planned=len(plan.todo))
        self.done = 0
        self.schedule = Schedule(plan.todo)
        self.keeper = leases.Keeper(instance.database)
        self.begun: dict[int, Prepared] = {}
        self.waiting: dict[Node, Prepared] = {}
        self.passing: dict[Node, str] = {}
        self.cancelled: dict[int, str] = {}
        self.row = row or RunRow(instance.database, [top.name for top in plan.tops], {}, len(plan.todo))

    def run(self) -> Report:
        """Deal with all nodes there is something to do about, inputs first.

        Raises
        ------
        InstanceError
            the database is gone, so that nothing can be kept; what was committed before is there
        TransientError
            somebody asked this run to stop
        """
        self.row.begin()
        self.makers.logged = self._logged
        with self.keeper:
            try:
                self._deal_with_all()
            except BaseException as error:
                self._abandon(jobs.in_words(error))
                raise
            self.row.end("failed" if self.report.failed else "done", self.done, self.report.planned)
        return self.report

    def _deal_with_all(self) -> None:
        running: dict[Future[Outcome], Prepared] = {}
        while self.schedule.left:
            self._look_whether_to_stop(running.values())
            while len(running) < self.makers.room and (node := self.schedule.take()) is not None:
                prepared = self._begin(node)
                if prepared is not None:
                    running[self.makers.submit(prepared.spec)] = prepared
            if not running:
                time.sleep(self.schedule.pause or 0.0)
                continue
            pause = self.schedule.pause if len(running) < self.makers.room else None
            for future in wait(running, SECONDS if pause is None else min(pause, SECONDS), FIRST_COMPLETED).done:
                self._end(running.pop(future), future.result())

    def _look_whether_to_stop(self, running: Iterable[Prepared]) -> None:
        """Give up what somebody cancelled since the last look; raise where that is the whole run."""
        asked = self.row.asked()
        stop_if_asked(asked)
        self.cancelled.update(asked.jobs)
        for prepared in running:
            if prepared.job in asked.jobs:
                self.makers.stop(prepared.spec)

    # ------------------------------------------------------------------ one node

    def _begin(self, node: Node) -> Prepared | None:
        """Deal with a node as far as nothing has to be computed; return what is to be made, if anything is."""
        found = self.waiting.get(node)
        if found is None:
            found = prepare(self.instance, node, self.parameters(node), retry=self.retry)
            if node.state is State.UNDECIDED and not found.settled.blocked and is_cut_off(node):
                assert node.winner is not None
                self._finish(node, Result(node.winner.oid, node.winner.object_id, node.winner.value), self.report.cut_off, "cut off")
                return None
            self._look_for_what_may_pass(found)
        elif self._is_held_elsewhere(found):
            self._put_off(found)
            return None
        there = found.refusal or found.there or self._take(found)
        if isinstance(there, str):
            self._hold(node, there)
        elif isinstance(there, Result):
            self._finish(node, there, self.report.shared, "made by somebody else")
        elif found.lease is None:
            self._put_off(found)
        elif found.earlier is None or not self._share(found):
            self._tell("making", node)
            return found
        return None

    def _look_for_what_may_pass(self, found: Prepared) -> None:
        """An open set is made without a member that cannot be had, but not for want of one that may be had next time."""
        missing = [(node, self.passing[node]) for node in found.settled.blocked + found.settled.left_out if node in self.passing]
        if missing:
            node, why = missing[0]
            self.passing[found.node] = why
            found.refusal = f"{node.name} is not there for a reason that may pass: {why}"

    def _take(self, found: Prepared) -> Result | str | None:
        """Take the lease on a node and note the job, unless others hold it, or have dealt with the node meanwhile."""
        lease = self.keeper.intend(found.settled.derivation, found.scope)
        who = self.instance.database.identity

        def work(connection: sa.Connection) -> tuple[bool, Result | str | None]:
            jobs.bury(connection, lease.derivation)
            if not leases.take(connection, lease):
                return False, None
            there = found.look_again(self.instance)
            if there is not None:
                leases.give_back(connection, lease)
                return False, there
            found.job = jobs.begin(connection, found.node.cls, found.node.keys or {}, lease.derivation, who, at=found.node.anchor,
                                   run=self.row.id)
            return True, None
        got, there = self.instance.database.write(work)
        if got:
            found.lease = lease
            self.begun[id(found)] = found
            reach("leased")
        else:
            self.keeper.forget(lease)
        return there

    def _is_held_elsewhere(self, found: Prepared) -> bool:
        with self.instance.database.reading() as connection:
            return bool(leases.holder(connection, found.settled.derivation, found.scope))

    def _put_off(self, found: Prepared) -> None:
        """Come back to a node that somebody else is making."""
        if found.node not in self.waiting:
            self.waiting[found.node] = found
            self._tell("waiting for", found.node)
        self.schedule.put_off(found.node)

    def _share(self, found: Prepared) -> bool:
        """Share what was made before from the same; False where it is not there any longer."""
        with self._kept_if_it_fails(found, ""):
            result = share(self.instance, found)
            if result is None:
                return False
            self._let_go(found)
            self._finish(found.node, result, self.report.shared, "shared")
        return True

    def _end(self, prepared: Prepared, outcome: Outcome) -> None:
        """Commit what came out, or keep why nothing did."""
        reach("returned")
        asked = self.row.asked()
        self.cancelled.update(asked.jobs)
        if asked.stop or prepared.job in self.cancelled:
            self._drop(prepared, outcome, asked.stop)
            stop_if_asked(asked)
            return
        if isinstance(outcome, Failure):
            self._fail(prepared, outcome)
            return
        with self._kept_if_it_fails(prepared, outcome.log):
            result = commit(self.instance, Work(prepared, outcome))
            self._let_go(prepared)
            self._judge(prepared.node, result, outcome)

    def _drop(self, prepared: Prepared, outcome: Outcome, stop: str) -> None:
        """What was cancelled is not kept, even if it was made meanwhile."""
        assert prepared.job is not None
        if isinstance(outcome, Product):
            self.instance.store.unpin([row["sha256"] for row in outcome.files])
        self._fail(prepared, Failure(stop or self.cancelled[prepared.job], log=outcome.log), "cancelled")

    @contextlib.contextmanager
    def _kept_if_it_fails(self, prepared: Prepared, log: str) -> Iterator[None]:
        """What a commit raises is kept on the job row, like what make() raises; what somebody else took over is theirs."""
        try:
            yield
        except leases.TakenOver:
            self._let_go(prepared)
            self.waiting.pop(prepared.node, None)
            self.schedule.put_off(prepared.node)
        except InstanceError:
            raise
        except Exception as error:  # noqa: BLE001 - told in the end, with what could not be made for want of this
            self._fail(prepared, Failure.of(error, log))

    def _judge(self, node: Node, result: Result, product: Product) -> None:
        """A result with a blocking flag is kept, and not used."""
        flags = product.quality_flags & node.cls.blocking_flags  # type: ignore[attr-defined]
        if flags:
            names = ", ".join(node.cls.flag_names(product.quality_flags))  # type: ignore[attr-defined]
            self._hold(node, f"its result {result.object_id[:8]} is flagged {names}")
        else:
            self._finish(node, result, self.report.made, "made")

    def _fail(self, prepared: Prepared, failure: Failure, state: str = "failed") -> None:
        self._close_job(prepared, state, failure)
        self.report.failed[prepared.node] = failure.reason
        if not failure.permanent:
            self.passing[prepared.node] = failure.reason
        prepared.node.state = State.HELD
        self.done += 1
        self.schedule.finish(prepared.node)
        self._tell("failed", prepared.node)

    def _logged(self, object_id: str, text: str) -> None:
        """Let others read what is logged while it is being made; where that cannot be, they read it in the end."""
        job = next((one.job for one in list(self.begun.values()) if one.spec.object_id == object_id), None)
        if job is not None:
            with contextlib.suppress(AweError, sa.exc.SQLAlchemyError):
                self.instance.database.write(lambda connection: jobs.say(connection, job, text))

    def _close_job(self, prepared: Prepared, state: str, failure: Failure) -> None:
        lease, job = prepared.lease, prepared.job
        assert lease is not None and job is not None

        def work(connection: sa.Connection) -> None:
            if leases.give_back(connection, lease):
                jobs.end(connection, job, state, reason=failure.reason, log=failure.log, permanent=failure.permanent)
        self.instance.database.write(work)
        self._let_go(prepared)

    def _let_go(self, prepared: Prepared) -> None:
        assert prepared.lease is not None
        self.keeper.forget(prepared.lease)
        self.begun.pop(id(prepared), None)

    def _abandon(self, reason: str) -> None:
        """Say of all that was begun that it was given up; where even that is impossible, the next who asks finds out."""
        for prepared in list(self.begun.values()):
            with contextlib.suppress(AweError, sa.exc.SQLAlchemyError):
                self._close_job(prepared, "cancelled", Failure(f"given up: {reason}"))
        with contextlib.suppress(AweError, sa.exc.SQLAlchemyError):
            self.row.end("cancelled", self.done, self.report.planned)

    def _hold(self, node: Node, reason: str) -> None:
        """Consumers go on with the object that was used before, if there is one."""
        self.report.held[node] = reason
        node.state = State.HELD
        self.done += 1
        self.schedule.finish(node)
        self._tell("held", node)

    def _finish(self, node: Node, result: Result, where: list[Node], word: str) -> None:
        node.result = result
        where.append(node)
        self.done += 1
        self.schedule.finish(node)
        self._tell(word, node)

    def _tell(self, word: str, node: Node) -> None:
        self.row.tell(self.done, self.report.planned, f"{word} {node.name}")
        if self.progress is not None:
            self.progress(word, node, self.done, self.report.planned)


def complain(node: Node, report: Report) -> None:
    """Raise why a target could not be had."""
    if node in report.failed:
        raise MakeError(f"{node.name} could not be made: {report.failed[node]}; `awe jobs` shows the log")
    roots = [f"{bad.name}: {why}" for bad, why in report.failed.items()] or [f"{bad.name}: {why}" for bad, why in report.held.items()]
    raise MakeError(f"{node.name} could not be made, as {'; '.join(roots[:3])}")
