"""The time stamps of a new object."""
from __future__ import annotations

import sqlalchemy as sa

from awe.dataflow import select
from awe.dataflow.node import Ask, Node, Slots
from awe.dataflow.select import Sight
from awe.dataflow.settle import result_of
from awe.dataflow.site import DAY, Site, default_validity
from awe.persist import tables
from awe.persist.declare import DependencyList
from awe.persist.types import FOREVER, to_microseconds

#: A class with this validity is valid as long as what leads it.
AS_LEAD = "as lead"


def stamps(connection: sa.Connection, sight: Sight, node: Node, site: Site) -> tuple[int, int]:
    """From when until when a new object is valid.

    A remade object inherits the time stamps of the one it replaces, edits included.  Else the plan of its class decides, never
    past the midpoint to a neighbouring group, but always holding the times it was asked for.
    """
    replaced = node.winner.oid if node.winner is not None else node.predecessor
    if replaced is not None:
        inherited = stamps_of(connection, replaced)
        if inherited is not None and (node.winner is not None or abs(inherited[2] - node.anchor) < DAY // 2):
            return inherited[:2]
    plan = site.validity.get(node.cls.__name__, getattr(node.cls, "validity", None))
    if plan == AS_LEAD:
        lead = node.inputs.get(node.lead or "")
        result = result_of(lead) if isinstance(lead, Ask) else None
        start, end = (stamps_of(connection, result.oid) or FOREVER)[:2] if result else FOREVER
    else:
        start, end = default_validity(node.anchor, plan, neighbours(connection, sight, node, site, plan), FOREVER)  # type: ignore[arg-type]
    return min([start, *node.asked_at]), max([end, *(at + 1 for at in node.asked_at)])


def stamps_of(connection: sa.Connection, oid: int) -> tuple[int, int, int] | None:
    """Start, end and anchor of an object."""
    o = tables.object_.c
    row = connection.execute(sa.select(o.t_start, o.t_end, o.anchor).where(o.oid == oid)).first()
    return None if row is None else (to_microseconds(row.t_start), to_microseconds(row.t_end), to_microseconds(row.anchor))


def neighbours(connection: sa.Connection, sight: Sight, node: Node, site: Site, plan: tuple[float, float] | None) -> list[int]:
    """The mid-times of the neighbouring groups of what leads a node."""
    name = node.lead or ""
    slot = Slots.of(node.cls).by_name.get(name)
    if plan is None or name not in node.wants or not isinstance(slot, DependencyList):
        return []
    sel, t_from, t_to = node.wants[name]
    window = (sel, node.anchor - round(2 * plan[0] * DAY) - DAY, node.anchor + round(2 * plan[1] * DAY) + DAY)
    nights: dict[int, list[int]] = {}
    for member in select.members(connection, sight, [window])[0].values():
        if not t_from <= member.at < t_to:
            nights.setdefault(site.night_of(member.at), []).append(member.at)
    return [(min(times) + max(times)) // 2 for times in nights.values()]
