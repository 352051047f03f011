"""The values that a key can have, as the database knows them: for completion."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from awe.dataflow.request import raw_query, source_of
from awe.persist.declare import Dependency, declarations, natural_key
from awe.persist.session import current

#: So many are offered.
MOST = 100


def key_names(cls: type) -> list[str]:
    """The names that a request for `cls` can give: its natural key, attributes of its raw data, and when."""
    source = source_of(cls)
    raw = [name for name in declarations(source.cls) if name not in ("amplifiers", "imstat")] if source is not None else []
    return list(dict.fromkeys([*natural_key(cls), "date", "time", *raw]))


def key_values(cls: type, name: str, given: Mapping[str, Any]) -> list[str]:
    """The values of key `name` that raw data with the other keys `given` have."""
    source = source_of(cls)
    asked: type[Any] = source.cls if source is not None else cls
    theirs = source.names.get(name, name) if source is not None else name
    if theirs not in declarations(asked):
        return []
    known = {key: value for key, value in given.items() if key != name and key not in ("date", "time")}
    query = raw_query(source, known) if source is not None else asked.is_valid > 0
    declared = declarations(asked)[theirs]
    mapping = declared.type.__mapping__ if isinstance(declared, Dependency) else asked.__mapping__
    column = mapping.columns["name" if isinstance(declared, Dependency) else theirs]
    oids = sa.select(query.statement.order_by(None).subquery().c.oid)
    if isinstance(declared, Dependency):
        link = asked.__mapping__.columns[f"{theirs}_oid"]
        oids = sa.select(link).where(link.table.c.oid.in_(oids))
    statement = sa.select(column).where(column.table.c.oid.in_(oids), column.is_not(None)).distinct().order_by(column)
    with current().reading() as connection:
        return [str(value) for value in connection.scalars(statement.limit(MOST))]
