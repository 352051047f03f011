import datetime
import math

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from persist_sky import Chip, Corrected, Filter, Imstat, Instrument, MasterFlat, RawScience, Reduced

from awe.errors import DeclarationError, ForbiddenError, NotFoundError, QueryError, UnknownNameError
from awe.persist import tables
from awe.persist.bulk import bulk_insert
from awe.persist.context import context
from awe.persist.rebuild import rebuild_candidates
from awe.persist.record import FileRow
from awe.persist.value import value_of

from .test_insert import rows

NIGHT = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
NEW = {"oid", "object_id", "creation_date", "created", "target", "owner_oid", "span", "value", "input_value"}


@pytest.fixture
def chips(database) -> list[Chip]:
    made = [Chip(name=f"ccd{n}", instrument=Instrument(name="WFI")) for n in range(3)]
    for chip in made:
        chip.commit()
    return made


@pytest.fixture
def red(database) -> Filter:
    made = Filter(name="r")
    made.commit()
    return made


def test_the_rows_are_those_of_as_many_commits(database, chips, red):
    n = 6
    columns = {"chip": [chips[k % 3] for k in range(n)], "filter": red.oid, "exposure": list(range(n)), "object": [None, *"abcde"],
               "imstat.stdev": [math.nan, None, 1.5, 2.5, 3.5, 4.5], "imstat.median": 1, "anchor": NIGHT,
               "timestamp_start": NIGHT, "quality_flags": [0, 1, 0, 0, 0, 0], "is_valid": [1, 1, 2, 0, 1, 1], "filename": "x%d.fits"}
    oids = bulk_insert(RawScience, columns)
    for k in range(n):
        single = RawScience(chip=chips[k % 3], filter=red, exposure=k, object=columns["object"][k], anchor=NIGHT, timestamp_start=NIGHT,
                            imstat=Imstat(stdev=columns["imstat.stdev"][k], median=1), quality_flags=columns["quality_flags"][k],
                            is_valid=columns["is_valid"][k], filename="x%d.fits")
        single.commit()
        for table, key in ((tables.object_, "oid"), (tables.candidate, "oid"), (tables.edge, "target"),
                           (RawScience.__mapping__.table, "oid"), (Imstat.__mapping__.table, "owner_oid")):
            mine, theirs = (plain(rows(database, table, **{key: oid})) for oid in (oids[k], single.oid))
            assert mine == theirs, table.name
        (there,) = (RawScience.exposure == k) & (RawScience.oid == oids[k])
        assert there.value == value_of(there) == single.value and there.chip is chips[k % 3]
    assert rebuild_candidates(database, dry=True) == (0, 0)


def plain(found) -> list[str]:
    return sorted(repr({name: value for name, value in row._mapping.items() if name not in NEW}) for row in found)


finite = st.floats(allow_nan=False, allow_infinity=False)
#: SQLite keeps no sign of zero.
REAL = st.floats().map(lambda number: number + 0.0)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(-2**40, 2**40), st.none() | REAL, st.none() | st.booleans(), st.none() | TEXT), min_size=1,
                max_size=5))
def test_values_and_attributes_are_those_of_single_objects(database, chips, red, given):
    exposures, sky, good, names = (list(column) for column in zip(*given, strict=True))
    oids = bulk_insert(Corrected, {"chip": chips[0], "filter": red, "exposure": exposures, "sky": sky, "good": good, "filename": names,
                                   "crosstalk": sky})
    database.objects.clear()
    for oid, (exposure, level, liked, name) in zip(oids, given, strict=True):
        (there,) = Corrected.oid == oid
        assert (there.exposure, repr(there.sky), there.good, there.filename) == (exposure, repr(level), liked, name)
        assert there.value == value_of(there)


def test_files_and_values_can_be_given(database, chips, red):
    files = [[FileRow("raw", ".fits", f"{k:064x}", 10, f"raw-{k}.fits")] for k in (1, 1, 2)]
    for k, each in enumerate(files):
        each[0] = FileRow("raw", ".fits", each[0].sha256, 10, f"raw-{k}.fits")
    oids = bulk_insert(RawScience, {"chip": chips, "filter": red, "exposure": [1, 2, 3]}, files=files)
    stored = [rows(database, tables.object_file, oid=oid)[0].global_name for oid in oids]
    assert stored == ["raw-0.fits", "raw-1.fits", "raw-2.fits"]
    (there,) = RawScience.oid == oids[2]
    assert there.value == value_of(there, {"raw": f"{2:064x}"})
    (oid,) = bulk_insert(Filter, {"name": ["v"]}, values=[b"v" * 16])
    assert (Filter.oid == oid)[0].value == b"v" * 16


def test_parts_of_a_transaction(database):
    with pytest.raises(RuntimeError), database.transaction() as connection:
        bulk_insert(Filter, {"name": ["gone"]}, connection=connection)
        raise RuntimeError
    assert len(Filter.name == "gone") == 0
    assert bulk_insert(Filter, {"name": []}) == []


def test_as_many_statements_for_many_as_for_few(database, chips, red):
    log: list[str] = []

    def note(connection, cursor, statement, *_):
        log.append(statement)

    def asked(n: int) -> int:
        log.clear()
        bulk_insert(RawScience, {"chip": chips[:1] * n, "filter": red, "exposure": list(range(n)), "imstat.stdev": 1.0})
        return len(log)
    sa.event.listen(database.engine, "before_cursor_execute", note)
    asked(5)
    assert asked(5) >= asked(190) and asked(500) <= asked(190)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    assert len(RawScience.exposure == 499) == 1


@pytest.mark.parametrize("columns, error, message", [
    ({"nmae": ["x"]}, UnknownNameError, "did you mean 'name'"),
    ({"name": ["x"], "wavelength": [1.0, 2.0]}, QueryError, "differ in length: 1 name, 2 wavelength"),
    ({"name": "x"}, QueryError, "tells how many"),
    ({"name": ["x", None]}, QueryError, "Filter.name is a key, and row 1 has no value"),
    ({"name": ["x"], "wavelength": ["long"]}, DeclarationError, "takes float"),
])
def test_columns_that_do_not_fit(database, columns, error, message):
    before = len(Filter.select_all())
    with pytest.raises(error, match=message):
        bulk_insert(Filter, columns)
    assert len(Filter.select_all()) == before


def test_links_that_do_not_fit(database, chips, red):
    with pytest.raises(NotFoundError, match="no object with row number 999999"):
        bulk_insert(Chip, {"name": ["x"], "instrument": 999999})
    with pytest.raises(DeclarationError, match="takes committed objects of class Instrument"):
        bulk_insert(Chip, {"name": ["x"], "instrument": [red]})
    with pytest.raises(QueryError, match="is a list of MasterFlat"):
        bulk_insert(MasterFlat, {"chip": chips, "filter": red, "raws": [[], [], []]})
    with pytest.raises(QueryError, match="not an attribute"):
        bulk_insert(Reduced, {"chip": chips, "filter": red, "exposure": [1, 2, 3], "flat.clip": 3.0})
    context.set_privileges(1)
    mine = Instrument(name="mine")
    mine.commit()
    assert bulk_insert(Chip, {"name": ["mine"], "instrument": mine})
    context.set_privileges(3)
    with pytest.raises(ForbiddenError, match="fewer readers"):
        bulk_insert(Chip, {"name": ["x"], "instrument": mine})
    context.set_user("")
    with pytest.raises(ForbiddenError, match="nobody in particular"):
        bulk_insert(Chip, {"name": ["x"]})
