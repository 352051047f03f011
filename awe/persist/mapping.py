"""How a class and its tables fit together; every persistent class has one `Mapping`."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar, TypeGuard

import sqlalchemy as sa

from awe.errors import DeclarationError, UnknownNameError, did_you_mean
from awe.persist import keysets, tables
from awe.persist.declare import (
    Attribute,
    Declaration,
    Dependency,
    DependencyList,
    Key,
    Part,
    SystemAttribute,
    declarations,
    number_of,
)
from awe.persist.selector import class_name
from awe.persist.types import COLUMN_TYPES, RowId

#: Words that mean something at the end of a path, such as `Frame.name.like('x*')`.
WORDS = frozenset({"asc", "between", "contains", "desc", "in_", "is_", "is_not", "like"})

#: All classes of objects that have a table, by the number that stands for them in the database.
OBJECTS: dict[int, type[Mapped]] = {}
#: The number under which there stands what takes the place of classes that are not installed.
UNKNOWN = -1


class Mapped:
    """What persistent objects and their parts have in common: a class that maps itself when it is defined."""

    __abstract__: ClassVar[bool] = True
    __declared__: ClassVar[dict[str, Declaration[Any]]] = {}
    __mapping__: ClassVar[Mapping]
    __part__: ClassVar[bool] = False
    __elsewhere__: ClassVar[bool] = False
    blocking_flags: ClassVar[int] = -1
    raw_data: ClassVar[bool] = False
    scope_names: ClassVar[tuple[str, str, str]] = ("instrument", "chip", "filter")

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__abstract__ = bool(cls.__dict__.get("__abstract__", False))
        cls.__declared__ = {name: value for name, value in vars(cls).items() if isinstance(value, Declaration)}
        _refuse_names(cls)
        _refuse_identity(cls)
        cls.__mapping__ = Mapping(cls)
        if not cls.__abstract__:
            OBJECTS.update({} if cls.__part__ else {cls.__mapping__.class_id: cls})
        keysets.register(cls)


class Mapping:
    """The tables and columns of one class.

    Attributes
    ----------
    tables
        the tables that hold a row for each object, besides `object`: those of concrete bases first
    columns
        attribute -> column; a single link stands as ``<name>_oid``
    links, lists, parts
        name -> declaration of single links, list links and parts
    """

    def __init__(self, cls: type[Mapped]) -> None:
        self.cls, self.name = cls, class_name(cls)
        self.class_id = number_of(self.name)
        self.declared = declarations(cls)
        self.links = {n: d for n, d in self.declared.items() if isinstance(d, Dependency)}
        self.lists = {n: d for n, d in self.declared.items() if isinstance(d, DependencyList)}
        self.parts = {n: d for n, d in self.declared.items() if isinstance(d, Part)}
        self.attributes = {n: d for n, d in self.declared.items() if isinstance(d, Attribute)}
        self.system = {n: d for base in reversed(cls.__mro__) for n, d in vars(base).items() if isinstance(d, SystemAttribute)}
        self.parent = next((base.__mapping__ for base in cls.__mro__[1:] if _is_concrete(base)), None)
        self.tables: tuple[sa.Table, ...] = ()
        if not cls.__abstract__:
            self.tables = (*(self.parent.tables if self.parent else ()), self._make_table())
        self.columns = {column.key: column for table in self.tables for column in table.columns
                        if column.key not in ("oid", "owner_oid", "slot")}

    @property
    def table(self) -> sa.Table:
        """The table of the class's own columns."""
        if not self.tables:
            raise DeclarationError(f"{self.cls.__name__} is abstract: it has no table")
        return self.tables[-1]

    @property
    def names(self) -> list[str]:
        """All names that a query or an assignment may use."""
        return [*self.system, *self.declared]

    def named(self, name: str) -> Declaration[Any] | SystemAttribute[Any]:
        """The declaration called `name`."""
        found = self.declared.get(name) or self.system.get(name)
        if found is None:
            raise UnknownNameError(f"{self.cls.__name__} has no attribute {name!r}{did_you_mean(name, self.names)}")
        return found

    def concrete(self) -> Iterator[type[Mapped]]:
        """The class itself and all classes below it, as far as they have tables."""
        below = [self.cls]
        seen: set[type] = set()
        for cls in below:
            if cls not in seen and not cls.__abstract__:
                yield cls
            seen.add(cls)
            below.extend(cls.__subclasses__())

    def _make_table(self) -> sa.Table:
        inherited = self.parent.columns if self.parent else {}
        columns = [column for name, declared in self.declared.items()
                   for column in _columns_of(name, declared) if column.name not in inherited]
        name = table_name(self.cls)
        if name in tables.metadata.tables:
            raise DeclarationError(f"{self.cls.__name__} wants the table {name!r}, which another class or the system has; rename it")
        if self.cls.__part__:
            return sa.Table(name, tables.metadata, *_part_key(), *columns, sqlite_with_rowid=False)
        return sa.Table(name, tables.metadata, _object_key(), *columns, *self._indexes(name, {column.name for column in columns}))

    def _indexes(self, table: str, own: set[str]) -> list[sa.Index]:
        """One for each link; that of a link which is a key goes on with the keys after it, since they are asked for together."""
        linked = [(f"{name}_oid", declared.key) for name, declared in self.links.items() if f"{name}_oid" in own]
        keys = [column for column, is_key in linked if is_key]
        return [sa.Index(f"ix_{table}_{column}", *(keys[keys.index(column):] if is_key else [column])) for column, is_key in linked]


