"""What a persistent class says about itself, one line an attribute.

::

    class CoaddFrame(ProcessTarget):
        object = key(str, "name of the field")
        frames = depends_on_many(RegriddedFrame, "the frames that were averaged",
                                 one_per=RawScienceFrame, same=("filter", "object"), at_least=2)
        sigma_clip = parameter(3.0, "pixels further than this from the median are left out", unit="sigma")
        imstat = has_one(Imstat, "statistics of the pixels")
        depth = attribute(int, "number of frames averaged")

``same`` names what an object has in common with what it depends on.  An item is ``name`` (this object's key of that name),
``link.name`` (an attribute of something this object depends on, as in ``raw.filter``), or ``theirs=ours`` where the names differ.
"""
from __future__ import annotations

import datetime
import functools
import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from awe.errors import DeclarationError

T = TypeVar("T")

TYPES = (bool, int, float, str, datetime.datetime)


def once_per_class(function: Callable[[type], T]) -> Callable[[type], T]:
    """Let `function` be asked once for each class: what a class declares never changes."""
    known: dict[type, T] = {}

    @functools.wraps(function)
    def answer(cls: type) -> T:
        if cls not in known:
            known[cls] = function(cls)
        return known[cls]
    return answer


class Declaration(Generic[T]):
    """One line of a class body: a type, what it means, and in which unit."""

    role = "declaration"
    name: str = ""
    owner: type | None = None

    def __init__(self, type_: type[Any], doc: str, unit: str = "") -> None:
        if not doc:
            raise DeclarationError("every declaration says what it means: give it a doc")
        self.type, self.doc, self.unit = type_, doc, unit

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.owner = name, owner

    if not TYPE_CHECKING:
        def __get__(self, obj, owner):
            """On a class, the start of a path; on an object that does not hold the value yet, the value."""
            if obj is not None:
                return obj.__read__(self)
            return owner.__path__(self) if hasattr(owner, "__path__") else self

    def __repr__(self) -> str:
        unit = f" [{self.unit}]" if self.unit else ""
        return f"<{self.role} {self.name}: {self.type.__name__}{unit}, {self.doc}>"


class SystemAttribute(Generic[T]):
    """What every object has without declaring it: identity, owner, validity, state."""

    role = "system"
    name: str = ""

    def __init__(self, type_: type[T], doc: str, column: str, *, default: T | None = None, editable: bool = False) -> None:
        self.type, self.doc, self.unit = type_, doc, ""
        self.column, self.default, self.editable = column, default, editable

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    if TYPE_CHECKING:
        @overload
        def __get__(self, obj: None, owner: Any) -> Any: ...
        @overload
        def __get__(self, obj: object, owner: Any) -> T: ...
        def __get__(self, obj: Any, owner: Any) -> Any: ...
        def __set__(self, obj: object, value: T) -> None: ...
    else:
        __get__ = Declaration.__get__

    def __repr__(self) -> str:
        return f"<{self.role} {self.name}: {self.type.__name__}, {self.doc}>"


class Attribute(Declaration[T]):
    """A value that is described or measured."""

    role = "attribute"

    def __init__(self, type_: type[T], doc: str, *, unit: str = "", default: T | None = None, ucd: str = "",
                 science: bool = True) -> None:
        if type_ not in TYPES:
            raise DeclarationError(f"an attribute is one of {', '.join(t.__name__ for t in TYPES)}, not {type_!r}")
        super().__init__(type_, doc, unit)
        self.default, self.ucd, self.science = default, ucd, science

    if TYPE_CHECKING:
        @overload
        def __get__(self, obj: None, owner: Any) -> Any: ...
        @overload
        def __get__(self, obj: object, owner: Any) -> T: ...
        def __get__(self, obj: Any, owner: Any) -> Any: ...
        def __set__(self, obj: object, value: T | None) -> None: ...


class Key(Attribute[T]):
    """A value that is part of the natural key."""

    role = "key"


