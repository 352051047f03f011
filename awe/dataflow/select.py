"""The one selection rule: which object is used, of all that could be.

Candidates have the natural keys asked for, the wanted parameters, a validity that holds the time, and are eligible
(valid, not flagged, or qualified) and visible.  The latest (`creation_date`, `object_id`) wins; what it covers is eclipsed.
What has no parameters recorded, though its class has some, was not made by them (it was ingested), and serves whatever is wanted.

Everything that selects comes here: `find`, `get`, `select`, dependencies, the planner and the calibration time stamps.
All questions of one kind are one statement, however many there are.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked, numbers


class Sight(NamedTuple):
    """Whose eyes look: what they may see is said in SQL by `where`.

    Without a `user_id` nothing private is seen, without `project_ids` nothing that belongs to a project.
    """

    user_id: int | None
    project_ids: tuple[int, ...]
    lowest: int = 3

    def where(self, alias: str) -> str:
        """The criterion on a table that has privileges, project_id and creator_id."""
        allowed = [f"{alias}.privileges>={int(self.lowest)}"]
        if self.project_ids:
            projects = ",".join(str(int(project)) for project in self.project_ids)
            allowed.append(f"{alias}.privileges=2 and {alias}.project_id in ({projects})")
        if self.user_id:
            allowed.append(f"{alias}.privileges=1 and {alias}.creator_id={int(self.user_id)}")
        return "(" + " or ".join(allowed) + ")" if len(allowed) > 1 else allowed[0]


class Winner(NamedTuple):
    """The object that the rule picked, as the database has it."""

    oid: int
    value: bytes
    class_id: int
    created: int
    identity: bytes
    anchor: int
    version: int
    params_id: int
    scope_id: int

    @property
    def object_id(self) -> str:
        """Its identity, in hex."""
        return self.identity.hex()


class EdgeNow(NamedTuple):
    """A recorded input, and what the rule picks in its place now; None where that has to be asked anew."""

    target: int
    slot: int
    pos: int
    input: int
    input_value: bytes
    sel: bytes
    at: int
    per: bytes | None
    winner: Winner | None


class Member(NamedTuple):
    """A member of a group: the winner of its natural key at its own time."""

    own: bytes
    oid: int
    value: bytes
    at: int
    created: int
    identity: bytes


WINNER_COLUMNS = "w.oid,w.value,w.class_id,w.creation_date,w.object_id,w.anchor,coalesce(r.version,0),w.params_id,w.scope_id"
EDGE_COLUMNS = "e.target,e.slot,e.pos,e.input,e.input_value,e.sel,e.at,e.per"
WIDE = """(select c.oid from span s cross join candidate c
 where c.sel={sel} and c.span=s.span and c.t_start>{at}-s.length and c.t_start<={at} and {at}<c.t_end
 and c.eligible=1 and {params} and {visible} order by c.created desc,c.object_id desc limit 1)"""
#: The same, bin by bin: PostgreSQL takes a third of the time for that.
WIDE_OF_BINS = "(select c.oid from ({bins}) c order by c.created desc,c.object_id desc limit 1)"
BIN = """select c.oid,c.created,c.object_id from candidate c
 where c.sel={sel} and c.span={span} and c.t_start>{at}-{length} and c.t_start<={at} and {at}<c.t_end
 and c.eligible=1 and {params} and {visible}"""
#: Twice the latest date in one bin, or of one key, and one more where another than `recorded` has it.
MARKED = """coalesce((select max(2*c.created+{other}) from candidate c
 where c.sel={sel} and {bin}c.t_start<={at} and {at}<c.t_end and c.eligible=1 and {params} and {visible}),-1)"""
IN_BIN = "c.span={span} and c.t_start>{at}-{length} and "
#: One for another object than the recorded one, and the greatest of some numbers.
OTHER = {"sqlite": "(c.oid<>{recorded})", "postgresql": "(c.oid<>{recorded})::int"}
GREATEST = {"sqlite": "max", "postgresql": "greatest"}
NARROW = """(select c.oid from candidate c where c.sel={sel} and c.t_start<={at} and {at}<c.t_end
 and c.eligible=1 and {params} and {visible} order by c.created desc,c.object_id desc limit 1)"""


Bins = Sequence[tuple[int, int]]


def spans(connection: sa.Connection) -> Bins:
    """The bins of lengths of validity that there are, each with its length."""
    return [(span, length) for span, length in rows(connection, "select span,length from span")]


def latest(connection: sa.Connection, sight: Sight, sel: str, at: str, params: str = "c.params_id=0", *, narrow: bool = False,
           bins: Bins | None = None) -> str:
    """The rule as SQL: the row number of the winner.

    `sel` and `at` are expressions; `params` is a criterion on ``c.params_id``.  A `narrow` look-up goes through all objects of
    one key; otherwise through the `bins` of lengths of validity, which pays where many stand side by side.
    """
    words = {"sel": sel, "at": at, "params": params, "visible": sight.where("c")}
    if narrow:
        return NARROW.format(**words)
    if connection.dialect.name == "sqlite":
        return WIDE.format(**words)
    found = [BIN.format(span=span, length=length, **words) for span, length in (spans(connection) if bins is None else bins)]
    return WIDE_OF_BINS.format(bins=" union all ".join(found)) if found else "null::bigint"


def is_latest(connection: sa.Connection, sight: Sight, sel: str, at: str, recorded: str, params: str = "c.params_id=0", *,
              narrow: bool = False, bins: Bins = ()) -> str:
    """A criterion that a recorded input is still picked: found without sorting, which takes a third longer.

    It holds where nothing else has as late a date.  Where it does not, the rule itself has to be asked: of two of the same
    microsecond the one with the greater identity is the later.
    """
    dialect = connection.dialect.name
    words = {"sel": sel, "at": at, "other": OTHER[dialect].format(recorded=recorded), "params": params, "visible": sight.where("c")}
    if narrow:
        return f"{MARKED.format(bin='', **words)}&1=0"
    found = [MARKED.format(bin=IN_BIN.format(span=span, length=length, at=at), **words) for span, length in bins]
    return f"{GREATEST[dialect]}(-1,{','.join(found)})&1=0" if found else "1=0"


def rows(connection: sa.Connection, statement: str, given: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The rows of a statement as plain tuples, without what SQLAlchemy adds to them; `given` are its parameters."""
    result = connection.exec_driver_sql(statement, given or None)
    found: Any = result.cursor.fetchall()  # type: ignore[union-attr]
    result.close()
    return list(found)


