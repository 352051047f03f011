"""A statement of a user's own on SQLite, which has no users: a connection that only reads, with views in place of the tables.

Each published table is hidden by a temporary view of its name, over another view that holds what the user sees.  An
authorizer lets the statement read the outer views, lets the inner ones alone read the tables, and allows functions by name.
SQLite tells the authorizer the name of the view that reads, and takes for one also what a statement calls so itself
(``WITH object AS (SELECT * FROM main.object)``): so the inner views have names that nobody can know.  They end in a limit,
which keeps SQLite from trying conditions of the statement on rows that are not seen, where errors would tell of them.
"""
from __future__ import annotations

import contextlib
import secrets
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import quote

from awe.errors import AweError, ForbiddenError, QueryError
from awe.persist import tables
from awe.persist.freesql_answer import Answer, Limits, too_large, too_long
from awe.persist.identity import Identity
from awe.persist.session import Database

#: Functions that a statement may call.
FUNCTIONS = frozenset({
    "abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "ceiling", "coalesce", "cos", "count", "cume_dist", "date", "datetime",
    "degrees", "dense_rank", "exp", "first_value", "floor", "glob", "group_concat", "hex", "ifnull", "iif", "instr", "julianday",
    "lag", "last_value", "lead", "length", "like", "ln", "log", "log10", "log2", "lower", "ltrim", "max", "min", "mod",
    "nth_value", "ntile", "nullif", "percent_rank", "pi", "pow", "power", "radians", "rank", "replace", "round", "row_number",
    "rtrim", "sign", "sin", "sqrt", "strftime", "substr", "substring", "sum", "tan", "time", "total", "trim", "trunc", "typeof",
    "unhex", "unicode", "unixepoch", "upper"})
BOUNDS = {sqlite3.SQLITE_LIMIT_LENGTH: 1_000_000, sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000, sqlite3.SQLITE_LIMIT_COLUMN: 500,
          sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100, sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 50, sqlite3.SQLITE_LIMIT_VDBE_OP: 250_000,
          sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 20, sqlite3.SQLITE_LIMIT_ATTACHED: 0, sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 200,
          sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 0, sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 0, sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0}
#: Steps of SQLite between looks at the clock.
STEPS = 5000


def ask(database: Database, statement: str, published: Sequence[tuple[str, str | None]], limits: Limits) -> Answer:
    """The rows of a statement that one may ask."""
    end = time.monotonic() + limits.seconds
    with reader(str(database.engine.url.database)) as connection:
        inner = make_views(connection, published, database.identity)
        connection.execute("PRAGMA query_only=ON")
        taken = names_of(connection)
        for bound, value in BOUNDS.items():
            connection.setlimit(bound, value)
        connection.set_progress_handler(lambda: time.monotonic() > end, STEPS)
        connection.set_authorizer(authorizer({name for name, _ in published}, inner, taken))
        try:
            return answered(connection.execute(statement), limits)
        except AweError:
            raise
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            raise in_words(error, limits) from error


@contextlib.contextmanager
def reader(path: str) -> Iterator[sqlite3.Connection]:
    """A connection that writes to no file of the instance, and is nobody else's."""
    connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, isolation_level=None, timeout=5)
    try:
        connection.execute("PRAGMA trusted_schema=OFF")
        yield connection
    finally:
        connection.close()


def make_views(connection: sqlite3.Connection, published: Sequence[tuple[str, str | None]], who: Identity) -> dict[str, str]:
    """Hide the tables by what `who` sees of them; the tables by the names of the views that read them."""
    secret = secrets.token_hex(16)
    inner = {f"v{secret}{name}": name for name, _ in published}
    for (hidden, name), (_, owner) in zip(inner.items(), published, strict=True):
        seen = f'EXISTS (SELECT 1 FROM main.object o WHERE o.oid = t."{owner}" AND {who.visible_text("o")})' if owner else "1"
        connection.execute(f'CREATE TEMP VIEW "{hidden}" AS SELECT t.* FROM main."{name}" t WHERE {seen} LIMIT -1 OFFSET 0')
        connection.execute(f'CREATE TEMP VIEW "{name}" AS SELECT * FROM temp."{hidden}"')
    return inner


def names_of(connection: sqlite3.Connection) -> set[str]:
    """All names that there are without a statement: of tables, and of modules that work as such."""
    found = connection.execute("SELECT lower(name) FROM main.sqlite_master UNION SELECT lower(name) FROM pragma_module_list")
    return {name for name, in found}


def is_free(name: str | None, taken: set[str]) -> bool:
    """Whether a name can only be that which a statement itself gives to a part of it."""
    return name is not None and name.lower() not in taken and not name.lower().startswith(("sqlite_", "pragma_"))


def authorizer(outer: set[str], inner: dict[str, str], taken: set[str]) -> Callable[..., int]:
    """What SQLite asks of each thing that a statement would do."""
    def decide(action: int, name: str | None, more: str | None, place: str | None, within: str | None) -> int:
        if action in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_RECURSIVE):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION:
            return sqlite3.SQLITE_OK if str(more).lower() in FUNCTIONS else sqlite3.SQLITE_DENY
        if action == sqlite3.SQLITE_READ and place is None and more == "" and (name in outer or is_free(name, taken)):
            return sqlite3.SQLITE_OK  # rows alone are counted, of a name without a place: that of a view comes before that of its table
        if action == sqlite3.SQLITE_READ and place == "temp" and (name in outer or name in inner):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_READ and place == "main" and within in inner and name in (inner[within], tables.object_.name):
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY
    return decide


def answered(cursor: sqlite3.Cursor, limits: Limits) -> Answer:
    """The rows, as far as they are read."""
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in cursor:
        if len(rows) == limits.rows:
            return Answer([one[0] for one in cursor.description], rows, False)
        size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if size > limits.bytes:
            raise too_large(limits)
        rows.append(row)
    return Answer([one[0] for one in cursor.description], rows, True)


def in_words(error: Exception, limits: Limits) -> AweError:
    """An error of SQLite as ours."""
    text = str(error)
    if "interrupted" in text:
        return too_long(limits)
    if "prohibited" in text or "not authorized" in text:
        return ForbiddenError(f"{text}: only published tables are read, by their names alone, and plain functions are called")
    return QueryError(f"SQLite cannot answer: {text}")
