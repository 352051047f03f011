"""The lineage of an object: a graph by kind, up to the raw data or down to what was made from it, with parameters and code."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from awe.face.lineage import Tree
from awe.face.named import object_named
from awe.persist import tables
from awe.persist.declare import parameters
from awe.persist.lineage import name_of_class
from awe.services.asked import Asked
from awe.services.card import brief
from awe.services.declared import Parameter
from awe.services.graph import HEIGHT, WIDTH, Kind, draw
from awe.services.page import Page
from awe.services.shown import Column, Shown, Table

#: So many objects of a kind are told one by one.
LISTED = 200
#: Rows that one statement names.
CHUNK = 500


def lineage(asked: Asked) -> Shown:
    """The lineage of one object."""
    obj = object_named(asked.instance, asked["id"])
    down = asked["direction"] == "down"
    tree = Tree(obj, down=down)
    table = Table("lineage", COLUMNS, [row(one) for one in tree.objects.values()], f"lineage of {obj.object_id}")
    if asked["format"] not in ("html", "json"):
        return Shown("lineage.html", "Lineage", {}, table=table)
    drawing = draw(tree)
    opened = next((kind for kind in drawing.kinds if kind.name == asked["open"]), None)
    code = code_of(asked, tree) if not down else []
    data = {"object": brief(obj), "count": len(tree.objects) - 1, **tree.as_dict(), "direction": asked["direction"], "code": code}
    side = "made from" if not down else "made from it"
    return Shown("lineage.html", f"Lineage of {name_of_class(obj)} {obj.object_id[:8]}", data,
                 awe=f"%lineage {'--down ' if down else ''}{obj.object_id[:12]}",
                 more={"drawing": drawing, "opened": opened and listed(opened), "width": WIDTH, "height": HEIGHT, "side": side})


COLUMNS = (Column("object_id", doc="identity"), Column("class", doc="its class"), Column("keys", doc="its natural key"),
           Column("is_valid", doc="0 bad, 1 good, 2 qualified", type=int), Column("quality_flags", doc="flags", type=int))


def row(obj: Any) -> tuple[Any, ...]:
    """One object as a row."""
    told = brief(obj)
    return told["object_id"], told["class"], told["keys"], told["is_valid"], told["quality_flags"]


def listed(kind: Kind) -> dict[str, Any]:
    """The objects of one kind with the parameters that differ from the default."""
    found = [{**brief(one), "changed": changed(one)} for one in kind.members[:LISTED]]
    return {"name": kind.name, "count": len(kind.members), "objects": found}


def changed(obj: Any) -> str:
    """The parameters that are not as declared."""
    pairs = [(name, getattr(obj, name), one.default) for name, one in parameters(type(obj)).items()] if not type(obj).__abstract__ else []
    return ", ".join(f"{name}={value}" for name, value, default in pairs if value != default)


def code_of(asked: Asked, tree: Tree) -> list[dict[str, Any]]:
    """Which versions of which code made these objects, and how many."""
    o, r, c = tables.object_, tables.recipe, tables.class_
    oids, counts = list(tree.objects), dict[tuple[Any, ...], int]()
    with asked.database.reading() as connection:
        for first in range(0, len(oids), CHUNK):
            statement = sa.select(c.c.name, r.c.version, r.c.digest, r.c.git, sa.func.count()).select_from(
                o.join(r, r.c.id == o.c.recipe_id).join(c, c.c.class_id == r.c.class_id)).where(
                    o.c.oid.in_(oids[first:first + CHUNK])).group_by(c.c.name, r.c.version, r.c.digest, r.c.git)
            for *what, count in connection.execute(statement):
                counts[tuple(what)] = counts.get(tuple(what), 0) + count
    return [{"class": name.partition(":")[2], "version": version, "digest": digest[:12], "commit": git or "", "objects": count}
            for (name, version, digest, git), count in sorted(counts.items(), key=lambda pair: str(pair[0]))]


PAGES = [Page("lineage", "/lineage/{id}", lineage, "what an object was made from, or what was made from it", (
    Parameter("id", str, "the beginning of an object_id, or the global name of a file", of="object", longest=300),
    Parameter("direction", str, "up to the raw data, or down to what was made from it", "up", choices=("up", "down")),
    Parameter("open", str, "a kind whose objects are listed", "", longest=120)), formats=("csv", "json", "votable"))]
