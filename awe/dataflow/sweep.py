"""Finds, below objects that exist, everything that is not as it was recorded: in a few statements, however much there is.

What stands on recorded inputs that the rule still picks, all the way down, is up to date and need not be looked at one by one.
So Python only ever sees the exceptions, and what stands on them.
"""
from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked
from awe.dataflow.node import Slots, is_makeable
from awe.dataflow.parameters import ParameterBook
from awe.dataflow.scopes import Scopes
from awe.dataflow.select import EDGE_COLUMNS, WINNER_COLUMNS, EdgeNow, Sight, WantNow, Winner, latest, rows, winner_of
from awe.persist.declare import Dependency, DependencyList, natural_key, number_of
from awe.persist.mapping import class_of, subclasses

#: A key of which more objects than this stand side by side is looked up by the bins of their lengths of validity.
FEW = 12


class Combination(NamedTuple):
    """Objects of one class, made by the same code with the same parameters for the same chip; two of them stand for all."""

    class_id: int
    version: int
    params_id: int
    scope_id: int
    first: int
    last: int


class Kinds(NamedTuple):
    """The numbers of slots: whose inputs can be made, whose cannot, which lists may hide a change, which are compared exactly."""

    made: set[int]
    given: set[int]
    hiding: set[int]
    exact: set[int]


