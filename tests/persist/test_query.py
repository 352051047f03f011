import datetime
import math

import pytest
import sqlalchemy as sa
from persist_sky import Chip, Coadd, Corrected, Filter, Frame, Imstat, Instrument, MasterFlat, RawFlat, RawFrame, RawScience, Reduced

from awe.errors import NotFoundError, QueryError, UnknownNameError
from awe.persist import load, mapping, query
from awe.persist.dbobject import DBObject
from awe.persist.insert import insert
from awe.persist.journal import Line, note_change
from awe.persist.record import Record
from awe.persist.session import connect


@pytest.fixture(scope="module")
def sky(database_url):
    """Twenty frames on four chips, each with its flat; frame 19 has no statistics, 18 no measured sky."""
    database = connect(database_url, user="ann", project="sky", create=True)
    camera, red = Instrument(name="WFI"), Filter(name="#841", wavelength=6000.0)
    chips = [Chip(name=f"ccd{50 + n}", instrument=camera) for n in range(4)]
    flats = [MasterFlat(chip=chip, filter=red, imstat=Imstat(stdev=n / 10, median=1.0)) for n, chip in enumerate(chips)]
    frames = []
    for n in range(20):
        chip = chips[n % 4]
        raw = RawScience(chip=chip, filter=red, exposure=n, object="M13" if n < 10 else "M82")
        cls = Corrected if n % 2 else Reduced
        frames.append(cls(chip=chip, filter=red, exposure=n, raw=raw, flat=flats[n % 4], sky=None if n == 18 else float(n), good=n > 5,
                          imstat=None if n == 19 else Imstat(stdev=float(n), median=math.nan if n == 3 else 1.0),
                          creation_date=datetime.datetime(2026, 1, 1 + n, tzinfo=datetime.UTC), filename=f"Sci_{n}%.fits"))
    for frame in frames:
        frame.commit()
    Coadd(object="M13", filter=red, frames=frames[:10], depth=10).commit()
    Coadd(object="M82", filter=red, frames=frames[19:9:-1], depth=10).commit()
    RawFlat(chip=chips[0], filter=red, exposure=100).commit()
    database.objects.clear()
    yield database
    database.close()


@pytest.fixture
def statements(sky):
    log = []

    def note(connection, cursor, statement, *_):
        log.append(statement)
    sa.event.listen(sky.engine, "before_cursor_execute", note)
    yield log
    sa.event.remove(sky.engine, "before_cursor_execute", note)


def numbers(found) -> list[int]:
    return [frame.exposure for frame in found]


def test_the_five_lines(sky, statements):
    q = (Reduced.chip.name == "ccd53") & (Reduced.filter.name == "#841") & (Reduced.sky < 18)
    x = [k.imstat.stdev for k in q]
    y = [k.flat.imstat.stdev for k in q]
    assert x == [3.0, 7.0, 11.0, 15.0] and y == [0.3] * 4
    assert len(statements) <= 10 and all("privileges" in s for s in statements if "FROM object" in s or "JOIN object" in s)


def test_building_a_query_asks_nothing(sky, statements):
    (Reduced.chip.instrument.name == "x") & ~(Reduced.flat.imstat.stdev > 3) | Reduced.sky.between(1, 2)
    assert statements == []


