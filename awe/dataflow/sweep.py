"""Finds, below objects that exist, everything that is not as it was recorded: in a few statements, however much there is.

What stands on recorded inputs that the rule still picks, all the way down, is up to date and need not be looked at one by one.
So Python only ever sees which objects stand on which, and the exceptions.  It goes down level by level: the classes of a level say
which inputs its objects have, and each kind of input is one statement for a whole level.
"""
from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.dataflow.asked import asked, numbers
from awe.dataflow.kinds import Kinds
from awe.dataflow.parameters import ParameterBook
from awe.dataflow.scopes import Scopes
from awe.dataflow.select import WINNER_COLUMNS, EdgeNow, Sight, WantNow, Winner, is_latest, latest, rows, spans
from awe.dataflow.state import DAY, Cause, date_of
from awe.persist.mapping import class_of

#: A key of which more objects than this stand side by side is looked up by the bins of their lengths of validity.
FEW = 12
#: Up to how many slots are looked up one by one; of more, or of all that there are, all inputs are gone through.
FEW_SLOTS = 4
REPLACED = Cause.REPLACED.words
#: The target and the winner of an exception.  PostgreSQL expects many, and would read all objects there are.
LOOKED_UP = {
    "sqlite": "cross join object t on t.oid=x.target left join object w on w.oid=x.winner",
    "postgresql": "cross join lateral (select o.class_id,o.anchor from object o where o.oid=x.target offset 0) t "
                  "left join lateral (select * from object o where o.oid=x.winner offset 0) w on true"}
#: What is special about an `Other`.
DIFFERS, MOVED, NEW = 1, 2, 4
#: How many objects are looked at to find out how inputs are best looked up.
SAMPLE = 64
#: Which part of the inputs is to be another now for the rule to be asked at once.
MOST = 0.5