class Parameter(Attribute[T]):
    """A process parameter: its type is the type of its default."""

    role = "parameter"

    def __init__(self, default: T, doc: str, *, unit: str = "", at_least: float | None = None,
                 at_most: float | None = None, choices: tuple[T, ...] = (), was: T | None = None) -> None:
        super().__init__(type(default), doc, unit=unit, default=default)
        self.at_least, self.at_most, self.choices, self.was = at_least, at_most, choices, was


class Dependency(Declaration[T]):
    """A link to the one object that the selection rule picks."""

    role = "dependency"

    def __init__(self, type_: type[T], doc: str, *, same: tuple[str, ...] | None = None, key: bool = False,
                 optional: bool = False) -> None:
        super().__init__(type_, doc)
        self._same, self.key, self.optional = same, key, optional

    @property
    def same(self) -> tuple[tuple[str, str], ...]:
        """Pairs (their key, our path) that say which object is asked for."""
        if self._same is not None:
            return tuple(split_same(item) for item in self._same)
        return tuple((name, self.name if self.key and name == "name" else name) for name in natural_key(self.type))

    if TYPE_CHECKING:
        @overload
        def __get__(self, obj: None, owner: Any) -> type[T]: ...
        @overload
        def __get__(self, obj: object, owner: Any) -> T: ...
        def __get__(self, obj: Any, owner: Any) -> Any: ...
        def __set__(self, obj: object, value: T | None) -> None: ...


class DependencyList(Declaration[T]):
    """Links to all members of a group: raw frames of a night, or one product of each."""

    role = "dependencies"

    def __init__(self, type_: type[T], doc: str, *, same: tuple[str, ...], one_per: type | None = None,
                 also: tuple[str, ...] = (), within: str | float | None = None, at_least: int = 1,
                 at_most: int | None = None, is_open: bool = False, optional: bool = False) -> None:
        super().__init__(type_, doc)
        self._same, self._also, self.one_per = same, also, one_per
        self.within, self.at_least, self.at_most = within, at_least, at_most
        self.is_open, self.optional = is_open, optional

    @property
    def same(self) -> tuple[tuple[str, str], ...]:
        """Pairs (their attribute, our path) that say which group is meant."""
        return tuple(split_same(item) for item in self._same)

    @property
    def also(self) -> tuple[tuple[str, str], ...]:
        """With `one_per`: pairs (member's key, our path) beyond the natural key of the one it is made from."""
        return tuple(split_same(item) for item in self._also)

    @property
    def member(self) -> type:
        """The class whose objects make up the group."""
        return self.one_per or self.type

    if TYPE_CHECKING:
        @overload
        def __get__(self, obj: None, owner: Any) -> type[T]: ...
        @overload
        def __get__(self, obj: object, owner: Any) -> list[T]: ...
        def __get__(self, obj: Any, owner: Any) -> Any: ...
        def __set__(self, obj: object, value: list[T]) -> None: ...


class Part(Declaration[T]):
    """Measured values that make an object of their own, such as the statistics of an image."""

    role = "part"

    if TYPE_CHECKING:
        @overload
        def __get__(self, obj: None, owner: Any) -> type[T]: ...
        @overload
        def __get__(self, obj: object, owner: Any) -> T: ...
        def __get__(self, obj: Any, owner: Any) -> Any: ...
        def __set__(self, obj: object, value: T | None) -> None: ...


def attribute(type_: type[T], doc: str, *, unit: str = "", default: T | None = None, ucd: str = "",
              science: bool = True) -> Attribute[T]:
    """Declare a measured or descriptive value; `science=False` leaves it out of the object's value."""
    return Attribute(type_, doc, unit=unit, default=default, ucd=ucd, science=science)


def key(type_: type[T], doc: str, *, unit: str = "") -> Key[T]:
    """Declare a value that is part of the natural key."""
    return Key(type_, doc, unit=unit)


