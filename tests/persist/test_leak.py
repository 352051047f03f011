"""No way into the data shows what is not theirs: every class, level of privileges, user and path, and nothing missing either.

What somebody should see is said here once more, by a rule of its own.  Three ways of opening the database are walked: SQLite,
PostgreSQL as the owner of its tables, and PostgreSQL as a role for whom its policies hold.
"""
import uuid
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from persist_sky import Chip, Coadd, Corrected, Filter, Imstat, Instrument, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import AweError, NotFoundError
from awe.persist import mapping, role, tables
from awe.persist.context import context
from awe.persist.dbobject import DBObject
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.judge import twins
from awe.persist.lineage import ancestors, descendants, tell_everything
from awe.persist.load import load, read
from awe.persist.record import FileRow, Record
from awe.persist.release import make_release, release_named, releases
from awe.persist.serial import latest
from awe.persist.session import Database, connect, current, using
from awe.persist.shadow import as_of
from awe.persist.user import add_user
from tests.conftest import new_database, postgresql_server

LEVELS = (1, 2, 3, 4, 5)
USERS = ("ann", "bob", "eve", "")
CLASSES = (Chip, Filter, RawFlat, RawScience, MasterFlat, Reduced, Corrected, Coadd)


def should_see(user: str, level: int) -> bool:
    """ann made it, bob is a member of the project, eve has an account, and nobody in particular has none."""
    return level >= {"ann": 1, "bob": 2, "eve": 3, "": 4}[user]


@dataclass
class World:
    """A database with the same objects at every level, all made from one camera that the whole world sees."""

    url: str
    roles: bool
    camera: int = 0
    made: dict[int, dict[str, int]] = field(default_factory=dict)
    identity: dict[int, str] = field(default_factory=dict)
    opened: dict[str, Database] = field(default_factory=dict)

    def seen(self, cls: type, user: str) -> set[int]:
        """What a user should see of a class."""
        return {oid for level in LEVELS if should_see(user, level) for name, oid in self.made[level].items()
                if issubclass(mapping.class_named(f"persist_sky:{name}"), cls)}

    def all(self, user: str) -> set[int]:
        return {oid for level in LEVELS if should_see(user, level) for oid in self.made[level].values()}

    def every(self) -> set[int]:
        return {oid for made in self.made.values() for oid in made.values()}

    def act(self, user: str):
        if user not in self.opened:
            self.opened[user] = connect(self.url, user=user, project="sky" if user in ("ann", "bob") else "open", roles=self.roles)
        return using(self.opened[user])


def build(world: World) -> None:
    """Make all objects, in the private project `sky` of ann, with bob as a member; `open` is for everybody."""
    owner = connect(world.url, user="ann", project="sky", create=True)
    for user in ("ann", "bob", "eve"):
        add_user(owner, user)
    context.make_project("secret", public=False)
    context.add_member("bob", "secret")
    context.make_project("open")
    context.set_project("secret")
    context.set_privileges(5)
    camera = Instrument(name="cam")
    camera.commit()
    world.camera = camera.oid
    for level in LEVELS:
        context.set_privileges(level)
        made = everything(camera, level)
        world.made[level] = {type(each).__name__: each.oid for each in made}
        world.identity |= {each.oid: each.object_id for each in made}
        for each in made:
            edit(each, "is_valid", 2, f"marker{level}")
        make_release(f"marker{level}", made, f"marker{level}")
    owner.close()


