import itertools

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from persist_sky import Chip, Coadd, Filter, Imstat, Instrument, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.identity import all_readers_see
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record

from .test_insert import rows

NUMBER = itertools.count()


@pytest.fixture
def as_ann(database):
    """ann in a project of her own that starts without privileges."""
    return begin(database)


def begin(database) -> str:
    name = f"project{next(NUMBER)}"
    context.set_user("ann")
    context.make_project(name, privileges=1)
    context.set_project(name)
    return name


def coadd(database, frames: int = 2) -> Coadd:
    """A coadd with all that it is made from, and a file each for it and its frames."""
    n = next(NUMBER)
    chip, band = Chip(name=f"c{n}", instrument=Instrument(name=f"cam{n}")), Filter(name=f"r{n}")
    flat = MasterFlat(chip=chip, filter=band, raws=[RawFlat(chip=chip, filter=band, exposure=1)], imstat=Imstat(stdev=1.0))
    reduced = []
    for exposure in range(frames):
        raw = RawScience(chip=chip, filter=band, exposure=exposure, object="M13")
        reduced.append(Reduced(chip=chip, filter=band, exposure=exposure, raw=raw, flat=flat))
    made = Coadd(object="M13", filter=band, frames=reduced)
    flat.commit()
    for frame in reduced:
        frame.raw.commit()
    insert([Record(each, each.record().inputs, files=[FileRow("image", ".fits", f"{n:064x}", 5, f"{each.object_id}.fits")])
            for each in (*reduced, made)])
    return made


def levels(database, project: str) -> dict[int, int]:
    number = rows(database, tables.project, name=project)[0].id
    assert all(row.privileges == found for row in rows(database, tables.candidate, project_id=number)
               for found in [rows(database, tables.object_, oid=row.oid)[0].privileges])
    return {row.oid: row.privileges for row in rows(database, tables.object_, project_id=number)}


def test_the_closure_is_shown_and_raised(as_ann, database):
    made = coadd(database)
    told = context.publish(made, 4, closure=True, dry_run=True)
    assert set(levels(database, as_ann).values()) == {1}
    one_each = ("Instrument", "Chip", "Filter", "RawFlat", "MasterFlat", "Coadd")
    assert told.counts == {**dict.fromkeys(one_each, 1), "RawScience": 2, "Reduced": 2}
    assert (told.files, told.refused) == (3, ()) and str(told).endswith("to World (4), with 3 files")
    assert told.as_dict()["objects"][0]["was"] == 1
    context.set_user("")
    assert len(Coadd.object_id == made.object_id) == 0
    context.set_user("ann")
    done = context.publish(made, 4, "the paper is out", closure=True)
    assert done == told and set(levels(database, as_ann).values()) == {4}
    log = rows(database, tables.change, oid=made.oid)
    assert [(row.field, row.old, row.new, row.why) for row in log] == [("privileges", "1", "4", "the paper is out")]
    context.set_user("")
    assert (Coadd.object_id == made.object_id)[0].frames[0].flat.imstat.stdev == 1.0
    context.set_user("ann")
    context.set_project(as_ann)


def test_without_the_closure_what_stands_in_the_way_is_listed(as_ann, database):
    made = coadd(database)
    with pytest.raises(ForbiddenError, match=r"it would use 9 objects with fewer readers, such as a .*with the closure"):
        context.publish(made, 3)
    assert set(levels(database, as_ann).values()) == {1}
    assert len(context.publish(made, 3, dry_run=True).refused) == 9
    instrument = made.frames[0].chip.instrument
    context.publish(instrument, 3)
    assert instrument.privileges == 3 and len(context.publish(made, 3, dry_run=True).refused) == 8


def test_it_ends_where_readers_see_already(as_ann, database):
    made = coadd(database)
    context.publish(made.frames, 3, closure=True)
    assert context.publish(made, 3, closure=True).counts == {"Coadd": 1}
    assert context.publish(made, 3, closure=True).counts == {}
    assert context.publish(made, 5, closure=True).counts["Coadd"] == 1
    assert context.publish(made, 5, closure=True, dry_run=True).steps == ()


