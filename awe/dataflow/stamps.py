"""The time stamps of a new object."""
from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from awe.dataflow import select
from awe.dataflow.expand import listed
from awe.dataflow.node import Node, Slots
from awe.dataflow.select import Sight
from awe.dataflow.settle import result_of
from awe.dataflow.site import DAY, Site, default_validity, midpoints
from awe.persist import tables
from awe.persist.declare import DependencyList
from awe.persist.types import FOREVER, to_microseconds

#: A class with this validity is valid as long as what leads it.
AS_LEAD = "as lead"

Span = tuple[int, int]


def stamps(connection: sa.Connection, sight: Sight, node: Node, site: Site, sel: bytes = b"", ids: Sequence[int] = (0,)) -> Span:
    """From when until when a new object is valid.

    A remade object inherits the time stamps of the one it replaces, edits included.  Else the plan of its class decides, never
    past the midpoint to a neighbouring group, but always holding the times it was asked for.  Either way it leaves alone what
    others are used for: it never eclipses an object, newer than the one it replaces, that is used at other times.

    Parameters
    ----------
    sel
        the digest of its natural key
    ids
        the rows of `parameters` that will do where it will be used
    """
    start, end = inherited(connection, node) or by_plan(connection, sight, node, site)
    if node.fresh or not sel:
        return start, end
    since = -1 if node.winner is None else node.winner.created
    first, last = asked_times(node)
    for other in select.overlapping(connection, sight, sel, start, end):
        if other.created > since and other.params_id in ids:
            if other.t_end <= first:
                start = max(start, other.t_end)
            elif other.t_start > last:
                end = min(end, other.t_start)
    return start, end


def asked_times(node: Node) -> Span:
    """The first and the last time a node is wanted for."""
    return (node.anchor if node.asked_from is None else node.asked_from, node.anchor if node.asked_until is None else node.asked_until)


def inherited(connection: sa.Connection, node: Node) -> Span | None:
    """The time stamps of the object that is replaced."""
    if node.winner is not None:
        found = stamps_of(connection, [node.winner.oid])
        return found[0][:2] if found else None
    if node.predecessor is None or node.fresh:
        return None
    start, end, anchor = stamps_of(connection, [node.predecessor])[0]
    if abs(anchor - node.anchor) >= DAY // 2:
        return None
    first, last = asked_times(node)
    return min(start, first), max(end, last + 1)


def by_plan(connection: sa.Connection, sight: Sight, node: Node, site: Site) -> Span:
    """The time stamps of the first of its kind."""
    first, last = asked_times(node)
    plan = site.validity.get(node.cls.__name__, getattr(node.cls, "validity", None))
    if plan == AS_LEAD:
        results = [result for ask in listed(node.inputs.get(node.led_by or "")) if (result := result_of(ask)) is not None]
        leads = stamps_of(connection, [result.oid for result in results])
        start, end = max((lead[0] for lead in leads), default=FOREVER[0]), min((lead[1] for lead in leads), default=FOREVER[1])
        return min(start, first), max(end, last + 1)
    near = neighbours(connection, sight, node, site, plan)  # type: ignore[arg-type]
    start, end = default_validity(node.anchor, plan, near, FOREVER)  # type: ignore[arg-type]
    low, high = midpoints(node.anchor, near)
    if first < start:
        start = min(first, max(low, site.night(first)[0]))
    if last >= end:
        end = max(last + 1, min(high, site.night(last)[1]))
    return start, end


def stamps_of(connection: sa.Connection, oids: Iterable[int]) -> list[tuple[int, int, int]]:
    """Start, end and anchor of objects."""
    o = tables.object_.c
    found = []
    for oid in oids:
        row = connection.execute(sa.select(o.t_start, o.t_end, o.anchor).where(o.oid == oid)).first()
        if row is not None:
            found.append((to_microseconds(row.t_start), to_microseconds(row.t_end), to_microseconds(row.anchor)))
    return found


def neighbours(connection: sa.Connection, sight: Sight, node: Node, site: Site, plan: tuple[float, float] | None) -> list[int]:
    """The mid-times of the neighbouring groups, of what leads a node, that are large enough for another one."""
    name = node.led_by or ""
    slot = Slots.of(node.cls).by_name.get(name)
    if plan is None or name not in node.wants or not isinstance(slot, DependencyList):
        return []
    sel, t_from, t_to = node.wants[name]
    first, last = asked_times(node)
    window = (sel, min(first, node.anchor - round(2 * plan[0] * DAY)) - DAY, max(last, node.anchor + round(2 * plan[1] * DAY)) + DAY)
    nights: dict[int, list[int]] = {}
    for member in select.members(connection, sight, [window])[0]:
        if not t_from <= member.at < t_to:
            nights.setdefault(site.night_of(member.at), []).append(member.at)
    return [(min(times) + max(times)) // 2 for times in nights.values() if len(times) >= node.needed.get(name, slot.at_least)]
