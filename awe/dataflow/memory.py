"""Plans that found everything up to date, given again while nothing that they depend on has changed.

Every change of what can be found under a digest is a line in `touched`.  A plan depends on the digests that it asked for, on
the groups it looked at and their members, and on the recorded inputs of all objects below; as long as none of them was touched
since, and no parameters were set, the full rule would say the same.
"""
from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from awe.dataflow.kinds import below
from awe.dataflow.node import is_makeable
from awe.dataflow.request import Request
from awe.dataflow.select import rows
from awe.dataflow.state import State
from awe.dataflow.sweep import Sweep
from awe.persist.canonical import canonical
from awe.persist.touched import MARK, since

if TYPE_CHECKING:
    from awe.dataflow.graph import Graph
    from awe.dataflow.instance import Instance
    from awe.dataflow.plan import Plan
    from awe.dataflow.planner import Options

#: How many plans are remembered.
MOST_PLANS = 32
#: After how many touched digests the full rule is quicker.
MOST_TOUCHED = 2_000
#: What does not change unless something is touched: the rest may depend on jobs and leases too.
SETTLED = frozenset({State.UP_TO_DATE, State.MISSING})


class Remembered:
    """One plan, with what it depends on and how far changes have been followed."""

    def __init__(self, plan: Plan, graph: Graph, seen: tuple[int, int]) -> None:
        self.plan, self.seen = plan, seen
        self.asked = {sel for sel, _ in graph.asks} | graph.groups.looked_at
        nodes = {oid: node for oid, node in graph.nodes.items() if is_makeable(node.cls)}
        self.oids, self.classes = list(nodes), {node.cls for node in nodes.values()}

    def is_touched(self, graph: Graph, now: tuple[int, int]) -> bool:
        """Whether anything it depends on has changed since."""
        if now[1] != self.seen[1] or now[0] < self.seen[0]:
            return True
        if now[0] == self.seen[0]:
            return False
        new = since(graph.connection, self.seen[0])
        found = rows(graph.connection, f"select distinct sel from touched where {new} limit {MOST_TOUCHED + 1}")
        touched = [bytes(sel) for sel, in found]
        if not touched:
            return False
        if len(touched) > MOST_TOUCHED or not self.asked.isdisjoint(touched):
            return True
        return Sweep(graph.connection, graph.sight, graph.book, graph.scopes).depends_on(self.oids, self.classes, touched)


class Memory:
    """The plans of one instance that are remembered, by what was asked and by whom."""

    def __init__(self) -> None:
        self._plans: dict[Hashable, Remembered] = {}

    def recall(self, key: Hashable, graph: Graph, now: tuple[int, int]) -> Plan | None:
        """The plan that was made for the same question, if it still holds."""
        one = self._plans.get(key)
        if one is None:
            return None
        if one.is_touched(graph, now):
            self._plans.pop(key, None)
            return None
        one.seen = now
        return one.plan

    def keep(self, key: Hashable, plan: Plan, graph: Graph, now: tuple[int, int]) -> None:
        """Remember a plan that found nothing to do."""
        if all(top.state is State.UP_TO_DATE for top in plan.tops) and all(node.state in SETTLED for node in plan.looked_at):
            while len(self._plans) >= MOST_PLANS:
                self._plans.pop(next(iter(self._plans)), None)
            self._plans[key] = Remembered(plan, graph, now)


def stamp(connection: sa.Connection) -> tuple[int, int]:
    """How far changes have been seen, and how many parameters were set."""
    seen, sets = rows(connection, f"select ({MARK[connection.dialect.name]}),(select count(*) from parameter_set)")[0]
    return seen, sets


def key_of(instance: Instance, options: Options, asked: Sequence[Request]) -> Hashable | None:
    """What a plan answers: the question, as whom, and with which versions of the classes; None where it is not remembered."""
    if options.fresh or options.depth is not None:
        return None
    classes = {one.cls for one in asked}
    versions = frozenset((cls, getattr(cls, "version", 0)) for cls in below(classes))
    pars = canonical({name: dict(values) for name, values in (options.pars or {}).items()})
    questions = tuple((one.cls, tuple(one.keys.items()), one.at) for one in asked)
    return (questions, versions, pars, options.grow, options.retry, instance.eyes(), instance.database.identity.project_id, instance.site)
