"""What the database itself refuses: raw SQL as its owner can do no more to objects than the change log says."""
import pytest
import sqlalchemy as sa
from persist_sky import Chip, Coadd, Corrected, Filter, Imstat, Instrument, MasterFlat, RawFlat, RawScience, Reduced

from awe.errors import ForbiddenError
from awe.persist import guard, schema, tables
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.record import FileRow, RecipeRow, Record

from .test_insert import rows

CLASSES = (Chip, Coadd, Corrected, Filter, Instrument, MasterFlat, RawFlat, RawScience, Reduced)


@pytest.fixture
def flat(database):
    """A flat with an edge, a part, a file, a recipe and parameters."""
    chip, band = Chip(name="c", instrument=Instrument(name="cam")), Filter(name="r")
    raw = RawFlat(chip=chip, filter=band, exposure=len(rows(database, tables.object_)))
    raw.commit()
    made = MasterFlat(chip=chip, filter=band, raws=[raw], imstat=Imstat(stdev=1.0))
    file = FileRow("image", ".fits", "ab" * 32, 5, f"{made.object_id}.fits")
    insert([Record(made, made.record().inputs, files=[file], recipe=RecipeRow(1, "d"), parameters={"clip": 3.0})])
    edit(made, "is_valid", 2, "good enough")
    return made


def refused(database, statement: str, match: str = "awe: ") -> None:
    """The statement fails, through a connection that knows nothing of awe."""
    engine = sa.create_engine(database.engine.url)
    try:
        with pytest.raises(sa.exc.DBAPIError, match=match), engine.begin() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


@pytest.mark.parametrize("column", [column.name for column in tables.object_.columns])
def test_no_column_of_an_object_changes_unsaid(flat, database, column):
    other = {"object_id": "value", "derivation": "value", "value": "object_id"}.get(column, f"{column} + 1")
    refused(database, f"UPDATE object SET {column} = {other} WHERE oid = {flat.oid}",
            "edited by a line in the change log" if column in guard.EDITED.values() else "never changed")


def test_nothing_that_belongs_to_an_object_changes_or_goes(flat, database):
    owned = {each.table: each.owner for each in guard.guarded(set(sa.inspect(database.engine).get_table_names()))}
    assert {"edge", "want", "object_file", "change", "recipe", "parameters"} <= set(owned)
    assert {table.name for cls in CLASSES for table in cls.__mapping__.tables} <= set(owned) and Imstat.__mapping__.table.name in owned
    checked = 0
    for name in owned:
        table = tables.metadata.tables[name]
        if rows(database, table):
            checked += 1
            for column in table.columns:
                refused(database, f'UPDATE "{name}" SET "{column.name}" = "{column.name}"', "never changed")
            refused(database, f'DELETE FROM "{name}"', "never deleted")
    assert checked >= 8
    refused(database, f"DELETE FROM object WHERE oid = {flat.oid}", "never deleted")


def test_rows_cannot_be_replaced(flat, database):
    if database.dialect != "sqlite":
        pytest.skip("only SQLite has INSERT OR REPLACE")
    refused(database, f"INSERT OR REPLACE INTO object SELECT * FROM object WHERE oid = {flat.oid}", "never replaced")


def test_a_line_by_raw_sql_is_an_edit_and_has_to_be_true(flat, database):
    line = 'INSERT INTO change (oid, field, old, new, who, "when") VALUES ({}, \'{}\', \'{}\', {}, 1, 0)'
    refused(database, line.format(flat.oid, "is_valid", 1, "'0'"), "truly")
    refused(database, line.format(flat.oid, "is_valid", 2, "NULL"), "awe|null")
    refused(database, line.format(10 ** 9, "is_valid", 2, "'1'"), "truly")
    with database.transaction() as connection:
        connection.exec_driver_sql(line.format(flat.oid, "is_valid", 2, "'1'"))
        connection.exec_driver_sql(line.format(flat.oid, "privileges", 3, "'4'"))
    (row,) = rows(database, tables.object_, oid=flat.oid)
    assert (row.is_valid, row.privileges) == (1, 4)
    assert {each.privileges for each in rows(database, tables.candidate, oid=flat.oid)} == {4}
    refused(database, f"UPDATE object SET is_valid = 2 WHERE oid = {flat.oid}", "change log")


def test_an_edit_that_fails_leaves_no_line(flat, database):
    before = rows(database, tables.change, oid=flat.oid)
    with pytest.raises(ZeroDivisionError), database.transaction():
        edit(flat, "is_valid", 0, "broken")
        raise ZeroDivisionError
    assert rows(database, tables.change, oid=flat.oid) == before and flat.is_valid == 2


def test_through_our_own_connections_a_refusal_is_an_error_of_ours(flat, database):
    with pytest.raises(ForbiddenError, match="rows of edge are never deleted; use"), database.transaction() as connection:
        connection.execute(sa.delete(tables.edge))


def test_what_the_log_calls_deleted_goes(flat, database):
    context.set_privileges(1)
    chip = Chip(name="gone")
    chip.commit()
    context.delete(chip)
    assert rows(database, tables.object_, oid=chip.oid) == []
    context.set_privileges(3)


def test_guards_are_compared_and_written_anew(database):
    with database.engine.connect() as connection:
        assert guard.differences(connection) == []
        text = "DROP TRIGGER awe_guard_edge_delete" + (" ON edge" if database.dialect == "postgresql" else "")
        connection.exec_driver_sql(text)
        assert guard.differences(connection) == ["guard awe_guard_edge_delete is missing or differs"]
        url = database.engine.url.render_as_string(hide_password=False)
        assert "guard awe_guard_edge_delete is missing or differs" in schema.check(url)
        guard.install(connection)
        assert guard.differences(connection) == []
