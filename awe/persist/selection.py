"""The statements of queries: each is built once for all queries that differ in values only."""
from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.compile import Compiler, parameters, shape
from awe.persist.criterion import Criterion
from awe.persist.declare import SystemAttribute
from awe.persist.identity import Identity
from awe.persist.load import raw
from awe.persist.mapping import OBJECTS, Mapped, Mapping
from awe.persist.session import Database
from awe.persist.source import NAMED, Source
from awe.persist.walk import Walk

#: How many different statements are remembered.
REMEMBERED = 1000

_built: dict[Hashable, sa.Select[Any]] = {}


class Order(NamedTuple):
    """One thing to order by."""

    walk: Walk
    descending: bool = False


class Selection:
    """One SELECT in the making: what a query asks for, joined as its columns need it, of what is visible."""

    def __init__(self, dialect: str, who: Identity, cls: type[Mapped], criterion: Criterion) -> None:
        self.source, self.object, of_class = Source.root(cls)
        self.where = sa.and_(*of_class, Compiler(self.source, dialect).sql(criterion), who.visible(self.object))

    def select(self, columns: tuple[Any, ...], order: tuple[Order, ...], *, all_of_them: bool = True) -> sa.Select[Any]:
        """The statement, in order where one is given; rows without a value come last, and ties go by row number.

        Where `all_of_them` are read, SQLite must not take the order for a reason to walk through the whole table: it is kept
        from seeing that the rows have that order already.
        """
        by: list[Any] = []
        for walk, descending in order:
            column = self.source.end(walk)
            ordered = column.desc() if descending else column.asc()
            by.append(ordered if is_always_there(walk) else ordered.nulls_last())  # PostgreSQL walks no index backwards for that
        statement = sa.select(*columns).select_from(self.source.joined.clause).where(self.where)
        return statement.order_by(*by, self.source.oid + sa.literal_column("0") if all_of_them else self.source.oid)

    def count(self) -> sa.Select[Any]:
        """How many there are."""
        return sa.select(sa.func.count()).select_from(self.source.joined.clause).where(self.where)

    def first(self) -> sa.Select[Any]:
        """Whether there are any."""
        return sa.select(sa.literal_column("1")).select_from(self.source.joined.clause).where(self.where).limit(sa.literal_column("1"))

    def keys(self, order: tuple[Order, ...], *, all_of_them: bool) -> sa.Select[Any]:
        """Row number and class of each object."""
        return self.select((self.source.oid, self.object.c.class_id), order, all_of_them=all_of_them)

    def objects(self, mapping: Mapping, order: tuple[Order, ...], *, all_of_them: bool) -> sa.Select[Any]:
        """All columns of the objects, when they are of one class."""
        own = (self.source.column(name) for name in mapping.columns)
        return self.select((*map(raw, self.object.c), *own), order, all_of_them=all_of_them)

    def values(self, walks: tuple[Walk, ...], order: tuple[Order, ...], *, all_of_them: bool = True) -> sa.Select[Any]:
        """The values at the ends of `walks`."""
        return self.select(tuple(self.source.end(walk) for walk in walks), order, all_of_them=all_of_them)


def is_always_there(walk: Walk) -> bool:
    """Whether every object has a value at the end of a walk: its number, its date, its validity."""
    leaf = walk.leaf
    there = isinstance(leaf, SystemAttribute) and leaf.column not in NAMED and not tables.object_.c[leaf.column].nullable
    return there and len(walk.steps) == 1


def statement(database: Database, cls: type[Mapped], criterion: Criterion, what: Hashable,
              build: Callable[[Selection], sa.Select[Any]]) -> tuple[sa.Select[Any], dict[str, Any]]:
    """The statement that `build` makes, and its parameters; `what` tells apart what is asked of one selection."""
    who = database.identity
    key = (cls, len(OBJECTS), shape(criterion), what, database.dialect, who.kind)
    found = _built.get(key)
    if found is None:
        if len(_built) >= REMEMBERED:
            _built.clear()
        found = _built[key] = build(Selection(database.dialect, who, cls, criterion))
    return found, {**who.parameters, **parameters(criterion, database.dialect)}


def rows(database: Database, asked: tuple[sa.Select[Any], dict[str, Any]]) -> list[Any]:
    """All rows of a statement."""
    with database.reading() as connection:
        return list(connection.execute(*asked).all())


def as_text(asked: sa.Select[Any], dialect: sa.Dialect) -> str:
    """A statement as text, with its values in place where the database has a way to write them, and by name where not."""
    try:
        return str(asked.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))
    except (sa.exc.CompileError, NotImplementedError):
        return str(asked.compile(dialect=dialect))