def test_others_may_not_and_it_is_said_what(as_ann, database):
    made = coadd(database)
    context.publish(made, 2, closure=True)
    context.add_member("bob")
    context.set_user("bob")
    with pytest.raises(ForbiddenError, match=r"Instrument .* and 4 more: only managers of project\d+ change .*a dry run lists all"):
        context.publish(made, 3, closure=True)
    assert len(context.publish(made, 3, closure=True, dry_run=True).refused) == 10
    context.set_user("")
    with pytest.raises(ForbiddenError, match="nobody in particular"):
        context.publish(made, 3)
    context.set_user("ann")
    context.set_project(as_ann)


def test_a_mix_of_projects_is_raised_whole_or_not_at_all(as_ann, database):
    first = coadd(database)
    context.publish(first, 2, closure=True)
    context.add_member("bob")
    context.set_user("bob")
    context.set_project(as_ann)
    context.set_privileges(2)
    filtered = Coadd(object="M1", filter=first.filter, frames=first.frames)
    filtered.commit()
    second = begin(database)
    context.set_privileges(2)
    context.add_member("cat")
    with pytest.raises(ForbiddenError, match="cannot use"):
        Coadd(object="M1", filter=first.filter, frames=[]).commit()
    edit_project = "is moved by its creator"
    context.set_user("bob")
    with pytest.raises(ForbiddenError, match=edit_project):
        edit(filtered, "project", second, "mine")
    context.set_user("ann")
    context.add_member("bob", second)
    with pytest.raises(ForbiddenError, match="would use 3 objects with fewer readers"):
        edit(filtered, "project", second, "hers")
    context.publish(first, 3, closure=True)
    edit(filtered, "project", second, "hers")
    assert filtered.project == second
    context.set_user("cat")
    context.set_project(second)
    assert (Coadd.object_id == filtered.object_id)[0].project == second
    context.set_user("ann")


def test_what_others_use_is_not_lowered(as_ann, database):
    made = coadd(database)
    context.publish(made, 3, closure=True)
    flat = made.frames[0].flat
    with pytest.raises(ForbiddenError, match=r"is used by 2 objects with more readers, such as Reduced .*cannot be lowered to 2"):
        context.publish(flat, 2)
    (refused,) = context.publish(flat, 1, dry_run=True).refused
    assert refused.oid == flat.oid
    context.publish([made, *made.frames, flat], 2)
    assert flat.privileges == 2


def test_bad_input(as_ann, database):
    with pytest.raises(QueryError, match="not committed"):
        context.publish(Chip(name="x"), 3)
    chip = Chip(name="x")
    chip.commit()
    with pytest.raises(QueryError, match="1 MyDB"):
        context.publish(chip, 0)
    context.set_user("bob")
    with pytest.raises(NotFoundError, match="cannot be seen"):
        context.publish(chip, 3)
    context.set_user("ann")


def violations(database) -> list:
    """Uses of what not all readers of the user see, by a rule of its own over all rows."""
    objects = {row.oid: row for row in rows(database, tables.object_)}
    with database.reading() as connection:
        edges = connection.execute(sa.select(tables.edge.c.target, tables.edge.c.input)).all()
    return [edge for edge in edges if not all_readers_see(objects[edge.target], objects[edge.input])]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 5), st.booleans(), st.sampled_from(["ann", "bob", "eve"])),
                min_size=1, max_size=8))
def test_whatever_is_asked_everybody_sees_what_they_use(database, asked):
    name = begin(database)
    made = coadd(database)
    context.add_member("bob", name)
    things = [made, made.filter, *made.frames, made.frames[0].flat, *[frame.raw for frame in made.frames], *made.frames[0].flat.raws,
              made.frames[0].chip, made.frames[0].chip.instrument]
    for which, level, closure, who in asked:
        context.set_user(who)
        before = levels(database, name)
        try:
            context.publish(things[which], level, closure=closure)
        except (ForbiddenError, NotFoundError):
            assert levels(database, name) == before
        assert not violations(database)
    context.set_user("ann")
