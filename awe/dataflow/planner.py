"""From requests to a plan, and from a plan to objects."""
from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awe.dataflow import instance as instances
from awe.dataflow import memory as memories
from awe.dataflow.depth import cut
from awe.dataflow.garbage import uninterrupted
from awe.dataflow.graph import Graph
from awe.dataflow.instance import Instance
from awe.dataflow.judge import Judge
from awe.dataflow.node import Ask, Node
from awe.dataflow.parameters import ParameterBook, check_call, scope_of
from awe.dataflow.plan import Completion, Plan
from awe.dataflow.registry import target_classes
from awe.dataflow.request import Request
from awe.dataflow.run import Progress, Report, Runner, complain
from awe.dataflow.runs import RunRow
from awe.dataflow.select import pick
from awe.dataflow.settle import result_of_node
from awe.dataflow.state import Cause, Reason, State
from awe.dataflow.workers import Workers
from awe.errors import ConfigError, ForbiddenError, HeldError, NoRawDataError
from awe.persist.load import load
from awe.persist.selector import class_name, selector_of
from awe.persist.view import View

Pars = Mapping[str, Mapping[str, Any]]

#: How often what was asked for is looked at again after something was made.
ROUNDS = 8


@dataclass
class Options:
    """How a request is meant.

    Attributes
    ----------
    pars
        parameters for this call, by class: ``{'MasterBias': {'sigma_clip': 5}}``
    retry
        make again what is held
    grow
        remake open sets that others now match
    fresh
        make what was asked for from the nearest raw data, even if something valid is there
    depth
        how many levels are looked at; None is all
    """

    pars: Pars | None = None
    retry: bool = False
    grow: bool = False
    fresh: bool = False
    depth: int | None = None


class Planner:
    """Plans and carries out requests on one instance.

    A plan that found nothing to do is given again while nothing that it depends on has changed, unless `remember` is false.
    """

    def __init__(self, instance: Instance | None = None, options: Options | None = None, *, remember: bool = True) -> None:
        self.instance = instance or instances.current()
        self.options = options or Options()
        self.remember = remember

    def plan(self, asked: Sequence[Request]) -> Plan:
        """Look at everything that `asked` stands on; nothing is made."""
        call = dict(self.options.pars or {})
        if call:
            check_call(call, target_classes())
        database, memory = self.instance.database, self.instance.memory
        key = memories.key_of(self.instance, self.options, asked) if self.remember and not database.standpoint else None
        with database.snapshot() as connection, uninterrupted():
            book = ParameterBook(connection, database.identity.project_id, call)
            graph = Graph(connection, self.instance.eyes(), book, lambda cls, oids: load(database, oids, cls), self.instance.site)
            now = memories.stamp(connection) if key is not None else (0, 0)
            known = memory.recall(key, graph, now) if key is not None else None
            if known is not None:
                connection.exec_driver_sql("COMMIT")
                return dataclasses.replace(known, tops=list(known.tops), asked=asked)
            if isinstance(database, View) and database.shadow.release is not None:
                frozen = as_released(graph, asked, database.shadow.name)
                graph.reading = database.reading
                return Plan(frozen, list(frozen), asked, Completion(graph))
            tops = [graph.ask(one.cls, one.keys, one.at, fresh=self.options.fresh) for one in asked]
            graph.grow()
            nodes = [top.node for top in tops if top.node is not None]
            if self.options.depth is not None:
                cut(graph, nodes, self.options.depth)
            judge = Judge(graph, retry=self.options.retry, grow=self.options.grow)
            plan = Plan(nodes, judge.judge(nodes), asked, Completion(graph))
            if key is not None:
                memory.keep(key, plan, graph, now)
            connection.exec_driver_sql("COMMIT")
        graph.reading = database.reading
        return plan

    def carry_out(self, plan: Plan, *, workers: int = 0, progress: Progress | None = None) -> Report:
        """Make what the plan says is to be made, and what then turns out to be.

        A new object may be valid for times at which others were used, or its lead may belong to another time; so when all has been
        made the same is asked again, until nothing is left to do.
        """
        if self.instance.database.standpoint:
            raise ForbiddenError(f"nothing is made {self.instance.database.standpoint}; plan and get in the present")
        modules = {node.cls.__module__ for node in plan.todo if not class_name(node.cls).startswith("awe:")}
        with contextlib.ExitStack() as stack:
            if workers < 0:
                raise ConfigError(f"{workers} workers were asked for; give how many processes make targets, or 0 for this one alone")
            pool = stack.enter_context(Workers(self.instance, workers, modules)) if workers and len(plan.todo) > 1 else None
            report, last = self._run(plan, pool, progress), plan
            for _ in range(ROUNDS):
                if report.failed or report.held or not plan.asked:
                    break
                last = self.plan(plan.asked)
                if not last.todo:
                    break
                report.add(self._run(last, pool, progress))
        if last is not plan:
            for top, now in zip(plan.tops, last.tops, strict=True):
                top.result = result_of_node(now) or top.result
        return report

    def _run(self, plan: Plan, pool: Workers | None, progress: Progress | None) -> Report:
        plan.complete(plan.todo)
        row = RunRow(self.instance.database, [top.name for top in plan.tops], self.options.pars or {}, len(plan.todo))
        return Runner(self.instance, plan, lambda node: node.parameters, retry=self.options.retry, workers=pool, progress=progress,
                      row=row).run()

    def get(self, asked: Sequence[Request], *, workers: int = 0, progress: Progress | None = None) -> list[Any]:
        """The objects for all requests, in order; what is missing or out of date is made first.

        Raises
        ------
        NoRawDataError
            something cannot be made for want of raw data
        HeldError
            something was flagged or failed before and is not remade unasked
        MakeError
            something failed now
        """
        plan = self.plan(asked)
        refuse_blocked(plan.tops)
        report = self.carry_out(plan, workers=workers, progress=progress) if plan.todo else Report()
        self.report = report
        return [self.object_of(top, report) for top in plan.tops]

    def object_of(self, top: Node, report: Report) -> Any:
        """The object that answers a request."""
        oid = top.result.oid if top.result is not None else top.winner.oid if top.winner is not None else None
        if oid is None or (top.state is State.HELD and top in (report.failed | report.held)):
            complain(top, report)
        assert oid is not None
        return load(self.instance.database, [oid])[oid]


def as_released(graph: Graph, asked: Sequence[Request], name: str) -> list[Node]:
    """The nodes of requests inside a release, where what is there is up to date and nothing else will be."""
    asks = [Ask(one.cls, selector_of(one.cls, one.keys), one.at, one.keys) for one in asked]
    ids = [graph.book.wanted(one.cls, scope_of(one.cls, one.keys), one.at).ids for one in asked]
    found = []
    winners = pick(graph.connection, graph.sight, [(ask.sel, ask.at, some) for ask, some in zip(asks, ids, strict=True)])
    for ask, winner in zip(asks, winners, strict=True):
        node = Node.planned(ask) if winner is None else graph.untouched(winner)
        node.keys = ask.keys
        if winner is None:
            node.state, node.reasons = State.MISSING, [Reason(Cause.NOT_RELEASED, (name,))]
        found.append(node)
    return found


def refuse_blocked(tops: Iterable[Node]) -> None:
    """Raise the reason of the first target that cannot be had as things are."""
    for top in tops:
        why = "; ".join(reason.text for reason in top.reasons)
        if top.state in (State.MISSING, State.NOT_VISIBLE):
            raise NoRawDataError(f"{top.name} cannot be made: {why}")
        if top.state is State.HELD:
            raise HeldError(f"{top.name} is held: {why}")
