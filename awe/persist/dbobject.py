"""Root of everything that outlives the Python process; a class maps itself when it is defined."""
from __future__ import annotations

import datetime
import os
from typing import Any, ClassVar, Self

import sqlalchemy as sa

from awe.errors import DeclarationError, ForbiddenError, InstanceError, NotFoundError, QueryError
from awe.persist import batch, describe, lineage, tables
from awe.persist import comment as comments
from awe.persist.criterion import EVERYTHING
from awe.persist.declare import (
    Attribute,
    Declaration,
    Dependency,
    DependencyList,
    SystemAttribute,
)
from awe.persist.declare import Part as HasOne
from awe.persist.guard import SAID
from awe.persist.insert import insert
from awe.persist.journal import Change
from awe.persist.load import ROOT, read
from awe.persist.mapping import OBJECTS, UNKNOWN, Mapped
from awe.persist.part import coerced
from awe.persist.path import Path
from awe.persist.query import Query
from awe.persist.record import Input, Record
from awe.persist.session import current
from awe.persist.types import FOREVER, from_microseconds
from awe.persist.value import key_value, keys_of
from awe.persist.walk import Step, Walk


class DBObject(Mapped):
    """A persistent object.

    Declared attributes and links can be set until `commit`; from then on the object never changes, but for its validity,
    time stamps, privileges and flags, which are edited with a reason and a line in the change log.
    ``Class(object_id="...")`` is the object of that identity.
    """

    __abstract__ = True

    oid = SystemAttribute(int, "local row number", "oid")
    object_id = SystemAttribute(str, "identity over all instances, 32 hex digits", "object_id")
    creation_date = SystemAttribute(datetime.datetime, "when it was committed", "creation_date")
    creator = SystemAttribute(str, "the user who committed it", "creator_id")
    project = SystemAttribute(str, "the project it belongs to", "project_id", editable=True)
    privileges = SystemAttribute(int, "who sees it: 1 MyDB, 2 Project, 3 Astro-WISE, 4 World, 5 VO", "privileges", editable=True)
    timestamp_start = SystemAttribute(datetime.datetime, "valid from, included", "t_start",
                                      default=from_microseconds(FOREVER[0]), editable=True)
    timestamp_end = SystemAttribute(datetime.datetime, "valid until, excluded", "t_end",
                                    default=from_microseconds(FOREVER[1]), editable=True)
    is_valid = SystemAttribute(int, "the user's judgement: 0 bad, 1 OK, 2 qualified", "is_valid", default=1, editable=True)
    quality_flags = SystemAttribute(int, "the system's judgement: named bits", "quality_flags", default=0, editable=True)
    process_status = SystemAttribute(int, "how far its life cycle got", "process_status", default=0)
    anchor = SystemAttribute(datetime.datetime, "the instant or night it was made for", "anchor")
    scope_id = SystemAttribute(int, "row of its instrument, chip and filter", "scope_id", default=0)
    recipe_id = SystemAttribute(int, "row of the code it was made with", "recipe_id", default=0)
    params_id = SystemAttribute(int, "row of the parameters it was made with", "params_id", default=0)
    derivation = SystemAttribute(bytes, "digest of class, version, parameters and input values", "derivation")
    value = SystemAttribute(bytes, "digest of its scientific content", "value")

    #: The quality flags that keep an object from being used; all, unless a class knows better.
    blocking_flags: ClassVar[int] = -1
    #: The attributes or links that say to which instrument, chip and filter an object belongs, where it has them.
    scope_names: ClassVar[tuple[str, str, str]] = ("instrument", "chip", "filter")
    #: Raw data is never deleted.
    raw_data: ClassVar[bool] = False

    def __new__(cls, *, object_id: str | None = None, **_: Any) -> Self:
        """A new object, or the one whose `object_id` is given."""
        return super().__new__(cls) if object_id is None else cls._with_identity(object_id)

    def __init__(self, *, object_id: str | None = None, **values: Any) -> None:
        if object_id is None and type(self).__abstract__:
            raise DeclarationError(f"{type(self).__name__} is abstract; make an object of one of its subclasses")
        if object_id is not None and values:
            raise QueryError(f"{type(self).__name__}(object_id=...) is an object that exists; it takes no {', '.join(values)}")
        for name, value in values.items():
            type(self).__mapping__.named(name)
            setattr(self, name, value)

    @classmethod
    def _with_identity(cls, object_id: str) -> Self:
        database = current()
        statement = sa.select(tables.object_.c.oid)
        try:
            bytes.fromhex(object_id)
        except ValueError:
            raise QueryError(f"{object_id!r} is no object_id: that has 32 hex digits") from None
        with database.reading() as connection:
            oid = connection.scalar(statement.where(tables.object_.c.object_id == object_id))
        found = read(database, [oid]).get(oid) if oid is not None else None
        if found is None or not isinstance(found, cls):
            what = f"; it is a {type(found).__name__}" if found is not None else ""
            who = database.identity.user or "anonymous"
            raise NotFoundError(f"there is no {cls.__name__} with object_id {object_id} that {who} can see{what}")
        return found

    @classmethod
    def __path__(cls, declared: Step) -> Path:
        """The start of a path: what `Frame.chip` is."""
        return Path(Walk(cls, (declared,)))

    @classmethod
    def select_all(cls) -> Query[Self]:
        """All objects of the class that can be seen."""
        return Query(cls, EVERYTHING)

    def __setattr__(self, name: str, value: Any) -> None:
        mapping = type(self).__mapping__
        declared = mapping.declared.get(name) or mapping.system.get(name)
        if declared is None:
            object.__setattr__(self, name, value)
            return
        if "_row" in self.__dict__:
            how = f"use edit(obj, {name!r}, value, why)" if getattr(declared, "editable", False) else "make a new one"
            raise ForbiddenError(f"{type(self).__name__}.{name} cannot be changed after the commit; {how}")
        self.__dict__[name] = self._checked(declared, value)

    def _checked(self, declared: Any, value: Any) -> Any:
        if isinstance(declared, Attribute | SystemAttribute):
            return coerced(self, declared, value)
        several = isinstance(declared, DependencyList)
        members = list(value) if several else [value]
        for member in members:
            if not isinstance(member, declared.type) and (several or member is not None):
                raise DeclarationError(f"{type(self).__name__}.{declared.name} takes a {declared.type.__name__} ({declared.doc}), "
                                       f"not {member!r}")
        return members if several else value

    def __read__(self, declared: Declaration[Any] | SystemAttribute[Any]) -> Any:
        """The value of what the object does not hold yet."""
        committed = "_row" in self.__dict__
        if isinstance(declared, SystemAttribute):
            return self._system(declared) if committed else self._to_be(declared)
        if isinstance(declared, Attribute):
            return declared.default
        if isinstance(declared, Dependency | DependencyList | HasOne) and committed:
            batch.fill(self, declared)
            return self.__dict__[declared.name]
        return self.__dict__.setdefault(declared.name, []) if isinstance(declared, DependencyList) else None

    def _system(self, declared: SystemAttribute[Any]) -> Any:
        raw = self.__dict__["_row"][ROOT.index(declared.column)]
        if declared.type is datetime.datetime:
            return from_microseconds(raw)
        if declared.column == "class_id":
            return self._class_name(raw)
        if declared.name == "object_id":
            return raw.hex()
        if declared.name in ("creator", "project"):
            database = self.__dict__["_database"]
            with database.reading() as connection:
                return database.names.name(connection, tables.user if declared.name == "creator" else tables.project, raw)
        return raw

    def _class_name(self, class_id: int) -> str:
        table = tables.class_
        with self.__dict__["_database"].reading() as connection:
            name = connection.scalar(sa.select(table.c.name).where(table.c.class_id == class_id))
        return name or f"class {class_id}"

    def _to_be(self, declared: SystemAttribute[Any]) -> Any:
        """What a system attribute of an object that is not committed is going to be."""
        if declared.name == "object_id":
            return self.__dict__.setdefault("object_id", os.urandom(16).hex())
        if declared.name in ("creator", "project", "privileges"):
            try:
                who = current().identity
            except InstanceError:
                return None  # nobody will write it down before a database is open
            return {"creator": who.user, "project": who.project, "privileges": who.privileges}[declared.name]
        return declared.default

    @property
    def is_committed(self) -> bool:
        """Whether the database has it."""
        return "_row" in self.__dict__

    def scope(self) -> tuple[str, str, str]:
        """The names of instrument, chip and filter it belongs to; empty where it belongs to none."""
        declared = type(self).__mapping__.declared
        instrument, chip, filter_ = (key_value(self, name) if name in declared else None for name in self.scope_names)
        return instrument or "", chip or "", filter_ or ""

    def commit(self) -> None:
        """Write it down, and with it all objects it is linked to that are not committed yet, in one transaction."""
        waiting: dict[int, Record] = {}
        self._collect(waiting)
        insert(list(waiting.values()))

    def _collect(self, waiting: dict[int, Record]) -> None:
        if self.is_committed or id(self) in waiting:
            return
        record = self.record()
        for each in record.inputs:
            if isinstance(each.input, DBObject):
                each.input._collect(waiting)
        waiting[id(self)] = record

    def record(self) -> Record:
        """What `commit` writes: the object, with all it is linked to as its inputs."""
        mapping = type(self).__mapping__
        linked = [Input(name, 0, getattr(self, name)) for name in mapping.links if getattr(self, name) is not None]
        members = [Input(name, pos, member) for name in mapping.lists for pos, member in enumerate(getattr(self, name))]
        return Record(self, [*linked, *members])

    @property
    def changes(self) -> list[Change]:
        """What was edited since it was committed: who changed what, when and why, the oldest first."""
        return [line for line in comments.lines_about(self) if line.field not in SAID] if self.is_committed else []

    @property
    def comments(self) -> list[comments.Comment]:
        """What people said of it and did not take back, the oldest first."""
        return comments.standing(comments.lines_about(self)) if self.is_committed else []

    def comment(self, text: str, *, rating: int | None = None, kind: str = "comment") -> None:
        """Say something of it: a comment, a review with a rating from 1 to 5, or an announcement; all who see the object read it.

        It stands in the change log; `context.undo(seq, why)` takes back what one said oneself.
        """
        comments.comment(self, text, rating=rating, kind=kind)

    def inverse_objects(self) -> list[Any]:
        """The objects that refer to this one, the oldest first, as far as they can be seen."""
        return lineage.used_by(self)

    info = describe.Info()

    def __repr__(self) -> str:
        keys = ", ".join(f"{name}={value!r}" for name, value in keys_of(self).items())
        return f"<{type(self).__name__} {self.object_id[:8]}{'' if self.is_committed else ' not committed'} {keys}>".replace(" >", ">")


class UnknownObject(DBObject):
    """An object of a class whose package is not installed: what all objects have can be read, and its lineage."""

    __abstract__ = True
    __elsewhere__ = True

    class_name = SystemAttribute(str, "the class it really is of, as package:Class", "class_id")

    def __repr__(self) -> str:
        return f"<UnknownObject {self.object_id[:8]} of {self.class_name}, which is not installed>"


OBJECTS[UNKNOWN] = UnknownObject
