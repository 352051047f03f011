"""From requests to a plan, and from a plan to objects."""
from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from awe.dataflow import instance as instances
from awe.dataflow.graph import Graph
from awe.dataflow.instance import Instance
from awe.dataflow.judge import Judge
from awe.dataflow.node import Node
from awe.dataflow.parameters import ParameterBook, check_call
from awe.dataflow.plan import Plan
from awe.dataflow.registry import target_classes
from awe.dataflow.request import Request
from awe.dataflow.run import Progress, Report, Runner, complain
from awe.dataflow.state import State
from awe.dataflow.workers import Workers
from awe.errors import HeldError, NoRawDataError
from awe.persist.load import load
from awe.persist.selector import class_name

Pars = Mapping[str, Mapping[str, Any]]


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
    """Plans and carries out requests on one instance."""

    def __init__(self, instance: Instance | None = None, options: Options | None = None) -> None:
        self.instance = instance or instances.current()
        self.options = options or Options()
        self.judge: Judge | None = None

    def plan(self, asked: Sequence[Request]) -> Plan:
        """Look at everything that `asked` stands on; nothing is made."""
        call = dict(self.options.pars or {})
        if call:
            check_call(call, target_classes())
        database = self.instance.database
        with database.snapshot() as connection:
            book = ParameterBook(connection, database.identity.project_id, call)
            graph = Graph(connection, self.instance.sight(), book, lambda cls, oids: load(database, oids, cls),
                          self.instance.site, depth=self.options.depth)
            tops = [graph.ask(one.cls, one.keys, one.at, fresh=self.options.fresh) for one in asked]
            graph.grow()
            self.judge = Judge(graph, retry=self.options.retry, grow=self.options.grow)
            nodes = [top.node for top in tops if top.node is not None]
            ordered = self.judge.judge(nodes)
            for node in ordered:
                self.judge.parameters(node)
        return Plan(nodes, ordered)

    def carry_out(self, plan: Plan, *, workers: int = 0, progress: Progress | None = None) -> Report:
        """Make what the plan says is to be made."""
        todo = plan.todo
        for node in todo:
            self.name(node)
        modules = {node.cls.__module__ for node in todo if not class_name(node.cls).startswith("awe:")}
        if workers and len(todo) > 1:
            with Workers(self.instance, workers, modules) as pool:
                return Runner(self.instance, plan, lambda node: node.parameters, retry=self.options.retry, workers=pool,
                              progress=progress).run()
        return Runner(self.instance, plan, lambda node: node.parameters, retry=self.options.retry, progress=progress).run()

    def name(self, node: Node) -> None:
        """See that a node knows its keys."""
        if node.keys is None and self.judge is not None:
            self.judge.graph.load_objects([node])

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


def refuse_blocked(tops: Iterable[Node]) -> None:
    """Raise the reason of the first target that cannot be had as things are."""
    for top in tops:
        why = "; ".join(reason.text for reason in top.reasons)
        if top.state in (State.MISSING, State.NOT_VISIBLE):
            raise NoRawDataError(f"{top.name} cannot be made: {why}")
        if top.state is State.HELD:
            raise HeldError(f"{top.name} is held: {why}")