def everything(camera: Instrument, level: int) -> list:
    """An object of each class, whose texts have a marker; all are made from the camera in the end."""
    word = f"marker{level}"
    chip, band = Chip(name=word, instrument=camera), Filter(name=word)
    keys = {"chip": chip, "filter": band}
    flat_raw, raw = RawFlat(exposure=level, filename=word, **keys), RawScience(exposure=level, object=word, filename=word, **keys)
    flat = MasterFlat(raws=[flat_raw], imstat=Imstat(stdev=float(level)), filename=word, **keys)
    frame = Reduced(exposure=level, raw=raw, flat=flat, sky=float(level), imstat=Imstat(stdev=float(level)), **keys)
    corrected = Corrected(exposure=level, raw=raw, flat=flat, sky=float(level), imstat=Imstat(stdev=float(level)), **keys)
    coadd = Coadd(object=word, filter=band, frames=[frame, corrected], imstat=Imstat(stdev=float(level)))
    made = [chip, band, flat_raw, raw, flat, frame, corrected, coadd]
    insert([Record(each, each.record().inputs, files=[FileRow("image", ".fits", f"{level:02d}{n:062x}", 5, f"{word}-{n}.fits")],
                   parameters={"level": level}) for n, each in enumerate(made)])
    return made


@pytest.fixture(scope="module", params=["sqlite", "owner", "roles"])
def world(request, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('leak') / 'awe.db'}" if request.param == "sqlite" else new_database(postgresql_server())
    found = World(url, request.param == "roles")
    build(found)
    yield found
    for each in found.opened.values():
        each.close()


@pytest.fixture(params=USERS, ids=[user or "anonymous" for user in USERS])
def user(request, world):
    with world.act(request.param):
        if request.param in ("ann", "bob"):
            context.set_project("secret")
        yield request.param


def oids(found) -> set[int]:
    return {each.oid for each in found}


PATHS = {
    "all": lambda cls: oids(cls.select_all()),
    "iterated": lambda cls: {each.oid for each in (cls.is_valid == 2)},
    "indexed": lambda cls: {q[n].oid for q in [cls.is_valid == 2] for n in range(len(q))},
    "sliced": lambda cls: oids((cls.is_valid == 2)[:1000]),
    "negated": lambda cls: oids(~(cls.is_valid == 7)),
    "either": lambda cls: oids((cls.is_valid == 2) | (cls.quality_flags == 7)),
    "ordered": lambda cls: oids((cls.is_valid == 2).order_by("-creation_date")),
    "values": lambda cls: {oid for oid, _ in (cls.is_valid == 2).values("oid", "creator")},
    "by project": lambda cls: oids(cls.project == "secret"),
    "by creator": lambda cls: oids(cls.creator == "ann"),
    "by privileges": lambda cls: {each.oid for level in LEVELS for each in (cls.privileges == level)},
}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_every_path_into_a_class(world, user, cls):
    expected = world.seen(cls, user)
    assert {name: path(cls) & world.every() for name, path in PATHS.items()} == dict.fromkeys(PATHS, expected)
    everywhere = cls.is_valid == 2
    assert len(everywhere) == len(expected) and bool(everywhere) == bool(expected)
    assert everywhere.max("oid").oid == max(expected) and everywhere.min("oid").oid == min(expected)
    for level, oid in ((level, world.made[level][cls.__name__]) for level in LEVELS):
        if should_see(user, level):
            assert cls(object_id=world.identity[oid]).oid == oid and DBObject(object_id=world.identity[oid]).oid == oid
        else:
            said = {}
            for identity in (world.identity[oid], uuid.uuid4().hex):
                with pytest.raises(NotFoundError) as error:
                    cls(object_id=identity)
                said[identity] = str(error.value).replace(identity, "")
            assert len(set(said.values())) == 1 and "marker" not in str(said)


WALKS = (
    (Reduced, "chip.name"), (Reduced, "flat.imstat.stdev"), (Reduced, "imstat.stdev"), (Reduced, "raw.object"), (Reduced, "sky"),
    (Corrected, "flat.filename"), (Coadd, "filter.name"), (Coadd, "imstat.stdev"), (Chip, "name"), (Chip, "instrument.name"),
    (RawScience, "filename"))


@pytest.mark.parametrize("cls, walk", WALKS, ids=lambda each: getattr(each, "__name__", each))
def test_values_at_the_end_of_walks(world, user, cls, walk):
    expected = world.seen(cls, user)
    rows = (cls.is_valid == 2).values("oid", walk)
    assert {row[0] for row in rows} == expected
    shown = {str(row[1]) for row in rows} - {"cam"}
    assert shown <= {text for level in LEVELS if should_see(user, level) for text in (f"marker{level}", f"{float(level)}")}


