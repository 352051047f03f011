"""Which dependencies the objects of some classes have, sorted by how they have to be looked at."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from awe.dataflow.node import Slots, is_makeable, source_slot
from awe.persist.declare import DependencyList, number_of


class Kinds:
    """The slots of some classes, by the numbers that stand for them.

    Attributes
    ----------
    classes
        those of these classes that can be made
    below
        the classes of the inputs that can be made
    made, given
        the slots whose inputs can be made, and those whose inputs cannot
    wanting
        the slots that ask for groups, and those that may find nothing
    exact
        sets that have to be compared member by member
    hiding
        sets whose members would not show that what they stand for belongs elsewhere now
    """

    def __init__(self, classes: Iterable[type]) -> None:
        self.classes = {cls for cls in classes if is_makeable(cls)}
        self.below = {each for cls in self.classes for each in made_from(cls)}
        self.made: set[int] = set()
        self.given: set[int] = set()
        self.wanting: set[int] = set()
        self.exact: set[int] = set()
        self.hiding: set[int] = set()
        for cls in self.classes:
            for name, slot in Slots.of(cls).by_name.items():
                (self.made if is_makeable(slot.type) else self.given).add(number_of(name))
                if slot.optional or isinstance(slot, DependencyList):
                    self.wanting.add(number_of(name))
                if isinstance(slot, DependencyList):
                    self._sort(number_of(name), slot)

    def _sort(self, number: int, slot: DependencyList[Any]) -> None:
        if is_makeable(slot.member) or (slot.at_most is not None and not slot.is_open):
            self.exact.add(number)
        elif slot.one_per is not None and source_slot(slot) is None:
            self.hiding.add(number)


def made_from(cls: type) -> set[type]:
    """The classes of what objects of `cls` are made from, as far as they can be made."""
    return {each for slot in Slots.of(cls).by_name.values() if is_makeable(slot.type)
            for each in slot.type.__mapping__.concrete()}


def below(classes: Iterable[type]) -> set[type]:
    """These classes and those of everything that their objects may be made from, as far as they can be made."""
    found: set[type] = set()
    todo = [cls for cls in classes if is_makeable(cls)]
    while todo:
        cls = todo.pop()
        if cls not in found:
            found.add(cls)
            todo.extend(made_from(cls))
    return found
