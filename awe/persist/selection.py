"""One SELECT in the making: what a query asks for, joined as its columns need it, of what is visible."""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from awe.persist.compile import sql_of
from awe.persist.criterion import Criterion
from awe.persist.mapping import Mapped
from awe.persist.session import Database
from awe.persist.source import Source
from awe.persist.walk import Walk


class Selection:
    """The rows of `cls` for which `criterion` holds and that the user of `database` may see."""

    def __init__(self, database: Database, cls: type[Mapped], criterion: Criterion) -> None:
        self.database = database
        self.source, self.object, of_class = Source.root(cls)
        self.where = sa.and_(*of_class, sql_of(criterion, self.source, database.dialect), database.identity.visible(self.object))

    def value(self, walk: Walk) -> sa.ColumnElement[Any]:
        """The column at the end of `walk`."""
        return self.source.end(walk)

    def ordered(self, walk: Walk, descending: bool) -> sa.ColumnElement[Any]:
        """What puts rows into the order of `walk`; those without a value come last."""
        column = self.value(walk)
        return (column.desc() if descending else column.asc()).nulls_last()

    def select(self, *columns: Any) -> sa.Select[Any]:
        """The statement; ask for all columns and orders before, since they may join tables."""
        return sa.select(*columns).select_from(self.source.joined.clause).where(self.where)

    def scalar(self, statement: sa.Select[Any]) -> Any:
        """The first value of the first row, or None."""
        with self.database.reading() as connection:
            return connection.scalar(statement)
