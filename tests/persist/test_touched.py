"""What has changed since somebody looked, also by transactions that began before and ended after."""
import os

from awe.persist import tables
from awe.persist.touched import mark, since, touch


def digests(connection, at):
    return {bytes(row[0]) for row in connection.exec_driver_sql(f"SELECT sel FROM touched WHERE {since(connection, at)}")}


def test_what_is_touched_after_a_mark_is_found_by_it(database):
    one, two = os.urandom(16), os.urandom(16)
    database.write(lambda connection: touch(connection, {one}))
    with database.snapshot() as connection:
        at = mark(connection)
        assert one not in digests(connection, at)
    database.write(lambda connection: touch(connection, {two}))
    with database.reading() as connection:
        assert digests(connection, at) == {two}


def test_what_began_before_the_mark_and_ended_after_is_found(database):
    """On SQLite there is none such: one writes at a time."""
    slow, quick = os.urandom(16), os.urandom(16)
    if database.dialect == "sqlite":
        at = mark_of(database)
        database.write(lambda connection: touch(connection, {slow, quick}))
    else:
        with database.engine.connect() as other:
            other.exec_driver_sql("BEGIN")
            touch(other, {slow})
            database.write(lambda connection: touch(connection, {quick}))
            at = mark_of(database)
            other.exec_driver_sql("COMMIT")
    with database.reading() as connection:
        assert slow in digests(connection, at)


def test_lines_of_another_server_are_not_new_for_ever(database):
    if database.dialect == "postgresql":
        with database.transaction() as connection:
            connection.execute(tables.touched.insert().values(sel=b"r" * 16, xid=2**40))
        with database.reading() as connection:
            assert b"r" * 16 not in digests(connection, mark(connection))


def test_nobody_waits_for_the_commit_of_another(database):
    if database.dialect == "postgresql":
        with database.engine.connect() as other:
            other.exec_driver_sql("BEGIN")
            touch(other, {os.urandom(16)})
            with database.transaction() as connection:
                connection.exec_driver_sql("SET LOCAL lock_timeout = '2s'")
                touch(connection, {os.urandom(16)})
            other.rollback()


def mark_of(database):
    with database.snapshot() as connection:
        return mark(connection)
