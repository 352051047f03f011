import threading
import time

import pytest
import sqlalchemy as sa
from persist_sky import Filter, Instrument

from awe.errors import InstanceError, TransientError
from awe.persist import session, tables
from awe.persist.session import connect, current, using

from .test_insert import rows


def test_many_threads_write_at_once(database):
    failed: list[BaseException] = []

    def work(n: int) -> None:
        try:
            for k in range(10):
                Filter(name=f"t{n}_{k}", wavelength=1.0).commit()
                assert len(Filter.name.like(f"t{n}_*")) == k + 1
        except BaseException as error:  # noqa: BLE001  (told to the main thread)
            failed.append(error)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    found = list(Filter.wavelength == 1.0)
    assert len(found) == 60 and len({each.oid for each in found}) == 60
    assert len(rows(database, tables.candidate)) >= 60
    assert len(rows(database, tables.scope)) <= 1


def test_two_databases_in_two_threads(database, tmp_path):
    other = connect(f"sqlite:///{tmp_path / 'other.db'}", user="bob", create=True)
    assert current() is other
    with using(database):
        Instrument(name="here").commit()
        assert len(Instrument.name == "here") == 1
        seen: list[int] = []
        thread = threading.Thread(target=lambda: seen.append(len(Instrument.name == "here")))
        thread.start()
        thread.join()
        assert seen == [0]
    assert len(Instrument.name == "here") == 0
    other.close()
    with pytest.raises(InstanceError, match="no database is open"):
        current()


def test_a_snapshot_does_not_move(database):
    count = sa.select(sa.func.count()).select_from(tables.object_)
    with database.snapshot() as connection:
        before = connection.scalar(count)
        Filter(name="meanwhile").commit()
        assert connection.scalar(count) == before
        with database.reading() as now:
            assert now.scalar(count) == before + 1
    with database.transaction(), pytest.raises(TransientError, match="inside a transaction"), database.snapshot():
        pass


def test_a_busy_database_is_tried_again(database, monkeypatch):
    monkeypatch.setattr(session, "BUSY_SECONDS", 5.0)
    tries: list[int] = []

    def work(connection: sa.Connection) -> str:
        tries.append(1)
        connection.execute(tables.touched.insert().values(sel=b"x" * 16))
        if len(tries) < 3:
            raise sa.exc.OperationalError("", {}, Exception("database is locked"))
        return "done"
    before = len(rows(database, tables.touched))
    assert database.write(work) == "done" and len(tries) == 3
    assert len(rows(database, tables.touched)) == before + 1
    monkeypatch.setattr(session, "BUSY_SECONDS", 0.1)
    with pytest.raises(TransientError, match="stayed busy"):
        database.write(lambda connection: tries.clear() or work(connection))
    with pytest.raises(sa.exc.OperationalError):
        database.write(lambda connection: (_ for _ in ()).throw(sa.exc.OperationalError("", {}, Exception("disk I/O error"))))


def test_a_writer_waits_for_another(database):
    order: list[str] = []

    def hold() -> None:
        with database.transaction() as connection:
            connection.execute(tables.touched.insert().values(sel=b"y" * 16))
            order.append("held")
            time.sleep(0.3)
            order.append("released")
    thread = threading.Thread(target=hold)
    thread.start()
    while not order:
        time.sleep(0.01)
    Filter(name="waiting").commit()
    thread.join()
    if database.dialect == "sqlite":
        assert order == ["held", "released"]
    assert len(Filter.name == "waiting") == 1


def test_settings_of_sqlite(tmp_path):
    for durable, synchronous in ((False, 1), (True, 2)):
        database = connect(f"sqlite:///{tmp_path / f'{durable}.db'}", user="ann", create=True, durable=durable)
        with database.reading() as connection:
            asked = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous", "foreign_keys")]
        assert asked == ["wal", synchronous, 1]
        database.close()
    database = connect("sqlite://", user="ann", create=True)
    Filter(name="in memory").commit()
    assert len(Filter.name == "in memory") == 1
    database.close()
