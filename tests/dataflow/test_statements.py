"""How many statements a plan takes depends on what its targets are like, not on how many there are."""
from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from awe.dataflow.difference import difference, differences
from awe.dataflow.planner import Planner
from awe.dataflow.request import Request
from tests.dataflow.conftest import Observatory, opened
from tests.dataflow.toy import RawFlat, RawFrame, Stack

FEW, MANY = 2, 9


@contextlib.contextmanager
def counted(engine: sa.Engine) -> Iterator[list[str]]:
    """The statements that are run inside the block."""
    found: list[str] = []

    def note(connection, cursor, statement, *rest) -> None:
        found.append(statement)
    sa.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sa.event.remove(engine, "before_cursor_execute", note)


def fill(observatory: Observatory, fields: int) -> list[Request]:
    """Two frames of each field, and the flats of their night; the requests for a stack of each field."""
    for number in (10, 12):
        observatory.flat(0, number)
    for n in range(fields):
        for number in (100, 120):
            observatory.frame(0, number + n, field=f"F{n}")
    return [request for n in range(fields) for request in Stack.requests(field=f"F{n}")]


def replace(raws) -> None:
    """A newer version of each raw frame, with another number."""
    for old in list(raws):
        more = {"field": old.field} if isinstance(old, RawFrame) else {}
        new = type(old)(instrument=old.instrument, chip=old.chip, filter=old.filter, exposure=old.exposure, number=old.number + 1, **more)
        new.anchor = old.anchor
        new.commit()


def statements(observatory: Observatory, asked: list[Request]) -> list[str]:
    """What is run for a plan and for telling what there is to do and why; the second time, when nothing is set up any more."""
    planner = Planner(observatory.instance)
    for _ in range(2):
        with counted(observatory.instance.database.engine) as found:
            plan = planner.plan(asked)
            assert all(node.reasons[0].text for node in plan.todo)
            assert plan.summary()
    return found


@pytest.mark.parametrize("state", ["not made", "up to date", "frames replaced", "flats replaced", "a frame more each"])
def test_the_number_of_statements_does_not_depend_on_the_number_of_targets(kind, tmp_path, state):
    counts = []
    for fields in (FEW, MANY):
        with opened(kind, tmp_path / f"{fields}") as instance:
            observatory = Observatory(instance)
            asked = fill(observatory, fields)
            if state != "not made":
                Planner(instance).get(asked)
            if state == "frames replaced":
                replace(RawFrame.select_all())
            elif state == "flats replaced":
                replace(RawFlat.select_all())
            elif state == "a frame more each":
                for n in range(fields):
                    observatory.frame(0, 7, field=f"F{n}")
            counts.append(len(statements(observatory, asked)))
    assert counts[0] == counts[1]


def test_nor_do_those_that_tell_how_objects_differ_depend_on_how_many_inputs_they_have(observatory):
    for field, frames in (("F", FEW), ("G", MANY)):
        for number in range(frames):
            observatory.frame(0, 100 + number, field=field)
    for number in (10, 12):
        observatory.flat(0, number)
    before = [Stack.get(field=field) for field in "FG"]
    replace(RawFlat.select_all())
    pairs = list(zip(before, [Stack.get(field=field) for field in "FG"], strict=True))
    counts = []
    for work in (lambda: [difference(*pairs[0])], lambda: [difference(*pairs[1])], lambda: differences(pairs)):
        work()
        with counted(observatory.instance.database.engine) as found:
            inputs = [len(each.inputs) for each in work()]
        counts.append(len(found))
    assert inputs == [FEW, MANY] and len(set(counts)) == 1
