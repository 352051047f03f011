"""``column IN (these row numbers)``, as one parameter however many they are."""
from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def among(column: sa.ColumnElement[Any], numbers: Iterable[int], dialect: str) -> sa.ColumnElement[bool]:
    """The criterion that `column` is one of `numbers`; the text of the statement does not depend on how many there are."""
    if dialect == "sqlite":
        each = sa.func.json_each(json.dumps(list(numbers))).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column == sa.any_(sa.bindparam(None, list(numbers), type_=postgresql.ARRAY(sa.BigInteger), unique=True))
