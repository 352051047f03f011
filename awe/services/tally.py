"""How many SQL statements a page takes, counted where they are sent."""
from __future__ import annotations

import contextvars
import time
from typing import Any

import sqlalchemy as sa


class Tally:
    """Statements and seconds of one request."""

    def __init__(self) -> None:
        self.statements = 0
        self.began = time.perf_counter()

    @property
    def milliseconds(self) -> float:
        """Since it began."""
        return (time.perf_counter() - self.began) * 1000


current: contextvars.ContextVar[Tally | None] = contextvars.ContextVar("awe_tally", default=None)
#: Since this process began to serve.
total = Tally()


def watch(engine: sa.Engine) -> None:
    """Count the statements of an engine."""
    if not sa.event.contains(engine, "before_cursor_execute", count):
        sa.event.listen(engine, "before_cursor_execute", count)


def count(*_: Any) -> None:
    """Count one statement."""
    tally = current.get()
    total.statements += 1
    if tally is not None:
        tally.statements += 1
