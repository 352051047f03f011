"""`awe query`, `show` and `lineage`: what there is, and how it came to be."""
from __future__ import annotations

from argparse import Namespace
from typing import Any

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.errors import QueryError
from awe.face import tell
from awe.face.columns import usual_columns
from awe.face.lineage import Tree
from awe.face.named import object_named
from awe.persist.lineage import tell_everything
from awe.persist.query_text import parse_columns, parse_query

#: Attributes that are long texts, and are printed only where they are asked for.
LONG = 60


def query(options: Namespace) -> int:
    """Print the values of the columns, an object a line, by one statement."""
    with opened(options):
        asked = parse_query(options.expression)
        if options.order:
            asked = asked.order_by(f"-{options.order}" if options.descending else options.order)
        columns = parse_columns(asked, options.columns) if options.columns else usual_columns(asked)
        if options.limit < 0:
            raise QueryError(f"--limit {options.limit} was given; give 0 for all, or how many")
        rows = asked.values(*columns)
        there = len(rows)
    rows = rows[:options.limit] if options.limit else rows
    if options.json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
    else:
        print(as_table(columns, [tuple(short(value) for value in row) if not options.columns else row for row in rows]))
        print(f"{there} objects" if len(rows) == there else f"the first {len(rows)} of {there} objects; --limit 0 shows all")
    return 0


def short(value: Any) -> Any:
    """A value that does not fill the screen."""
    return value[:LONG - 3] + "..." if isinstance(value, str) and len(value) > LONG else value


def show(options: Namespace) -> int:
    """Tell everything about one object."""
    with opened(options) as instance:
        obj = object_named(instance, options.id)
        if options.json:
            print_json(tell_everything(obj).as_dict())
        else:
            print(tell(obj))
    return 0


def lineage(options: Namespace) -> int:
    """Show the lineage of one object as a tree."""
    with opened(options) as instance:
        tree = Tree(object_named(instance, options.id), down=options.down)
        if options.json:
            print_json(tree.as_dict(options.depth))
        else:
            print("\n".join(tree.lines(options.depth, full=options.full)))
    return 0
