"""The database viewer: classes with what they declare, and their objects by any attribute along links."""
from __future__ import annotations

import math
from typing import Any

from starlette.responses import RedirectResponse

from awe.errors import NotFoundError, QueryError, UnknownNameError
from awe.face.columns import usual_columns
from awe.persist.mapping import Mapped, class_named
from awe.persist.query import Query
from awe.persist.query_text import parse_query
from awe.persist.selection import Order
from awe.persist.walk import Walk
from awe.services import attributes, export
from awe.services.asked import Asked
from awe.services.criteria import OPERATORS, WITH_TWO, WITHOUT_VALUE, Row, expression, rows_of
from awe.services.declared import Parameter
from awe.services.figures import figures_of
from awe.services.page import Page
from awe.services.pages.sql import has_right
from awe.services.shown import Column, Shown, Table

#: Columns that are shown where nobody says which.
USUAL = 12
SIZES = ("25", "50", "100", "250", "1000")
#: Objects are counted no further than this, unless all of them are to be counted.
COUNTED = 10_000
#: Rows that a page begins after: to go further, narrow the query down.
FURTHEST = 1_000_000


def classes(asked: Asked) -> Shown:
    """All persistent classes."""
    counts = figures_of(asked.house, asked.identity).counts
    listed = {group: [{"class": attributes.spelled(cls), "doc": first_line(cls), "plan_number": getattr(cls, "plan_number", ""),
                       "objects": sum(counts.get(one.__mapping__.class_id, 0) for one in cls.__mapping__.concrete())} for cls in members]
              for group, members in attributes.groups().items()}
    return Shown("classes.html", "Database", {"groups": listed}, awe="RawScienceFrame.info()", more={"may_write_sql": has_right(asked)})


def first_line(cls: type) -> str:
    """What a class is, on one line."""
    return (cls.__doc__ or "").strip().split("\n", 1)[0]


def objects(asked: Asked) -> Shown | RedirectResponse:
    """The objects of one class for which the criteria hold."""
    cls = known_class(asked["cls"])
    rows = rows_of(asked["path"], asked["op"], asked["value"], asked["to"])
    if any(asked[name] for name in ("add", "unfold", "fold")) or asked["drop"] is not None or "" in (*asked["column"], *asked["path"]):
        return RedirectResponse(changed(asked, rows), 303)
    text = expression(cls, rows, asked["q"])
    query = parse_query(text)
    if not issubclass(query.cls, cls) and not issubclass(cls, query.cls):
        raise QueryError(f"the query is about {query.cls.__name__}, and this page about {cls.__name__}; go to that page")
    query = Query(cls if issubclass(cls, query.cls) else query.cls, query.criterion)
    columns = asked["column"] or usual_columns(query)[:USUAL]
    walks = [checked(query, path) for path in columns]
    query = query.order_by(asked["sort"]) if asked["sort"] else Query(query.cls, query.criterion, (Order(Walk.of(query.cls, "oid"), True),))
    page = Viewed(asked, query, text, columns, walks)
    if asked["format"] not in ("html", "json"):
        return Shown("objects.html", cls.__name__, {}, table=page.table())
    return page.shown(cls, rows)


def known_class(name: str) -> type[Mapped]:
    """The class of a name as `spelled` writes it; raises NotFoundError."""
    try:
        return class_named(name.replace(".", ":"))
    except UnknownNameError as error:
        raise NotFoundError(str(error)) from None


def checked(query: Query[Any], path: str) -> Walk:
    """The walk of a column; raises QueryError where it ends at no value."""
    attributes.walk_to(query.cls, path)
    walk = query._walk(path)
    if walk.has_list:
        raise QueryError(f"{walk} has several values for one object, and is no column; ask of {walk.leaf.name!r} in a criterion")
    return walk


def changed(asked: Asked, rows: list[Row]) -> str:
    """The address after one of the buttons of the form was pressed, without what says nothing."""
    if asked["add"]:
        rows = [*rows, Row(asked["add"])]
    if asked["drop"] is not None:
        rows = [row for n, row in enumerate(rows) if n != asked["drop"]]
    opened = [path for path in asked["open"] if path != asked["fold"] and not path.startswith(f"{asked['fold']}.")]
    if asked["unfold"]:
        opened = list(dict.fromkeys([*opened, asked["unfold"]]))
    return asked.url(add=None, drop=None, unfold=None, fold=None, open=opened, column=[one for one in asked["column"] if one],
                     path=[row.path for row in rows], op=[row.operator for row in rows], value=[row.value for row in rows],
                     to=[row.to for row in rows], page=None)


