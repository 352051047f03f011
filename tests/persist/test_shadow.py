"""The past as it is told from the change log, against what was there when it was the present."""
import contextlib
import datetime

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from persist_sky import Chip, Filter, Imstat, MasterFlat, RawFlat

from awe.errors import AweError
from awe.persist import tables
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.serial import moments
from awe.persist.session import current
from awe.persist.shadow import as_of
from awe.persist.types import from_microseconds

DAY = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
RAW = [sa.type_coerce(column, sa.types.NullType()) for column in tables.candidate.c]


def now() -> int:
    """A moment after all that has been done, and before all that comes."""
    return current().base.write(moments)[0]


def candidates(connection) -> dict:
    """All rows of `candidate`, with their privileges apart, since the past shows the lower of then and now."""
    at = list(tables.candidate.c.keys()).index("privileges")
    rows = [tuple(bytes(cell) if isinstance(cell, memoryview) else cell for cell in row) for row in connection.execute(sa.select(*RAW))]
    return {row[:at] + row[at + 1:]: row[at] for row in rows}


def objects(connection) -> dict:
    return {row.oid: tuple(row) for row in connection.execute(sa.select(*[c for c in tables.object_.c if c.name != "privileges"]))}


class History:
    """A random walk through edits, and what was there after each step."""

    def __init__(self, database) -> None:
        self.database = database
        context.set_user("ann")
        context.set_project("sky")
        context.set_privileges(3)
        self.made: list = []
        self.past: list = []

    def do(self, what: str, which: int, value: int) -> None:
        if what == "make" or not self.made:
            self.make(value)
            return
        obj = self.made[which % len(self.made)]
        moment = DAY + datetime.timedelta(days=value)
        with contextlib.suppress(AweError):
            edit(obj, what, moment if what.startswith("timestamp") else value % 6, "so")

    def make(self, n: int) -> None:
        number = len(self.database.objects) + now()
        chip, band = Chip(name=f"c{number}"), Filter(name=f"r{number}")
        raw = RawFlat(chip=chip, filter=band, exposure=n, anchor=DAY)
        flat = MasterFlat(chip=chip, filter=band, raws=[raw], imstat=Imstat(stdev=1.0), timestamp_start=DAY,
                          timestamp_end=DAY + datetime.timedelta(days=1 + n))
        raw.commit()
        flat.commit()
        self.made += [chip, raw, flat]

    def look(self) -> None:
        with self.database.reading() as connection:
            self.past.append((now(), candidates(connection), objects(connection)))

    def check(self) -> None:
        with self.database.reading() as connection:
            present = {row[3]: level for row, level in candidates(connection).items()}
        for moment, rows, roots in self.past:
            with self.database.snapshot() as connection, as_of(connection, moment):
                found = candidates(connection)
                assert set(found) == set(rows)
                assert found == {row: min(level, present[row[3]]) for row, level in rows.items()}
                assert objects(connection) == roots


STEPS = st.tuples(st.sampled_from(["make", "is_valid", "quality_flags", "timestamp_start", "timestamp_end", "privileges"]),
                  st.integers(0, 8), st.integers(0, 60))


@settings(max_examples=12, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate],
          suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEPS, min_size=1, max_size=14))
def test_every_moment_is_as_it_was(database, steps):
    history = History(database)
    history.look()
    for step in steps:
        history.do(*step)
        history.look()
    history.check()


def test_what_was_hidden_since_is_not_shown_and_what_was_shown_since_was_not_there(database):
    History(database)
    flat = Chip(name="shown")
    flat.commit()
    edit(flat, "privileges", 4, "out")
    shown = now()
    edit(flat, "privileges", 1, "a mistake")
    hidden = now()
    edit(flat, "privileges", 4, "out again")
    context.make_project("elsewhere")
    edit(flat, "project", "elsewhere", "moved")
    edit(flat, "privileges", 2, "for them")

    def levels(moment):
        with database.snapshot() as connection, as_of(connection, moment):
            return connection.execute(sa.select(tables.object_.c.privileges, tables.candidate.c.privileges).where(
                tables.object_.c.oid == flat.oid, tables.candidate.c.oid == tables.object_.c.oid)).all()
    assert levels(shown) == [(1, 1)] and levels(hidden) == [(1, 1)] and levels(now()) == [(2, 2)]
    assert levels(0) == []


def test_it_ends_with_the_block_also_when_that_fails(database):
    history = History(database)
    history.make(1)
    for _ in range(7):  # often enough for the driver to prepare the statement
        assert len(Chip.oid == history.made[0].oid) == 1
    for moment in (0, now()):
        edit(history.made[0], "is_valid", 0, "bad")
        with database.reading() as connection:
            before = candidates(connection)
            with as_of(connection, from_microseconds(moment)) as then:
                assert (then.edited > 0, len(candidates(connection)) > 0) == (moment > 0, moment > 0)
                assert (connection.scalar(sa.select(sa.func.count()).select_from(tables.object_)) > 0) == (moment > 0)
            assert candidates(connection) == before
        edit(history.made[0], "is_valid", 1, "good")
    with database.reading() as connection:
        before = candidates(connection)
    with pytest.raises(sa.exc.DBAPIError), database.snapshot() as connection, as_of(connection, now()):
        connection.exec_driver_sql("SELECT * FROM nothing_of_the_kind JOIN candidate ON 1 = 1 WHERE no such thing")
    with database.reading() as connection:
        assert candidates(connection) == before
    assert len(Chip.oid == history.made[0].oid) == 1