@pytest.mark.parametrize("q, expected", [
    (lambda: Reduced.sky > 15, [16, 17, 19]),
    (lambda: Reduced.sky.between(3, 5), [3, 4, 5]),
    (lambda: Reduced.sky == None, [18]),  # noqa: E711
    (lambda: Reduced.sky.is_not(None) & (Reduced.exposure >= 17), [17, 19]),
    (lambda: Reduced.exposure > 17.5, [18, 19]),
    (lambda: Reduced.exposure.in_([3, 5, 99]), [3, 5]),
    (lambda: Reduced.imstat == None, [19]),  # noqa: E711
    (lambda: (Reduced.imstat != None) & (Reduced.exposure > 17), [18]),  # noqa: E711
    (lambda: ~(Reduced.chip.name == "ccd50") & (Reduced.exposure < 5), [1, 2, 3]),
    (lambda: (Reduced.chip.name != "ccd50") & (Reduced.exposure < 5), [1, 2, 3]),
    (lambda: (Reduced.chip.name == "ccd50") | (Reduced.imstat.stdev == 1), [0, 1, 4, 8, 12, 16]),
    (lambda: ~(Reduced.imstat.stdev < 18), [18, 19]),
    (lambda: ~(Reduced.sky < 18), [18, 19]),
    (lambda: Reduced.filename.like("Sci_1*"), [1, *range(10, 20)]),
    (lambda: Reduced.filename.like("sci_1*"), []),
    (lambda: Reduced.filename.like("Sci_?%.fits"), []),
    (lambda: Reduced.filename.contains("_1%"), [1]),
    (lambda: Reduced.chip.instrument.name.like("W*") & (Reduced.flat.imstat.stdev >= 0.3), [3, 7, 11, 15, 19]),
    (lambda: Reduced.good == True, list(range(6, 20))),  # noqa: E712
    (lambda: Reduced.imstat.median > 0.5, [n for n in range(19) if n != 3]),
    (lambda: Reduced.creation_date >= "2026-01-19", [18, 19]),
    (lambda: Reduced.creation_date < datetime.datetime(2026, 1, 3, tzinfo=datetime.UTC), [0, 1]),
    (lambda: Reduced.creation_date < datetime.date(2026, 1, 3), [0, 1]),
    (lambda: (Reduced.creator == "ann") & (Reduced.project == "sky") & (Reduced.exposure == 4), [4]),
    (lambda: (Corrected.chip.name == "ccd51") & (Corrected.is_valid > 0), [1, 5, 9, 13, 17]),
    (lambda: (Reduced.exposure < 4) & (Corrected.is_valid > 0), [1, 3]),
    (lambda: Reduced.chip.name.in_(["ccd50", "ccd53"]) & (Reduced.exposure < 5), [0, 3, 4]),
    (lambda: (RawFrame.chip.name == "ccd50") & (RawFrame.exposure > 12), [16, 100]),
    (lambda: Reduced.raw.object == "M82", list(range(10, 20))),
])
def test_what_a_query_finds(sky, statements, q, expected):
    found = q()
    assert numbers(found) == expected
    assert len(found) == len(expected) and bool(found) == bool(expected)
    assert len(~found) + len(found) == len(found.cls.select_all())


def test_a_link_compares_with_an_object(sky):
    flat = (MasterFlat.chip.name == "ccd51")[0]
    assert numbers(Reduced.flat == flat) == [1, 5, 9, 13, 17]
    assert numbers((Reduced.flat != flat) & (Reduced.exposure < 4)) == [0, 2, 3]
    assert numbers(Reduced.flat.in_([flat]) & (Reduced.exposure < 6)) == [1, 5]
    assert len(Reduced.flat == None) == 0  # noqa: E711
    with pytest.raises(QueryError, match=r"Reduced.flat is a link to a MasterFlat, not 'ccd51'; .* Reduced.flat.filename"):
        _ = Reduced.flat == "ccd51"
    with pytest.raises(QueryError, match="not committed"):
        _ = Reduced.chip == Chip(name="new")


def test_walks_through_a_list(sky):
    frame = (Reduced.exposure == 12)[0]
    assert [c.object for c in Coadd.frames.contains(frame)] == ["M82"]
    assert [c.object for c in Coadd.frames.exposure == 3] == ["M13"]
    assert [c.object for c in Coadd.frames.flat.imstat.stdev > 0.2] == ["M13", "M82"]
    assert [c.object for c in Coadd.frames.raw.object == "M13"] == ["M13"]
    assert len(Coadd.frames == None) == 0 and len(Coadd.frames != None) == 2  # noqa: E711
    assert len(Coadd.frames.sky == None) == 1  # noqa: E711
    assert numbers((Coadd.object == "M82")[0].frames) == list(range(19, 9, -1))


