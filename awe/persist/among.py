"""``column IN (these row numbers)``, as one parameter however many they are."""
from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql


def among(column: sa.ColumnElement[Any], dialect: str) -> sa.ColumnElement[bool]:
    """The criterion that `column` is one of the numbers that are given when the statement is executed, as `numbers` has them."""
    if dialect == "sqlite":
        each = sa.func.json_each(sa.bindparam("numbers", type_=sa.String)).table_valued("value")
        return column.in_(sa.select(each.c.value))
    return column == sa.any_(sa.bindparam("numbers", type_=postgresql.ARRAY(sa.BigInteger)))


def numbers(these: Iterable[int], dialect: str) -> dict[str, Any]:
    """The parameter of `among`."""
    return {"numbers": json.dumps(list(these)) if dialect == "sqlite" else list(these)}
