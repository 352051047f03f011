"""Carries out a plan: here, or by a pool of long-lived workers; the commits are all made here.

A node is dealt with when its inputs have been: cut off where nothing it stands on came out different, shared where the same
was made before, else made.  A failure is kept with its log on a job row, stops what stands on it, and nothing else.
"""
from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from typing import Any

from awe.dataflow import jobs
from awe.dataflow import lease as leases
from awe.dataflow.commit import Work, commit, share
from awe.dataflow.instance import Instance
from awe.dataflow.maker import Product
from awe.dataflow.node import Node
from awe.dataflow.plan import Plan
from awe.dataflow.prepare import Prepared, prepare
from awe.dataflow.settle import Result, is_cut_off
from awe.dataflow.state import State
from awe.dataflow.workers import Workers
from awe.errors import MakeError

Progress = Callable[[str, Node, int, int], None]

HEARTBEAT = 20.0


@dataclass
class Report:
    """What was done about a plan: nodes by what became of them."""

    planned: int = 0
    made: list[Node] = field(default_factory=list)
    shared: list[Node] = field(default_factory=list)
    cut_off: list[Node] = field(default_factory=list)
    failed: dict[Node, str] = field(default_factory=dict)
    held: dict[Node, str] = field(default_factory=dict)

    def __str__(self) -> str:
        parts = [f"{self.planned} planned", f"{len(self.made)} made", f"{len(self.shared)} shared", f"{len(self.cut_off)} cut off"]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        parts += [f"{len(self.held)} held"] if self.held else []
        return ", ".join(parts)


