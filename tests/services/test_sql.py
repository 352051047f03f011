"""SQL of a user's own: it reads, sees what they see and nothing else, and ends; on both databases."""
from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from awe.errors import ForbiddenError, QueryError
from awe.persist import freesql, freesql_postgresql, freesql_sqlite
from awe.persist.freesql_answer import Limits
from tests.services.conftest import LEAST, LEVELS, Served


def asked(served: Served, statement: str, user: str = "eve", **params: str) -> Any:
    return served.client.get("/api/v1/sql", params={"q": statement, **params}, headers=served.headers(user))


def names(served: Served, user: str) -> set[str]:
    return {f"marker{level}" for level in LEVELS if level >= LEAST[user]}


@pytest.mark.parametrize("user", ["ann", "bob", "eve"])
def test_a_statement_sees_what_its_user_sees(served: Served, user: str) -> None:
    for statement in ("SELECT name FROM filter",
                      "WITH f AS (SELECT name FROM filter) SELECT upper(name) FROM f UNION SELECT name FROM filter",
                      "SELECT f.name, c.field FROM object o JOIN filter f ON f.oid = o.oid JOIN change c ON c.oid = o.oid",
                      "SELECT max(name) FROM filter GROUP BY name; "):
        told = asked(served, statement, user).json()
        assert {row[0].lower() for row in told["rows"]} == names(served, user), statement
    for tables in ("filter", "object JOIN filter ON filter.oid = object.oid"):
        assert asked(served, f"SELECT count(*) AS n FROM {tables}", user).json()["rows"] == [[len(names(served, user))]]
    assert asked(served, "SELECT name FROM filter ORDER BY name", user, format="csv").text.split()[1:] == sorted(names(served, user))