class Sweep:
    """Looks below objects that exist; what was looked at once is not looked at again."""

    def __init__(self, connection: sa.Connection, sight: Sight, book: ParameterBook, scopes: Scopes) -> None:
        self.connection, self.sight, self.book, self.scopes = connection, sight, book, scopes
        self.sqlite = connection.dialect.name == "sqlite"
        self.join = "cross join" if self.sqlite else "join"
        self.fence = "" if self.sqlite else " offset 0"
        self.below, self.odd = self._table("below", "round"), self._table("odd")
        self.round = 0

    def _table(self, name: str, *columns: str) -> str:
        table = f"{'temp' if self.sqlite else 'pg_temp'}.awe_{name}"
        more = "".join(f",{column} integer" for column in columns)
        self.connection.exec_driver_sql(f"create temp table if not exists awe_{name}"
                                        f"(oid {'integer' if self.sqlite else 'bigint'} primary key{more})")
        self.connection.exec_driver_sql(f"delete from {table}")
        return table

    def _analyze(self, table: str) -> None:
        if not self.sqlite:
            self.connection.exec_driver_sql(f"analyze {table}")

    def _insert(self, table: str, columns: str, select: str) -> None:
        start, end = ("insert or ignore into", "") if self.sqlite else ("insert into", " on conflict do nothing")
        self.connection.exec_driver_sql(f"{start} {table}({columns}) {select}{end}")
        self._analyze(table)

    # ------------------------------------------------------------------ going down

    def extend(self, roots: Sequence[int]) -> list[Combination]:
        """Walk down from `roots` along recorded inputs that can be made, and say what kinds of objects are there."""
        self.round += 1
        source = asked(self.connection, "frontier", (("oid", "int"),), [(oid,) for oid in roots])
        new = f" and not exists(select 1 from {self.below} b where b.oid=e.input)" if self.round > 1 else ""
        self._insert(self.below, "oid,round", (
            f"with recursive node(oid) as (select oid from {source} union select e.input from node n {self.join} edge e "
            f"on e.target=n.oid and e.slot in ({listed(makeable_numbers())}){new}) select oid,{self.round} from node"))
        return [Combination(*row) for row in rows(self.connection, (
            f"select o.class_id,coalesce(r.version,0),o.params_id,o.scope_id,min(b.oid),max(b.oid) from {self.below} b "
            f"join object o on o.oid=b.oid left join recipe r on r.id=o.recipe_id where b.round={self.round} group by 1,2,3,4"))]

    def outdated(self, combinations: Iterable[Combination]) -> list[int]:
        """The objects of the last round that another version of their class made."""
        old = [f"(o.class_id={one.class_id} and r.version={one.version})" for one in combinations if is_outdated(one)]
        if not old:
            return []
        return [oid for oid, in rows(self.connection, (
            f"select b.oid from {self.below} b join object o on o.oid=b.oid join recipe r on r.id=o.recipe_id "
            f"where b.round={self.round} and ({' or '.join(dict.fromkeys(old))})"))]

    # ------------------------------------------------------------------ single inputs and members

    def exceptions(self, combinations: list[Combination]) -> list[EdgeNow]:
        """The recorded inputs, of objects of the last round, in whose place the rule picks something else now."""
        kinds = kinds_of(combinations)
        narrow = self._narrow(combinations)
        found: list[EdgeNow] = []
        for is_made, numbers in ((False, kinds.given - kinds.made), (True, kinds.made)):
            for is_narrow, some in ((True, numbers & narrow), (False, numbers - narrow)):
                if some:
                    found += self._exceptions(combinations, some, is_made, is_narrow)
        return found

    def _narrow(self, combinations: list[Combination]) -> set[int]:
        """The slots of whose inputs few stand side by side, as far as a sample tells."""
        sample = {oid for one in combinations for oid in (one.first, one.last)}
        found = rows(self.connection, (
            f"select e.slot,max((select count(*) from (select 1 from candidate c where c.sel=e.sel limit {FEW + 1}) few)) from edge e "
            f"where e.target in ({listed(sample)}) group by e.slot"))
        return {slot for slot, count in found if count <= FEW}

    def _exceptions(self, combinations: list[Combination], numbers: set[int], is_made: bool, is_narrow: bool) -> list[EdgeNow]:
        params, used, unwanted = ("c.params_id=0", "", "") if not is_made else (
            self._wanted(combinations), f" {self.join} object i on i.oid=e.input", self._unwanted(combinations))
        winner = latest(self.connection, self.sight, "e.sel", "e.at", params, narrow=is_narrow)
        if unwanted:
            winner = f"case when {unwanted} then null else {winner} end"
        new = "0" if not is_narrow else (
            "case when exists(select 1 from edge u where u.input=x.winner) or exists(select 1 from candidate t where t.sel=x.sel "
            "and t.value=w.value and t.oid<>x.winner) then 0 else 1 end")
        statement = (
            f"select x.*,p.object_id,{new},{WINNER_COLUMNS} from (select {EDGE_COLUMNS},{winner} as winner from {self.below} b "
            f"{self.join} edge e on e.target=b.oid and e.slot in ({listed(numbers)}){used} where b.round={self.round}{self.fence}) x "
            f"join object p on p.oid=x.input left join object w on w.oid=x.winner left join recipe r on r.id=w.recipe_id "
            f"where x.winner is {'not' if self.sqlite else 'distinct from'} x.input order by x.target,x.slot,x.pos")
        return [EdgeNow._make((*row[:8], row[9], winner_of(row[11:]) if row[8] is not None else None, bool(row[10])))
                for row in rows(self.connection, statement)]

    def _wanted(self, combinations: list[Combination]) -> str:
        """Which parameters will do, by the class of the recorded input: those wanted of all its objects, else those it had."""
        cases = []
        for class_id in sorted({class_id for one in combinations for class_id in classes_below(one.class_id)}):
            ids = self.book.uniform(class_of(class_id))
            wanted = "c.params_id in (0,i.params_id)" if ids is None else f"c.params_id in ({listed(ids) or '-1'})"
            if wanted != "c.params_id in (0)":
                cases.append(f"when {class_id} then {wanted}")
        return f"case i.class_id {' '.join(cases)} else c.params_id=0 end" if cases else "c.params_id=0"

    def _unwanted(self, combinations: list[Combination]) -> str:
        """Recorded inputs whose parameters are no longer those wanted, where that differs from one object to another."""
        cases = {f"i.class_id={class_id}" for one in combinations for class_id in classes_below(one.class_id)
                 if self.book.depends_on_time(class_of(class_id))}
        for one in combinations:
            cls = class_of(one.class_id)
            if not is_makeable(cls) or self.book.uniform(cls) is not None or f"i.class_id={one.class_id}" in cases:
                continue
            if one.params_id not in set(self.book.wanted(cls, self.scopes.of(cls, one.scope_id), 0).ids) - {0}:
                cases.add(f"(i.class_id={one.class_id} and i.params_id={one.params_id} and i.scope_id={one.scope_id})")
        return " or ".join(sorted(cases))

    # ------------------------------------------------------------------ groups, and what had not been found

    def wants(self, combinations: list[Combination]) -> list[WantNow]:
        """The groups, of objects of the last round, that may have other members now, and all dependencies that had found nothing."""
        kinds = kinds_of(combinations)
        visible = self.sight.where("c")
        count = (f"(select count(distinct c.own) from candidate c where c.sel=q.sel and c.span=0 and c.t_start>=q.t_from "
                 f"and c.t_start<q.t_to and c.eligible=1 and {visible})")
        picked = latest(self.connection, self.sight, "e.per", "e.at", narrow=True)
        left = (f"exists(select 1 from edge e where e.target=q.target and e.slot=q.slot and not exists(select 1 from object o "
                f"{self.join} candidate c on c.sel=q.sel and c.span=0 and c.t_start=o.anchor and c.oid=o.oid and c.eligible=1 "
                f"where o.oid={picked} and o.anchor>=q.t_from and o.anchor<q.t_to))")
        hiding = f" or q.slot in ({listed(kinds.hiding)}) and {left}" if kinds.hiding else ""
        exact = f"q.slot in ({listed(kinds.exact)}) or " if kinds.exact else ""
        return [WantNow(*row) for row in rows(self.connection, (
            f"select q.target,q.slot,q.sel,q.t_from,q.t_to,q.n from {self.below} b {self.join} want q on q.target=b.oid "
            f"where b.round={self.round} and (q.n=0 or {exact}q.n<>{count}{hiding}) order by q.target,q.slot"))]

    # ------------------------------------------------------------------ going up

    def stand_on(self, odd: Iterable[int]) -> list[Winner]:
        """Everything looked at so far that is one of `odd` or stands on one of them."""
        source = asked(self.connection, "frontier", (("oid", "int"),), [(oid,) for oid in odd])
        self.connection.exec_driver_sql(f"delete from {self.odd}")
        self._insert(self.odd, "oid", (
            f"with recursive up(oid) as (select oid from {source} union select e.target from up u {self.join} edge e on e.input=u.oid "
            f"{self.join} {self.below} b on b.oid=e.target) select oid from up"))
        return [winner_of(row) for row in rows(self.connection, (
            f"select {WINNER_COLUMNS} from {self.odd} u {self.join} object w on w.oid=u.oid left join recipe r on r.id=w.recipe_id"))]

    def group_members(self) -> dict[tuple[int, int], set[int]]:
        """Who belongs to the groups of those, by (target, slot), as far as they have not been compared exactly."""
        numbers = {number_of(name) for cls in subclasses() for name in Slots.of(cls).lists}
        found: dict[tuple[int, int], set[int]] = defaultdict(set)
        for target, slot, oid in rows(self.connection, (
                f"select q.target,q.slot,c.oid from {self.odd} u {self.join} want q on q.target=u.oid and q.slot in ({listed(numbers)}) "
                f"{self.join} candidate c on c.sel=q.sel and c.span=0 and c.t_start>=q.t_from and c.t_start<q.t_to and c.eligible=1 "
                f"where {self.sight.where('c')}")):
            found[target, slot].add(oid)
        return found

    def links(self) -> list[tuple[int, int, int, int, bytes, bytes, int, bytes | None]]:
        """The recorded inputs that lead from one of those to another: the columns of an edge."""
        return rows(self.connection, (  # type: ignore[return-value]
            f"select {EDGE_COLUMNS} from {self.odd} u {self.join} edge e on e.target=u.oid and e.slot in ({listed(makeable_numbers())}) "
            f"{self.join} {self.odd} v on v.oid=e.input order by e.target,e.slot,e.pos"))