class Runner:
    """Carries out one plan."""

    def __init__(self, instance: Instance, plan: Plan, parameters: Callable[[Node], dict[str, Any]], *, retry: bool = False,
                 workers: Workers | None = None, progress: Progress | None = None) -> None:
        self.instance, self.plan, self.parameters = instance, plan, parameters
        self.retry, self.workers, self.progress = retry, workers, progress
        self.report = Report(planned=len(plan.todo))
        self.done = 0
        self.held_leases: dict[str, leases.Lease] = {}

    def run(self) -> Report:
        """Deal with all nodes there is something to do about, inputs first."""
        stop = threading.Event()
        beat = threading.Thread(target=self._heartbeat, args=(stop,), daemon=True)
        beat.start()
        try:
            if self.workers is None:
                for node in self.plan.todo:
                    self._here(node)
            else:
                self._in_pool(self.plan.todo, self.workers)
        finally:
            stop.set()
            beat.join()
            for held in list(self.held_leases.values()):
                leases.release(self.instance.database, held)
        return self.report

    def _heartbeat(self, stop: threading.Event) -> None:
        while not stop.wait(HEARTBEAT):
            for held in list(self.held_leases.values()):
                leases.renew(self.instance.database, held)

    # ------------------------------------------------------------------ in this process

    def _here(self, node: Node) -> None:
        prepared = self._begin(node)
        if prepared is None:
            return
        try:
            product = self._maker()(prepared)
        except Exception as error:  # noqa: BLE001 - whatever make() raises is kept on its job row and told in the end
            self._fail(prepared, error)
        except BaseException as error:
            self._fail(prepared, error)
            raise
        else:
            self._commit(prepared, product)

    def _maker(self) -> Callable[[Prepared], Product]:
        return lambda prepared: prepared.make_here(self.instance)

    # ------------------------------------------------------------------ by a pool

    def _in_pool(self, nodes: Iterable[Node], workers: Workers) -> None:
        waiting = list(nodes)
        mine = set(waiting)
        finished: set[Node] = set()
        running: dict[Future[Product], Prepared] = {}
        while waiting or running:
            ready = [node for node in waiting if not any(child in mine and child not in finished for child in node.children())]
            for node in ready[:max(0, workers.room - len(running))]:
                waiting.remove(node)
                prepared = self._begin(node)
                if prepared is None:
                    finished.add(node)
                else:
                    running[workers.submit(prepared.spec)] = prepared
            if not running:
                continue
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                prepared = running.pop(future)
                error = future.exception()
                if error is not None:
                    self._fail(prepared, error)
                else:
                    self._commit(prepared, future.result())
                finished.add(prepared.node)

    # ------------------------------------------------------------------ one node

    def _begin(self, node: Node) -> Prepared | None:
        """Deal with a node as far as nothing has to be computed; return what is to be made, if anything is."""
        found = prepare(self.instance, node, self.parameters(node), retry=self.retry)
        if node.state is State.UNDECIDED and not found.settled.blocked and is_cut_off(node):
            assert node.winner is not None
            self._finish(node, Result(node.winner.oid, node.winner.object_id, node.winner.value), self.report.cut_off, "cut off")
            return None
        if found.refusal is not None:
            self._hold(node, found.refusal)
            return None
        lease = found.there or leases.acquire(self.instance.database, found.settled.derivation, found.scope,
                                              lambda: found.look_again(self.instance))
        if isinstance(lease, Result):
            self._finish(node, lease, self.report.shared, "made by somebody else")
            return None
        if isinstance(lease, str):
            self._hold(node, lease)
            return None
        self.held_leases[lease.token] = lease
        found.lease = lease
        if found.earlier is not None:
            result = share(self.instance, found)
            self.held_leases.pop(lease.token)
            self._finish(node, result, self.report.shared, "shared")
            return None
        found.job = self.instance.database.write(lambda connection: jobs.begin(
            connection, node.cls, node.keys or {}, found.settled.derivation, self.instance.database.identity.user_id))
        self._tell("making", node)
        return found

    def _commit(self, prepared: Prepared, product: Product) -> None:
        assert prepared.lease is not None
        result = commit(self.instance, Work(prepared, product))
        self.held_leases.pop(prepared.lease.token, None)
        if product.quality_flags & prepared.node.cls.blocking_flags:  # type: ignore[attr-defined]
            names = ", ".join(prepared.node.cls.flag_names(product.quality_flags))  # type: ignore[attr-defined]
            self._hold(prepared.node, f"its result {result.object_id[:8]} is flagged {names}")
            return
        self._finish(prepared.node, result, self.report.made, "made")

    def _fail(self, prepared: Prepared, error: BaseException) -> None:
        assert prepared.lease is not None and prepared.job is not None
        reason, job, lease = jobs.in_words(error), prepared.job, prepared.lease
        log = getattr(error, "awe_log", "")

        def work(connection: Any) -> None:
            jobs.end(connection, job, "failed", reason=reason, log=log, permanent=jobs.is_permanent(error))
            leases.give_back(connection, lease)
        self.instance.database.write(work)
        self.held_leases.pop(lease.token, None)
        self.report.failed[prepared.node] = reason
        prepared.node.state = State.HELD
        self.done += 1
        self._tell("failed", prepared.node)

    def _hold(self, node: Node, reason: str) -> None:
        """Consumers go on with the object that was used before, if there is one."""
        self.report.held[node] = reason
        node.state = State.HELD
        self.done += 1
        self._tell("held", node)

    def _finish(self, node: Node, result: Result, where: list[Node], word: str) -> None:
        node.result = result
        where.append(node)
        self.done += 1
        self._tell(word, node)

    def _tell(self, word: str, node: Node) -> None:
        if self.progress is not None:
            self.progress(word, node, self.done, self.report.planned)


def complain(node: Node, report: Report) -> None:
    """Raise why a target could not be had."""
    if node in report.failed:
        raise MakeError(f"{node.name} could not be made: {report.failed[node]}; `awe jobs` shows the log")
    roots = [f"{bad.name}: {why}" for bad, why in report.failed.items()] or [f"{bad.name}: {why}" for bad, why in report.held.items()]
    raise MakeError(f"{node.name} could not be made, as {'; '.join(roots[:3])}")
