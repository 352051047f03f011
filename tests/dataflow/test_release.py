"""Releases: what is inside stays as it was, and nothing inside goes out of date."""
from __future__ import annotations

import pytest
import sqlalchemy as sa

from awe.dataflow.planner import Planner
from awe.dataflow.releases import compare
from awe.dataflow.state import State
from awe.errors import AweError, ForbiddenError, NotFoundError, QueryError
from awe.persist import tables
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.session import connect, current
from tests.dataflow import toy


@pytest.fixture
def stack(observatory):
    for number in (10, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    return toy.Stack.get(field="F")


@pytest.fixture
def dr1(stack):
    return context.make_release("DR1", stack, "the first")


def test_members_are_all_that_they_were_made_from(observatory, stack, dr1):
    assert dr1.count == len(dr1) == 11 and stack in dr1 and str(dr1).startswith("DR1: 11 objects as of 20")
    assert {type(obj).__name__ for obj in dr1.objects()} == {
        "Stack", "Reduced", "Flat", "RawFrame", "RawFlat", "Camera", "Chip", "Band"}
    assert dr1.objects(toy.Stack) == [stack] and context.releases == [dr1]
    assert observatory.frame(5, 1) not in dr1


def test_inside_nothing_goes_out_of_date(observatory, stack, dr1):
    edit(toy.RawFrame.select_all()[0], "is_valid", 0, "cloud")
    observatory.flat(0, 30)
    toy.Camera(name="cam", gain=2.0).commit()
    later = toy.Stack.get(field="F")
    observatory.frame(0, 30, field="G")
    flat = toy.Flat.find(chip="c1", filter="r")
    assert later is not stack and flat != dr1.objects(toy.Flat)[0]
    with context.release("DR1"):
        plan = toy.Stack.plan(field="F")
        assert plan.counts() == {"up to date": 11} and plan.tops[0].winner.oid == stack.oid
        assert toy.Stack.get(field="F").object_id == stack.object_id and toy.Stack.find(field="F").is_up_to_date()
        assert len(toy.RawFlat.select_all()) == 2 and len(toy.RawFrame.is_valid > 0) == 2 and len(toy.Camera.gain > 1.5) == 0
        with pytest.raises(NotFoundError, match="no RawFrame has field 'G'"):
            toy.Stack.get(field="G")
        with pytest.raises(NotFoundError, match="not there in release DR1"):
            toy.Night.get(field="F")
        top = toy.Night.plan(field="F").tops[0]
        assert top.state is State.MISSING and top.reasons[0].text == "none is in release DR1"
        with pytest.raises(ForbiddenError, match="in release DR1, where nothing can be made or changed"):
            observatory.frame(0, 1)
        with pytest.raises(QueryError, match="of no other moment"):
            toy.Stack.find(field="F", as_of="2020-01-01")
        with pytest.raises(QueryError, match="nothing can be assumed"):
            toy.Stack.plan(field="F", assume=[(stack, "is_valid", 0)])
    assert toy.Stack.get(field="F") is later


def test_until_it_is_left(observatory, stack, dr1):
    observatory.frame(0, 7)
    context.release = "DR1"
    try:
        assert context.release and context.release.name == "DR1" and "in release DR1" in repr(context)
        assert toy.Stack.plan(field="F").is_up_to_date and len(toy.RawFrame.select_all()) == 2
        assert [one.name for one in context.releases] == ["DR1"]
    finally:
        context.release = None
    assert not context.release and len(toy.RawFrame.select_all()) == 3
    assert Planner(observatory.instance).plan(toy.Stack.requests(field="F")).tops[0].state is State.MAY_GROW


def test_what_is_released_stays(observatory):
    context.set_privileges(1)
    camera = toy.Camera(name="odd")
    camera.commit()
    context.make_release("mine", camera, "so")
    with pytest.raises(ForbiddenError, match="belongs to a release, mine, and releases stay as they are"):
        context.delete(camera)
    with pytest.raises(QueryError, match="there is a release 'mine' already"):
        context.make_release("mine", camera, "again")
    with pytest.raises(QueryError, match="say why"):
        context.make_release("other", camera, " ")
    with pytest.raises(QueryError, match="no objects were given"):
        context.make_release("other", [], "none")
    with pytest.raises(NotFoundError, match="there is no release 'mne' that can be seen; did you mean 'mine'"):
        context.release = "mne"
    number = context.releases[0].number
    for statement in (sa.insert(tables.release_member).values(release_id=number, oid=camera.oid + 1),
                      sa.delete(tables.release_member).where(tables.release_member.c.release_id == number),
                      sa.update(tables.release_member).values(oid=3), sa.delete(tables.release), sa.update(tables.release).values(size=0)):
        with pytest.raises(AweError, match=r"never change|never deleted"), current().transaction() as connection:
            connection.execute(statement)
    assert camera in context.releases[0] and len(context.releases[0].objects()) == 1


def test_readers_of_a_release_see_its_members(observatory, stack):
    context.set_privileges(1)
    mine = toy.Camera(name="odd")
    mine.commit()
    context.set_privileges(3)
    with pytest.raises(ForbiddenError, match="1 of 12 members have fewer readers than a release of privileges 3"):
        context.make_release("DR1", [stack, mine], "too much")
    assert context.releases == []
    context.make_release("DR1", stack, "enough")
    with pytest.raises(ForbiddenError, match=r"belongs to a release that has more readers|cannot be lowered"):
        edit(stack, "privileges", 1, "mine")
    context.set_privileges(1)
    context.make_release("mine", [stack, mine], "for myself")
    other = connect(observatory.instance.config.url, user="bob", project="survey")
    try:
        assert [one.name for one in context.releases] == ["DR1"]
        with pytest.raises(NotFoundError, match="no release 'mine'"):
            context.release = "mine"
    finally:
        other.close()


def test_two_releases_are_compared(observatory, stack, dr1):
    early = toy.RawFrame.select_all()[0]
    edit(early, "is_valid", 0, "cloud")
    observatory.flat(0, 30)
    observatory.frame(3, 5, field="G")
    observatory.flat(3, 5)
    observatory.flat(3, 7)
    second = context.make_release("DR2", [toy.Stack.get(field="F"), toy.Stack.get(field="G")], "the second")
    found = compare(dr1, second)
    assert {type(obj).__name__ for obj in found.only_first} == {"RawFrame", "Reduced"}
    assert early in found.only_first and len(found.only_first) == 2
    different = {(type(one).__name__, one.anchor) for one, _ in found.different}
    assert {name for name, _ in different} == {"Stack", "Reduced", "Flat"} and len(different) == 3 and not found.equal
    assert {obj.field for obj in found.only_second if isinstance(obj, toy.Stack)} == {"G"}
    assert "DR1 and DR2: 6 objects in both" in str(found) and "because of Stack.frames: only the first used" in str(found)
    assert any("Flat.raws: only the second used" in cause for cause in found.causes())
    assert compare(dr1, dr1).both == 11 and compare(dr1, dr1).causes() == []
