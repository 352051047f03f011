import math

import pytest
import sqlalchemy as sa
from persist_sky import Chip, Coadd, Filter, Imstat, Instrument, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import DeclarationError, ForbiddenError, NotFoundError, QueryError, UnknownNameError
from awe.persist import tables
from awe.persist.declare import number_of
from awe.persist.insert import insert
from awe.persist.record import FileRow, Input, RecipeRow, Record, WantRow
from awe.persist.selector import selector_of
from awe.persist.session import Database


def a_flat(name: str = "ccd50") -> MasterFlat:
    chip, red = Chip(name=name, instrument=Instrument(name="WFI")), Filter(name="r", wavelength=6000)
    raws = [RawFlat(chip=chip, filter=red, exposure=n) for n in range(3)]
    return MasterFlat(chip=chip, filter=red, imstat=Imstat(median=math.nan, stdev=1), raws=raws, clip=4)


def reread(database: Database, obj):
    database.objects.clear()
    return type(obj)(object_id=obj.object_id)


def rows(database: Database, table: sa.Table, **where) -> list:
    with database.reading() as connection:
        return connection.execute(table.select().where(*(table.c[name] == value for name, value in where.items()))).all()


def test_commit_takes_along_all_that_is_linked_and_everything_reads_back(database):
    flat = a_flat()
    flat.commit()
    there = reread(database, flat)
    assert there is not flat and there is MasterFlat(object_id=flat.object_id)
    assert (there.oid, there.creation_date, there.creator, there.project, there.privileges) == (
        flat.oid, flat.creation_date, "ann", "sky", 3)
    assert (there.chip.name, there.chip.instrument.name, there.filter.wavelength, there.clip) == ("ccd50", "WFI", 6000.0, 4.0)
    assert [raw.exposure for raw in there.raws] == [0, 1, 2]
    assert there.imstat.stdev == 1.0 and math.isnan(there.imstat.median)
    assert there.value == flat.value and there.is_valid == 1 and there.raws[0].chip is there.chip


def test_what_is_committed_cannot_be_changed(database):
    flat = a_flat()
    flat.commit()
    with pytest.raises(ForbiddenError, match="make a new one"):
        flat.clip = 5.0
    with pytest.raises(ForbiddenError, match="edit"):
        flat.is_valid = 0
    with pytest.raises(ForbiddenError, match="belongs to a committed object"):
        flat.imstat.stdev = 3.0
    with pytest.raises(ForbiddenError, match="committed already"):
        insert([Record(flat)])


def test_what_a_class_does_not_have_or_takes_is_said(database):
    with pytest.raises(UnknownNameError, match="did you mean 'clip'"):
        MasterFlat(clop=3)
    with pytest.raises(DeclarationError, match=r"takes a Chip \(the detector\), not 'ccd50'"):
        MasterFlat(chip="ccd50")
    with pytest.raises(DeclarationError, match="takes float"):
        MasterFlat(clip="high")
    with pytest.raises(QueryError, match="filter has no value"):
        MasterFlat(chip=a_flat().chip).commit()
    with pytest.raises(NotFoundError, match="there is no MasterFlat with object_id 00"):
        MasterFlat(object_id="00" * 16)
    flat = a_flat()
    flat.commit()
    with pytest.raises(NotFoundError, match="it is a MasterFlat"):
        Chip(object_id=flat.object_id)


def test_candidates_hold_the_natural_key_and_a_point_for_each_group(database):
    flat = a_flat()
    flat.commit()
    keys = {"chip": "ccd50", "filter": "r"}
    (row,) = rows(database, tables.candidate, oid=flat.oid)
    assert row.sel == row.own == selector_of(MasterFlat, keys) and row.eligible == 1 and row.span == 54
    raw = flat.raws[1]
    own, point = sorted(rows(database, tables.candidate, oid=raw.oid), key=lambda row: -row.span)
    assert own.sel == selector_of(RawFlat, {**keys, "exposure": 1})
    assert point.sel == selector_of(RawFlat, keys) and (point.span, point.t_end - point.t_start) == (0, 1)
    assert point.own == own.sel and point.t_start == own.created
    assert {row.span for row in rows(database, tables.span)} == {54}
    assert {row.sel for row in rows(database, tables.touched)} >= {own.sel, point.sel, row.sel}


