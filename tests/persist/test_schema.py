import pathlib
import subprocess
import sys

import pytest
import sqlalchemy as sa
from persist_sky import Filter

from awe.errors import InstanceError, SchemaError
from awe.persist import filesystem, guard, schema, tables
from awe.persist.session import connect, open_engine


@pytest.fixture
def empty(database_url):
    """The address of a database without tables."""
    engine = open_engine(database_url)
    with engine.connect() as connection:
        if engine.dialect.name == "postgresql":
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        there = sa.MetaData()
        there.reflect(connection)
        there.drop_all(connection)
    engine.dispose()
    return database_url


def execute(url: str, statement: str) -> None:
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


def test_an_empty_database_is_upgraded_to_the_models(empty):
    assert schema.check(empty)[0].startswith("the database is at version none, the code at ")
    schema.upgrade(empty)
    assert schema.check(empty) == []
    schema.upgrade(empty)
    assert schema.check(empty) == []
    engine = open_engine(empty)
    with engine.connect() as connection:
        tables.metadata.create_all(connection)  # the classes of these tests, which have no versions
        guard.install(connection)
    database = connect(empty, user="ann")
    Filter(name="r").commit()
    assert (Filter.name == "r")[0].oid == 1
    database.close()
    assert schema.check(empty) == []


def test_create_all_gives_the_same(empty):
    engine = open_engine(empty)
    with engine.connect() as connection:
        schema.create_all(connection)
        assert schema.compare(connection) == [] and schema.version_differences(connection) == []
    engine.dispose()


def test_differences_are_told_in_words(empty):
    schema.upgrade(empty)
    before = schema.check(empty)
    execute(empty, "ALTER TABLE job ADD COLUMN colour VARCHAR")
    execute(empty, "DROP INDEX ix_edge_input")
    execute(empty, "CREATE TABLE stray (id INTEGER)")
    execute(empty, "DROP TABLE lease")
    execute(empty, "UPDATE alembic_version SET version_num = '9999'")
    said = schema.check(empty)
    assert "older than the database" in said[0]
    assert set(said[1:]) - set(before) == {"column job.colour is not known to the classes", "add index ix_edge_input",
                             "table stray is not known to the classes", "table lease is missing"}


def test_what_is_missing_names_the_command(empty):
    with pytest.raises(SchemaError, match="awe db upgrade"):
        connect(empty, user="ann")
    database = connect(empty, user="ann", create=True)
    execute(empty, "DROP TABLE touched")
    with pytest.raises(SchemaError, match="awe db upgrade") as error:
        Filter(name="r").commit()
    assert "\n" not in str(error.value)
    database.close()


def test_databases_that_are_not_there(tmp_path, monkeypatch):
    with pytest.raises(InstanceError, match="there is no database"):
        connect(f"sqlite:///{tmp_path}/none.db", user="ann")
    with pytest.raises(InstanceError, match="there is no folder"):
        connect(f"sqlite:///{tmp_path}/none/none.db", user="ann", create=True)
    with pytest.raises(InstanceError, match="cannot open"):
        connect("postgresql://nobody@127.0.0.1:1/none", user="ann")
    with pytest.raises(InstanceError, match="only SQLite and PostgreSQL"):
        connect("mysql://x/y", user="ann")
    with pytest.raises(InstanceError, match="no address of a database"):
        connect("nonsense", user="ann")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nserver:/x {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(filesystem, "MOUNTS", str(mounts))
    with pytest.raises(InstanceError, match=r"network file system \(nfs4\)"):
        connect(f"sqlite:///{tmp_path}/awe.db", user="ann", create=True)
    assert filesystem.file_system_of(pathlib.Path("/usr")) == "ext4"
    assert filesystem.file_system_of(tmp_path, str(tmp_path / "absent")) == ""


def test_versions_do_not_need_the_classes():
    for version in (schema.migrations() / "versions").glob("*.py"):
        assert "awe." not in version.read_text()


def test_persist_knows_nothing_of_its_neighbours():
    code = ("import sys, awe.persist.dbobject\n"
            "print(sorted({m.split('.')[1] for m in sys.modules if m.startswith('awe.')}), 'alembic' in sys.modules)")
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said == "['errors', 'persist'] False\n"
