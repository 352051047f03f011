"""Gets one node ready to be made: its inputs, its derivation, what the past says of it."""
from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from awe.dataflow import recipe
from awe.dataflow.instance import Instance
from awe.dataflow.judge import hold
from awe.dataflow.lease import Lease
from awe.dataflow.maker import Product, Spec, identity, make
from awe.dataflow.node import Node
from awe.dataflow.recipe import Earlier
from awe.dataflow.settle import Result, Settled, settle
from awe.dataflow.stamps import stamps
from awe.dataflow.state import Cause
from awe.persist.load import load


@dataclass
class Prepared:
    """A node whose inputs are there."""

    node: Node
    settled: Settled
    spec: Spec
    scope: str
    before: frozenset[int] = frozenset()
    earlier: Earlier | None = None
    refusal: str | None = None
    lease: Lease | None = None
    job: int | None = None

    def make_here(self, instance: Instance) -> Product:
        """Make it in this process."""
        return make(self.spec, instance)

    def result_of_others(self, instance: Instance) -> Result | None:
        """What somebody else made of the same derivation, for the same time, since this node was prepared."""
        with instance.database.reading() as connection:
            found = recipe.made_before(connection, instance.sight(), [self.settled.derivation])
        fresh = [one for one in found.get(self.settled.derivation, []) if one.oid not in self.before]
        if not fresh or hold(self.node.cls, fresh, None) is None or is_bad(self.node.cls, fresh):
            return None
        objects = load(instance.database, [fresh[0].oid])
        obj = objects.get(fresh[0].oid)
        return None if obj is None else Result(obj.oid, obj.object_id, bytes(obj.value))


def is_bad(cls: type, earlier: list[Earlier]) -> bool:
    """Whether none of what was made will do."""
    verdict = hold(cls, earlier, None)
    return verdict is not None and verdict.cause is not Cause.SHARES


def prepare(instance: Instance, node: Node, parameters: dict[str, Any], *, retry: bool = False) -> Prepared:
    """Gather inputs and derivation of a node, and look whether the same was made before."""
    settled = settle(node, parameters)
    with instance.database.reading() as connection:
        sight = instance.sight()
        earlier = recipe.made_before(connection, sight, [settled.derivation]).get(settled.derivation, [])
        failure = recipe.failed_before(connection, [settled.derivation]).get(settled.derivation)
        start, end = stamps(connection, sight, node, instance.site(str((node.keys or {}).get("instrument", ""))))
    previous = node.winner.oid if node.winner is not None else node.predecessor
    spec = Spec(identity(node.cls), dict(node.keys or {}), uuid.uuid4().hex, node.anchor, start, end, dict(parameters),
                settled.oids(node.cls), previous)
    prepared = Prepared(node, settled, spec, scope_of(instance), frozenset(one.oid for one in earlier))
    if settled.blocked:
        first = settled.blocked[0]
        why = first.reasons[0].text if first.reasons else first.state.value
        prepared.refusal = f"{first.name} is {first.state.value}: {why}"
        return prepared
    verdict = hold(node.cls, earlier, failure)
    if verdict is not None and verdict.cause is Cause.SHARES:
        prepared.earlier = good_one(node.cls, earlier)
    elif verdict is not None and not retry:
        prepared.refusal = verdict.text
    return prepared


def good_one(cls: type, earlier: list[Earlier]) -> Earlier | None:
    """The latest of them that will do."""
    return next((one for one in earlier if not is_bad(cls, [one])), None)


def scope_of(instance: Instance) -> str:
    """Who shares what is made: its creator at level 1, the project at 2, everyone from 3."""
    who = instance.database.identity
    if who.privileges <= 1:
        return f"user {who.user_id}"
    return f"project {who.project_id}" if who.privileges == 2 else "everyone"
