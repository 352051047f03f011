import pytest
import sqlalchemy as sa
from persist_sky import Chip, Coadd, Filter, Imstat, Instrument, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import QueryError
from awe.persist import mapping, tables
from awe.persist.context import context
from awe.persist.dbobject import UnknownObject
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.lineage import ancestors, descendants, made_from, tell_everything, used_by
from awe.persist.record import FileRow, RecipeRow, Record


@pytest.fixture
def coadd(database) -> Coadd:
    """Three frames with one flat, coadded."""
    chip, red = Chip(name="ccd50", instrument=Instrument(name="WFI")), Filter(name="r")
    flat = MasterFlat(chip=chip, filter=red, raws=[RawFlat(chip=chip, filter=red, exposure=n) for n in range(2)], clip=5)
    frames = [Reduced(chip=chip, filter=red, exposure=n, flat=flat, raw=RawScience(chip=chip, filter=red, exposure=n, object="M13"))
              for n in range(3)]
    made = Coadd(object="M13", filter=red, frames=frames, imstat=Imstat(stdev=1.0))
    for frame in frames:
        frame.commit()
    insert([Record(made, made.record().inputs, files=[FileRow("image", ".fits", "ab" * 32, 99, f"coadd-{made.object_id}.fits")],
                   recipe=RecipeRow(2, "digest", "commit", {"numpy": "2.4"}), parameters={"sigma": 3.0})])
    database.objects.clear()
    return Coadd(object_id=made.object_id)


def kinds(objects) -> list[str]:
    return sorted(type(each).__name__ for each in objects)


def test_one_step(coadd):
    inputs = made_from(coadd)
    assert list(inputs) == ["filter", "frames"]
    assert [frame.exposure for frame in inputs["frames"]] == [0, 1, 2] and inputs["filter"][0].name == "r"
    flat = inputs["frames"][0].flat
    assert used_by(flat) == inputs["frames"] == flat.inverse_objects()
    assert kinds(made_from(flat)["raws"]) == ["RawFlat", "RawFlat"]
    with pytest.raises(QueryError, match="has no lineage yet"):
        made_from(Filter(name="x"))


def test_whole_closures_are_one_statement(coadd, database):
    log: list[str] = []

    def note(connection, cursor, statement, *_):
        log.append(statement)
    sa.event.listen(database.engine, "before_cursor_execute", note)
    up = ancestors(coadd)
    sa.event.remove(database.engine, "before_cursor_execute", note)
    assert len(log) == 1
    once, frames = ["Filter", "Chip", "Instrument", "MasterFlat"], ["Reduced"] * 3 + ["RawScience"] * 3
    assert kinds(up.objects()) == sorted([*once, *frames, "RawFlat", "RawFlat"])
    depth = {type(obj).__name__: up.depths[obj.oid] for obj in up.objects()}
    assert depth == {"Filter": 1, "Reduced": 1, "RawScience": 2, "MasterFlat": 2, "Chip": 2, "RawFlat": 3, "Instrument": 3}
    assert [link.depth for link in up.links] == sorted(link.depth for link in up.links)
    assert len(up) == 12 and kinds(up.of_class(RawFlat)) == ["RawFlat"] * 2
    (raw, _) = up.of_class(RawFlat)
    down = descendants(raw)
    assert kinds(down.objects()) == ["Coadd", "MasterFlat", "Reduced", "Reduced", "Reduced"]
    assert [down.depths[obj.oid] for obj in down.objects()] == [1, 2, 2, 2, 3]


def test_tell_everything(coadd, database):
    with database.transaction() as connection:
        connection.execute(tables.job.insert().values(class_id=coadd.__mapping__.class_id, request="{}", state="done", oid=coadd.oid,
                                                      who=database.identity.user_id, started=coadd.creation_date, host="mill", pid=7))
    edit(coadd, "is_valid", 2, "delivered")
    told = tell_everything(coadd)
    assert told.parameters == {"sigma": 3.0} and told.inputs["frames"][2].exposure == 2
    assert told.code == {"class": coadd.__mapping__.name, "version": 2, "digest": "digest", "commit": "commit",
                         "libraries": {"numpy": "2.4"}}
    assert told.files["image"]["sha256"] == "ab" * 32 and told.files["image"]["size"] == 99
    assert [(job["host"], job["user"], job["state"]) for job in told.jobs] == [("mill", "ann", "done")]
    assert [(line["field"], line["new"], line["why"], line["user"]) for line in told.changes] == [("is_valid", "2", "delivered", "ann")]
    assert kinds(told.raw) == ["RawFlat"] * 2 + ["RawScience"] * 3
    plain = told.as_dict()
    assert plain["object"]["keys"] == {"object": "M13", "filter": "r"} and plain["ancestors"] == 12 and len(plain["raw"]) == 5
    flat = told.inputs["frames"][0].flat
    assert tell_everything(flat).parameters == {"clip": 5.0} and tell_everything(flat).code == {}


def test_what_cannot_be_seen_is_not_told(coadd):
    context.set_privileges(1)
    mine = Coadd(object="mine", filter=coadd.filter, frames=coadd.frames)
    mine.commit()
    frame = coadd.frames[0]
    assert mine in used_by(frame) and mine.oid in descendants(frame).depths
    context.set_user("bob")
    frame = Reduced(object_id=frame.object_id)
    assert mine.oid not in [each.oid for each in used_by(frame)] and mine.oid not in descendants(frame).depths


def test_classes_that_are_not_installed_have_lineage(coadd, database, monkeypatch):
    raw = coadd.frames[0].raw
    database.objects.clear()
    monkeypatch.delitem(mapping.OBJECTS, Reduced.__mapping__.class_id)
    (frame,) = RawScience(object_id=raw.object_id).inverse_objects()
    assert isinstance(frame, UnknownObject) and {len(used) for used in made_from(frame).values()} == {1}
    assert any(isinstance(obj, UnknownObject) for obj in ancestors(Coadd(object_id=coadd.object_id)).objects())
    assert tell_everything(frame).as_dict()["object"]["class"] == "persist_sky:Reduced"
    database.objects.clear()
