"""Which products would become out of date if something were edited; nothing is edited."""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from awe.dataflow import instance as instances
from awe.dataflow.asked import asked as handed
from awe.dataflow.node import Node, is_makeable
from awe.dataflow.planner import Planner
from awe.dataflow.request import Request
from awe.dataflow.select import rows
from awe.dataflow.state import State
from awe.persist.assume import Edit, with_assumed
from awe.persist.load import load
from awe.persist.types import to_microseconds
from awe.persist.value import keys_of
from awe.persist.view import seen_through, shadow_now

GOOD = frozenset({State.UP_TO_DATE, State.MAY_GROW})
ABOVE = """WITH RECURSIVE above(oid) AS (SELECT c.oid FROM candidate c WHERE c.sel IN (SELECT sel FROM {sels})
UNION SELECT w.target FROM want w WHERE w.sel IN (SELECT sel FROM {sels})
UNION SELECT e.target FROM above a JOIN edge e ON e.input = a.oid) SELECT o.oid FROM above a JOIN object o ON o.oid = a.oid WHERE {seen}"""


class Effect(NamedTuple):
    """A request that would no longer be answered by an object that is up to date: its node now, and as it would be."""

    request: Request
    before: Node
    after: Node

    @property
    def text(self) -> str:
        """The effect in words."""
        why = "; ".join(reason.text for reason in self.after.reasons[:3])
        other = self.after.winner is not None and self.before.winner is not None and self.after.winner.oid != self.before.winner.oid
        state = f"{self.after.winner.object_id[:8]} would be used" if other and self.after.winner else self.after.state.value
        return f"{self.before.name}: {state}{': ' + why if why else ''}"

    def __str__(self) -> str:
        return self.text


def effects(assume: Iterable[Edit], asked: Sequence[Request] | None = None) -> list[Effect]:
    """What would not be up to date any more, or be another object, if these edits were made.

    Parameters
    ----------
    assume
        (object, field, value) of each edit, as `plan(assume=...)` has them
    asked
        the requests to look at; without them all products that were made, at whatever distance, from the edited objects, from
        what has a key in common with them, or from a group that they could belong to
    """
    listed = list(assume)
    asked = standing_on(listed) if asked is None else asked
    if not asked or not listed:
        return []
    before = Planner().plan(asked)
    with seen_through(with_assumed(shadow_now(), listed)):
        after = Planner().plan(asked)
    pairs = zip(asked, before.tops, after.tops, strict=True)
    return [Effect(one, then, now) for one, then, now in pairs if then.state in GOOD and is_other(then, now)]


def is_other(before: Node, after: Node) -> bool:
    """Whether another object would be used, or the same would not be up to date."""
    same = after.winner is not None and before.winner is not None and after.winner.oid == before.winner.oid
    return not same or after.state not in GOOD


def standing_on(edits: Sequence[Edit]) -> list[Request]:
    """A request for each product that may depend on what is edited: each natural key and time once."""
    instance = instances.current()
    database, oids = instance.database, sorted({obj.oid for obj, *_ in edits})
    if not oids:
        return []
    with database.snapshot() as connection:
        own = handed(connection, "frontier", (("oid", "int"),), [(oid,) for oid in oids])
        sels = rows(connection, f"SELECT DISTINCT c.sel FROM {own} f JOIN candidate c ON c.oid = f.oid")
        source = handed(connection, "touched", (("sel", "bytes"),), sels)
        found = rows(connection, ABOVE.format(sels=source, seen=instance.sight().where("o")))
    products = [obj for obj in load(database, sorted(oid for oid, in found)).values() if is_makeable(type(obj))]
    requests = [Request(type(obj), keys_of(obj), to_microseconds(obj.anchor)) for obj in products]
    return list({(one.cls, tuple(one.keys.items()), one.at): one for one in requests}.values())
