"""Users as roles of PostgreSQL: what the policies let them see and write, by our own statements and by raw SQL."""
import itertools

import pytest
import sqlalchemy as sa
from persist_sky import Chip, Coadd, Filter, Imstat, Instrument, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import ForbiddenError, NotFoundError
from awe.persist import role, tables
from awe.persist.bulk import bulk_insert
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.rebuild import rebuild_candidates
from awe.persist.record import FileRow, Record
from awe.persist.release import make_release
from awe.persist.session import connect, using
from awe.persist.user import add_user
from tests.conftest import new_database, postgresql_server

NUMBER = itertools.count()
USERS = ("ann", "bob", "eve")


@pytest.fixture(scope="module")
def url():
    """A database with three users who have roles; ann and bob are members of `sky`, which is private."""
    address = new_database(postgresql_server())
    owner = connect(address, user="ann", project="default", create=True)
    for user in USERS:
        add_user(owner, user)
    context.make_project("sky", public=False)
    context.make_project("open")
    context.set_project("sky")
    context.add_member("bob")
    owner.close()
    return address


@pytest.fixture
def acting(url):
    """Connections that act as roles, one for each user."""
    opened = {}

    def as_user(user, project="sky"):
        key = (user, project)
        if key not in opened:
            opened[key] = connect(url, user=user, project=project, roles=True)
        return using(opened[key])
    yield as_user
    for each in opened.values():
        each.close()


def coadd(level: int) -> Coadd:
    """A coadd of privileges `level`, with all it is made from."""
    n = next(NUMBER)
    context.set_privileges(level)
    chip, band = Chip(name=f"c{n}", instrument=Instrument(name=f"cam{n}")), Filter(name=f"r{n}")
    flat = MasterFlat(chip=chip, filter=band, raws=[RawFlat(chip=chip, filter=band, exposure=1)], imstat=Imstat(stdev=1.0))
    raw = RawScience(chip=chip, filter=band, exposure=1, object="M13")
    flat.commit()
    raw.commit()
    frame = Reduced(chip=chip, filter=band, exposure=1, raw=raw, flat=flat)
    made = Coadd(object=f"M{n}", filter=band, frames=[frame])
    insert([Record(each, each.record().inputs, files=[FileRow("image", ".fits", f"{n:064x}", 5, f"{each.object_id}.fits")],
                   parameters={"n": n}) for each in (frame, made)])
    return made


def raw_sql(url: str, user: str, statement: str):
    """What a user gets by a connection that knows nothing of awe."""
    engine = sa.create_engine(url)
    try:
        with engine.begin() as connection:
            connection.exec_driver_sql(f'SET ROLE "{user}"')
            result = connection.exec_driver_sql(statement)
            return [tuple(row) for row in result] if result.returns_rows else result.rowcount
    finally:
        engine.dispose()


def test_roles_commit_query_edit_publish_and_delete(acting):
    with acting("ann") as database:
        made = coadd(2)
        assert database.roles and (Coadd.object == made.object)[0].frames[0].flat.imstat.stdev == 1.0
        edit(made, "is_valid", 0, "so")
        context.undo(made.changes[-1].seq, "not so")
        assert len(context.publish(made, 3, closure=True).steps) == 8
        assert len(bulk_insert(Filter, {"name": [f"bulk{next(NUMBER)}" for _ in range(300)]})) == 300
        context.set_privileges(1)
        gone = Chip(name="gone")
        gone.commit()
        context.delete(gone)
        assert len(Chip.object_id == gone.object_id) == 0
    with acting("bob"):
        assert len(Coadd.object == made.object) == 1
        edit((Coadd.object == made.object)[0], "quality_flags", 1, "seen by a member")
        with pytest.raises(ForbiddenError, match="only managers of sky"):
            context.publish(made, 4, closure=True)
    with acting("eve", "open"):
        assert len(Coadd.object == made.object) == 1
        with pytest.raises(ForbiddenError, match="eve is none"):
            edit((Coadd.object == made.object)[0], "is_valid", 0, "envy")