def parameter(default: T, doc: str, *, unit: str = "", at_least: float | None = None, at_most: float | None = None,
              choices: tuple[T, ...] = (), was: T | None = None) -> Parameter[T]:
    """Declare a process parameter; `was` is what objects made before it existed are taken to have used."""
    return Parameter(default, doc, unit=unit, at_least=at_least, at_most=at_most, choices=choices, was=was)


def depends_on(type_: type[T], doc: str, *, same: tuple[str, ...] | None = None, key: bool = False,
               optional: bool = False) -> Dependency[T]:
    """Declare the one object this one is made from; with `key`, its name is part of this object's natural key.

    Without `same`, what is asked for shares all of its natural key with this object.
    """
    return Dependency(type_, doc, same=same, key=key, optional=optional)


def depends_on_many(type_: type[T], doc: str, *, same: tuple[str, ...], one_per: type | None = None,
                    also: tuple[str, ...] = (), within: str | float | None = None, at_least: int = 1,
                    at_most: int | None = None, is_open: bool = False, optional: bool = False) -> DependencyList[T]:
    """Declare the group this object is made from.

    Members are the objects of `type_` that have the `same` attributes, or the one made of each such `one_per`.
    `within` is ``"night"`` or a number of days about the time asked for; None means at any time.
    An `is_open` group may grow without making its product out of date.
    """
    return DependencyList(type_, doc, same=same, one_per=one_per, also=also, within=within, at_least=at_least,
                          at_most=at_most, is_open=is_open, optional=optional)


def has_one(type_: type[T], doc: str) -> Part[T]:
    """Declare measured values that are an object of their own."""
    return Part(type_, doc)


def split_same(item: str) -> tuple[str, str]:
    """Return (theirs, ours) of one item of `same`.

    >>> split_same("chip"), split_same("raw.filter"), split_same("name=refcat")
    (('chip', 'chip'), ('filter', 'raw.filter'), ('name', 'refcat'))
    """
    if "=" in item:
        theirs, ours = item.split("=", 1)
        return theirs, ours
    return item.rsplit(".", 1)[-1], item


@once_per_class
def declarations(cls: type) -> dict[str, Declaration[Any]]:
    """All declarations of `cls`, those of its bases first, in the order of the page."""
    found: dict[str, Declaration[Any]] = {}
    for base in reversed(cls.__mro__):
        found.update(base.__dict__.get("__declared__") or
                     {name: value for name, value in vars(base).items() if isinstance(value, Declaration)})
    return found


@once_per_class
def natural_key(cls: type) -> tuple[str, ...]:
    """The names of the natural key of `cls`, in the order of the page.

    A link that is a key counts by the name of what it links to.
    """
    return tuple(name for name, value in declarations(cls).items()
                 if isinstance(value, Key) or (isinstance(value, Dependency) and value.key))


@once_per_class
def slots(cls: type) -> dict[str, Dependency[Any] | DependencyList[Any]]:
    """The dependencies of `cls`, single and many, in the order of the page."""
    found = {name: value for name, value in declarations(cls).items() if isinstance(value, Dependency | DependencyList)}
    _slot_names.update({number_of(name): name for name in found})
    return found


#: What slots are called, by the number that stands for the name; of classes that are not here, where another has such a slot.
_slot_names: dict[int, str] = {}


def name_of_slot(number: int) -> str:
    """The name of a slot of a class that is not installed, as far as a class that is has one of that name."""
    return _slot_names.get(number, f"slot {number}")


@once_per_class
def parameters(cls: type) -> dict[str, Parameter[Any]]:
    """The process parameters of `cls`."""
    return {name: value for name, value in declarations(cls).items() if isinstance(value, Parameter)}


@functools.cache
def number_of(name: str) -> int:
    """A 31-bit number that stands for `name` in the database: a class or a slot."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") & 0x7FFFFFFF
