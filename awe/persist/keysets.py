"""Which sets of keys objects can be found by, besides their natural key.

Every dependency asks for objects of a class by some of their attributes.  An object stands in `candidate` once for each set
of names that some class asks it by: as an interval where one object valid at a time is asked for, as a point in time where
the members of a group are.
"""
from __future__ import annotations

from typing import NamedTuple

from awe.persist.declare import DependencyList, slots


class KeySet(NamedTuple):
    """Names of attributes of objects of `cls`, in alphabetical order; `is_group` where they make a group."""

    cls: type
    names: tuple[str, ...]
    is_group: bool


_asked: dict[KeySet, None] = {}


def register(cls: type) -> None:
    """Note what the dependencies of `cls` ask for."""
    for slot in slots(cls).values():
        is_group = isinstance(slot, DependencyList)
        asked_of = slot.member if isinstance(slot, DependencyList) else slot.type
        _asked[KeySet(asked_of, tuple(sorted(theirs for theirs, _ in slot.same)), is_group)] = None


def key_sets_of(cls: type) -> list[KeySet]:
    """The sets by which objects of `cls` are asked for, as such or as objects of one of its bases."""
    return [asked for asked in _asked if issubclass(cls, asked.cls)]