def table_name(cls: type) -> str:
    """The table of a class: its name in snake case, after its package where that is not awe.

    >>> table_name(type("DomeFlatFrame", (), {"__module__": "awe.targets.flat"}))
    'dome_flat_frame'
    """
    package, snake = cls.__module__.split(".", 1)[0], re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", cls.__name__).lower()
    return snake if package == "awe" else f"{package}__{snake}"


def class_of(class_id: int) -> type[Mapped]:
    """The class that `class_id` stands for; what stands for all others where its package has not been imported."""
    return OBJECTS.get(class_id) or OBJECTS[UNKNOWN]


def class_named(name: str) -> type[Mapped]:
    """The class called ``Class`` or ``package:Class``."""
    found = [cls for cls in subclasses() if name in (cls.__name__, class_name(cls))]
    ours = [cls for cls in found if class_name(cls).startswith("awe:")]
    if len(found) == 1 or len(ours) == 1:
        return (found if len(found) == 1 else ours)[0]
    if found:
        names = sorted(map(class_name, found))
        raise UnknownNameError(f"{name!r} is one of {', '.join(names)}; write the package before it, as in {names[0].replace(':', '.')}")
    raise UnknownNameError(f"there is no class {name!r}{did_you_mean(name, [cls.__name__ for cls in subclasses()])}")


def subclasses() -> list[type[Mapped]]:
    """All classes of persistent objects that have been defined, abstract ones too."""
    found: dict[type[Mapped], None] = {}
    below: list[type[Mapped]] = list(Mapped.__subclasses__())
    for cls in below:
        if not cls.__part__:
            found[cls] = None
        below.extend(cls.__subclasses__())
    return list(found)


def _is_concrete(cls: type) -> TypeGuard[type[Mapped]]:
    return issubclass(cls, Mapped) and cls is not Mapped and not cls.__abstract__


def _object_key() -> sa.Column[int]:
    return sa.Column("oid", RowId, sa.ForeignKey("object.oid"), primary_key=True, autoincrement=False)


def _part_key() -> list[sa.Column[int]]:
    return [sa.Column("owner_oid", RowId, sa.ForeignKey("object.oid"), primary_key=True, autoincrement=False),
            sa.Column("slot", sa.Integer, primary_key=True, autoincrement=False)]


def _columns_of(name: str, declared: Declaration[Any]) -> list[sa.Column[Any]]:
    if isinstance(declared, Attribute):
        is_key = isinstance(declared, Key)
        return [sa.Column(name, COLUMN_TYPES[declared.type], nullable=not is_key, index=is_key and name == "name", doc=declared.doc,
                          info={"unit": declared.unit, "role": declared.role})]
    if isinstance(declared, Dependency):
        return [sa.Column(f"{name}_oid", RowId, sa.ForeignKey("object.oid"), nullable=not declared.key, doc=declared.doc)]
    return []


def _refuse_names(cls: type[Mapped]) -> None:
    for name in cls.__declared__:
        if name.startswith("_") or name in WORDS:
            raise DeclarationError(f"{cls.__name__}.{name}: that name has a meaning in queries; choose another")
        for base in cls.__mro__[1:]:
            taken = vars(base).get(name)
            if taken is not None and not isinstance(taken, Declaration):
                raise DeclarationError(f"{cls.__name__}.{name}: every {base.__name__} has a {name!r} already; choose another")


def _refuse_identity(cls: type[Mapped]) -> None:
    """An object is found again by the name of its class, so that name has to be the only one of its kind."""
    if cls.__abstract__ or cls.__part__:
        return
    if cls.__module__ == "__main__":
        raise DeclarationError(f"{cls.__name__} is defined at the prompt or in a script, where no one else could load its objects; "
                               f"write it into a package of your own: `awe new target {cls.__name__} --package PKG` makes one")
    other = OBJECTS.get(number_of(class_name(cls)))
    if other is not None:
        raise DeclarationError(f"{class_name(cls)} in {cls.__module__} has the number of {class_name(other)} in {other.__module__}; "
                               "rename it")