def test_walking_from_objects_reads_each_link_once_for_all(sky, statements):
    coadds = list(Coadd.select_all())
    before = len(statements)
    assert {f.chip.instrument.name for c in coadds for f in c.frames} == {"WFI"}
    assert {f.flat.chip.name for c in coadds for f in c.frames} == {"ccd50", "ccd51", "ccd52", "ccd53"}
    assert len(statements) - before <= 8


def test_statements_do_not_grow_with_the_number_of_objects(sky, statements):
    def asked(q) -> int:
        sky.objects.clear()
        before = len(statements)
        assert [k.flat.imstat.stdev for k in q]
        return len(statements) - before
    assert asked(Reduced.exposure.in_([0, 1])) == asked(Reduced.select_all()) <= 6


def test_indexing_and_slices(sky):
    q = Reduced.select_all()
    assert q[0].exposure == 0 and q[-1].exposure == 19 and q[0] is q[0]
    assert numbers(q[2:5]) == [2, 3, 4] and numbers(q[18:]) == [18, 19] and numbers(q[-2:]) == [18, 19] and numbers(q[::7]) == [0, 7, 14]
    assert q[3] in q and q[3] not in (Reduced.exposure == 4) and Filter(name="x") not in q
    with pytest.raises(IndexError, match="finds 20"):
        q[20]


def test_blocks_keep_the_order(sky, monkeypatch):
    monkeypatch.setattr(query, "BATCH", 3)
    assert numbers(Reduced.select_all().order_by("-exposure")) == list(range(19, -1, -1))
    assert numbers(Reduced.select_all()[5:12]) == list(range(5, 12))


def test_the_loop_may_commit(sky):
    q = Filter.name.like("loop*")
    for n in range(3):
        Filter(name=f"loop{n}").commit()
    seen = []
    for found in q:
        Filter(name=f"{found.name}+").commit()
        seen.append(found.name)
    assert seen == ["loop0", "loop1", "loop2"] and len(q) == 6


def test_order_max_and_min(sky):
    q = Reduced.select_all()
    assert numbers(q.order_by("chip.name", "-exposure"))[:3] == [16, 12, 8]
    assert numbers(q.order_by(Reduced.sky.desc()))[-1] == 18 and numbers(q.order_by("sky"))[-1] == 18
    assert q.max("creation_date").exposure == 19 and q.min("sky").exposure == 0 and q.max("sky").exposure == 19
    assert q.max("imstat.stdev").exposure == 18 and q.max(Reduced.flat.imstat.stdev).exposure == 19
    assert q.max("imstat.median").exposure == 18
    with pytest.raises(NotFoundError, match="no Reduced in this query has a value of sky"):
        (Reduced.exposure == 18).max("sky")


def test_values_is_one_statement_and_makes_no_objects(sky, statements):
    q = (Reduced.chip.name == "ccd53") & (Reduced.exposure > 10)
    sky.objects.clear()
    rows = q.values("imstat.stdev", Reduced.flat.imstat.stdev, "chip.name", "creator", "creation_date", "good", "object_id")
    assert len(statements) == 1 and len(sky.objects) == 0
    assert [row[:4] for row in rows] == [(11.0, 0.3, "ccd53", "ann"), (15.0, 0.3, "ccd53", "ann"), (None, 0.3, "ccd53", "ann")]
    assert rows[0][4] == datetime.datetime(2026, 1, 12, tzinfo=datetime.UTC) and rows[0][5] is True and len(rows[0][6]) == 32
    (nan,) = (Reduced.exposure == 3).values("imstat.median")[0]
    assert math.isnan(nan)
    with pytest.raises(QueryError, match="'frames' is a list"):
        Coadd.select_all().values("frames.exposure")
    with pytest.raises(QueryError, match="go on to one of"):
        q.values("chip")


def test_to_table(sky):
    q = Reduced.exposure.in_([1, 2])
    assert q.to_table("exposure", Reduced.chip.name) == {"exposure": [1, 2], "chip.name": ["ccd51", "ccd52"]}
    assert (Reduced.exposure == 99).to_table("sky") == {"sky": []}
    assert {"object_id", "creation_date", "exposure", "sky"} <= set(q.to_table())


