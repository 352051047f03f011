"""`awe changes` and `awe undo`: what was edited, and taking it back."""
from __future__ import annotations

from argparse import Namespace
from collections.abc import Sequence

import sqlalchemy as sa

from awe.cli.opened import opened
from awe.cli.output import as_table, print_json
from awe.errors import QueryError
from awe.face.named import object_named
from awe.persist import tables
from awe.persist import undo as undoing
from awe.persist.journal import Change, lines
from awe.persist.session import Database


def changes(options: Namespace) -> int:
    """List lines of the change log."""
    if options.limit < 1:
        raise QueryError(f"--limit {options.limit} was given; give how many, at least 1")
    with opened(options) as instance:
        database, root = instance.database, tables.object_
        seen = [sa.exists().where(root.c.oid == tables.change.c.oid, database.identity.visible(root))]
        if options.id:
            seen.append(tables.change.c.oid == object_named(instance, options.id).oid)
        with database.reading() as connection:
            found = lines(connection, *seen, latest=options.limit)
    names = identities(database, found)
    tell(options, found, names)
    return 0


def undo(options: Namespace) -> int:
    """Take edits back."""
    with opened(options) as instance:
        found = undoing.undo(options.seqs, options.why)
        names = identities(instance.database, found)
    tell(options, found, names)
    return 0


def identities(database: Database, found: Sequence[Change]) -> dict[int, str]:
    """Row number -> object_id of the objects of some lines."""
    root = tables.object_.c
    statement = sa.select(root.oid, root.object_id).where(root.oid.in_({line.oid for line in found}))
    with database.reading() as connection:
        return {row.oid: row.object_id for row in connection.execute(statement)}


def tell(options: Namespace, found: Sequence[Change], names: dict[int, str]) -> None:
    """Print lines of the change log; `names` are the object_ids of their objects."""
    if options.json:
        print_json([{**line.as_dict(), "object_id": names.get(line.oid)} for line in found])
        return
    columns = ("seq", "object", "field", "from", "to", "who", "when", "why", "undoes")
    print(as_table(columns, [(line.seq, names.get(line.oid, "")[:8], line.field, line.old, line.new, line.who, line.when, line.why,
                              line.undo_of) for line in found]))
