"""What a database refuses, in our words; also where its driver is used directly."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import sqlalchemy as sa

from awe.errors import ForbiddenError, SchemaError

RETRIED_STATES = {"40001", "40P01", "55P03"}
MISSING_STATES = {"42P01", "42703"}


def explain(context: sa.ExceptionContext) -> None:
    """Say what a guard refuses, and which command helps when a table or column is not there: for ``handle_error`` of an engine."""
    say(context.original_exception, context.sqlalchemy_exception)


def say(original: BaseException, error: sa.exc.StatementError | None) -> None:
    """Raise one of our errors where we know better than the driver; otherwise nothing is done."""
    text = str(original)
    state = getattr(original, "sqlstate", None)
    if state == "42501" and "awe: " not in text:
        raise ForbiddenError(f"the database does not allow it ({text.splitlines()[0]}); `awe project show` says who may do what for a "
                             "project, and its owner adds users") from original
    if "awe: " in text and (state == "42501" or isinstance(error, sa.exc.IntegrityError)):
        raise ForbiddenError(text.splitlines()[0].split("awe: ", 1)[1]) from original
    if state in MISSING_STATES or "no such table" in text or "no such column" in text or "has no column named" in text:
        raise SchemaError(f"the database does not have what the code asks for ({text.splitlines()[0]}); "
                          "`awe db check` tells what differs, `awe db upgrade` brings it up to date") from original


@contextlib.contextmanager
def translated(connection: sa.Connection, statement: str) -> Iterator[None]:
    """A block that uses the driver directly: its errors are those that SQLAlchemy raises, and a lost connection is given up."""
    dialect = connection.dialect
    driver = connection.connection.driver_connection
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        lost = dialect.is_disconnect(error, driver, None)  # type: ignore[arg-type]
        wrapped = sa.exc.DBAPIError.instance(statement, None, error, dialect.loaded_dbapi.Error, hide_parameters=True,
                                             connection_invalidated=lost, dialect=dialect)
        if lost:
            connection.invalidate(error)
        say(error, wrapped if isinstance(wrapped, sa.exc.StatementError) else None)
        raise wrapped from error


def is_busy(error: sa.exc.OperationalError) -> bool:
    """Whether trying again may help: a lock, or a conflict with another transaction."""
    if getattr(error.orig, "sqlstate", None) in RETRIED_STATES:
        return True
    return "database is locked" in str(error.orig) or "database table is locked" in str(error.orig)
