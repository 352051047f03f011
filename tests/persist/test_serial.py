"""Row numbers and creation dates, which the database gives: the later is the greater, whatever the clock does."""
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from persist_sky import Filter

from awe.persist import serial
from awe.persist.edit import edit
from awe.persist.session import connect
from awe.persist.types import to_microseconds


def ahead(database, microseconds):
    """Let the last date be so much later than now: the clock of whoever asks next stands so much behind."""
    last = time.time_ns() // 1000 + microseconds
    with database.transaction() as connection:
        if database.dialect == "sqlite":
            connection.execute(sa.text("UPDATE clock SET last = :last"), {"last": last})
        else:
            connection.execute(sa.text("SELECT setval('clock_last_seq', :last)"), {"last": last})
    return last


def made(name):
    red = Filter(name=name, wavelength=1.0)
    red.commit()
    return to_microseconds(red.creation_date)


def test_dates_are_those_of_the_clock(database):
    assert abs(made("now") - time.time_ns() // 1000) < 60e6


def test_what_is_made_after_the_clock_jumped_back_is_later_all_the_same(database):
    made("before")
    day = 86_400_000_000
    last = ahead(database, day)
    assert [made("jumped"), made("again")] == [last + 1, last + 2]
    red = Filter(name="edited", wavelength=1.0)
    red.commit()
    edit(red, "is_valid", 0, "for the test")
    assert to_microseconds(red.changes[-1].when) == last + 4
    other = connect(database.engine.url.render_as_string(hide_password=False), user="bob", project="sky")
    assert made("by another process") == last + 5
    other.close()


def test_a_clock_that_jumps_back_in_one_process(database, monkeypatch):
    first = made("one")
    if database.dialect == "sqlite":
        monkeypatch.setattr(serial.time, "time_ns", lambda: 1_000_000_000_000_000_000)
    assert made("two") > first


def test_dates_of_many_at_once_differ(database):
    def draw(_):
        return list(database.write(lambda connection: serial.moments(connection, 5)))
    ahead(database, 3_600_000_000)
    with ThreadPoolExecutor(6) as pool:
        found = [date for dates in pool.map(draw, range(30)) for date in dates]
    assert len(set(found)) == 150


def test_nobody_waits_for_the_commit_of_another(database):
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    others = database.engine.connect()
    others.exec_driver_sql("BEGIN")
    first = serial.draw(others, 2)
    with database.transaction() as connection:
        second = serial.draw(connection, 1)
    others.rollback()
    others.close()
    assert max(first[0]) < second[0][0] and first[1][-1] < second[1][0]


def test_latest(database):
    date = made("last")
    with database.reading() as connection:
        assert serial.latest(connection) == date