def pick(connection: sa.Connection, sight: Sight, asks: Sequence[tuple[bytes, int, Sequence[int]]]) -> list[Winner | None]:
    """The winner for each (sel, at, rows of `parameters` that will do), in the order of the asking."""
    listed = [(n, sel, at, *pair) for n, (sel, at, ids) in enumerate(asks) for pair in pairs_of(ids)]
    found: list[Winner | None] = [None] * len(asks)
    if not listed:
        return found
    source = asked(connection, "ask", (("n", "int"), ("sel", "bytes"), ("at", "int"), ("one", "int"), ("other", "int")), listed)
    picked = latest(connection, sight, "a.sel", "a.at", "c.params_id in (a.one,a.other)")
    read = f"object w on w.oid={picked}"
    if connection.dialect.name == "postgresql":  # it would read all objects there are, and look for the winner twice
        read = f"lateral (select * from object o where o.oid={picked} offset 0) w on true"
    statement = f"select a.n,{WINNER_COLUMNS} from {source} a join {read} left join recipe r on r.id=w.recipe_id"
    for n, *columns in rows(connection, statement):
        winner, other = Winner._make(columns), found[n]
        if other is None or (winner.created, winner.identity) > (other.created, other.identity):
            found[n] = winner
    return found


def pairs_of(ids: Sequence[int]) -> list[tuple[int, int]]:
    """Numbers two by two; the last may stand twice."""
    return [(ids[n], ids[min(n + 1, len(ids) - 1)]) for n in range(0, len(ids), 2)]


def objects(connection: sa.Connection, oids: Sequence[int]) -> list[Winner]:
    """What `Winner` says, of objects by their row numbers."""
    if not oids:
        return []
    source, given = numbers(connection, oids)
    return [Winner._make(row) for row in rows(connection, f"select {WINNER_COLUMNS} from {source} f join object w on w.oid=f.oid "
                                                       "left join recipe r on r.id=w.recipe_id", given)]


def visible_among(connection: sa.Connection, sight: Sight, oids: Sequence[int]) -> set[int]:
    """Which of these objects can be seen."""
    if not oids:
        return set()
    source, given = numbers(connection, oids)
    return {oid for oid, in rows(connection, f"select o.oid from {source} f join object o on o.oid=f.oid where {sight.where('o')}", given)}


