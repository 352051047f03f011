import sqlalchemy as sa
from persist_sky import Filter

from awe.persist import tables
from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on_many, key
from awe.persist.edit import edit
from awe.persist.rebuild import rebuild_candidates

from .test_insert import a_flat, rows


class PersistNight(DBObject):
    name = key(str, "identifier")
    wavelength = attribute(float, "of its filters")
    filters = depends_on_many(Filter, "the filters of a wavelength", same=("wavelength",))


def test_candidates_can_be_rebuilt_from_the_objects(database):
    flat = a_flat()
    flat.privileges = 3
    flat.commit()
    edit(flat.raws[0], "is_valid", 0, "clouds")
    assert rebuild_candidates(database) == (0, 0)
    before = set(rows(database, tables.candidate))
    with database.transaction() as connection:
        connection.execute(sa.delete(tables.candidate).where(tables.candidate.c.oid == flat.raws[1].oid))
        connection.execute(tables.candidate.update().where(tables.candidate.c.oid == flat.oid).values(eligible=0, t_end=7))
        connection.execute(tables.candidate.insert(), {**rows(database, tables.candidate, oid=flat.oid)[0]._mapping, "oid": 10**6})
    touched = len(rows(database, tables.touched))
    assert rebuild_candidates(database, dry=True) == (3, 2) and set(rows(database, tables.candidate)) != before
    assert rebuild_candidates(database) == (3, 2)
    assert set(rows(database, tables.candidate)) == before and len(rows(database, tables.touched)) == touched + 3
    assert rebuild_candidates(database) == (0, 0)


def test_what_a_new_class_asks_by_is_filled_in(database):
    Filter(name="u", wavelength=3500.0).commit()
    with database.transaction() as connection:
        connection.execute(sa.delete(tables.candidate).where(tables.candidate.c.span == 0))  # as it was before the class was there
    missing, wrong = rebuild_candidates(database)
    assert missing >= 1 and wrong == 0
    database.objects.clear()
    (there,) = Filter.name == "u"
    assert [row.span for row in rows(database, tables.candidate, oid=there.oid) if row.t_start == row.t_end - 1] == [0]
