"""The one selection rule: which object is used, of all that could be.

Candidates have the natural keys asked for, the wanted parameters, a validity that holds the time, and are eligible
(valid, not flagged, or qualified) and visible.  The latest (`creation_date`, `object_id`) wins; what it covers is eclipsed.

Everything that selects comes here: `find`, `get`, `select`, dependencies, the planner and the calibration time stamps.
All questions of one kind are one statement, however many there are.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked


class Sight(NamedTuple):
    """Whose eyes look: what they may see is said in SQL by `where`."""

    user_id: int
    project_ids: tuple[int, ...]
    lowest: int = 3

    def where(self, alias: str) -> str:
        """The criterion on a table that has privileges, project_id and creator_id."""
        allowed = [f"{alias}.privileges>={int(self.lowest)}"]
        if self.project_ids:
            projects = ",".join(str(int(project)) for project in self.project_ids)
            allowed.append(f"{alias}.privileges=2 and {alias}.project_id in ({projects})")
        allowed.append(f"{alias}.privileges=1 and {alias}.creator_id={int(self.user_id)}")
        return "(" + " or ".join(allowed) + ")"


class Winner(NamedTuple):
    """The object that the rule picked."""

    oid: int
    value: bytes
    class_id: int
    created: int
    object_id: str
    anchor: int
    version: int
    params_id: int
    scope_id: int


class EdgeNow(NamedTuple):
    """A recorded input and what the rule would pick in its place now."""

    target: int
    slot: int
    pos: int
    input: int
    input_value: bytes
    sel: bytes
    at: int
    per: bytes | None
    input_class: int
    input_params: int
    input_scope: int
    winner: Winner | None


class Member(NamedTuple):
    """A member of a group: the latest of its natural key."""

    own: bytes
    oid: int
    value: bytes
    at: int
    created: int
    object_id: str


WINNER_COLUMNS = "w.oid,w.value,w.class_id,w.creation_date,w.object_id,w.anchor,coalesce(r.version,0),w.params_id,w.scope_id"
LATEST = """(select c.oid from span s cross join candidate c
 where c.sel={sel} and c.span=s.span and c.t_start>{at}-s.length and c.t_start<={at} and {at}<c.t_end
 and c.eligible=1 and c.params_id={params} and {visible}
 order by c.created desc, c.object_id desc limit 1)"""


def winners(connection: sa.Connection, sight: Sight, asks: Sequence[tuple[bytes, int, int]]) -> list[Winner | None]:
    """The winner for each (sel, at, params_id) asked, in the order of the asking."""
    if not asks:
        return []
    source = asked(connection, "ask", (("n", "int"), ("sel", "bytes"), ("at", "int"), ("params", "int")),
                   [(n, *ask) for n, ask in enumerate(asks)])
    latest = LATEST.format(sel="a.sel", at="a.at", params="a.params", visible=sight.where("c"))
    statement = (f"select a.n,{WINNER_COLUMNS} from {source} a join object w on w.oid={latest} "
                 "left join recipe r on r.id=w.recipe_id")
    found: list[Winner | None] = [None] * len(asks)
    for n, *columns in connection.exec_driver_sql(statement).fetchall():
        found[n] = winner_of(columns)
    return found


def edges_now(connection: sa.Connection, sight: Sight, targets: Sequence[int]) -> list[EdgeNow]:
    """Every recorded input of `targets`, each with what the rule picks now among objects with the same parameters."""
    if not targets:
        return []
    source = asked(connection, "frontier", (("oid", "int"),), [(oid,) for oid in targets])
    latest = LATEST.format(sel="e.sel", at="e.at", params="i.params_id", visible=sight.where("c"))
    statement = (f"select e.target,e.slot,e.pos,e.input,e.input_value,e.sel,e.at,e.per,i.class_id,i.params_id,i.scope_id,"
                 f"{WINNER_COLUMNS} from {source} f join edge e on e.target=f.oid join object i on i.oid=e.input "
                 f"left join object w on w.oid={latest} left join recipe r on r.id=w.recipe_id "
                 "order by e.target,e.slot,e.pos")
    return [EdgeNow._make((*row[:11], winner_of(row[11:]) if row[11] is not None else None))
            for row in connection.exec_driver_sql(statement).fetchall()]


def winner_of(columns: Sequence[object]) -> Winner:
    """Make a Winner of a row; identities become hex."""
    oid, value, class_id, created, object_id, anchor, version, params_id, scope_id = columns
    return Winner(oid, value, class_id, created, object_id.hex(), anchor, version, params_id, scope_id)  # type: ignore[arg-type,attr-defined]


class WantNow(NamedTuple):
    """What a set slot of a target asked for when it was made."""

    target: int
    slot: int
    sel: bytes
    t_from: int
    t_to: int
    n: int


def wants_of(connection: sa.Connection, targets: Sequence[int]) -> list[WantNow]:
    """The questions that `targets` asked of groups, and of single slots that found nothing (n = 0)."""
    if not targets:
        return []
    source = asked(connection, "frontier", (("oid", "int"),), [(oid,) for oid in targets])
    statement = (f"select q.target,q.slot,q.sel,q.t_from,q.t_to,q.n from {source} f join want q on q.target=f.oid "
                 "order by q.target,q.slot")
    return [WantNow(*row) for row in connection.exec_driver_sql(statement).fetchall()]


def members(connection: sa.Connection, sight: Sight,
            groups: Sequence[tuple[bytes, int, int]]) -> list[dict[bytes, Member]]:
    """For each (sel, from, to) the members of that group, the latest of each natural key, by time."""
    found: list[dict[bytes, Member]] = [{} for _ in groups]
    if not groups:
        return found
    source = asked(connection, "grouped", (("n", "int"), ("sel", "bytes"), ("t_from", "int"), ("t_to", "int")),
                   [(n, *group) for n, group in enumerate(groups)])
    statement = (f"select g.n,c.own,c.oid,c.value,c.t_start,c.created,c.object_id from {source} g cross join candidate c "
                 f"where c.sel=g.sel and c.span=0 and c.t_start>=g.t_from and c.t_start<g.t_to and c.eligible=1 "
                 f"and {sight.where('c')}")
    for n, own, oid, value, at, created, object_id in connection.exec_driver_sql(statement).fetchall():
        there = found[n].get(own)
        if there is None or (created, object_id) > (there.created, bytes.fromhex(there.object_id)):
            found[n][own] = Member(own, oid, value, at, created, object_id.hex())
    return [dict(sorted(group.items(), key=lambda item: (item[1].at, item[1].own))) for group in found]


def newest_of_any_kind(connection: sa.Connection, sight: Sight, asks: Sequence[tuple[bytes, int]]) -> list[int | None]:
    """For each (sel, at) the latest visible object whatever its parameters, flags and validity: what a new one replaces."""
    if not asks:
        return []
    source = asked(connection, "ask", (("n", "int"), ("sel", "bytes"), ("at", "int"), ("params", "int")),
                   [(n, *ask, 0) for n, ask in enumerate(asks)])
    statement = (f"select a.n,(select c.oid from span s cross join candidate c where c.sel=a.sel and c.span=s.span "
                 f"and c.t_start>a.at-s.length and c.t_start<=a.at and a.at<c.t_end and {sight.where('c')} "
                 f"order by c.created desc, c.object_id desc limit 1) from {source} a")
    found: list[int | None] = [None] * len(asks)
    for n, oid in connection.exec_driver_sql(statement).fetchall():
        found[n] = oid
    return found


def covering(connection: sa.Connection, sight: Sight, sel: bytes, at: int) -> list[tuple[int, int, int]]:
    """All eligible visible objects that hold `at`, the winner first, as (oid, created, params_id): the rest is eclipsed."""
    statement = (f"select c.oid,c.created,c.params_id from candidate c join span s on s.span=c.span where c.sel=:sel "
                 f"and c.t_start>:at-s.length and c.t_start<=:at and :at<c.t_end and c.eligible=1 and {sight.where('c')} "
                 "order by c.created desc, c.object_id desc")
    return [tuple(row) for row in connection.execute(sa.text(statement), {"sel": sel, "at": at})]


def distinct(items: Iterable[bytes]) -> list[bytes]:
    """The distinct digests of `items`, in order of first sight."""
    return list(dict.fromkeys(items))
