"""Free-form SQL for those with the right: one statement that reads, within a time and a number of rows."""
from __future__ import annotations

import logging
from typing import Any

from awe.persist import freesql
from awe.persist.freesql_answer import Limits
from awe.services.asked import Asked
from awe.services.declared import Parameter
from awe.services.failures import Refused
from awe.services.page import Page
from awe.services.shown import Column, Shown, Table

log = logging.getLogger("awe.services")
LIMITS = Limits()


def sql(asked: Asked) -> Shown:
    """The form, the tables that can be asked, and the answer."""
    need_right(asked)
    tables = freesql.published(asked.database)
    data: dict[str, Any] = {"statement": asked["q"], "tables": [{"name": one.name, "columns": one.columns} for one in tables],
                            "columns": [], "rows": [], "is_whole": True, "seconds": LIMITS.seconds, "most": LIMITS.rows}
    table = None
    if asked["q"].strip():
        log.info("%s asks in SQL: %s", asked.identity.user, " ".join(asked["q"].split()))
        answer = freesql.ask(asked.database, asked["q"], LIMITS)
        rows = [[freesql.plain(value) for value in row] for row in answer.rows]
        data.update(columns=answer.columns, rows=rows, is_whole=answer.is_whole)
        table = Table("sql", [Column(name) for name in answer.columns], ([text(value) for value in row] for row in rows))
    return Shown("sql.html", "SQL", data, table=table)


def text(value: Any) -> str:
    """A value in a file: what is of any type has to be text."""
    return "" if value is None else str(value)


def has_right(asked: Asked) -> bool:
    """Whether who asks may write SQL, as the settings of the instance say."""
    named = {name.strip() for name in asked.house.instance.config.sql_users.split(",")}
    return not asked.identity.is_anonymous and bool(named & {asked.identity.user, "*"})


def need_right(asked: Asked) -> None:
    """Raise Refused for those who have not the right."""
    if not has_right(asked):
        raise Refused(403, f"{asked.identity.user} has no right to write SQL here; who keeps this server gives it by the setting sql_users")


PAGES = [Page("sql", "/sql", sql, "one SQL statement that reads, for those with the right", (
    Parameter("q", str, "the statement: SELECT, WITH or VALUES", "", longest=freesql.LONGEST, of="sql"),),
    needs_user=True, formats=("csv", "json", "parquet"))]
