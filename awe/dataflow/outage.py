"""What a database that goes away looks like: one sentence in place of what a driver says."""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from awe.errors import InstanceError
from awe.persist.failure import is_busy


def watch(engine: sa.Engine) -> None:
    """Let every statement on `engine` that meets a database that is gone, full or read-only raise InstanceError.

    A file of SQLite that was removed or replaced is noticed too: otherwise what is written would go to a file without a name.
    """
    sa.event.listen(engine, "handle_error", explained)
    path = engine.url.database
    if engine.dialect.name == "sqlite" and path and path != ":memory:":
        still_there = same_file(Path(path))
        sa.event.listen(engine, "do_connect", lambda dialect, record, arguments, settings: still_there())
        sa.event.listen(engine, "checkout", lambda connection, record, proxy: still_there())


def explained(context: sa.ExceptionContext) -> None:
    """Say in one sentence that the database cannot do it, and what helps; a busy one is tried again elsewhere."""
    error = context.sqlalchemy_exception
    if context.is_pre_ping or not isinstance(error, sa.exc.DBAPIError):
        return
    if not (context.is_disconnect or isinstance(error, sa.exc.OperationalError | sa.exc.InternalError)):
        return
    if isinstance(error, sa.exc.OperationalError) and is_busy(error):
        return
    engine = context.engine
    raise InstanceError(f"the database {engine.url.render_as_string() if engine else ''} cannot do it: {in_one_line(error.orig)}; see that "
                        "it is there and runs, and that its disk has room, and ask again") from context.original_exception


def in_one_line(error: BaseException | None) -> str:
    """What a driver says, without the line breaks."""
    return " ".join(str(error).split())


def same_file(path: Path) -> Callable[[], Any]:
    """A function that raises InstanceError once another file, or none, is at `path`."""
    def identity() -> tuple[int, int]:
        there = path.stat()
        return there.st_dev, there.st_ino

    first = identity()

    def check() -> None:
        try:
            now = identity()
        except OSError as error:
            raise InstanceError(f"the database {path} was here, but is gone ({error.strerror}); bring it back and open it again") from error
        if now != first:
            raise InstanceError(f"the database {path} was replaced by another file while it was in use; open it again")
    return check
