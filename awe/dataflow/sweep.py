"""Finds, below objects that exist, everything that is not as it was recorded: in a few statements, however much there is.

What stands on recorded inputs that the rule still picks, all the way down, is up to date and need not be looked at one by one.
So Python only ever sees the exceptions, and what stands on them.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked
from awe.dataflow.kinds import Kinds
from awe.dataflow.parameters import ParameterBook
from awe.dataflow.scopes import Scopes
from awe.dataflow.select import WINNER_COLUMNS, EdgeNow, Sight, WantNow, Winner, latest, rows
from awe.persist.mapping import class_of

#: A key of which more objects than this stand side by side is looked up by the bins of their lengths of validity.
FEW = 12
#: Up to how many slots are looked up one by one; of more, all inputs are gone through.
FEW_SLOTS = 4
#: How many objects are looked at to find out of which keys there are few.
SAMPLE = 64


class Other(NamedTuple):
    """Another object that is picked in the place of a recorded input, and that cannot itself be out of date.

    `differs` says whether its value does; `is_new` that nothing was ever made from it, nor from anything of its key and value.
    """

    target: int
    slot: int
    pos: int
    input: int
    differs: int
    oid: int
    class_id: int
    created: int
    object_id: bytes
    anchor: int
    is_new: int


class Exceptions(NamedTuple):
    """What needs a look.

    Attributes
    ----------
    others
        inputs that cannot be made, with what is picked instead
    vanished
        (target, slot, pos) of inputs that cannot be made in whose place nothing is picked
    made
        inputs that can be made, with what is picked instead, or None where that has to be asked for anew
    targets
        the objects that have these inputs, by their row numbers
    outdated
        the row numbers of inputs that another version of their class made
    """

    others: list[Other]
    vanished: list[tuple[int, int, int]]
    made: list[EdgeNow]
    targets: dict[int, Winner]
    outdated: list[int]


class Group(NamedTuple):
    """What a set slot of an object of some class asked for, who is there now, and whether that is known to be the same.

    `members` are the row numbers of all versions of those who are there, each between commas.
    """

    want: WantNow
    class_id: int
    members: str
    is_same: bool


TARGET_COLUMNS = WINNER_COLUMNS.replace("w.", "t.").replace("r.", "v.")


class Sweep:
    """Looks below objects that exist; what was looked at once is not looked at again."""

    def __init__(self, connection: sa.Connection, sight: Sight, book: ParameterBook, scopes: Scopes) -> None:
        self.connection, self.sight, self.book, self.scopes = connection, sight, book, scopes
        self.sqlite = connection.dialect.name == "sqlite"
        self.join = "cross join" if self.sqlite else "join"
        self.fence = " limit -1" if self.sqlite else " offset 0"
        self.order, self.order_wants = ("", "") if self.sqlite else (" order by x.target,x.slot,x.pos", " order by q.target,q.slot")
        self.differs = "is not" if self.sqlite else "is distinct from"
        self.below = self._table("below", "round")
        self.round = self.first = 0
        self.kinds = Kinds(())
        self._old: list[int] | None = None
        self._last_used: int | None = None

    def _table(self, name: str, *columns: str) -> str:
        table = f"{'temp' if self.sqlite else 'pg_temp'}.awe_{name}"
        more = "".join(f",{column} integer" for column in columns)
        self.connection.exec_driver_sql(f"create temp table if not exists awe_{name}"
                                        f"(oid {'integer' if self.sqlite else 'bigint'} primary key{more})")
        self.connection.exec_driver_sql(f"delete from {table}")
        return table

    def _insert(self, table: str, columns: str, select: str) -> int:
        start, end = ("insert or ignore into", "") if self.sqlite else ("insert into", " on conflict do nothing")
        count = self.connection.exec_driver_sql(f"{start} {table}({columns}) {select}{end}").rowcount
        if not self.sqlite:
            self.connection.exec_driver_sql(f"analyze {table}")
        return count

    # ------------------------------------------------------------------ going down

    def extend(self, roots: Sequence[int], classes: Iterable[type]) -> None:
        """Walk down from `roots`, objects of these classes, along recorded inputs that can be made."""
        self.kinds = Kinds(classes)
        source = asked(self.connection, "frontier", (("oid", "int"),), [(oid,) for oid in roots])
        self.round += 1
        self.first, count = self.round, self._insert(self.below, "oid,round", f"select oid,{self.round} from {source}")
        self.count = count
        while count:
            count = self._insert(self.below, "oid,round", (
                f"select e.input,{self.round + 1} from {self.below} b {self.join} edge e on e.target=b.oid "
                f"and e.slot in ({listed(self.kinds.made)}) where b.round={self.round}"))
            self.count += count
            self.round += 1

    def exceptions(self) -> Exceptions:
        """The recorded inputs, of objects that were just walked down to, that need a look.

        Something else is picked in their place now, or has to be asked for anew, or another version of its class made them.
        """
        narrow, kinds, found = self._narrow(), self.kinds, Exceptions([], [], [], {}, [])
        for numbers, look in ((kinds.given - kinds.made, self._look_at_given), (kinds.made, self._look_at_made)):
            for some, is_narrow in ((numbers & narrow, True), (numbers - narrow, False)):
                if some:
                    look(some, is_narrow, found)
        return found

    def _statement(self, columns: str, inner: str, numbers: set[int], used: str, where: str) -> str:
        """What needs a look among the inputs of some slots; every input is looked up once, and only then the rest is read."""
        slots = f"{'' if len(numbers) <= FEW_SLOTS else '+'}e.slot in ({listed(numbers)})"
        return (f"select {columns},{TARGET_COLUMNS} from (select e.target,e.slot,e.pos,e.input,e.input_value,e.sel,e.at,e.per,{inner} "
                f"from {self.below} b {self.join} edge e on e.target=b.oid and {slots}{used} where b.round>={self.first}{self.fence}) x "
                f"{self.join} object t on t.oid=x.target left join object w on w.oid=x.winner "
                f"left join recipe r on r.id=w.recipe_id left join recipe v on v.id=t.recipe_id where {where}{self.order}")

    def _look_at_given(self, numbers: set[int], is_narrow: bool, found: Exceptions) -> None:
        """Inputs that cannot be made, so that nothing below them needs a look."""
        winner = latest(self.connection, self.sight, "e.sel", "e.at", narrow=is_narrow)
        columns = (f"x.target,x.slot,x.pos,x.input,w.value {self.differs} x.input_value,w.oid,w.class_id,w.creation_date,w.object_id,"
                   f"w.anchor,{self._is_new() if is_narrow else '0'}")
        statement = self._statement(columns, f"{winner} as winner", numbers, "", f"x.winner {self.differs} x.input")
        for row in rows(self.connection, statement):
            if row[0] not in found.targets:
                found.targets[row[0]] = Winner._make(row[11:])
            if row[5] is None:
                found.vanished.append(row[:3])
            else:
                found.others.append(Other._make(row[:11]))

    def _look_at_made(self, numbers: set[int], is_narrow: bool, found: Exceptions) -> None:
        """Inputs that can be made.  Unless some are old or depend on parameters, the recorded ones need not be read."""
        old, wanted, unwanted = self._old_recipes(), self._wanted(), self._unwanted()
        winner = latest(self.connection, self.sight, "e.sel", "e.at", wanted or "c.params_id=0", narrow=is_narrow)
        if unwanted:
            winner = f"case when {unwanted} then null else {winner} end"
        used = f" {self.join} object i on i.oid=e.input" if old or wanted or unwanted else ""
        is_old = f"i.recipe_id in ({listed(old)})" if old else "1=0"
        statement = self._statement(
            f"x.target,x.slot,x.pos,x.input,x.input_value,x.sel,x.at,x.per,x.is_old,{WINNER_COLUMNS}",
            f"{winner} as winner,{is_old} as is_old", numbers, used, f"x.winner {self.differs} x.input{' or x.is_old' if old else ''}")
        for row in rows(self.connection, statement):
            winner_now = Winner._make(row[9:18]) if row[9] is not None else None
            edge = EdgeNow._make((*row[:8], winner_now))
            if row[8]:
                found.outdated.append(edge.input)
            if winner_now is None or winner_now.oid != edge.input:
                found.made.append(edge)
                if edge.target not in found.targets:
                    found.targets[edge.target] = Winner._make(row[18:])

    def _narrow(self) -> set[int]:
        """The slots of whose inputs few stand side by side, as far as a sample tells."""
        step = max(1, self.count // SAMPLE)
        found = rows(self.connection, (
            f"select e.slot,max((select count(*) from (select 1 from candidate c where c.sel=e.sel limit {FEW + 1}) few)) "
            f"from {self.below} b {self.join} edge e on e.target=b.oid where b.round>={self.first} "
            f"and b.oid/{step}*{step}=b.oid group by e.slot"))
        return {slot for slot, count in found if count <= FEW}

    def _is_new(self) -> str:
        """Whether nothing was ever made from a winner, nor from anything of its key and value."""
        if self._last_used is None:
            self._last_used = rows(self.connection, "select coalesce(max(input),0) from edge")[0][0]
        return (f"case when x.winner<={self._last_used} or exists(select 1 from candidate c where c.sel=x.sel and c.value=w.value "
                "and c.oid<>x.winner) then 0 else 1 end")

    def _old_recipes(self) -> list[int]:
        """The recipes of other versions of their classes than the present ones."""
        if self._old is None:
            self._old = [id_ for id_, class_id, version in rows(self.connection, "select id,class_id,version from recipe")
                         if is_old_recipe(class_id, version)]
        return self._old

    def _wanted(self) -> str:
        """Which parameters will do, by the class of the recorded input: those wanted of all its objects, else those it had.

        Empty where none of them has parameters.
        """
        cases = []
        for cls in sorted(self.kinds.classes, key=lambda each: each.__name__):
            ids = self.book.uniform(cls)
            wanted = "c.params_id in (0,i.params_id)" if ids is None else f"c.params_id in ({listed(ids)})"
            if wanted != "c.params_id in (0)":
                cases.append(f"when {cls.__mapping__.class_id} then {wanted}")  # type: ignore[attr-defined]
        return f"case i.class_id {' '.join(cases)} else c.params_id=0 end" if cases else ""

    def _unwanted(self) -> str:
        """Recorded inputs whose parameters are no longer those wanted, where that differs from one object to another."""
        cases = []
        for cls in self.kinds.classes:
            if self.book.uniform(cls) is None:
                class_id = cls.__mapping__.class_id  # type: ignore[attr-defined]
                good = [] if self.book.depends_on_time(cls) else self._good_pairs(cls, class_id)
                kept = " or ".join(f"i.params_id={params_id} and i.scope_id={scope_id}" for params_id, scope_id in good)
                cases.append(f"i.class_id={class_id}" + (f" and not ({kept})" if kept else ""))
        return " or ".join(sorted(cases))

    def _good_pairs(self, cls: type, class_id: int) -> list[tuple[int, int]]:
        """The (parameters, scope) of objects that were just walked down to that are as wanted."""
        pairs = rows(self.connection, (
            f"select distinct o.params_id,o.scope_id from {self.below} b {self.join} object o on o.oid=b.oid "
            f"where b.round>={self.first} and o.class_id={class_id}"))
        return [(params_id, scope_id) for params_id, scope_id in pairs
                if params_id and params_id in self.book.wanted(cls, self.scopes.of(cls, scope_id), 0).ids]

    # ------------------------------------------------------------------ groups, and what had not been found

    def wants(self) -> list[Group]:
        """The groups of objects just walked down to, with who belongs to them now, and all dependencies that had found nothing."""
        kinds, visible = self.kinds, self.sight.where("c")
        oids = "group_concat(c.oid)" if self.sqlite else "string_agg(c.oid::text,',')"
        now = (f"(select count(distinct c.own)||','||{oids} from candidate c where c.sel=q.sel and c.span=0 and c.t_start>=q.t_from "
               f"and c.t_start<q.t_to and c.eligible=1 and {visible})")
        picked = latest(self.connection, self.sight, "e.per", "e.at", narrow=True)
        left = (f"exists(select 1 from edge e where e.target=q.target and e.slot=q.slot and not exists(select 1 from object o "
                f"{self.join} candidate c on c.sel=q.sel and c.span=0 and c.t_start=o.anchor and c.oid=o.oid and c.eligible=1 "
                f"where o.oid={picked} and o.anchor>=q.t_from and o.anchor<q.t_to))")
        hides = f"q.slot in ({listed(kinds.hiding)}) and {left}" if kinds.hiding else "1=0"
        found = []
        for *want, class_id, members, hidden in rows(self.connection, (
                f"select q.target,q.slot,q.sel,q.t_from,q.t_to,q.n,o.class_id,case when q.n>0 then {now} end,"
                f"case when {hides} then 1 else 0 end from {self.below} b {self.join} want q on q.target=b.oid "
                f"{self.join} object o on o.oid=b.oid where b.round>={self.first}{self.order_wants}")):
            count, _, listed_members = (members or "0,").partition(",")
            is_same = want[5] > 0 and int(count) == want[5] and not hidden and want[1] not in kinds.exact
            found.append(Group(WantNow._make(want), class_id, f",{listed_members},", is_same))
        return found

    def depends_on(self, roots: Sequence[int], classes: Iterable[type], sels: Sequence[bytes]) -> bool:
        """Whether anything below `roots`, or they themselves, asked for one of these digests, or has members known by one.

        Nothing counts as looked at by that.
        """
        self.extend(roots, classes)
        source = asked(self.connection, "touched", (("sel", "bytes"),), [(sel,) for sel in sels])
        found = any(rows(self.connection, (
            f"select 1 from {self.below} b {self.join} {table} t on t.target=b.oid where t.{column} in (select sel from {source}) limit 1"))
            for table, column in (("want", "sel"), ("edge", "sel"), ("edge", "per")))
        self.connection.exec_driver_sql(f"delete from {self.below}")
        return found

    # ------------------------------------------------------------------ going up

    def above(self, oids: Sequence[int]) -> list[tuple[int, int, int]]:
        """Who of those looked at so far was made from these objects: (target, slot, input)."""
        source = asked(self.connection, "frontier", (("oid", "int"),), [(oid,) for oid in oids])
        return rows(self.connection, (  # type: ignore[return-value]
            f"select e.target,e.slot,e.input from {source} u {self.join} edge e on e.input=u.oid "
            f"{self.join} {self.below} b on b.oid=e.target"))


def listed(numbers: Iterable[int]) -> str:
    """Numbers as SQL lists them."""
    return ",".join(str(int(number)) for number in sorted(numbers)) or "-1"


def is_old(winner: Winner) -> bool:
    """Whether another version of its class made an object; what was ingested has no version."""
    return is_old_recipe(winner.class_id, winner.version)


def is_old_recipe(class_id: int, version: int) -> bool:
    """Whether a recipe belongs to another version of its class than the present one."""
    cls = class_of(class_id)
    return bool(getattr(cls, "can_be_made", False)) and version not in (0, getattr(cls, "version", 0))
