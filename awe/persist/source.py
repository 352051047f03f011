"""Where the values of a query come from: aliases of tables, joined as the walks need them.

The root joins `object`, since visibility is asked there; a step along a link joins only the tables whose columns are used,
because everybody who sees an object sees what it is made from (see `sharing`).  A link to one object and a part
are joins; a list is an EXISTS.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from awe.errors import QueryError
from awe.persist import tables
from awe.persist.declare import Dependency, DependencyList, Part, SystemAttribute, number_of
from awe.persist.mapping import OBJECTS, UNKNOWN, Mapped
from awe.persist.walk import Step, Walk

NAMED = {"creator_id": tables.user, "project_id": tables.project, "class_id": tables.class_}


@dataclass
class Join:
    """One more table in the FROM; a row without a partner in it stays, unless it `has_to_be`."""

    alias: sa.FromClause
    on: sa.ColumnElement[bool]
    has_to_be: bool = False


class From:
    """The FROM of one SELECT, which grows while its columns are named."""

    def __init__(self, anchor: sa.FromClause) -> None:
        self.anchor = anchor
        self.joins: list[Join] = []

    def join(self, table: sa.FromClause, key: str, oid: sa.ColumnElement[int], *more: sa.ColumnElement[bool]) -> Join:
        """Add `table` where its column `key` is `oid`."""
        self.joins.append(Join(table, sa.and_(table.c[key] == oid, *more)))
        return self.joins[-1]

    @property
    def clause(self) -> sa.FromClause:
        """The whole FROM."""
        clause = self.anchor
        for join in self.joins:
            clause = clause.join(join.alias, join.on, isouter=not join.has_to_be)
        return clause


class Source:
    """The rows of one class at one end of a walk.

    Attributes
    ----------
    cls
        the class
    oid
        the column that holds the row number there
    """

    def __init__(self, joined: From, cls: type[Mapped], oid: sa.ColumnElement[int], slot: int | None = None) -> None:
        self.joined, self.cls, self.oid, self.slot = joined, cls, oid, slot
        self._joins: dict[Any, Join] = {}
        self._tables: dict[Any, sa.FromClause] = {}
        self._steps: dict[str, Source] = {}

    @classmethod
    def root(cls, of: type[Mapped]) -> tuple[Source, sa.FromClause, list[sa.ColumnElement[bool]]]:
        """The source of a query: itself, its alias of `object`, and what has to hold for its rows to be of that class."""
        root = tables.object_.alias()
        mapping = of.__mapping__
        if mapping.tables:
            anchor = mapping.table.alias()
            source = cls(From(anchor), of, anchor.c.oid)
            source._tables[mapping.table] = anchor
            source._joins[tables.object_] = join = source.joined.join(root, "oid", anchor.c.oid)
            join.has_to_be = True
            return source, root, []
        source = cls(From(root), of, root.c.oid)
        source._tables[tables.object_] = root
        if mapping.parent is None and of.__mro__[1] is Mapped:
            return source, root, []
        if of.__elsewhere__:
            return source, root, [root.c.class_id.not_in([number for number in OBJECTS if number != UNKNOWN])]
        return source, root, [root.c.class_id.in_([each.__mapping__.class_id for each in mapping.concrete()])]

    def column(self, name: str, *, needed: bool = False) -> sa.ColumnElement[Any]:
        """The column of an own attribute, or of a link as ``<name>_oid``; rows where a `needed` one is NULL may be dropped."""
        mapping = self.cls.__mapping__
        if not mapping.tables:
            return self._table("union", _union(self.cls), needed).c[name]
        table = mapping.columns[name].table
        return self._table(table, table, needed).c[name]

    def system(self, declared: SystemAttribute[Any], *, needed: bool = False) -> sa.ColumnElement[Any]:
        """The column of a system attribute; user and project by name."""
        column: sa.ColumnElement[Any] = self._table(tables.object_, tables.object_, needed).c[declared.column]
        if declared.column in NAMED:
            names = NAMED[declared.column].alias()
            return sa.select(names.c.name).where(next(iter(names.primary_key)) == column).scalar_subquery()
        return column

    def value(self, step: Step, *, needed: bool = False) -> sa.ColumnElement[Any]:
        """The column that `step`, the end of a walk, stands for."""
        if isinstance(step, SystemAttribute):
            return self.system(step, needed=needed)
        return self.column(f"{step.name}_oid" if isinstance(step, Dependency) else step.name, needed=needed)

    def follow(self, step: Step) -> Source:
        """The source at the other end of a single link or part."""
        if step.name not in self._steps:
            if isinstance(step, Part):
                self._steps[step.name] = Source(self.joined, step.type, self.oid, number_of(step.name))
            else:
                self._steps[step.name] = Source(self.joined, step.type, self.column(f"{step.name}_oid"))
        return self._steps[step.name]

    @property
    def key(self) -> sa.ColumnElement[int]:
        """Of a part: the column that is NULL where there is none."""
        return self._table(self.cls.__mapping__.table, self.cls.__mapping__.table, False).c.owner_oid

    def members(self, step: DependencyList[Any]) -> tuple[Source, sa.ColumnElement[bool]]:
        """The source of the members of a list, for an EXISTS, and what ties it to this one."""
        edge = tables.edge.alias()
        return Source(From(edge), step.type, edge.c.input), sa.and_(edge.c.target == self.oid, edge.c.slot == number_of(step.name))

    def end(self, walk: Walk, *, needed: bool = False) -> sa.ColumnElement[Any]:
        """The column at the end of a walk that passes no list."""
        source = self
        for step in walk.steps[:-1]:
            if isinstance(step, DependencyList):
                raise QueryError(f"{walk} has several values for one object, since {step.name!r} is a list; "
                                 f"ask {step.type.__name__} instead, or walk from the objects")
            source = source.follow(step)
        return source.value(walk.leaf, needed=needed)

    def _table(self, key: Any, table: sa.FromClause, needed: bool) -> sa.FromClause:
        if key in self._tables:
            return self._tables[key]
        if key not in self._joins:
            alias = table.alias()
            if self.slot is None:
                self._joins[key] = self.joined.join(alias, "oid", self.oid)
            else:
                self._joins[key] = self.joined.join(alias, "owner_oid", self.oid, alias.c.slot == self.slot)
        join = self._joins[key]
        join.has_to_be = join.has_to_be or needed
        return join.alias


def _union(cls: type[Mapped]) -> sa.FromClause:
    """The columns that an abstract class declares, of all classes below it."""
    mapping = cls.__mapping__
    names = [*mapping.attributes, *(f"{name}_oid" for name in mapping.links)]
    below = [each.__mapping__ for each in mapping.concrete()]
    tops = [each for each in below if each.parent not in below]
    if not tops:
        raise QueryError(f"no class below {cls.__name__} is known; import the module that defines it")
    return sa.union_all(*(sa.select(each.table.c.oid, *(each.columns[name] for name in names)).select_from(_chain(each.tables))
                          for each in tops)).subquery()


def _chain(chain: tuple[sa.Table, ...]) -> sa.FromClause:
    clause: sa.FromClause = chain[-1]
    for table in chain[:-1]:
        clause = clause.join(table, table.c.oid == chain[-1].c.oid)
    return clause