def listed(numbers: Iterable[int]) -> str:
    """Numbers as SQL lists them."""
    return ",".join(str(int(number)) for number in sorted(numbers)) or "-1"


def is_outdated(one: Combination | Winner) -> bool:
    """Whether another version of its class made an object; what was ingested has no version."""
    cls = class_of(one.class_id)
    return is_makeable(cls) and one.version not in (0, getattr(cls, "version", 0))


def makeable_numbers() -> set[int]:
    """The numbers of all slots that may hold something that can be made."""
    return {number_of(name) for cls in subclasses() for name, slot in Slots.of(cls).by_name.items() if is_makeable(slot.type)}


def classes_below(class_id: int) -> set[int]:
    """The numbers of the classes that can be made of which objects may be inputs of this class."""
    found = {cls for slot in Slots.of(class_of(class_id)).by_name.values() if is_makeable(slot.type)
             for cls in slot.type.__mapping__.concrete()}
    return {cls.__mapping__.class_id for cls in found}


def kinds_of(combinations: Iterable[Combination]) -> Kinds:
    """Sort the slots of the classes that are there."""
    kinds = Kinds(set(), set(), set(), set())
    for cls in {class_of(one.class_id) for one in combinations}:
        for name, slot in Slots.of(cls).by_name.items():
            number = number_of(name)
            (kinds.made if is_makeable(slot.type) else kinds.given).add(number)
            if isinstance(slot, DependencyList):
                if is_makeable(slot.member) or (slot.at_most is not None and not slot.is_open):
                    kinds.exact.add(number)
                elif slot.one_per is not None and source_slot(slot) is None:
                    kinds.hiding.add(number)
    return kinds


def source_slot(slot: DependencyList[object]) -> str | None:
    """The dependency by which each member of a set is made from the object that it stands for; None where there is none.

    Through it a member shows by itself when that object changes.
    """
    known = natural_key(slot.type)
    return next((name for name, one in Slots.of(slot.type).by_name.items()
                 if isinstance(one, Dependency) and one.type is slot.one_per and not one.optional
                 and all(ours in known for _, ours in one.same) and {theirs for theirs, _ in one.same} == set(natural_key(one.type))), None)
