"""Gets one node ready to be made: its inputs, its derivation, what the past says of it."""
from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from awe.dataflow import jobs, recipe, select
from awe.dataflow.instance import Instance
from awe.dataflow.judge import hold
from awe.dataflow.lease import Lease
from awe.dataflow.maker import Spec, identity
from awe.dataflow.node import Node
from awe.dataflow.recipe import Earlier
from awe.dataflow.select import Sight
from awe.dataflow.settle import Result, Settled, settle
from awe.dataflow.stamps import stamps
from awe.dataflow.state import Cause
from awe.persist import tables
from awe.persist.canonical import digest16


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
            picked = picked_now(connection, instance.sight(), self.node, self.settled.derivation, self.spec.parameters)
            if picked is not None:
                return picked
            earlier = recipe.made_before(connection, instance.sight(), [self.settled.derivation]).get(self.settled.derivation, [])
            failure = jobs.last_failure(connection, self.settled.derivation)
        fresh = [one for one in earlier if one.oid not in self.before]
        verdict = hold(self.node.cls, fresh, failure.reason if failure is not None and failure != self.failure else None)
        if verdict is not None and verdict.cause is Cause.SHARES:
            self.earlier = good_one(self.node.cls, fresh)
            return None
        return verdict.text if verdict is not None else None


def picked_now(connection: sa.Connection, sight: Sight, node: Node, derivation: bytes, parameters: dict[str, Any]) -> Result | None:
    """The object that the rule picks for a node at this moment, where it was made of this very derivation."""
    table = tables.parameters.c
    wanted = sa.select(table.id).where(table.digest == digest16(parameters))
    params: int | None = connection.scalar(wanted) if parameters else 0
    if params is None:
        return None
    winner = select.winners(connection, sight, [(node.sel, node.asked_at[0] if node.asked_at else node.anchor, params)])[0]
    if winner is None:
        return None
    found = connection.scalar(sa.select(tables.object_.c.derivation).where(tables.object_.c.oid == winner.oid))
    return Result(winner.oid, winner.object_id, winner.value) if found is not None and bytes(found) == derivation else None


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
        failure = jobs.last_failure(connection, settled.derivation)
        there = picked_now(connection, sight, node, settled.derivation, parameters)
        start, end = stamps(connection, sight, node, instance.site(str((node.keys or {}).get("instrument", ""))))
    previous = node.winner.oid if node.winner is not None else node.predecessor
    spec = Spec(identity(node.cls), dict(node.keys or {}), uuid.uuid4().hex, node.anchor, start, end, dict(parameters),
                settled.oids(node.cls), previous)
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
