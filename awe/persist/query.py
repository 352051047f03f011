"""A lazy selection of persistent objects: nothing is read until it is counted, indexed or walked through."""
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import sqlalchemy as sa

from awe.errors import NotFoundError, QueryError
from awe.persist import batch
from awe.persist.compile import INFINITY
from awe.persist.criterion import Both, Criterion, Either, Not, compare
from awe.persist.load import CLASS_ID, build_all, read_class
from awe.persist.mapping import class_of
from awe.persist.selection import Order, Selection, as_text, rows, statement
from awe.persist.session import Database, current
from awe.persist.walk import Walk

T = TypeVar("T")

#: How many objects are read, and read their links, together.
BATCH = 1000


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
        database = current()
        return int(rows(database, self._statement(database, "count", Selection.count))[0][0])

    def __bool__(self) -> bool:
        database = current()
        return bool(rows(database, self._statement(database, "first", Selection.first)))

    def __iter__(self) -> Iterator[T]:
        """What is found when the loop begins: it may commit, and new objects do not lengthen it."""
        return self._objects()

    def _objects(self, limit: int | None = None, offset: int = 0) -> Iterator[T]:
        """A block of one class is read at once; else the keys are read first, and then block by block of objects."""
        database = current()
        found = self._one_block(database, limit, offset)
        return iter(found) if found is not None else _in_blocks(database, self._keys(database, limit, offset))

    def _one_block(self, database: Database, limit: int | None, offset: int) -> list[T] | None:
        mapping = self.cls.__mapping__
        if len(list(mapping.concrete())) != 1 or self.cls.__abstract__:
            return None
        every = limit is None and not offset
        asked, parameters = self._statement(database, ("objects", self.order, every),
                                            lambda chosen: chosen.objects(mapping, self.order, all_of_them=every))
        most = BATCH + 1 if limit is None else min(limit, BATCH + 1)
        read = rows(database, (asked.limit(most).offset(offset or None), parameters))
        if len(read) > BATCH or any(row[CLASS_ID] != mapping.class_id for row in read):
            return None
        found = build_all(database, self.cls, read)
        batch.remember(found)
        return found

    def __contains__(self, obj: object) -> bool:
        oid = obj.__dict__.get("_row", (None,))[0] if isinstance(obj, self.cls) else None
        return oid is not None and bool(self & Query(self.cls, compare(Walk.of(self.cls, "oid"), "==", oid)))

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return self._slice(index)
        offset = index if index >= 0 else len(self) + index
        found = list(self._objects(1, offset)) if offset >= 0 else []
        if not found:
            raise IndexError(f"there is no [{index}] in this query of {self.cls.__name__}, which finds {len(self)}")
        return found[0]

    def _slice(self, asked: slice) -> list[T]:
        if any(bound is not None and bound < 0 for bound in (asked.start, asked.stop)) or asked.step not in (None, 1):
            return list(self)[asked]
        start = asked.start or 0
        limit = None if asked.stop is None else max(0, asked.stop - start)
        return list(self._objects(limit, start))

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

    def values(self, *paths: Any, limit: int | None = None, offset: int = 0) -> list[tuple[Any, ...]]:
        """The values at the ends of `paths`, a row an object, without making objects.

        It is one statement; with a small `limit` two, the first of which finds out which objects these are, so that their values are
        not looked up of all others too.
        """
        database = current()
        if limit is None or limit > BATCH:
            return list(map(tuple, rows(database, self._values(database, paths, limit, offset))))
        oids = [oid for oid, _ in self._keys(database, limit, offset)]
        chosen = Query[T](self.cls, compare(Walk.of(self.cls, "oid"), "in", oids))
        found = {row[0]: tuple(row[1:]) for row in rows(database, chosen._values(database, ("oid", *paths), None, 0))} if oids else {}
        return [found[oid] for oid in oids if oid in found]

    def _values(self, database: Database, paths: Sequence[Any], limit: int | None, offset: int) -> Any:
        walks, every = tuple(self._walk(path) for path in paths), limit is None and not offset
        asked, parameters = self._statement(database, (walks, self.order, every),
                                            lambda chosen: chosen.values(walks, self.order, all_of_them=every))
        return (asked if every else asked.limit(limit).offset(offset or None)), parameters

    def sql(self, *paths: Any, limit: int | None = None, offset: int = 0) -> str:
        """The statement of `values` as text, with the values in it, to be read and tried by hand."""
        database = current()
        asked, parameters = self._values(database, paths, limit, offset)
        return as_text(asked.params(parameters), database.engine.dialect)

    def count_to(self, most: int) -> int:
        """How many there are, counted no further than `most`."""
        database = current()
        asked, parameters = self._statement(database, "up to", lambda chosen: chosen.keys((), all_of_them=False))
        limited = sa.select(sa.func.count()).select_from(asked.limit(most).order_by(None).subquery())
        return int(rows(database, (limited, parameters))[0][0])

    def to_table(self, *paths: Any) -> dict[str, list[Any]]:
        """The same as columns, by name; without paths, identity, creation date and the attributes of the class."""
        walks = [self._walk(path) for path in paths or ("object_id", "creation_date", *self.cls.__mapping__.attributes)]
        columns = zip(*self.values(*(walk.dotted for walk in walks)), strict=True)
        found = {walk.dotted: list(column) for walk, column in zip(walks, columns, strict=False)}
        return found or {walk.dotted: [] for walk in walks}

    # ------------------------------------------------------------------ statements

    def _statement(self, database: Database, what: Any, build: Callable[[Selection], sa.Select[Any]]) -> Any:
        return statement(database, self.cls, self.criterion, what, build)

    def _keys(self, database: Database, limit: int | None, offset: int) -> list[tuple[int, int]]:
        """Row number and class of each object, in order."""
        every = limit is None and not offset
        asked, parameters = self._statement(database, ("keys", self.order, every),
                                            lambda chosen: chosen.keys(self.order, all_of_them=every))
        if not every:
            asked = asked.limit(limit).offset(offset or None)
        return rows(database, (asked, parameters))

    @property
    def statement(self) -> sa.Select[Any]:
        """The statement that selects row number and class, for use with SQLAlchemy."""
        asked, parameters = self._statement(current(), ("keys", self.order, True),
                                            lambda chosen: chosen.keys(self.order, all_of_them=True))
        return asked.params(parameters)  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        found = self[:4]
        more = ", ..." if len(found) > 3 else ""
        return f"<Query of {self.cls.__name__}: {', '.join(map(repr, found[:3]))}{more}>"


def _in_blocks(database: Database, keys: list[tuple[int, int]]) -> Iterator[Any]:
    for start in range(0, len(keys), BATCH):
        yield from read_block(database, keys[start:start + BATCH])


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
