"""The columns that many new objects of one class are made of, checked and brought into their types."""
from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from awe.errors import DeclarationError, NotFoundError, QueryError
from awe.persist import sharing
from awe.persist.declare import Attribute, DependencyList, SystemAttribute
from awe.persist.load import load
from awe.persist.mapping import Mapped
from awe.persist.selector import key_text
from awe.persist.session import Database
from awe.persist.types import coerce
from awe.persist.value import key_value
from awe.persist.walk import Walk

#: Values that stand for a whole column.
SCALARS = (str, bytes, int, float, datetime.datetime, Mapped, type(None))


class Columns:
    """Columns by name; a single value stands for as many as there are objects.

    Attributes
    ----------
    length
        how many objects there are
    own
        attribute or system attribute -> its values
    parts
        name of a part -> attribute of it -> values
    links
        name of a link -> row numbers
    inputs
        row number -> owner, value and digest of the natural key of what is linked to
    """

    def __init__(self, database: Database, connection: sa.Connection, cls: type[Mapped], given: Mapping[str, Any]) -> None:
        self.database, self.cls = database, cls
        self.length = _length(cls, given)
        self.own: dict[str, list[Any]] = {}
        self.parts: dict[str, dict[str, list[Any]]] = {}
        self.links: dict[str, list[int | None]] = {}
        self._objects: dict[int, Any] = {}
        for name, values in given.items():
            self._take(Walk.of(cls, name), self._column(values))
        for name, declared in cls.__mapping__.attributes.items():
            self.own.setdefault(name, [declared.default] * self.length)
        linked = {oid for column in self.links.values() for oid in column if oid is not None}
        self.inputs = sharing.read_inputs(database, connection, linked)
        self._refuse_absent()

    def _column(self, values: Any) -> list[Any]:
        if isinstance(values, SCALARS):
            return [values] * self.length
        return list(values.tolist() if hasattr(values, "tolist") else values)

    def _take(self, walk: Walk, values: list[Any]) -> None:
        leaf = walk.leaf
        if len(walk.steps) == 1 and isinstance(leaf, Attribute | SystemAttribute):
            self.own[leaf.name] = _typed(walk, values)
        elif len(walk.steps) == 2 and isinstance(leaf, Attribute) and walk.steps[0].role == "part":
            self.parts.setdefault(walk.steps[0].name, {})[leaf.name] = _typed(walk, values)
        elif len(walk.steps) == 1 and leaf.role == "dependency":
            self.links[leaf.name] = self._row_numbers(walk, values)
        else:
            what = "a list" if isinstance(leaf, DependencyList) else "not an attribute, link or attribute of a part"
            raise QueryError(f"{walk} is {what} of {self.cls.__name__}; bulk_insert takes no such column")

    def _row_numbers(self, walk: Walk, values: list[Any]) -> list[int | None]:
        numbers: dict[int, int | None] = {}
        for value in {id(value): value for value in values}.values():
            if isinstance(value, Mapped):
                oid = value.__dict__.get("_row", (None,))[0]
                if oid is None or not isinstance(value, walk.leaf.type):
                    raise DeclarationError(f"{walk} takes committed objects of class {walk.leaf.type.__name__}, not {value!r}")
                self._objects[oid] = value
                numbers[id(value)] = oid
            else:
                numbers[id(value)] = value
        return [numbers[id(value)] for value in values]

    def _refuse_absent(self) -> None:
        for name, column in self.links.items():
            absent = set(column) - set(self.inputs) - {None}
            if absent:
                raise NotFoundError(f"{self.cls.__name__}.{name}: there is no object with row number {min(absent)} "  # type: ignore[type-var]
                                    f"that {self.database.identity.user} can see")

    def linked(self, name: str) -> dict[int, Any]:
        """The objects that a column of links refers to, by row number."""
        wanted = set(self.links[name]) - {None}
        missing = [oid for oid in wanted if oid not in self._objects]
        self._objects.update(load(self.database, missing, self.cls.__mapping__.links[name].type))  # type: ignore[arg-type]
        return {oid: self._objects[oid] for oid in wanted}  # type: ignore[index,misc]

    def values(self, path: str) -> list[Any]:
        """The values at the end of a path; a link at its end counts by its name."""
        first, _, rest = path.partition(".")
        if first in self.links:
            found = {oid: key_value(obj, rest or "name") for oid, obj in self.linked(first).items()}
            return [found.get(oid) for oid in self.links[first]]  # type: ignore[arg-type]
        if rest:
            return self.parts.get(first, {}).get(rest, [None] * self.length)
        return self.own.get(first, [None] * self.length)

    def key_texts(self, path: str) -> list[str | None]:
        """The canonical text of key values, for digests."""
        first, _, rest = path.partition(".")
        if first in self.links:
            found = {oid: _key_text(key_value(obj, rest or "name")) for oid, obj in self.linked(first).items()}
            return [found.get(oid) for oid in self.links[first]]  # type: ignore[arg-type]
        values = self.values(path)
        types = set(map(type, values))
        if types <= {str}:
            return ["s" + value for value in values]
        if types == {int}:
            return list(map("n%d".__mod__, values))
        return list(map(_key_text, values))


def _key_text(value: Any) -> str | None:
    return None if value is None else key_text(value)


def _length(cls: type[Mapped], given: Mapping[str, Any]) -> int:
    lengths = {name: len(values) for name, values in given.items() if not isinstance(values, SCALARS)}
    if not lengths:
        raise QueryError(f"none of the columns of {cls.__name__} tells how many objects there are; give one as a list")
    if len(set(lengths.values())) > 1:
        raise QueryError(f"the columns of {cls.__name__} differ in length: {', '.join(f'{n} {k}' for k, n in lengths.items())}")
    return next(iter(lengths.values()))


def _typed(walk: Walk, values: list[Any]) -> list[Any]:
    """The values in the declared type; a column that is in it already costs one look."""
    type_ = walk.leaf.type
    if set(map(type, values)) <= {type_, type(None)}:
        return values
    try:
        return [coerce(type_, value) for value in values]
    except TypeError as error:
        raise DeclarationError(f"{walk} takes {type_.__name__} ({walk.leaf.doc}): {error}") from None


def checked(names: Iterable[str], columns: Sequence[Sequence[Any]], cls: type[Mapped]) -> None:
    """Refuse natural keys without a value."""
    for name, column in zip(names, columns, strict=True):
        if None in column:
            raise QueryError(f"{cls.__name__}.{name} is a key, and row {list(column).index(None)} has no value of it")
