import datetime

import pytest
import sqlalchemy as sa
from persist_sky import Chip, Filter, Imstat, Instrument, MasterFlat, RawFlat

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.context import context
from awe.persist.dbobject import DBObject
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record

from .test_insert import rows


@pytest.fixture
def fresh(database):
    """The database as ann of project sky, with default privileges."""
    return database


def names(found) -> list[str]:
    return [each.name for each in found]


def chip(name: str, privileges: int | None = None) -> Chip:
    if privileges:
        context.set_privileges(privileges)
    made = Chip(name=name)
    made.commit()
    return made


def test_who_sees_what(fresh):
    for level in range(1, 6):
        chip(f"who{level}", level)
    q = Chip.name.like("who*")
    hers = q[0].object_id
    assert names(q) == ["who1", "who2", "who3", "who4", "who5"]
    context.set_user("bob")
    assert names(q) == ["who2", "who3", "who4", "who5"]  # sky is public: whoever works for it sees its objects
    context.make_project("moon")
    context.set_project("moon")
    assert names(q) == ["who3", "who4", "who5"] and len(q) == 3 and q[0].name == "who3"
    assert q.values("name") == [("who3",), ("who4",), ("who5",)] and q.max("oid").name == "who5"
    with pytest.raises(NotFoundError):
        DBObject(object_id=hers)
    context.set_user("")
    assert names(q) == ["who4", "who5"] and context.user == ""
    with pytest.raises(ForbiddenError, match="nobody in particular"):
        Chip(name="x").commit()
    context.set_user("ann")
    assert names(Chip.name.like("who*")) == ["who1", "who2", "who3", "who4", "who5"]


def test_candidates_obey_the_same_predicate(fresh):
    mine = chip("cand", 1)
    visible = tables.candidate.select().with_only_columns(tables.candidate.c.oid).where(tables.candidate.c.oid == mine.oid)
    with fresh.reading() as connection:
        assert len(connection.execute(visible.where(context.visible(tables.candidate))).all()) == 1
        context.set_user("bob")
        assert connection.execute(visible.where(context.visible(tables.candidate))).all() == []
    for who in ("ann", "bob", ""):
        context.set_user(who)
        who = fresh.identity
        with fresh.reading() as connection:
            core = set(connection.scalars(sa.select(tables.object_.c.oid).where(who.visible(tables.object_))))
            text = set(connection.exec_driver_sql(f"SELECT oid FROM object o WHERE {who.visible_text('o')}").scalars())
            every = connection.execute(tables.object_.select()).all()
        assert core == text == {row.oid for row in every if who.sees(row.privileges, row.project_id, row.creator_id)}


def test_projects(fresh):
    with pytest.raises(NotFoundError, match="there is no project 'skye'; did you mean 'sky'"):
        context.set_project("skye")
    context.make_project("secret", public=False, privileges=2)
    context.set_project("secret")
    assert (context.project, context.privileges) == ("secret", 2) and "ann for secret" in repr(context)
    hidden = chip("hidden")
    with pytest.raises(ForbiddenError, match="already"):
        context.make_project("secret")
    context.set_project("sky")
    assert names(Chip.name == "hidden") == ["hidden"]
    context.set_user("bob")
    assert names(Chip.name == "hidden") == []
    with pytest.raises(ForbiddenError, match="is private and bob is no member"):
        context.set_project("secret")
    context.set_user("ann")
    context.set_project("secret")
    context.add_member("bob")
    context.set_user("bob")
    assert Chip(object_id=hidden.object_id).project == "secret"
    with pytest.raises(ForbiddenError, match="no manager"):
        context.add_member("eve")
    with pytest.raises(QueryError, match="1 MyDB"):
        context.set_privileges(6)


def test_delete(fresh):
    context.set_privileges(1)
    red, there = Filter(name="r"), chip("deleted", 1)
    raw = RawFlat(chip=there, filter=red, exposure=1)
    flat = MasterFlat(chip=there, filter=red, raws=[raw], imstat=Imstat(stdev=1.0))
    red.commit()
    raw.commit()
    sha = "cd" * 32
    insert([Record(flat, flat.record().inputs, files=[FileRow("image", ".fits", sha, 5, "flat.fits")])])
    for obj, why in ((raw, "raw data"), (there, "referred to by 2 other objects")):
        with pytest.raises(ForbiddenError, match=why):
            context.delete(obj)
    with pytest.raises(ForbiddenError, match="is public"):
        context.delete(chip("public", 3))
    context.set_user("bob")
    with pytest.raises(ForbiddenError, match="was made by ann"):
        context.delete(flat)
    context.set_user("ann")
    touched = len(rows(fresh, tables.touched))
    assert context.delete(flat) == [sha]
    assert len(rows(fresh, tables.touched)) == touched + 1
    for table in (tables.object_, tables.candidate, tables.object_file, MasterFlat.__mapping__.table):
        assert rows(fresh, table, oid=flat.oid) == []
    assert rows(fresh, tables.edge, target=flat.oid) == [] and rows(fresh, Imstat.__mapping__.table, owner_oid=flat.oid) == []
    assert [row.why for row in rows(fresh, tables.change, oid=flat.oid)] == ["deleted"]
    with pytest.raises(NotFoundError, match="deleted already"):
        context.delete(flat)
    with pytest.raises(QueryError, match="not committed"):
        context.delete(Chip(name="x"))
    assert chip("next").oid > flat.oid