class Other(NamedTuple):
    """Another object that is picked in the place of a recorded input, and that cannot itself be out of date.

    `how` holds bits, as columns cost more than looking up what is in them: `DIFFERS`, that its value is another; `MOVED`, that its
    time is not that of the target; `NEW`, that nothing was ever made from it, nor from anything of its key and value.
    `target_class_id` and `target_anchor` belong to the object that has the input.  Where it differs it is itself the reason why
    that is out of date.
    """

    target: int
    slot: int
    pos: int
    input: int
    how: int
    oid: int
    class_id: int
    created: int
    object_id: bytes
    target_class_id: int
    target_anchor: int

    @property
    def cause(self) -> Cause:
        """What kind of reason it is."""
        return Cause.REPLACED

    @property
    def text(self) -> str:
        """The reason in words."""
        return REPLACED.format(class_of(self[6]).__name__, self[3], self[8][:4].hex(), date_of(self[7] // DAY))

    def __str__(self) -> str:
        return self.text


class Target(NamedTuple):
    """What is known at first of an object that has inputs which need a look."""

    class_id: int
    anchor: int


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
        the objects that have these inputs, by their row numbers; not those of `others`, which say it themselves
    outdated
        the row numbers of inputs that another version of their class made
    """

    others: list[Other]
    vanished: list[tuple[int, int, int]]
    made: list[EdgeNow]
    targets: dict[int, Target]
    outdated: list[int]


class Group(NamedTuple):
    """What a set slot of an object asked for, and whether those who are there now are known to be the same."""

    want: WantNow
    is_same: bool


class Looks(NamedTuple):
    """How inputs are looked up, as far as a sample tells.

    Attributes
    ----------
    narrow
        the slots of whose inputs few stand side by side
    changed
        the slots of whose inputs something else is picked in most places
    """

    narrow: set[int]
    changed: set[int]


class Level:
    """Objects that are looked at together, and what inputs their classes have.

    Attributes
    ----------
    table, given
        what puts the objects into a statement, and its parameter
    unlike
        those of them that have inputs in whose place something else is picked, once it was found out while walking down
    """

    def __init__(self, connection: sa.Connection, oids: list[int], kinds: Kinds) -> None:
        self.oids, self.kinds = oids, kinds
        self.table, self.given = numbers(connection, oids)
        self.unlike: list[int] | None = None
        self.looks = Looks(set(), set())


class Choice(NamedTuple):
    """SQL for what is picked now in the place of inputs: the object, the join that reads the recorded one, whether that is old."""

    winner: str
    used: str
    is_old: str


class Sweep:
    """Looks below objects that exist; what was looked at once is not looked at again.

    Attributes
    ----------
    levels
        what was walked down to last
    seen
        the row numbers of all objects that were walked down to
    links
        the recorded inputs that can be made of all these: (target, slot, input)
    """

    def __init__(self, connection: sa.Connection, sight: Sight, book: ParameterBook, scopes: Scopes) -> None:
        self.connection, self.sight, self.book, self.scopes = connection, sight, book, scopes
        self.sqlite = connection.dialect.name == "sqlite"
        self.join = "cross join" if self.sqlite else "join"
        self.fence = " limit -1" if self.sqlite else " offset 0"
        self.order, self.order_wants = ("", "") if self.sqlite else (" order by x.target,x.slot,x.pos", " order by q.target,q.slot")
        self.differs = "is not" if self.sqlite else "is distinct from"
        self.looked_up, self.bins = LOOKED_UP[connection.dialect.name], spans(connection)
        self.levels: list[Level] = []
        self.seen: set[int] = set()
        self.links: list[tuple[int, int, int]] = []
        self._old: list[int] | None = None
        self._last_used: int | None = None

    # ------------------------------------------------------------------ going down

    def extend(self, roots: Iterable[int], classes: Iterable[type], *, comparing: bool = True) -> None:
        """Walk down from `roots`, objects of these classes, along recorded inputs that can be made.

        While it is `comparing` it is found out on the way, where that can be, whether they are still picked.
        """
        self.levels = []
        oids, kinds = [oid for oid in dict.fromkeys(roots) if oid not in self.seen], Kinds(classes)
        while oids:
            level = Level(self.connection, oids, kinds)
            self.levels.append(level)
            self.seen.update(oids)
            if comparing:
                level.looks = self._looks(level)
            links = self._links(level, comparing=comparing) if kinds.made else []
            self.links += links
            oids, kinds = [oid for oid in dict.fromkeys(link[2] for link in links) if oid not in self.seen], Kinds(kinds.below)

    def _links(self, level: Level, *, comparing: bool) -> list[tuple[int, int, int]]:
        """The inputs of a level that can be made: (target, slot, input).

        Which of them are still picked is read with them, unless most are not, or what is wanted of them hangs on themselves.
        """
        made, below = level.kinds.made, Kinds(level.kinds.below)
        if not comparing or made & level.looks.changed or any(self.book.uniform(cls) is None for cls in below.classes):
            return self._read(level, made, "e.target,e.slot,e.input")  # type: ignore[return-value]
        choice = self._choice(level, below)
        is_like = f"case when {choice.winner}=e.input and not {choice.is_old} then 1 else 0 end"
        found = self._read(level, made, f"e.target,e.slot,e.input,{is_like}", choice.used)
        level.unlike = list(dict.fromkeys(link[0] for link in found if not link[3]))
        return [link[:3] for link in found]  # type: ignore[misc]

    def _read(self, level: Level, slots: set[int], columns: str, more: str = "") -> list[tuple[Any, ...]]:
        """Some columns of the recorded inputs of a level."""
        return rows(self.connection, f"select {columns} from {level.table} b {self.join} edge e on e.target=b.oid "
                                     f"and e.slot in ({listed(slots)}){more}", level.given)

    def exceptions(self) -> Exceptions:
        """The recorded inputs, of objects that were just walked down to, that need a look.

        Something else is picked in their place now, or has to be asked for anew, or another version of its class made them.
        """
        found = Exceptions([], [], [], {}, [])
        for level in self.levels:
            if given := level.kinds.given - level.kinds.made:
                self._look_at_given(level, given, level.looks, found)
            if level.kinds.made and level.unlike is None:
                self._look_at_made(level, found)
            elif level.unlike:
                self._look_at_made(self._part(level, level.unlike), found)
        return found

    def _part(self, level: Level, oids: list[int]) -> Level:
        """Some objects of a level."""
        part = Level(self.connection, oids, level.kinds)
        part.looks = level.looks
        return part

    def _winner(self, slots: set[int], looks: Looks, params: str = "c.params_id=0") -> str:
        """What is picked now in the place of a recorded input: looked up as it suits each slot."""
        ways = [(self._way(narrow, changed, params), slots & (looks.narrow if narrow else slots - looks.narrow)
                 & (looks.changed if changed else slots - looks.changed)) for narrow in (True, False) for changed in (True, False)]
        used = [(way, those) for way, those in ways if those]
        cases = "".join(f"when e.slot in ({listed(those)}) then {way} " for way, those in used[:-1])
        return f"case {cases}else {used[-1][0]} end" if cases else used[-1][0]

    def _way(self, narrow: bool, changed: bool, params: str) -> str:
        """One way to look up: where most is as it was recorded, whether it is comes first."""
        picked = latest(self.connection, self.sight, "e.sel", "e.at", params, narrow=narrow, bins=self.bins)
        if changed:
            return picked
        is_kept = is_latest(self.connection, self.sight, "e.sel", "e.at", "e.input", params, narrow=narrow,
                            bins=self.bins)
        return f"case when {is_kept} then e.input else {picked} end"

    def _statement(self, level: Level, columns: str, inner: str, slots: set[int], used: str, where: str,
                   recipes: str = "") -> list[tuple[Any, ...]]:
        """What needs a look among the inputs of some slots; every input is looked up once, and only then the rest is read."""
        is_most = len(slots) > FEW_SLOTS or (self.sqlite and slots == level.kinds.made | level.kinds.given)
        are = f"{'+' if is_most else ''}e.slot in ({listed(slots)})"
        return rows(self.connection, (
            f"select {columns},t.class_id,t.anchor from (select e.target,e.slot,e.pos,e.input,e.input_value,e.sel,{inner} "
            f"from {level.table} b {self.join} edge e on e.target=b.oid and {are}{used}{self.fence}) x "
            f"{self.looked_up}{recipes} where {where}{self.order}"), level.given)

    def _look_at_given(self, level: Level, slots: set[int], looks: Looks, found: Exceptions) -> None:
        """Inputs that cannot be made, so that nothing below them needs a look."""
        yes = ("", "") if self.sqlite else ("(", ")::int")
        how = (f"{DIFFERS}*{yes[0]}(w.value {self.differs} x.input_value){yes[1]}+{MOVED}*{yes[0]}(w.anchor<>t.anchor){yes[1]}"
               f"+{NEW}*{self._is_new(slots & looks.narrow)}")
        columns = f"x.target,x.slot,x.pos,x.input,{how},w.oid,w.class_id,w.creation_date,w.object_id"
        inner = f"{self._winner(slots, looks)} as winner"
        there, new = self._statement(level, columns, inner, slots, "", f"x.winner {self.differs} x.input"), tuple.__new__
        found.others.extend([new(Other, row) for row in there if row[5] is not None])
        for row in there:
            if row[5] is None:
                found.vanished.append(row[:3])
                found.targets[row[0]] = Target._make(row[9:])

    def _choice(self, level: Level, below: Kinds) -> Choice:
        """What is picked in the place of inputs that can be made; unless some are old or depend on parameters, these need not be read."""
        old, wanted, unwanted = self._old_recipes(), self._wanted(below), self._unwanted(below)
        winner = self._winner(level.kinds.made, level.looks, wanted or "c.params_id=0")
        if unwanted:
            winner = f"case when {unwanted} then null else {winner} end"
        used = f" {self.join} object i on i.oid=e.input" if old or wanted or unwanted else ""
        return Choice(winner, used, f"i.recipe_id in ({listed(old)})" if old else "1=0")

    def _look_at_made(self, level: Level, found: Exceptions) -> None:
        """Inputs that can be made."""
        choice = self._choice(level, Kinds(level.kinds.below))
        for row in self._statement(
                level, f"x.target,x.slot,x.pos,x.input,x.input_value,x.sel,x.at,x.per,x.is_old,{WINNER_COLUMNS}",
                f"e.at,e.per,{choice.winner} as winner,{choice.is_old} as is_old", level.kinds.made, choice.used,
                f"(x.winner {self.differs} x.input or x.is_old)", " left join recipe r on r.id=w.recipe_id"):
            winner_now = Winner._make(row[9:18]) if row[9] is not None else None
            edge = EdgeNow._make((*row[:8], winner_now))
            if row[8]:
                found.outdated.append(edge.input)
            if winner_now is None or winner_now.oid != edge.input:
                found.made.append(edge)
                found.targets[edge.target] = Target._make(row[18:])

    def _looks(self, level: Level) -> Looks:
        """How the inputs of a level are best looked up, by a sample of its objects."""
        sample = Level(self.connection, level.oids[::max(1, len(level.oids) // SAMPLE)], level.kinds)
        picked = latest(self.connection, self.sight, "e.sel", "e.at", "c.params_id is not null", bins=self.bins)
        found = self._read(sample, level.kinds.made | level.kinds.given, (
            f"e.slot,max((select count(*) from (select 1 from candidate c where c.sel=e.sel limit {FEW + 1}) few)),"
            f"avg(case when {picked}=e.input then 0.0 else 1.0 end)"), " group by e.slot")
        return Looks({slot for slot, count, _ in found if count <= FEW}, {slot for slot, _, changed in found if changed > MOST})

    def _is_new(self, narrow: set[int]) -> str:
        """Whether nothing was ever made from a winner, nor from anything of its key and value; asked where few have one key."""
        if not narrow:
            return "0"
        if self._last_used is None:
            last = rows(self.connection, "select input from edge order by input desc limit 1")  # of max() a policy would look at all
            self._last_used = last[0][0] if last else 0
        return (f"(case when x.slot not in ({listed(narrow)}) or x.winner<={self._last_used} or exists(select 1 from candidate c "
                "where c.sel=x.sel and c.value=w.value and c.oid<>x.winner) then 0 else 1 end)")

    def _old_recipes(self) -> list[int]:
        """The recipes of other versions of their classes than the present ones."""
        if self._old is None:
            self._old = [id_ for id_, class_id, version in rows(self.connection, "select id,class_id,version from recipe")
                         if is_old_recipe(class_id, version)]
        return self._old

    def _wanted(self, kinds: Kinds) -> str:
        """Which parameters will do, by the class of the recorded input: those wanted of all its objects, else those it had.

        Empty where none of them has parameters.
        """
        cases = []
        for cls in sorted(kinds.classes, key=lambda each: each.__name__):
            ids = self.book.uniform(cls)
            wanted = "c.params_id in (0,i.params_id)" if ids is None else f"c.params_id in ({listed(ids)})"
            if wanted != "c.params_id in (0)":
                cases.append(f"when {cls.__mapping__.class_id} then {wanted}")  # type: ignore[attr-defined]
        return f"case i.class_id {' '.join(cases)} else c.params_id=0 end" if cases else ""

    def _unwanted(self, kinds: Kinds) -> str:
        """Recorded inputs whose parameters are no longer those wanted, where that differs from one object to another."""
        cases = []
        for cls in kinds.classes:
            if self.book.uniform(cls) is None:
                class_id = cls.__mapping__.class_id  # type: ignore[attr-defined]
                good = [] if self.book.depends_on_time(cls) else self._good_pairs(cls, class_id)
                kept = " or ".join(f"i.params_id={params_id} and i.scope_id={scope_id}" for params_id, scope_id in good)
                cases.append(f"i.class_id={class_id}" + (f" and not ({kept})" if kept else ""))
        return " or ".join(sorted(cases))

    def _good_pairs(self, cls: type, class_id: int) -> list[tuple[int, int]]:
        """The (parameters, scope) of objects that were just walked down to that are as wanted."""
        source, given = numbers(self.connection, [oid for level in self.levels if cls in level.kinds.classes for oid in level.oids])
        pairs = rows(self.connection, (
            f"select distinct o.params_id,o.scope_id from {source} b {self.join} object o on o.oid=b.oid "
            f"where o.class_id={class_id}"), given)
        return [(params_id, scope_id) for params_id, scope_id in pairs
                if params_id and params_id in self.book.wanted(cls, self.scopes.of(cls, scope_id), 0).ids]

    # ------------------------------------------------------------------ groups, and what had not been found

    def wants(self) -> list[Group]:
        """The groups of objects just walked down to, and all dependencies that had found nothing."""
        return [group for level in self.levels if level.kinds.wanting for group in self._wants(level)]

    def _wants(self, level: Level) -> list[Group]:
        kinds = level.kinds
        picked = latest(self.connection, self.sight, "e.per", "e.at", narrow=True)
        left = (f"exists(select 1 from edge e where e.target=q.target and e.slot=q.slot and not exists(select 1 from object o "
                f"{self.join} candidate c on c.sel=q.sel and c.span=0 and c.t_start=o.anchor and c.oid=o.oid and c.eligible=1 "
                f"where o.oid={picked} and o.anchor>=q.t_from and o.anchor<q.t_to))")
        hides = f"q.slot in ({listed(kinds.hiding)}) and {left}" if kinds.hiding else "1=0"
        now = self._there("count(distinct c.own)")
        found = []
        for *want, count, hidden in rows(self.connection, (
                f"select q.target,q.slot,q.sel,q.t_from,q.t_to,q.n,case when q.n>0 then {now} else 0 end,"
                f"case when {hides} then 1 else 0 end from {level.table} b {self.join} want q on q.target=b.oid{self.order_wants}"),
                level.given):
            is_same = want[5] > 0 and count == want[5] and not hidden and want[1] not in kinds.exact
            found.append(Group(WantNow._make(want), is_same))
        return found

    def members(self, targets: Iterable[int]) -> dict[tuple[int, int], str]:
        """Who belongs now to the groups of some objects, by (target, slot): the row numbers of all versions, each between commas."""
        source, given = numbers(self.connection, list(targets))
        oids = self._there("group_concat(c.oid)" if self.sqlite else "string_agg(c.oid::text,',')")
        return {(target, slot): f",{listed_members or ''}," for target, slot, listed_members in rows(
            self.connection, f"select q.target,q.slot,{oids} from {source} b {self.join} want q on q.target=b.oid where q.n>0", given)}

    def _there(self, what: str) -> str:
        """Something about those who belong to a group now."""
        return (f"(select {what} from candidate c where c.sel=q.sel and c.span=0 and c.t_start>=q.t_from and c.t_start<q.t_to "
                f"and c.eligible=1 and {self.sight.where('c')})")

    def depends_on(self, roots: Sequence[int], classes: Iterable[type], sels: Sequence[bytes]) -> bool:
        """Whether anything below `roots`, or they themselves, asked for one of these digests, or has members known by one.

        Nothing counts as looked at by that.
        """
        self.extend(roots, classes, comparing=False)
        touched = asked(self.connection, "touched", (("sel", "bytes"),), [(sel,) for sel in sels])
        source, given = numbers(self.connection, [oid for level in self.levels for oid in level.oids])
        found = any(rows(self.connection, (
            f"select 1 from {source} b {self.join} {table} t on t.target=b.oid "
            f"where t.{column} in (select sel from {touched} said) limit 1"),
            given) for table, column in (("want", "sel"), ("edge", "sel"), ("edge", "per")))
        self.levels, self.links = [], []
        self.seen.clear()
        return found

    # ------------------------------------------------------------------ going up

    def above(self, oids: set[int]) -> list[tuple[int, int, int]]:
        """Who of those looked at so far was made from these objects: (target, slot, input)."""
        return [link for link in self.links if link[2] in oids]


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
