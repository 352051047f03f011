import datetime

import pytest
from persist_sky import Chip, Instrument

from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.context import context
from awe.persist.edit import edit, edit_all

from .test_insert import rows

WHEN = datetime.datetime(2026, 5, 1, tzinfo=datetime.UTC)


@pytest.fixture
def chip(database):
    context.set_user("ann")
    context.set_project("sky")
    made = Chip(name="edited", instrument=Instrument(name="cam"))
    made.commit()
    return made


def test_changes_are_told_with_their_types(chip):
    context.make_project("moon") if "moon" not in [each.name for each in context.projects] else None
    assert chip.changes == [] == Chip(name="not committed").changes
    edit(chip, "is_valid", 0, "a scratch")
    edit(chip, "timestamp_end", WHEN, "taken down")
    edit(chip, "project", "moon", "theirs")
    edit(chip.instrument, "privileges", 4, "out")
    told = chip.changes
    assert [(each.field, each.old, each.new, each.why) for each in told] == [
        ("is_valid", 1, 0, "a scratch"), ("timestamp_end", told[1].old, WHEN, "taken down"), ("project", "sky", "moon", "theirs")]
    assert told[1].old.year == 2200 and {each.who for each in told} == {"ann"} and told[0].when < told[1].when < told[2].when
    assert str(told[0]).startswith(f"{told[0].seq}: is_valid 1 -> 0 by ann at 20") and told[2].as_dict()["new"] == "moon"


@pytest.mark.parametrize("field, value", [("is_valid", 2), ("quality_flags", 5), ("timestamp_end", WHEN), ("privileges", 2)])
def test_an_undo_brings_back_what_was_and_can_be_undone(database, chip, field, value):
    before = rows(database, tables.object_, oid=chip.oid), rows(database, tables.candidate, oid=chip.oid)
    old = getattr(chip, field)
    edit(chip, field, value, "why not")
    after = rows(database, tables.object_, oid=chip.oid), rows(database, tables.candidate, oid=chip.oid)
    (line,) = context.undo(chip.changes[-1].seq, "a mistake")
    assert (line.old, line.new, line.undo_of, line.why) == (value, old, chip.changes[0].seq, "a mistake") and getattr(chip, field) == old
    assert (rows(database, tables.object_, oid=chip.oid), rows(database, tables.candidate, oid=chip.oid)) == before
    context.undo(line.seq, "after all")
    assert getattr(chip, field) == value
    assert (rows(database, tables.object_, oid=chip.oid), rows(database, tables.candidate, oid=chip.oid)) == after


def test_later_changes_stand_on_earlier_ones(chip):
    edit(chip, "is_valid", 0, "a scratch")
    edit(chip, "is_valid", 2, "faint")
    first, second = chip.changes
    with pytest.raises(ForbiddenError, match=rf"{first.seq} cannot be undone: change {second.seq} by ann \(faint\) changed it from 0"):
        context.undo(first.seq, "no")
    context.undo(second.seq, "no")
    with pytest.raises(ForbiddenError, match=rf"change {chip.changes[-1].seq} by ann \(no\) undid it later"):
        context.undo(second.seq, "again")
    assert chip.is_valid == 0


def test_several_are_undone_together_or_not_at_all(chip, database):
    edit_all([chip, chip.instrument], "is_valid", 0, "both")
    seqs = [chip.changes[-1].seq, chip.instrument.changes[-1].seq]
    with pytest.raises(NotFoundError, match="there is no change 99999"):
        context.undo([*seqs, 99999], "no")
    assert chip.is_valid == 0
    assert len(context.undo(seqs, "neither")) == 2 and chip.is_valid == chip.instrument.is_valid == 1


def test_who_may_not_edit_may_not_undo(chip):
    edit(chip, "is_valid", 0, "a scratch")
    seq = chip.changes[-1].seq
    context.set_user("eve")
    with pytest.raises(ForbiddenError, match="eve is none"):
        context.undo(seq, "no")
    context.set_user("ann")
    context.publish([chip, chip.instrument], 2)
    context.set_user("eve")
    context.make_project(f"eves{seq}")
    context.set_project(f"eves{seq}")
    assert chip.changes == []
    with pytest.raises(NotFoundError, match="eve can see"):
        context.undo(seq, "no")


def test_what_cannot_be_undone(chip):
    with pytest.raises(QueryError, match="the reason is empty"):
        context.undo(1, " ")
    context.set_privileges(1)
    gone = Chip(name="gone")
    gone.commit()
    context.delete(gone)
    (line,) = lines_of(gone)
    with pytest.raises(ForbiddenError, match="which cannot be taken back"):
        context.undo(line, "no")


def lines_of(obj) -> list[int]:
    return [row.seq for row in rows(obj.__dict__["_database"], tables.change, oid=obj.oid)]


def test_what_people_say_stands_in_the_log_and_is_taken_back_by_them_alone(database, chip):
    chip.comment("stripes in the corner")
    context.set_user("bob")
    chip.comment("good seeing", rating=4, kind="review")
    first, second = chip.comments
    assert (first.kind, first.text, first.rating, first.who) == ("comment", "stripes in the corner", None, "ann")
    assert (second.kind, second.rating, second.who) == ("review", 4, "bob") and "(4 of 5) by bob" in str(second)
    assert chip.changes == [] == Chip(name="not committed").comments
    with pytest.raises(ForbiddenError, match="by ann, who alone can take it back"):
        context.undo(first.seq, "no")
    (line,) = context.undo(second.seq, "another night")
    assert (line.undo_of, line.field) == (second.seq, "review") and chip.comments == [first]
    for seq in (second.seq, line.seq):
        with pytest.raises(ForbiddenError, match="taken back; say it again"):
            context.undo(seq, "after all")


@pytest.mark.parametrize("text, more", [(" ", {}), ("x" * 2001, {}), ("x", {"rating": 3}), ("x", {"rating": 6, "kind": "review"}),
                                        ("x", {"kind": "is_valid"})])
def test_what_cannot_be_said_is_refused(chip, text, more):
    with pytest.raises(QueryError):
        chip.comment(text, **more)
    assert chip.comments == []
