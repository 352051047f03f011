"""A lazy selection of persistent objects: nothing is read until it is counted, indexed or walked through."""
from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, overload

import sqlalchemy as sa

from awe.errors import NotFoundError, QueryError
from awe.persist import batch
from awe.persist.compile import INFINITY
from awe.persist.criterion import Both, Criterion, Either, Not, compare
from awe.persist.load import read_class
from awe.persist.mapping import class_of
from awe.persist.selection import Selection
from awe.persist.session import Database, current
from awe.persist.walk import Walk

T = TypeVar("T")

#: How many objects are read, and read their links, together.
BATCH = 1000


@dataclass(frozen=True)
class Order:
    """One thing to order by."""

    walk: Walk
    descending: bool = False


class Query(Generic[T]):
    """The visible objects of one class, and of classes below it, for which a criterion holds.

    Queries of one class combine with ``&``, ``|`` and ``~``.  Python's own ``and``, ``or`` and ``not`` cannot: they ask
    ``bool(q)``, whether there are any objects, and then go on with one of the two.
    """

    def __init__(self, cls: type[Any], criterion: Criterion, order: tuple[Order, ...] = ()) -> None:
        if cls.__part__:
            raise QueryError(f"{cls.__name__} is a part of other objects; ask a class that has it, as in Frame.imstat.stdev > 3")
        self.cls, self.criterion, self.order = cls, criterion, order

    # ------------------------------------------------------------------ narrowing

    def __and__(self, other: Query[T]) -> Query[T]:
        return self._combined(Both, other)

    def __or__(self, other: Query[T]) -> Query[T]:
        return self._combined(Either, other)

    def __invert__(self) -> Query[T]:
        return Query(self.cls, Not(self.criterion), self.order)

    def _combined(self, how: type[Both] | type[Either], other: Query[T]) -> Query[T]:
        if not isinstance(other, Query):
            raise QueryError(f"{other!r} is not a query; put each comparison in parentheses, as in (A.x == 1) & (A.y == 2)")
        narrow = other.cls if issubclass(other.cls, self.cls) else self.cls
        if not issubclass(narrow, other.cls) or (how is Either and self.cls is not other.cls):
            raise QueryError(f"a query of {self.cls.__name__} and one of {other.cls.__name__} cannot be combined")
        return Query(narrow, how((self.criterion, other.criterion)), self.order or other.order)

    def project_only(self, *names: str) -> Query[T]:
        """Only the objects of these projects; without names, of the current one."""
        return self & self._where("project", names or (current().identity.project,))

    def user_only(self, *names: str) -> Query[T]:
        """Only the objects these users made; without names, one's own."""
        return self & self._where("creator", names or (current().identity.user,))

    def _where(self, name: str, values: Sequence[str]) -> Query[T]:
        return Query(self.cls, compare(Walk.of(self.cls, name), "in", values))

    def order_by(self, *by: Any) -> Query[T]:
        """In the order of these paths: ``'name'``, ``'-creation_date'`` for the latest first, or ``Frame.name.desc()``."""
        return Query(self.cls, self.criterion, tuple(self._order(each) for each in by))

    def _order(self, by: Any) -> Order:
        if isinstance(by, Order):
            return by
        if isinstance(by, str):
            return Order(self._walk(by.removeprefix("-")), by.startswith("-"))
        return Order(self._walk(by))

    def _walk(self, path: Any) -> Walk:
        walk = Walk.of(self.cls, path) if isinstance(path, str) else getattr(path, "_walk", None)
        if not isinstance(walk, Walk):
            raise QueryError(f"{path!r} is no path; write it as '{self.cls.__name__}.x.y' or as the text 'x.y'")
        if not issubclass(self.cls, walk.root):
            raise QueryError(f"{walk} does not start at {self.cls.__name__}, which the query is about")
        if walk.end is not None:
            names = ", ".join(walk.end.__mapping__.attributes)
            raise QueryError(f"{walk} ends at a {walk.end.__name__} and not at a value; go on to one of {names}")
        return walk

    # ------------------------------------------------------------------ asking

    def __len__(self) -> int:
        chosen = self._selection()
        return int(chosen.scalar(chosen.select(sa.func.count())))

    def __bool__(self) -> bool:
        chosen = self._selection()
        return chosen.scalar(chosen.select(sa.literal(1)).limit(1)) is not None

    def __iter__(self) -> Iterator[T]:
        """Read the keys first, then blocks of objects: the loop may commit, and new objects do not lengthen it."""
        return self._objects(self._keys())

    def _objects(self, keys: list[tuple[int, int]]) -> Iterator[T]:
        database = current()
        for start in range(0, len(keys), BATCH):
            yield from read_block(database, keys[start:start + BATCH])

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return self._slice(index)
        offset = index if index >= 0 else len(self) + index
        found = list(self._objects(self._keys(limit=1, offset=offset))) if offset >= 0 else []
        if not found:
            raise IndexError(f"there is no [{index}] in this query of {self.cls.__name__}, which finds {len(self)}")
        return found[0]

    def _slice(self, asked: slice) -> list[T]:
        if any(bound is not None and bound < 0 for bound in (asked.start, asked.stop)) or asked.step not in (None, 1):
            return list(self)[asked]
        start = asked.start or 0
        limit = None if asked.stop is None else max(0, asked.stop - start)
        return list(self._objects(self._keys(limit=limit, offset=start)))

    def max(self, path: Any) -> T:
        """The object that has the greatest value at the end of `path`; the latest of several."""
        return self._extreme(path, True)

    def min(self, path: Any) -> T:
        """The object that has the smallest value at the end of `path`; the latest of several."""
        return self._extreme(path, False)

    def _extreme(self, path: Any, descending: bool) -> T:
        walk = self._walk(path)
        there = compare(walk, "<=", INFINITY) if walk.leaf.type is float else compare(walk, "!=", None)
        newest = Order(Walk.of(self.cls, "creation_date"), True)
        found = Query[T](self.cls, Both((self.criterion, there)), (Order(walk, descending), newest))[:1]
        if not found:
            raise NotFoundError(f"no {self.cls.__name__} in this query has a value of {walk.dotted}")
        return found[0]

    def values(self, *paths: Any) -> list[tuple[Any, ...]]:
        """The values at the ends of `paths`, a row an object, by one statement and without making objects."""
        chosen = self._selection()
        statement = self._in_order(chosen, [chosen.value(self._walk(path)) for path in paths])
        with chosen.database.reading() as connection:
            return [tuple(row) for row in connection.execute(statement)]

    def to_table(self, *paths: Any) -> dict[str, list[Any]]:
        """The same as columns, by name; without paths, identity, creation date and the attributes of the class."""
        walks = [self._walk(path) for path in paths or ("object_id", "creation_date", *self.cls.__mapping__.attributes)]
        columns = zip(*self.values(*(walk.dotted for walk in walks)), strict=True)
        found = {walk.dotted: list(column) for walk, column in zip(walks, columns, strict=False)}
        return found or {walk.dotted: [] for walk in walks}

    # ------------------------------------------------------------------ statements

    def _selection(self) -> Selection:
        return Selection(current(), self.cls, self.criterion)

    def _in_order(self, chosen: Selection, columns: list[Any]) -> sa.Select[Any]:
        order = [chosen.ordered(each.walk, each.descending) for each in self.order]
        return chosen.select(*columns).order_by(*order, chosen.source.oid)

    def _keys(self, limit: int | None = None, offset: int = 0) -> list[tuple[int, int]]:
        """Row number and class of each object, in order."""
        chosen = self._selection()
        statement = self._in_order(chosen, [chosen.source.oid, chosen.object.c.class_id])
        if limit is not None or offset:
            statement = statement.limit(limit).offset(offset)
        with chosen.database.reading() as connection:
            return [(oid, class_id) for oid, class_id in connection.execute(statement)]

    @property
    def statement(self) -> sa.Select[Any]:
        """The statement that selects the row numbers, for use with SQLAlchemy."""
        chosen = self._selection()
        return self._in_order(chosen, [chosen.source.oid])

    def __repr__(self) -> str:
        found = self[:4]
        more = ", ..." if len(found) > 3 else ""
        return f"<Query of {self.cls.__name__}: {', '.join(map(repr, found[:3]))}{more}>"


def read_block(database: Database, keys: Sequence[tuple[int, int]]) -> list[Any]:
    """Objects by row number and class, one statement a class; they remember that they were read together."""
    groups: dict[int, list[int]] = {}
    for oid, class_id in keys:
        groups.setdefault(class_id, []).append(oid)
    found: dict[int, Any] = {}
    for class_id, oids in groups.items():
        found.update(read_class(database, class_of(class_id), oids))
    objects = [found[oid] for oid, _ in keys if oid in found]
    batch.remember(objects)
    return objects