def edges_of(connection: sa.Connection, targets: Sequence[int]) -> list[EdgeNow]:
    """Every recorded input of `targets`, as it was recorded."""
    if not targets:
        return []
    source, given = numbers(connection, targets)
    statement = (f"select {EDGE_COLUMNS},{WINNER_COLUMNS} from {source} f join edge e on e.target=f.oid join object w on w.oid=e.input "
                 "left join recipe r on r.id=w.recipe_id order by e.target,e.slot,e.pos")
    return [EdgeNow._make((*row[:8], Winner._make(row[8:]))) for row in rows(connection, statement, given)]


class WantNow(NamedTuple):
    """What a set slot of a target asked for when it was made, or a single slot that found nothing (`n` = 0)."""

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
    source, given = numbers(connection, targets)
    statement = (f"select q.target,q.slot,q.sel,q.t_from,q.t_to,q.n from {source} f join want q on q.target=f.oid "
                 "order by q.target,q.slot")
    return [WantNow(*row) for row in rows(connection, statement, given)]


def members(connection: sa.Connection, sight: Sight, groups: Sequence[tuple[bytes, int, int]]) -> list[list[Member]]:
    """For each (sel, from, to) the members of that group, by time.

    A member is the latest of its natural key; one that has been replaced by a version that belongs elsewhere is none.
    """
    found: list[list[Member]] = [[] for _ in groups]
    if not groups:
        return found
    source = asked(connection, "grouped", (("n", "int"), ("sel", "bytes"), ("t_from", "int"), ("t_to", "int")),
                   [(n, *group) for n, group in enumerate(groups)])
    picked = latest(connection, sight, "c0.own", "c0.t_start", "c.params_id=c0.params_id", narrow=True)
    statement = (f"select g.n,c0.own,c0.oid,c0.value,c0.t_start,c0.created,c0.object_id from {source} g cross join candidate c0 "
                 f"where c0.sel=g.sel and c0.span=0 and c0.t_start>=g.t_from and c0.t_start<g.t_to and c0.eligible=1 "
                 f"and {sight.where('c0')} and {picked}=c0.oid order by g.n,c0.t_start,c0.own")
    for n, *member in rows(connection, statement):
        found[n].append(Member._make(member))
    return found


class Before(NamedTuple):
    """What stands in the place of a question, whatever its parameters, flags and validity."""

    oid: int
    object_id: str
    params_id: int
    anchor: int


def newest_of_any_kind(connection: sa.Connection, sight: Sight, asks: Sequence[tuple[bytes, int]]) -> list[Before | None]:
    """For each (sel, at) the latest visible object whatever its parameters, flags and validity: what a new one replaces."""
    found: list[Before | None] = [None] * len(asks)
    if not asks:
        return found
    source = asked(connection, "ask", (("n", "int"), ("sel", "bytes"), ("at", "int"), ("one", "int"), ("other", "int")),
                   [(n, *ask, 0, 0) for n, ask in enumerate(asks)])
    picked = latest(connection, sight, "a.sel", "a.at", "c.params_id is not null").replace("c.eligible=1 and ", "")
    statement = f"select a.n,o.oid,o.object_id,o.params_id,o.anchor from {source} a join object o on o.oid={picked}"
    for n, oid, object_id, params_id, anchor in rows(connection, statement):
        found[n] = Before(oid, object_id.hex(), params_id, anchor)
    return found


def covering(connection: sa.Connection, sight: Sight, sel: bytes, at: int) -> list[tuple[int, int, int]]:
    """All eligible visible objects that hold `at`, the winner first, as (oid, created, params_id): the rest is eclipsed."""
    statement = (f"select c.oid,c.created,c.params_id from candidate c where c.sel=:sel "
                 f"and c.t_start<=:at and :at<c.t_end and c.eligible=1 and {sight.where('c')} "
                 "order by c.created desc,c.object_id desc")
    return [tuple(row) for row in connection.execute(sa.text(statement), {"sel": sel, "at": at})]


class Interval(NamedTuple):
    """From when until when an eligible object of some key is valid."""

    t_start: int
    t_end: int
    created: int
    oid: int
    params_id: int


def overlapping(connection: sa.Connection, sight: Sight, sel: bytes, start: int, end: int) -> list[Interval]:
    """All eligible visible objects of one key that are valid at some time between `start` and `end`."""
    statement = (f"select c.t_start,c.t_end,c.created,c.oid,c.params_id from candidate c where c.sel=:sel and c.t_start<:end "
                 f"and :start<c.t_end and c.eligible=1 and {sight.where('c')} order by c.t_start")
    return [Interval(*row) for row in connection.execute(sa.text(statement), {"sel": sel, "start": start, "end": end})]