class Viewed:
    """One view of the objects of a class."""

    def __init__(self, asked: Asked, query: Query[Any], text: str, columns: list[str], walks: list[Walk]) -> None:
        self.asked, self.query, self.text, self.columns, self.walks = asked, query, text, columns, walks
        self.size, self.page = int(asked["size"]), asked["page"]

    def described(self) -> list[Column]:
        """The columns with unit, meaning and type."""
        return [Column(path, walk.leaf.unit, walk.leaf.doc, walk.leaf.type) for path, walk in zip(self.columns, self.walks, strict=True)]

    def table(self) -> Table:
        """All rows, to be taken away."""
        rows = [] if self.asked["format"] == "python" else self.query.values(*self.columns, limit=export.MOST_ROWS + 1)
        return Table(self.query.cls.__name__, self.described(), rows, first_line(self.query.cls), self.python())

    def python(self) -> str:
        """The five lines that make the same."""
        order = f".order_by({self.asked['sort']!r})" if self.asked["sort"] else ""
        question = f"({self.text})" if self.text != attributes.spelled(self.query.cls) else f"{self.text}.select_all()"
        return "\n".join(["import awe", "from awe.targets import *", "awe.connect()", f"q = {question}{order}",
                          f"rows = q.values({', '.join(map(repr, self.columns))})", ""])

    def shown(self, cls: type[Mapped], rows: list[Row]) -> Shown:
        """The page."""
        offset = (self.page - 1) * self.size
        if offset > FURTHEST:
            raise QueryError(f"page {self.page} begins after more than {FURTHEST} rows; narrow the query down, or sort it another way")
        found = self.query.values("object_id", *self.columns, limit=self.size + 1, offset=offset)
        more = len(found) > self.size
        count = offset + len(found) if not more and (found or not offset) else self.count()
        data = {"class": attributes.spelled(cls), "doc": first_line(cls), "query": self.text,
                "columns": [{"name": one.name, "unit": one.unit, "doc": one.doc, "type": one.type.__name__} for one in self.described()],
                "rows": [row[1:] for row in found[:self.size]], "ids": [row[0] for row in found[:self.size]],
                "count": count, "is_all_counted": self.asked["count"] or count < COUNTED, "page": self.page, "size": self.size}
        more_pages = self.page + 1 if more else None
        return Shown("objects.html", cls.__name__, data, awe=self.awe(), more={
            "criteria": rows, "tree": attributes.tree(cls, set(self.asked["open"])), "operators": OPERATORS, "two": WITH_TWO,
            "without": WITHOUT_VALUE, "sql": self.query.sql(*self.columns, limit=self.size, offset=offset), "next_page": more_pages,
            "last_page": math.ceil(count / self.size), "python": self.python(), "forms": export.FORMS, "groups": attributes.groups(),
            "spelled": attributes.spelled, "sizes": SIZES, "shown_columns": self.columns})

    def count(self) -> int:
        """How many there are; no further than `COUNTED` unless all are to be counted."""
        return len(self.query) if self.asked["count"] else self.query.count_to(COUNTED)

    def awe(self) -> str:
        """The line at the prompt that asks the same."""
        order = f".order_by({self.asked['sort']!r})" if self.asked["sort"] else ""
        question = f"({self.text})" if self.text != attributes.spelled(self.query.cls) else f"{self.text}.select_all()"
        return f"q = {question}{order}; q.values({', '.join(map(repr, self.columns))})"


def paths(name: str, doc: str) -> Parameter:
    """A parameter that takes paths."""
    return Parameter(name, str, doc, several=True, longest=300, of="path")


PAGES = [
    Page("classes", "/database", classes, "all persistent classes", menu="Database", rank=20),
    Page("objects", "/database/{cls}", objects, "the objects of one class, by any attribute along links", (
        Parameter("cls", str, "a persistent class, such as RawScienceFrame or package.Class", of="class", longest=120),
        paths("column", "a path that is shown, such as chip.name"),
        paths("path", "a path that is compared"),
        Parameter("op", str, "how: one for each path", several=True, choices=OPERATORS),
        Parameter("value", str, "with what: one for each path; * stands for anything in like", several=True),
        Parameter("to", str, "the second value of between: one for each path", several=True),
        Parameter("q", str, "a query as text, which holds besides", "", longest=4000),
        Parameter("sort", str, "in the order of this path; with - before it, the greatest first", "", longest=300),
        Parameter("page", int, "which page", 1, at_least=1, at_most=FURTHEST),
        Parameter("size", str, "how many rows on a page", "50", choices=SIZES),
        Parameter("count", bool, "count all objects, however many", False),
        paths("open", "a link that is unfolded"),
        Parameter("add", str, "a path to be compared", "", longest=300),
        Parameter("drop", int, "the line of the form to take away", at_least=0, at_most=1000),
        Parameter("unfold", str, "a link to unfold", "", longest=300),
        Parameter("fold", str, "a link to fold", "", longest=300)), formats=export.FORMS),
]
