"""Gets one node ready to be made: its inputs, its derivation, what the past says of it."""
from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from awe.dataflow import jobs, recipe, select
from awe.dataflow.instance import Instance
from awe.dataflow.lease import Lease
from awe.dataflow.maker import Spec, identity
from awe.dataflow.node import Node
from awe.dataflow.past import hold
from awe.dataflow.recipe import Earlier
from awe.dataflow.select import Sight
from awe.dataflow.settle import Result, Settled, settle
from awe.dataflow.stamps import asked_times, stamps
from awe.dataflow.state import Cause
from awe.persist import tables
from awe.persist.canonical import digest16
from awe.persist.selector import selector_of


@dataclass
class Prepared:
    """A node whose inputs are there."""

    node: Node
    settled: Settled
    spec: Spec
    scope: str
    before: frozenset[int] = frozenset()
    earlier: Earlier | None = None
    failure: jobs.Failed | None = None
    there: Result | None = None
    refusal: str | None = None
    lease: Lease | None = None
    job: int | None = None

    def look_again(self, instance: Instance) -> Result | str | None:
        """What others have made of it since: the object that the rule picks now, or why there is none.

        None where it is to be made, or where the result of somebody else, now `earlier`, is to be shared.
        """
        with instance.database.reading() as connection:
            picked = picked_now(connection, instance.eyes(), self.node, self.settled.derivation, ids_of(connection, self.node))
            if picked is not None:
                return picked
            earlier = recipe.made_before(connection, instance.eyes(), [self.settled.derivation]).get(self.settled.derivation, [])
            failure = jobs.last_failure(connection, self.settled.derivation)
        fresh = [one for one in earlier if one.oid not in self.before]
        verdict = hold(self.node.cls, fresh, failure.reason if failure is not None and failure != self.failure else None)
        if verdict is not None and verdict.cause is Cause.SHARES:
            self.earlier = good_one(self.node.cls, fresh)
            return None
        return verdict.text if verdict is not None else None


def picked_now(connection: sa.Connection, sight: Sight, node: Node, derivation: bytes, ids: Sequence[int]) -> Result | None:
    """The object that the rule picks for a node at this moment, where it was made of this very derivation."""
    times = sorted(set(asked_times(node)))
    found = select.pick(connection, sight, [(natural_sel(node), at, ids) for at in times])
    winner = found[0]
    if winner is None or any(one is None or one.oid != winner.oid for one in found) or (node.winner and node.winner.oid == winner.oid):
        return None
    made = connection.scalar(sa.select(tables.object_.c.derivation).where(tables.object_.c.oid == winner.oid))
    return Result(winner.oid, winner.object_id, winner.value) if made is not None and bytes(made) == derivation else None


def natural_sel(node: Node) -> bytes:
    """The digest of the natural key of what a node is."""
    return selector_of(node.cls, node.keys or {})


def ids_of(connection: sa.Connection, node: Node) -> tuple[int, ...]:
    """The rows of `parameters` that a new object for this node shares with what else will do in its place."""
    values = {**node.parameters, **node.below}
    if not values:
        return (0,)
    found = connection.scalar(sa.select(tables.parameters.c.id).where(tables.parameters.c.digest == digest16(values)))
    return (*((found,) if found is not None else ()), *((0,) if node.parameters else ()))


def is_bad(cls: type, earlier: list[Earlier]) -> bool:
    """Whether none of what was made will do."""
    verdict = hold(cls, earlier, None)
    return verdict is not None and verdict.cause is not Cause.SHARES


def prepare(instance: Instance, node: Node, parameters: dict[str, Any], *, retry: bool = False) -> Prepared:
    """Gather inputs and derivation of a node, and look whether the same was made before."""
    settled = settle(node, parameters)
    with instance.database.reading() as connection:
        sight, ids = instance.eyes(), ids_of(connection, node)
        earlier = recipe.made_before(connection, sight, [settled.derivation]).get(settled.derivation, [])
        failure = jobs.last_failure(connection, settled.derivation)
        there = picked_now(connection, sight, node, settled.derivation, ids)
        start, end = stamps(connection, sight, node, instance.site(str((node.keys or {}).get("instrument", ""))), natural_sel(node), ids)
    previous = node.winner.oid if node.winner is not None else node.predecessor
    spec = Spec(identity(node.cls), dict(node.keys or {}), uuid.uuid4().hex, node.anchor, start, end, dict(parameters),
                settled.oids(node.cls), previous, dict(node.below))
    prepared = Prepared(node, settled, spec, scope_of(instance), frozenset(one.oid for one in earlier), failure=failure, there=there)
    if settled.blocked:
        first = settled.blocked[0]
        why = first.reasons[0].text if first.reasons else first.state.value
        prepared.refusal = f"{first.name} is {first.state.value}: {why}"
        return prepared
    verdict = hold(node.cls, earlier, failure.reason if failure is not None else None)
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