def test_edit_changes_object_and_candidates_and_keeps_a_log(fresh):
    made = chip("edited", 3)
    edit(made, "is_valid", 0, "scratched")
    (row,) = rows(fresh, tables.candidate, oid=made.oid)
    assert made.is_valid == 0 and row.eligible == 0
    edit(made, "is_valid", 2, "good enough")
    edit(made, "quality_flags", 6, "looked at")
    start, end = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC), datetime.datetime(2026, 2, 1, tzinfo=datetime.UTC)
    edit(made, "timestamp_end", end, "broken in February")
    edit(made, "timestamp_start", start, "new in January")
    (row,) = rows(fresh, tables.candidate, oid=made.oid)
    assert (row.eligible, row.t_end - row.t_start, row.span) == (1, 31 * 86_400_000_000, 42)
    assert (made.timestamp_start, made.timestamp_end, made.quality_flags) == (start, end, 6)
    assert 42 in {row.span for row in rows(fresh, tables.span)}
    edit(made, "is_valid", 1, "flags count again")
    assert rows(fresh, tables.candidate, oid=made.oid)[0].eligible == 0
    edit(made, "quality_flags", 6, "no change, no line")
    log = rows(fresh, tables.change, oid=made.oid)
    assert [(row.field, row.old, row.new) for row in log][:3] == [
        ("is_valid", "1", "0"), ("is_valid", "0", "2"), ("quality_flags", "0", "6")]
    assert len(log) == 6 and log[0].why == "scratched"
    fresh.objects.clear()
    assert Chip(object_id=made.object_id).timestamp_end == end
    assert len([row for row in rows(fresh, tables.touched) if row.sel == rows(fresh, tables.candidate, oid=made.oid)[0].sel]) == 7


def test_editing_a_member_of_groups_keeps_its_point_in_time(fresh):
    raw = RawFlat(chip=chip("pointed", 3), filter=Filter(name="g"), exposure=3, anchor=datetime.datetime(2026, 3, 1, tzinfo=datetime.UTC))
    raw.commit()
    point = [row for row in rows(fresh, tables.candidate, oid=raw.oid) if row.span == 0]
    edit(raw, "timestamp_start", datetime.datetime(2026, 4, 1, tzinfo=datetime.UTC), "why not")
    assert [row for row in rows(fresh, tables.candidate, oid=raw.oid) if row.span == 0] == point
    edit(raw, "is_valid", 0, "clouds")
    assert {row.eligible for row in rows(fresh, tables.candidate, oid=raw.oid)} == {0}


@pytest.mark.parametrize("field, value, message", [
    ("is_vaild", 1, "did you mean 'is_valid'"), ("is_valid", 3, "0 bad, 1 OK, 2 qualified"), ("is_valid", "no", "is int"),
    ("privileges", 0, "who sees it"), ("is_valid", None, "not None"), ("timestamp_end", datetime.datetime(1800, 1, 1), "never")])
def test_edits_that_make_no_sense(fresh, field, value, message):
    with pytest.raises(QueryError, match=message):
        edit(chip("nonsense", 3), field, value, "")


def test_privileges_keep_what_readers_see(fresh):
    camera = Instrument(name="cam")
    context.set_privileges(2)
    camera.commit()
    used = Chip(name="using", instrument=camera)
    used.commit()
    with pytest.raises(ForbiddenError, match="would use 1 objects with fewer readers, such as a Instrument"):
        edit(used, "privileges", 3, "publish")
    edit(camera, "privileges", 3, "publish first")
    edit(used, "privileges", 3, "publish")
    with pytest.raises(ForbiddenError, match="used by 1 objects with more readers"):
        edit(camera, "privileges", 1, "take back")
    assert camera.privileges == 3
    context.add_member("bob")
    context.set_user("bob")
    with pytest.raises(ForbiddenError, match="only managers of sky"):
        edit(camera, "privileges", 4, "to the world")
    context.remove_member("bob")
    with pytest.raises(ForbiddenError, match="bob is none"):
        edit(camera, "is_valid", 0, "envy")