def test_narrowing(sky):
    q = Reduced.sky > 3
    q &= Reduced.sky < 6
    assert numbers(q) == [4, 5]
    assert numbers(q.user_only()) == [4, 5] and not q.user_only("bob") and not q.project_only("other") and q.project_only()
    with pytest.raises(QueryError, match="cannot be combined"):
        q & (Chip.name == "ccd50")
    with pytest.raises(QueryError, match="parentheses"):
        q & True


def test_abstract_classes_can_be_asked(sky):
    assert {type(f) for f in Frame.chip.name == "ccd50"} == {RawFlat, RawScience, MasterFlat, Reduced}
    assert len(Frame.imstat.stdev >= 0) == 23 and len(DBObject.select_all()) > 50
    assert isinstance((DBObject.creation_date > "2026-01-20").order_by("oid")[0], DBObject)
    assert (Frame.chip.name == "ccd51").values("chip.name", "imstat.stdev")[0] == ("ccd51", None)


def test_names_that_do_not_exist_are_refused_with_near_ones(sky):
    with pytest.raises(UnknownNameError, match="Chip has no attribute 'nmae'; did you mean 'name'"):
        Reduced.flat.chip.nmae
    with pytest.raises(AttributeError):
        Reduced.flatt
    with pytest.raises(UnknownNameError, match="it has no 'x'"):
        Reduced.chip.name.x
    with pytest.raises(UnknownNameError, match="Reduced has no attribute 'sly'"):
        Reduced.select_all().order_by("sly")
    with pytest.raises(UnknownNameError, match="'stdev'"):
        Reduced.select_all().values("imstat.sdtev")


@pytest.mark.parametrize("wrong, message", [
    (lambda: Reduced.sky == "high", r"Reduced.sky is float in e-, and cannot be compared with 'high'"),
    (lambda: Reduced.creation_date > "yesterday", "is a moment such as"),
    (lambda: Reduced.sky.like("1*"), "compares texts"),
    (lambda: Reduced.chip.in_("ccd50"), "takes several values"),
    (lambda: Reduced.chip < 3, "is a link, which has no '<'"),
    (lambda: Reduced.sky > None, "no answer"),
    (lambda: bool(Reduced.sky), "neither true nor false"),
    (lambda: Imstat.stdev > 3, "is a part of other objects"),
    (lambda: Reduced.imstat == 3, "compared with None only"),
])
def test_what_is_no_query_is_said(sky, wrong, message):
    with pytest.raises(QueryError, match=message):
        wrong()


def test_objects_of_classes_that_are_not_installed(sky, monkeypatch):

    coadd = (Coadd.object == "M13")[0]
    object_id = coadd.object_id
    sky.objects.clear()
    monkeypatch.delitem(mapping.OBJECTS, Coadd.__mapping__.class_id)
    there = DBObject(object_id=object_id)
    assert f"of {Coadd.__mapping__.name}, which is not installed" in repr(there)
    assert there.creator == "ann" and there.is_valid == 1
    assert any(found is there for found in DBObject.is_valid == 1)
    sky.objects.clear()


def test_editable_values_are_read_afresh(sky):
    frame = (Reduced.exposure == 7)[0]
    with sky.transaction() as connection:
        note_change(connection, Line(frame.oid, "is_valid", 1, 2), sky.identity.user_id, "somebody else")
    assert frame.is_valid == 1 and (Reduced.exposure == 7)[0] is frame and frame.is_valid == 2


def test_a_transaction_sees_its_own_writes(sky):
    before = len(Filter.name == "inside")
    with sky.transaction() as connection:
        insert([Record(Filter(name="inside"))], connection)
        assert len(Filter.name == "inside") == before + 1


def test_load_does_not_read_what_is_held(sky, statements):
    frames = list(Reduced.exposure < 3)
    statements.clear()
    assert set(load.load(sky, [f.oid for f in frames], Reduced).values()) == set(frames) and statements == []