def test_exists_through_links_and_lists(world, user):
    def seen(query):
        return oids(query) & world.every()
    for level in LEVELS:
        name, visible = f"marker{level}", should_see(user, level)
        for query, cls in ((Reduced.chip.name == name, Reduced), (Coadd.frames.chip.name == name, Coadd),
                           (MasterFlat.raws.filename == name, MasterFlat), (Coadd.frames.flat.imstat.stdev == float(level), Coadd),
                           (Coadd.frames.raw.object.like("marker*") & (Coadd.object == name), Coadd)):
            expected = {oid for oid in world.seen(cls, user) if oid in world.made[level].values()} if visible else set()
            assert seen(query) == expected and len(query) == len(expected) and bool(query) == bool(expected)


def test_objects_in_hand_lead_to_nothing_hidden(world, user):
    camera = Instrument.select_all()[0]
    assert oids(camera.inverse_objects()) == world.seen(Chip, user)
    below = descendants(camera)
    touching = world.all(user) - world.seen(Filter, user)
    assert set(below.depths) == touching and oids(below.objects()) == touching and len(below) == len(touching)
    assert {link.target for link in below.links} == touching
    for cls in CLASSES:
        for obj in cls.select_all():
            assert oids(twins(obj)) <= world.all(user)
            assert oids(ancestors(obj).objects()) <= world.all(user) | {world.camera}
            told = tell_everything(obj)
            assert {change["why"] for change in told.changes} == {change.why for change in obj.changes} == {f"marker{obj.privileges}"}


def test_rows_by_number(world, user):
    database = world.opened[user]
    assert set(load(database, world.every())) == set(read(database, sorted(world.every()))) == world.all(user)
    with database.reading() as connection:
        for table in (tables.object_, tables.candidate):
            found = set(connection.scalars(sa.select(table.c.oid).where(database.identity.visible(table)))) & world.every()
            assert found == world.all(user)
        text = set(connection.exec_driver_sql(f"SELECT oid FROM object o WHERE {database.identity.visible_text('o')}").scalars())
        assert text & world.every() == world.all(user)
    with database.snapshot() as connection, as_of(connection, latest(connection)):
        found = set(connection.scalars(sa.select(tables.object_.c.oid).where(database.identity.visible(tables.object_))))
        assert found & world.every() == world.all(user)


def test_refusals_tell_nothing(world, user):
    """Whatever a user tries with what they see, no word of an answer is about what they do not see."""
    hidden = [f"marker{level}" for level in LEVELS if not should_see(user, level)]
    hidden += [world.identity[oid][:8] for oid in world.every() - world.all(user)]
    camera = Instrument.select_all()[0]
    tries = [lambda: context.delete(camera), lambda: context.publish(camera, 1), lambda: context.publish(camera, 2, dry_run=True),
             lambda: edit(camera, "is_valid", 0, "x"), lambda: edit(camera, "project", "open", "x"),
             lambda: context.undo(range(1, 200), "x"), lambda: Chip(name="new", instrument=camera, privileges=9).commit()]
    before = camera.is_valid
    for work in tries:
        try:
            said = repr(getattr(work(), "refused", ""))
        except AweError as error:
            said = str(error)
        assert not [word for word in hidden if word in said], said
        count = len(world.seen(Chip, user))
        assert user == "ann" or f"{len(LEVELS)} other" not in said or count == len(LEVELS), said
    if user == "ann" and camera.is_valid != before:
        edit(camera, "is_valid", before, "back")


