"""What an object measured beside the others of its kind: the same keys, at other times."""
from __future__ import annotations

from typing import Any

from awe.persist.declare import Attribute, Key, Parameter, Part, natural_key
from awe.persist.mapping import Mapped
from awe.persist.selection import Order
from awe.persist.walk import Walk
from awe.services.chart import Chart, Point, chart
from awe.services.words import value as shown

#: Keys that differ from one sibling to the next.
OWN = ("exposure",)
#: So many siblings are drawn, those that were made last.
MOST = 400
#: So many measured values are drawn.
VALUES = 12


def measured(cls: type[Mapped]) -> list[str]:
    """The paths of the numbers that a class measures: its own, then those of its parts."""
    mapping = cls.__mapping__
    own = [name for name, one in mapping.attributes.items() if is_number(one) and name not in mapping.system]
    parts = [f"{name}.{each}" for name, one in mapping.declared.items() if isinstance(one, Part)
             for each, inner in one.type.__mapping__.attributes.items() if is_number(inner)]
    return [*own, *parts]


def is_number(declared: Any) -> bool:
    """Whether an attribute is a measured number."""
    return isinstance(declared, Attribute) and not isinstance(declared, Key | Parameter) and declared.type in (float, int)


def siblings_of(obj: Any) -> Any:
    """The query of all objects of its class with the same keys, but for those that differ from one to the next; what was made last
    comes first."""
    cls = type(obj)
    query = cls.select_all()
    for name in natural_key(cls):
        given = getattr(obj, name)
        if name in OWN or given is None:
            continue
        query = query & (getattr(cls, name).name == given.name if hasattr(given, "name") else getattr(cls, name) == given)
    return type(query)(query.cls, query.criterion, (Order(Walk.of(cls, "oid"), True),))


def trends_of(obj: Any) -> list[tuple[str, str, Chart]]:
    """(path, meaning, figure against time) of the numbers that it measured, by one statement."""
    cls = type(obj)
    paths = [path for path in measured(cls) if value_at(obj, path) is not None][:VALUES]
    if not paths:
        return []
    rows = siblings_of(obj).values("object_id", "anchor", "is_valid", "quality_flags", *paths, limit=MOST)
    if len(rows) < 2:
        return []
    found = []
    for number, path in enumerate(paths):
        walk = Walk.of(cls, path)
        points = [Point(at, values[number], f"{shown(values[number])} {walk.leaf.unit}\n{shown(at)}\n{who[:8]}", f"/quality/{who}",
                        "this one" if who == obj.object_id else "others", is_valid == 0 or bool(flags))
                  for who, at, is_valid, flags, *values in rows]
        drawn = chart(points, "time", f"{path}{f' [{walk.leaf.unit}]' if walk.leaf.unit else ''}")
        if drawn is not None:
            found.append((path, walk.leaf.doc, drawn))
    return found


def value_at(obj: Any, path: str) -> Any:
    """The value at the end of a path; None where something on the way is."""
    for name in path.split("."):
        obj = getattr(obj, name, None)
    return obj