@pytest.mark.parametrize("user, sees", [("ann", [1, 2, 3, 4]), ("bob", [2, 3, 4]), ("eve", [3, 4]), (None, [4])])
def test_raw_sql_shows_what_identity_says(url, acting, user, sees):
    with acting("ann") as database:
        made = {level: coadd(level) for level in (1, 2, 3, 4)}
        name = user or role.anonymous(database.engine.connect())
    oids = ", ".join(str(each.oid) for each in made.values())
    visible = {each.oid for level, each in made.items() if level in sees}
    parts = {each.frames[0].flat.oid for level, each in made.items() if level in sees}
    for table, column in (("object", "oid"), ("candidate", "oid"), ("edge", "target"), ("object_file", "oid"),
                          (Coadd.__mapping__.table.name, "oid")):
        assert {row[0] for row in raw_sql(url, name, f'SELECT {column} FROM "{table}" WHERE {column} IN ({oids})')} == visible, table
    found = {row[0] for row in raw_sql(url, name, f"SELECT owner_oid FROM {Imstat.__mapping__.table.name}")}
    assert found & {each.frames[0].flat.oid for each in made.values()} == parts
    every = raw_sql(url, name, "SELECT count(*) FROM object")[0][0]
    assert every == len(raw_sql(url, name, "SELECT oid FROM object"))
    hashes = {row[0] for row in raw_sql(url, name, "SELECT sha256 FROM file")}
    assert hashes == {row[0] for row in raw_sql(url, name, "SELECT sha256 FROM object_file")}


def test_raw_sql_writes_nothing_that_is_not_theirs(url, acting):
    with acting("ann"):
        mine, shared = coadd(1), coadd(3)
    me = raw_sql(url, "bob", "SELECT id FROM awe_user WHERE name = 'bob'")[0][0]
    when = "extract(epoch FROM clock_timestamp()) * 1e6"
    line = 'INSERT INTO change (oid, field, old, new, who, "when") VALUES ({}, \'{}\', \'{}\', {}, {}, {})'
    for statement in (
            f"UPDATE object SET privileges = 5 WHERE oid = {shared.oid}", f"DELETE FROM object WHERE oid = {shared.oid}",
            f"UPDATE edge SET input = {mine.oid}", f"DELETE FROM edge WHERE target = {shared.oid}",
            "UPDATE change SET why = 'not me'", "DELETE FROM change", "TRUNCATE change CASCADE",
            "INSERT INTO awe_user (name) VALUES ('mallory')", "UPDATE awe_user SET name = 'mallory'",
            "ALTER TABLE object DISABLE ROW LEVEL SECURITY", "DROP TABLE candidate", "DROP POLICY awe_guard_object_may_see ON object",
            f"INSERT INTO project_member SELECT id, {me}, 1 FROM project WHERE name = 'default'",
            "UPDATE project_member SET manager = 1", "UPDATE project SET public = 1",
            line.format(mine.oid, "is_valid", 1, "'0'", me, when),
            line.format(shared.oid, "is_valid", 1, "'0'", me + 1, when), line.format(shared.oid, "is_valid", 1, "'0'", me, 0),
            line.format(shared.oid, "privileges", 3, "'4'", me, when), line.format(shared.oid, "project", 2, "'1'", me, when),
            line.format(shared.oid, "object", "x", "NULL", me, when),
            f"INSERT INTO edge SELECT {shared.oid}, 1, 1, {mine.oid}, sel, at, input_value, per FROM edge LIMIT 1",
            f"INSERT INTO object_file SELECT {shared.oid}, 'x', ext, sha256, 'stolen' FROM object_file LIMIT 1",
            "INSERT INTO candidate SELECT sel, span, t_start, oid, t_end, created, object_id, 1, 5, project_id, creator_id, params_id, "
            f"own, value FROM candidate WHERE oid = {shared.oid} AND false OR oid = {shared.oid}",
            "INSERT INTO object SELECT oid + 1000000, decode(md5('x'), 'hex'), class_id, creation_date, creator_id, project_id, "
            "privileges, t_start, t_end, is_valid, quality_flags, process_status, anchor, "
            "scope_id, recipe_id, params_id, derivation, value "
            f"FROM object WHERE oid = {shared.oid}"):
        before = raw_sql(url, "ann", "SELECT count(*), sum(privileges), sum(is_valid) FROM object")
        try:
            done = raw_sql(url, "bob", statement)
        except sa.exc.DBAPIError as error:
            assert getattr(error.orig, "sqlstate", "") in ("42501", "23000", "40001", "23505"), statement
        else:
            assert done == 0, statement
        assert raw_sql(url, "ann", "SELECT count(*), sum(privileges), sum(is_valid) FROM object") == before, statement


