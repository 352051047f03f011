"""To which instrument, chip and filter objects belong."""
from __future__ import annotations

import sqlalchemy as sa

from awe.dataflow.parameters import NOWHERE, Scope, scope_of_names
from awe.persist import tables


class Scopes:
    """The rows of `scope`, read once for a plan."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self.names: dict[int, Scope] = {0: NOWHERE}

    def named(self, scope_id: int) -> Scope:
        """The instrument, chip and filter behind a row."""
        if scope_id not in self.names:
            rows = self.connection.execute(sa.select(tables.scope))
            self.names.update({row.id: (row.instrument, row.chip, row.filter) for row in rows})
        return self.names[scope_id]

    def of(self, cls: type, scope_id: int) -> Scope:
        """Those of them that are among the natural keys of objects of `cls`."""
        return scope_of_names(cls, self.named(scope_id))