def test_a_record_writes_how_it_was_made(database):
    flat = a_flat()
    flat.commit()
    raw = RawScience(chip=flat.chip, filter=flat.filter, exposure=7, object="M13")
    frame = Reduced(chip=flat.chip, filter=flat.filter, exposure=7, raw=raw, flat=flat, quality_flags=4)
    coadd = Coadd(object="M13", filter=flat.filter, frames=[frame])
    file = FileRow("image", ".fits", "ab" * 32, 1000, f"Cal-{frame.object_id[:12]}.fits")
    insert([Record(raw), Record(frame, [Input("raw", 0, raw), Input("flat", 0, flat.oid, b"s" * 16, 42, b"v" * 16)], files=[file],
                                recipe=RecipeRow(3, "digest", "commit", {"numpy": "2"}), parameters={"clip": 3.0},
                                derivation=b"d" * 16, value=b"w" * 16, blocking=4),
            Record(coadd, [Input("frames", 0, frame, per=b"p" * 16)], wants=[WantRow("frames", b"g" * 16, 1, 2, 1)])])
    edges = {(row.slot, row.pos): row for row in rows(database, tables.edge, target=frame.oid)}
    assert edges[number_of("flat"), 0][3:] == (flat.oid, b"s" * 16, 42, b"v" * 16, None)
    assert edges[number_of("raw"), 0].input_value == raw.value
    (member,) = rows(database, tables.edge, target=coadd.oid, slot=number_of("frames"))
    assert (member.per, member.input_value) == (b"p" * 16, b"w" * 16)
    assert rows(database, tables.want, target=coadd.oid) == [(coadd.oid, number_of("frames"), b"g" * 16, 1, 2, 1)]
    assert {row.eligible for row in rows(database, tables.candidate, oid=frame.oid)} == {0}
    (recipe,) = rows(database, tables.recipe, id=frame.recipe_id)
    assert (recipe.version, recipe.digest, recipe.git, recipe.env) == (3, "digest", "commit", '{"numpy":"2"}')
    assert [row.json for row in rows(database, tables.parameters, id=frame.params_id)] == ['{"clip":3.0}']
    assert rows(database, tables.object_file, oid=frame.oid)[0].sha256 == bytes.fromhex("ab" * 32)
    there = reread(database, frame)
    assert (there.derivation, there.value, there.quality_flags, there.flat.oid) == (b"d" * 16, b"w" * 16, 4, flat.oid)
    (scope,) = rows(database, tables.scope, id=there.scope_id)
    assert tuple(scope)[1:] == ("", "ccd50", "r")


def test_a_failed_transaction_leaves_nothing(database):
    before = len(rows(database, tables.object_)), len(rows(database, tables.scope))
    flat = a_flat("ccd99")
    with pytest.raises(RuntimeError), database.transaction() as connection:
        insert([Record(flat.chip.instrument), Record(flat.chip, [Input("instrument", 0, flat.chip.instrument)])], connection)
        assert not flat.chip.is_committed
        raise RuntimeError
    assert not flat.chip.is_committed
    assert (len(rows(database, tables.object_)), len(rows(database, tables.scope))) == before
    flat.commit()
    assert flat.chip.is_committed


def test_an_input_that_is_not_there_is_said(database):
    with pytest.raises(NotFoundError, match=r"input flat\[0\]"):
        insert([Record(Filter(name="x"), [Input("flat", 0, 10**9)])])


def test_an_object_uses_only_what_its_readers_see(database):
    flat = a_flat()
    flat.privileges = 1
    flat.chip.privileges = 1
    with pytest.raises(ForbiddenError, match="fewer readers, such as a Chip"):
        flat.commit()
    assert not flat.is_committed