def test_a_manager_cannot_break_what_readers_see_by_raw_sql(url, acting):
    with acting("ann"):
        made = coadd(3)
    me = raw_sql(url, "ann", "SELECT id FROM awe_user WHERE name = 'ann'")[0][0]
    line = ('INSERT INTO change (oid, field, old, new, who, "when") '
            f"SELECT {{}}, 'privileges', {{}}, {{}}, {me}, extract(epoch FROM clock_timestamp()) * 1e6")
    for oid, old, new in ((made.oid, 3, 4), (made.frames[0].oid, 3, 2)):
        with pytest.raises(sa.exc.DBAPIError, match="would not see what it was made from"):
            raw_sql(url, "ann", line.format(oid, old, new))
    raw_sql(url, "ann", line.format(made.oid, 3, 2))
    with acting("ann"):
        kept = coadd(3)
        context.set_privileges(3)
        make_release(f"R{next(NUMBER)}", [kept], "for the test")
    with pytest.raises(sa.exc.DBAPIError, match="would not see all of its members"):
        raw_sql(url, "ann", line.format(kept.oid, 3, 2))
    with acting("ann"), pytest.raises(ForbiddenError, match="belongs to a release"):
        edit(kept, "privileges", 2, "not for all")


def test_temporary_tables_fool_no_function(url, acting):
    with acting("ann"):
        made = coadd(3)
    me = raw_sql(url, "eve", "SELECT id FROM awe_user WHERE name = 'eve'")[0][0]
    with pytest.raises(sa.exc.DBAPIError, match="may not change"):
        raw_sql(url, "eve", f"CREATE TEMP TABLE project_member AS SELECT project_id, {me} AS user_id, 1 AS manager FROM object; "
                            f'INSERT INTO change (oid, field, old, new, who, "when") SELECT {made.oid}, \'is_valid\', 1, 0, {me}, '
                            "extract(epoch FROM clock_timestamp()) * 1e6")


def test_who_is_no_user_or_no_role(url, acting):
    with pytest.raises(NotFoundError, match="`awe user add` makes roles"):
        connect(url, user="nobody-here", roles=True)
    with acting("ann") as database:
        with pytest.raises(ForbiddenError, match="adding users looks at the whole database"):
            add_user(database, "mallory")
        with pytest.raises(ForbiddenError, match="the database does not allow it"):
            context.add_member("mallory")
        with pytest.raises(ForbiddenError, match="connect as the owner"):
            rebuild_candidates(database)
        context.make_project(f"anns{next(NUMBER)}")


def test_the_owner_comes_as_before(url):
    owner = connect(url, user="somebody new", project="default")
    assert not owner.roles
    owner.close()


def test_roles_are_added_once_and_never_to_the_mighty(url):
    owner = connect(url, user="ann", project="default")
    assert not add_user(owner, "ann")
    with owner.engine.connect() as connection:
        assert not role.add_role(connection, connection.exec_driver_sql("SELECT current_user").scalar())
        assert connection.exec_driver_sql("SELECT count(*) FROM pg_policy").scalar() > len(tables.metadata.tables)
    owner.close()


def test_one_connection_serves_many_and_leaves_nothing_behind(url):
    """As in a server: the pool gives the same connection to one user after the other."""
    server = connect(url, user="ann", project="sky", roles=True)
    made = coadd(1)
    with server.reading() as connection:
        connection.exec_driver_sql(f"CREATE TEMP TABLE left_over AS SELECT {made.oid} AS oid")
    with server.engine.connect() as connection:  # what is here now is used again
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    for user, project, sees in (("bob", "sky", 0), ("eve", "open", 0), ("", "open", 0), ("ann", "sky", 1)):
        with server.seen_by(server.find_identity(user, project)) as seen:
            assert len(Coadd.object == made.object) == sees
            with seen.reading() as connection:
                assert connection.exec_driver_sql("SELECT pg_backend_pid()").scalar() == pid
                assert connection.exec_driver_sql("SELECT to_regclass('left_over')").scalar() is None
                assert connection.exec_driver_sql("SELECT count(*) FROM object WHERE oid = %s", (made.oid,)).scalar() == sees
    server.close()
