"""A statement of a user's own on PostgreSQL: the policies of the database hold for the role of the user.

The server has become that role, and could become itself again, also in the midst of a statement (``set_config('role', ...)``).
Within a function that runs as its owner PostgreSQL allows no change of role; so the user's role makes a temporary function,
which only reads, and ends with its connection.  Words by which statements could reach around are refused before.
"""
from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any

from awe.errors import AweError, ForbiddenError, QueryError
from awe.persist import role, tables
from awe.persist.freesql_answer import Answer, Limits, too_large, too_long
from awe.persist.session import Database

#: Words that no statement needs which asks for objects: catalogues, settings, files, and SQL within SQL.
FORBIDDEN = re.compile(r"\b(set_config|current_setting|query_to_\w+|cursor_to_\w+|table_to_\w+|schema_to_\w+|database_to_\w+|pg_\w+|lo_\w+|"
                       r"dblink\w*|information_schema|nextval|setval|currval|lastval|xmltable|ts_stat|u&)", re.IGNORECASE)
QUOTED = re.compile(r"'(?:[^']|'')*'")
TOO_LARGE = "awe answer is too large"
ASK = f"""CREATE FUNCTION pg_temp.awe_ask(asked text, most integer, bytes bigint) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER AS $$ DECLARE line text; size bigint := 0; BEGIN
FOR line IN EXECUTE 'SELECT to_json(q)::text FROM (' || asked || E'\\n) AS q LIMIT ' || most LOOP
size := size + octet_length(line); IF size > bytes THEN RAISE EXCEPTION '{TOO_LARGE}'; END IF;
RETURN NEXT line; END LOOP; END $$"""


def ask(database: Database, statement: str, published: Collection[str], limits: Limits) -> Answer:
    """The rows of a statement that one may ask."""
    check(statement, published)
    if not database.roles:
        raise ForbiddenError("this database has no roles, so it cannot hold a statement to what its user sees; `awe user add` makes them")
    lines = run(database, statement, limits)
    rows = [json.loads(line, object_pairs_hook=list) for line in lines]
    columns = [name for name, _ in rows[0]] if rows else []
    return Answer(columns, [tuple(value_of(value) for _, value in row) for row in rows[:limits.rows]], len(rows) <= limits.rows)


def check(statement: str, published: Collection[str]) -> None:
    """Refuse words that reach around, and tables that are not published."""
    found = FORBIDDEN.search(statement)
    if found:
        raise ForbiddenError(f"{found[0]!r} is no word that a statement here may have: ask for objects, by plain functions")
    hidden = set(tables.metadata.tables) - set(published)
    words = set(re.findall(r"\w+", QUOTED.sub("''", statement.lower())))
    if words & hidden - {tables.span.name, tables.run.name}:
        raise ForbiddenError(f"{min(words & hidden)!r} is a table that is not published; those that are stand beside the statement")


def run(database: Database, statement: str, limits: Limits) -> list[str]:
    """The rows as lines of JSON, on a connection that is closed after."""
    with database.engine.connect() as connection:
        connection.detach()
        role.act(connection, database.identity)
        if not connection.exec_driver_sql(f"SELECT row_security_active('{tables.object_.name}')").scalar():
            raise ForbiddenError(f"{database.identity.user} owns the tables, so that the policies of the database do not hold; "
                                 "ask with psql")
        cursor = connection.connection.cursor()
        try:
            cursor.execute("BEGIN")
            cursor.execute(ASK)
            cursor.execute(f"SET LOCAL statement_timeout = {int(limits.seconds * 1000)}")
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute("SELECT * FROM pg_temp.awe_ask(%s, %s, %s)", (statement, limits.rows + 1, limits.bytes))
            return [line for line, in cursor.fetchall()]
        except connection.dialect.loaded_dbapi.Error as error:
            raise in_words(error, limits) from error
        finally:
            cursor.execute("ROLLBACK")


def value_of(value: Any) -> Any:
    """A value of JSON as a plain one; bytes in hexadecimal digits, and what is nested as text."""
    if isinstance(value, str) and value.startswith("\\x"):
        return value[2:]
    return value if value is None or isinstance(value, str | int | float) else json.dumps(value)


def in_words(error: Any, limits: Limits) -> AweError:
    """An error of PostgreSQL as ours."""
    state, text = getattr(error, "sqlstate", "") or "", (str(error).splitlines() or [""])[0]
    if state == "57014":
        return too_long(limits)
    if TOO_LARGE in text:
        return too_large(limits)
    if state == "42501":
        return ForbiddenError(f"the database does not allow it: {text}")
    return QueryError(f"PostgreSQL cannot answer: {text}")
