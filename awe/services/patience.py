"""No page waits for a statement for ever: after some time it is broken off, and who asked is told to ask for less.

PostgreSQL plans each statement for the values that are asked for: a plan for any values takes a hundred times as long where a chip
has half of all frames.
"""
from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from awe.services import tally

#: Seconds that a statement may take.
LONGEST = 20.0
#: How often SQLite looks at the clock: after so many of its own steps.
STEPS = 20_000


def limit(engine: sa.Engine) -> None:
    """Break off what takes longer, on all connections that an engine opens from now on, and on those that it has."""
    engine.dispose()

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        if engine.dialect.name == "sqlite":
            connection.set_progress_handler(is_over, STEPS)
        else:
            with connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = {int(LONGEST * 1000)}")
                cursor.execute("SET plan_cache_mode = force_custom_plan")  # after some askings it forgets what was asked for, and guesses
            connection.commit()


def is_over() -> bool:
    """Whether the request that waits has waited long enough; called by SQLite in the midst of a statement."""
    waiting = tally.current.get()
    return waiting is not None and waiting.milliseconds > LONGEST * 1000


def was_broken_off(error: BaseException | None) -> bool:
    """Whether an error says that a statement was broken off."""
    cause = getattr(error, "orig", error)
    return getattr(cause, "sqlstate", "") == "57014" or "interrupted" in str(cause)
