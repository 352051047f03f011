"""INSERTs of one transaction that are sent together: PostgreSQL answers all of them in one round trip."""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from awe.persist.failure import translated
from awe.persist.rows import COPY_FROM, Row, insert_text, write_rows


class Outbox:
    """Statements that wait for `send`, in order.

    Each gives no rows back, and none may depend on what another would say.  What is refused is told by `send`.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self.connection, self.waiting = connection, list[tuple[str, Sequence[Any]]]()

    def rows(self, table: sa.Table, rows: Sequence[Row]) -> None:
        """Insert rows, which have a value for each column of the table in order; many go at once, after all that waits."""
        if len(rows) >= COPY_FROM:
            self.send()
            write_rows(self.connection, table, rows)
        elif rows:
            self.run(insert_text(table.name, tuple(table.columns.keys()), self.connection.dialect.name), rows)

    def run(self, statement: str, parameters: Sequence[Any]) -> None:
        """Run a statement, once for each of `parameters`."""
        if parameters:
            self.waiting.append((statement, parameters))

    def send(self) -> None:
        """Run all that waits."""
        waiting, self.waiting = self.waiting, []
        if not waiting:
            return
        if self.connection.dialect.name == "sqlite":
            for statement, parameters in waiting:
                self.connection.exec_driver_sql(statement, list(parameters))
            return
        driver: Any = self.connection.connection.driver_connection
        with translated(self.connection, waiting[0][0]), driver.pipeline(), driver.cursor() as cursor:
            for statement, parameters in waiting:
                if len(parameters) == 1:
                    cursor.execute(statement, parameters[0])
                else:
                    cursor.executemany(statement, parameters)
