"""Trends: any measured value against time or another value, by chip, filter or whatever tells objects apart."""
from __future__ import annotations

from typing import Any

from awe.errors import QueryError
from awe.persist.query import Query
from awe.persist.query_text import parse_query
from awe.persist.selection import Order
from awe.persist.walk import Walk
from awe.services import attributes
from awe.services.asked import Asked
from awe.services.chart import Point, chart
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.pages.database import checked, known_class
from awe.services.shown import Column, Shown, Table
from awe.services.siblings import measured
from awe.services.words import value as shown

#: So many points are drawn, those that were made last: to sort all there are by another time takes a second of a million.
MOST = 3000
#: More groups than these are told apart by nothing.
GROUPS = 6


def trends(asked: Asked) -> Shown:
    """One value of a class against another."""
    numeric = {attributes.spelled(cls): paths for classes in attributes.groups().values() for cls in classes
               if not cls.__abstract__ and (paths := measured(cls))}
    if not asked["cls"]:
        return Shown("trends.html", "Trends", {"classes": sorted(numeric)}, awe="pylab.scatter(x, y)", more={"drawn": None, "paths": []})
    cls = known_class(asked["cls"])
    paths = numeric.get(attributes.spelled(cls), [])
    if not paths and not asked["y"]:
        raise QueryError(f"{cls.__name__} measures no numbers; choose one of {', '.join(sorted(numeric)[:20])}")
    y, x, by = asked["y"] or paths[0], asked["x"] or "anchor", asked["by"]
    query = limited(cls, asked["q"])
    walks = [checked(query, path) for path in (x, y, *([by] if by else []))]
    numbers_only(walks[:2])
    query = Query(query.cls, query.criterion, (Order(Walk.of(query.cls, "oid"), True),))
    rows = query.values("object_id", x, y, "is_valid", "quality_flags", *([by] if by else []), limit=MOST)
    columns = [Column("object_id", doc="identity"), *(Column(path, walk.leaf.unit, walk.leaf.doc, walk.leaf.type)
                                                      for path, walk in zip((x, y, *([by] if by else [])), walks, strict=True))]
    table = Table("trends", columns, [(row[0], row[1], row[2], *row[5:]) for row in rows], f"{y} against {x}")
    data = {"class": attributes.spelled(cls), "x": x, "y": y, "by": by, "count": len(rows), "is_all": len(rows) < MOST,
            "points": [{"object_id": row[0], "x": row[1], "y": row[2], "group": str(row[5]) if by else ""} for row in rows],
            "classes": sorted(numeric)}
    labels = [f"{path}{f' [{walk.leaf.unit}]' if walk.leaf.unit else ''}" for path, walk in zip((x, y), walks, strict=False)]
    awe = f"x, y = zip(*({asked['q'] or attributes.spelled(cls) + '.select_all()'}).values({x!r}, {y!r})); pylab.scatter(x, y)"
    return Shown("trends.html", f"{cls.__name__}: {y} against {x}", data, awe=awe, table=table,
                 more={"drawn": chart(points(rows, by), labels[0], labels[1]), "paths": paths})


def limited(cls: Any, text: str) -> Any:
    """The objects of a class, or those for which a query holds."""
    if not text.strip():
        return cls.select_all()
    query = parse_query(text)
    if not issubclass(query.cls, cls):
        raise QueryError(f"the query is about {query.cls.__name__}, and the figure about {cls.__name__}")
    return query


def numbers_only(walks: list[Walk]) -> None:
    """Refuse what cannot stand on an axis."""
    for walk in walks:
        if walk.leaf.type in (str, bytes):
            raise QueryError(f"{walk} is text, and stands on no axis; choose a number or a moment")


def points(rows: Any, by: str) -> list[Point]:
    """The rows as points; what follows the most frequent groups is one group."""
    counts: dict[str, int] = {}
    for row in rows:
        name = str(row[5]) if by else ""
        counts[name] = counts.get(name, 0) + 1
    named = sorted(counts, key=lambda name: -counts[name])[:GROUPS - 1] if len(counts) > GROUPS else list(counts)
    found = []
    for row in rows:
        group = str(row[5]) if by else ""
        tip = "\n".join([f"{shown(row[2])} at {shown(row[1])}", *([group] if group else []), row[0][:8]])
        found.append(Point(row[1], row[2], tip, f"/quality/{row[0]}", group if group in named else "", row[3] == 0 or bool(row[4])))
    return found


def path(name: str, doc: str) -> Parameter:
    """A parameter that takes one path."""
    return Parameter(name, str, doc, "", longest=300)


PAGES = [Page("trends", "/trends", trends, "a measured value against time or another value", (
    Parameter("cls", str, "a persistent class, such as MasterBias", "", longest=120), path("y", "a path whose values go up"),
    path("x", "a path whose values go across; time where there is none"), path("by", "a path that tells groups apart, such as chip.name"),
    Parameter("q", str, "a query that the objects fulfil", "", longest=4000)), formats=("csv", "json", "votable", "parquet"),
    menu="Trends", rank=60)]
