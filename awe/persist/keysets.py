"""Which sets of keys objects can be found by, besides their natural key.

Every dependency asks for objects of a class by some of their attributes.  An object stands in `candidate` once for each set
of names that some class asks it by: as an interval where one object valid at a time is asked for, as a point in time where
the members of a group are.

What the classes of a package ask by is written into the database too (`store`), so that what is committed where the package
is not installed can be found where it is.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from awe.persist import tables
from awe.persist.declare import DependencyList, slots
from awe.persist.names import INSERT
from awe.persist.selector import class_name


class KeySet(NamedTuple):
    """Names of attributes, in alphabetical order, of objects of the class `identity`; `is_group` where they make a group."""

    identity: str
    names: tuple[str, ...]
    is_group: bool


_asked: dict[KeySet, None] = {}


def register(cls: type) -> None:
    """Note what the dependencies of `cls` ask for."""
    for slot in slots(cls).values():
        is_group = isinstance(slot, DependencyList)
        asked_of = slot.member if isinstance(slot, DependencyList) else slot.type
        _asked[KeySet(class_name(asked_of), tuple(sorted(theirs for theirs, _ in slot.same)), is_group)] = None


class KeySets:
    """The sets by which objects are asked for in one database: by the classes that are here, and by those it knows of (`stored`)."""

    def __init__(self, stored: Iterable[KeySet] = ()) -> None:
        self.stored = tuple(stored)
        self._known: dict[tuple[type, int], list[KeySet]] = {}

    def of(self, cls: type) -> list[KeySet]:
        """The sets by which objects of `cls` are asked for, as such or as objects of one of its abstract bases.

        In the place of a class that has objects of its own only those stand: what somebody made in another way, as an object
        of a subclass, is used by those who ask for that subclass.
        """
        asked = (cls, len(_asked))  # classes may be defined at any time
        if asked not in self._known:
            bases = {class_name(base) for base in cls.__mro__ if base is cls or getattr(base, "__abstract__", False)}
            there = (each for each in self.stored if all(hasattr(cls, name) for name in each.names))
            self._known[asked] = [each for each in dict.fromkeys((*_asked, *there)) if each.identity in bases]
        return self._known[asked]


#: Of a database that nobody asks of but the classes that are here.
HERE = KeySets()


def key_sets_of(cls: type) -> list[KeySet]:
    """The sets by which objects of `cls` are asked for by the classes that are here."""
    return HERE.of(cls)


def store(connection: sa.Connection) -> None:
    """Write down what all classes ask by."""
    table = tables.key_set
    rows = [{"class": asked.identity, "names": ",".join(asked.names), "is_group": int(asked.is_group)} for asked in _asked]
    if rows:
        connection.execute(INSERT[connection.dialect.name](table).on_conflict_do_nothing(), rows)


def stored(connection: sa.Connection) -> KeySets:
    """What classes ask by, also those that were there when the database was last upgraded and are not here."""
    rows = connection.execute(sa.select(tables.key_set)).all()
    return KeySets(KeySet(row[0], tuple(filter(None, row[1].split(","))), bool(row[2])) for row in rows)