def test_raw_sql_as_a_role(world, user):
    if not world.roles:
        pytest.skip("whoever may read the file, or is the owner of the tables, reads everything: the documentation says so")
    database = world.opened[user]
    everything = world.every() | {world.camera}
    expected = world.all(user) | {world.camera}
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT current_user").scalar() == (user or role.anonymous(connection))
        for table in tables.metadata.tables.values():
            owner = next((column for column in table.primary_key for key in column.foreign_keys
                          if key.column is tables.object_.c.oid), tables.object_.c.oid if table is tables.object_ else None)
            if owner is None or not table.name.startswith(("persist_sky", "object", "edge", "want")):
                continue
            found = set(connection.exec_driver_sql(f'SELECT "{owner.name}" FROM "{table.name}"').scalars())
            assert found & everything <= expected, table.name
            count = connection.exec_driver_sql(f'SELECT count(DISTINCT "{owner.name}") FROM "{table.name}"').scalar()
            assert count == len(found), table.name
        hidden = ", ".join(map(str, [0, *(everything - expected)]))
        me = "coalesce((SELECT id FROM awe_user WHERE name = current_user), 0)"
        for text in (f"SELECT 1 FROM change WHERE oid IN ({hidden}) AND who <> {me}",
                     f"SELECT 1 FROM edge WHERE input IN ({hidden}) OR target IN ({hidden})",
                     f"SELECT 1 FROM candidate WHERE oid IN ({hidden})",
                     "SELECT 1 FROM file f WHERE NOT EXISTS (SELECT 1 FROM object_file o WHERE o.sha256 = f.sha256)"):
            assert connection.exec_driver_sql(text).all() == [], text


def test_releases(world, user):
    """Which there are, what is in them, and what is found inside; a name that is hidden is one that is not there."""
    seen = [level for level in LEVELS if should_see(user, level)]
    assert {one.name: one.count for one in releases()} == {f"marker{level}": len(world.made[level]) + 1 for level in seen}
    said = set()
    for level in LEVELS:
        if level not in seen:
            for name in (f"marker{level}", "marker9"):
                with pytest.raises(NotFoundError) as error:
                    release_named(name)
                said.add(str(error.value).replace(name, ""))
            continue
        members = {*world.made[level].values(), world.camera}
        release = release_named(f"marker{level}")
        assert oids(release.objects()) == members
        with context.release(release.name):
            assert {oid for cls in CLASSES for oid in oids(cls.select_all())} == members - {world.camera}
            assert {cls: len(cls.is_valid == 2) for cls in CLASSES} == {cls: len(oids(cls.select_all())) for cls in CLASSES}
    assert len(said) <= 1


def test_members_of_releases_by_raw_sql(world, user):
    if not world.roles:
        pytest.skip("whoever may read the file, or is the owner of the tables, reads everything: the documentation says so")
    seen = {f"marker{level}" for level in LEVELS if should_see(user, level)}
    with current().reading() as connection:
        assert set(connection.exec_driver_sql("SELECT name FROM release").scalars()) == seen
        rows = connection.exec_driver_sql("SELECT release_id, oid FROM release_member").all()
        assert len({row[0] for row in rows}) == len(seen)
        assert {row[1] for row in rows} <= world.all(user) | {world.camera}


def test_every_table_has_its_policies(world):
    """Also those of classes that are to come: a table without a policy, or with one that hides nothing, is a word that all share."""
    if world.url.startswith("sqlite"):
        pytest.skip("SQLite has no policies")
    engine = sa.create_engine(world.url)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT c.relname, c.relrowsecurity, coalesce(bool_or(pg_get_expr(p.polqual, p.polrelid) = 'true'), true) FROM pg_class c "
            "LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polcmd = 'r' "
            "WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace GROUP BY 1, 2").all()
    engine.dispose()
    assert {name for name, _, opened in rows if opened} == {
        "awe_user", "project", "project_member", "class", "key_set", "parameters", "recipe", "scope", "span", "touched", "clock"}
    assert {name for name, secured, _ in rows if not secured} == set()


def test_every_class_asks_who_looks(world):
    """The statement of a query on any class that is installed has the predicate."""
    if not world.url.startswith("sqlite"):
        pytest.skip("the text is the same")
    with world.act("eve"):
        for number, cls in mapping.OBJECTS.items():
            if number != mapping.UNKNOWN:
                assert "privileges >= 3" in str(cls.select_all().statement), cls