def test_only_those_with_the_right(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    instance = served.house.instance
    assert asked(served, "SELECT 1", "").status_code == 401
    assert 'href="/sql"' in served.client.get("/database", headers=served.headers("eve")).text
    monkeypatch.setattr(instance, "config", dataclasses.replace(instance.config, sql_users="ann"))
    answer = asked(served, "SELECT 1", "eve")
    assert answer.status_code == 403 and "sql_users" in answer.json()["detail"] and asked(served, "SELECT 1", "ann").status_code == 200
    assert 'href="/sql"' not in served.client.get("/database", headers=served.headers("eve")).text


REFUSED = [
    "DELETE FROM filter", "SELECT 1; SELECT 2", "SELECT 1; DROP TABLE filter", "SELECT * FROM project_member", "SELECT * FROM lease",
    "WITH x AS (DELETE FROM filter RETURNING *) SELECT * FROM x", "SELECT * FROM sqlite_master", "SELECT * FROM sqlite_temp_schema",
    "SELECT * FROM pg_stat_activity", "SELECT * FROM pragma_table_info('filter')", "PRAGMA writable_schema=1", "EXPLAIN SELECT 1",
    "ATTACH 'x.db' AS x", "SELECT load_extension('x')", "SELECT readfile('/etc/passwd')", "SELECT pg_read_file('/etc/passwd')",
    "SELECT set_config('role', 'none', true)", "SELECT U&'x'", "SELECT 1) AS q; DROP TABLE filter; SELECT * FROM (SELECT 1",
    "SELECT nextval('change_seq_seq')", "SELECT * FROM nowhere", "SELECT nothing FROM filter", "SELEC 1", "SELECT '", "SELECT \x00",
    "SELECT " + "(" * 300 + "1" + ")" * 300 + " FROM", "VALUES (", "COPY filter TO PROGRAM 'id'", "SELECT " + "1," * 1990 + "1",
    "SELECT :a", "SELECT count(*) FROM candidate", "SELECT count(*) FROM sqlite_master",
    "SELECT count(*) FROM main.filter", "SELECT count(*) FROM pg_class", "SELECT count(*) FROM dbstat", "SELECT zeroblob(2000000000)"]


@pytest.mark.parametrize("statement", REFUSED)
def test_what_does_more_than_read_is_refused_in_words(served: Served, statement: str) -> None:
    before = asked(served, "SELECT count(*) AS n FROM filter", "ann").json()["rows"]
    answer = asked(served, statement, "ann")
    assert answer.status_code in (400, 403), answer.text
    assert answer.json()["detail"] and "Traceback" not in answer.text and str(served.home) not in answer.text
    assert asked(served, "SELECT count(*) AS n FROM filter", "ann").json()["rows"] == before


def seen_by_eve(served: Served, work: Any) -> Any:
    with served.house.seen_by(served.house.identity("eve", "open")) as instance:
        return work(instance.database)


def test_it_ends(served: Served) -> None:
    endless = "WITH RECURSIVE a(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM a) SELECT count(*) FROM a"
    large = "SELECT name, name FROM filter"
    for statement, limits, words in ((endless, Limits(seconds=0.2), "longer than"), (large, Limits(bytes=40), "bytes")):
        with pytest.raises(QueryError, match=words):
            seen_by_eve(served, lambda database, statement=statement, limits=limits: freesql.ask(database, statement, limits))
    few = seen_by_eve(served, lambda database: freesql.ask(database, "SELECT name FROM filter", Limits(rows=2)))
    assert len(few.rows) == 2 and not few.is_whole


def test_the_wall_holds_without_the_list_of_words(served: Served) -> None:
    """PostgreSQL lets nobody change their role within the function; SQLite knows no view by the name that a statement gives it."""
    def postgresql(database: Any) -> None:
        for way in ("'role', 'none'", "'session_authorization', 'postgres'", "'transaction_read_only', 'off'"):
            with pytest.raises((ForbiddenError, QueryError), match=r"cannot|permission"):
                freesql_postgresql.run(database, f"SELECT set_config({way}, true)", Limits())
        with pytest.raises((ForbiddenError, QueryError), match="read-only"):
            freesql_postgresql.run(database, "SELECT nextval(pg_get_serial_sequence('change', 'seq'))", Limits())
        nested = "SELECT word FROM ts_stat('SELECT to_tsvector(name) FROM filter')"
        found = " ".join(freesql_postgresql.run(database, nested, Limits()))
        assert "marker3" in found and "marker1" not in found and "marker2" not in found

    def sqlite(database: Any) -> None:
        published = [(one.name, one.owner) for one in freesql.published(database)]
        for name in ("object", "filter", "x"):
            with pytest.raises(ForbiddenError, match="prohibited"):
                freesql_sqlite.ask(database, f"WITH {name} AS (SELECT * FROM main.filter) SELECT * FROM {name}", published, Limits())
        with pytest.raises(ForbiddenError):
            freesql_sqlite.ask(database, "SELECT count(*) FROM main.filter", published, Limits())
    seen_by_eve(served, postgresql if served.house.instance.database.roles else sqlite)


def test_errors_do_not_tell_of_rows_that_are_hidden(served: Served) -> None:
    """A condition that fails on a row of somebody else is never tried on it."""
    for level in LEVELS:
        fails = f"CASE WHEN name = 'marker{level}' THEN abs(-9223372036854775807 + (6 - length(name))) ELSE 1 END"
        for statement in (f"SELECT count(*) FROM filter WHERE {fails} = 1", f"SELECT {fails} FROM filter",
                          f"SELECT o.oid FROM filter JOIN object o ON o.oid = filter.oid AND {fails} = 1",
                          f"SELECT name FROM filter ORDER BY {fails}"):
            assert (asked(served, statement).status_code == 200) == (level < LEAST["eve"]), statement


def test_without_roles_postgresql_refuses(served: Served) -> None:
    database = served.house.instance.database
    if database.dialect == "postgresql":
        with pytest.raises(ForbiddenError, match="no roles"):
            database.roles = False
            try:
                freesql.ask(database, "SELECT 1", Limits())
            finally:
                database.roles = True
