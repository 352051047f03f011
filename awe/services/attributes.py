"""What a class declares, as a tree in which links unfold in place: for the database viewer."""
from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from awe.errors import QueryError
from awe.persist.declare import Attribute, Dependency, DependencyList, Key, Parameter, Part, SystemAttribute
from awe.persist.mapping import Mapped, subclasses
from awe.persist.walk import Step, Walk

#: Steps that a walk may have on a page.
DEEPEST = 8
FIRST = ("object_id", "creation_date")
ROLES: tuple[tuple[type, str], ...] = ((Key, "key"), (Parameter, "parameter"), (Attribute, "attribute"), (Dependency, "link"),
                                       (DependencyList, "list"), (Part, "part"), (SystemAttribute, "system"))


@dataclass
class Leaf:
    """One attribute or link, at the end of a path.

    `leads` says whether it unfolds, `is_list` whether it stands for several; what it unfolds to is in `below` where it is open.
    """

    name: str
    path: str
    role: str
    type: str
    unit: str
    doc: str
    leads: bool
    is_list: bool
    is_open: bool = False
    below: list[Leaf] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The same as plain data."""
        found = {"name": self.name, "path": self.path, "role": self.role, "type": self.type, "unit": self.unit, "doc": self.doc}
        return {**found, "attributes": [one.as_dict() for one in self.below]} if self.below else found


def tree(cls: type[Mapped], opened: Collection[str] = (), prefix: str = "", *, is_list: bool = False) -> list[Leaf]:
    """The attributes of a class: identity and date, its own, the others of the system; what is `opened` unfolds."""
    mapping = cls.__mapping__
    found = []
    first = {name: mapping.system[name] for name in FIRST if name in mapping.system}
    steps: dict[str, Step] = {**first, **mapping.declared, **mapping.system}
    for declared in steps.values():
        one = leaf(declared, prefix, is_list)
        if one.leads and one.path in opened and one.path.count(".") < DEEPEST:
            one.is_open = True
            one.below = tree(declared.type, opened, f"{one.path}.", is_list=one.is_list)
        found.append(one)
    return found


def leaf(declared: Step, prefix: str, is_list: bool) -> Leaf:
    """One attribute or link."""
    role = next((word for kind, word in ROLES if isinstance(declared, kind)), "attribute")
    leads = role in ("link", "list", "part")
    return Leaf(declared.name, f"{prefix}{declared.name}", role, declared.type.__name__, declared.unit, declared.doc, leads,
                is_list or role == "list")


def walk_to(cls: type[Mapped], path: str) -> Walk:
    """The walk that a path means; raises QueryError where it has too many steps."""
    if path.count(".") >= DEEPEST + 1:
        raise QueryError(f"{path[:60]!r} has more than {DEEPEST + 1} steps")
    return Walk.of(cls, path)


def spelled(cls: type[Mapped]) -> str:
    """How a query names a class: with its package where that is not awe."""
    package, _, name = cls.__mapping__.name.partition(":")
    return name if package == "awe" else f"{package}.{name}"


def groups() -> dict[str, list[type[Mapped]]]:
    """All persistent classes, by what they are for."""
    found: dict[str, list[type[Mapped]]] = {"Raw data": [], "Calibrations": [], "Products": [], "Reference": [], "In general": []}
    for cls in sorted(subclasses(), key=lambda cls: (getattr(cls, "plan_number", "") or "999", cls.__name__)):
        if cls.__elsewhere__:
            continue
        found[group_of(cls)].append(cls)
    return {name: classes for name, classes in found.items() if classes}


def group_of(cls: type[Mapped]) -> str:
    """What a class is for."""
    if cls.__abstract__:
        return "In general"
    if cls.raw_data:
        return "Raw data"
    if getattr(cls, "is_calibration", False):
        return "Calibrations"
    return "Products" if hasattr(cls, "make") else "Reference"
