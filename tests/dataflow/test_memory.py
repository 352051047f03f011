"""A plan that found nothing to do is given again only while nothing it depends on has changed."""
from __future__ import annotations

import pytest

from awe.dataflow.planner import Options, Planner
from awe.dataflow.state import State
from awe.persist.context import context
from awe.persist.edit import edit
from tests.dataflow.test_statements import counted
from tests.dataflow.toy import Flat, RawFlat, RawFrame, Stack


@pytest.fixture
def made(observatory):
    """A stack of two frames that is up to date; planned once more, so that this is remembered."""
    for number in (10, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    Stack.get(field="F")
    assert Stack.plan(field="F").is_up_to_date
    return observatory


def planned(observatory, **options):
    """How many statements the question takes, and its answer."""
    asked = Stack.requests(field="F")
    with counted(observatory.instance.database.engine) as found:
        plan = Planner(observatory.instance, Options(**options)).plan(asked)
    return len(found), plan


def test_the_same_question_takes_hardly_any_statement(made):
    count, plan = planned(made)
    assert count <= 6 and plan.is_up_to_date
    assert plan.counts() == Planner(made.instance, remember=False).plan(Stack.requests(field="F")).counts()


def test_what_lies_elsewhere_does_not_matter(made):
    made.frame(3, 7, field="G")
    made.flat(9, 10, chip="c2")
    count, plan = planned(made)
    assert plan.is_up_to_date and count < len_of_full(made) / 2


def told(plan):
    """Everything that a plan says."""
    return [(node.name, node.state, [reason.text for reason in node.reasons]) for node in plan.nodes]


def len_of_full(observatory) -> int:
    asked = Stack.requests(field="F")
    with counted(observatory.instance.database.engine) as found:
        Planner(observatory.instance, remember=False).plan(asked)
    return len(found)


@pytest.mark.parametrize("change", ["raw below", "member", "invalid", "time stamp", "version", "made object"])
def test_what_it_stands_on_does(made, change, monkeypatch):
    if change == "raw below":
        made.flat(0, 30)
    elif change == "member":
        made.frame(0, 70)
    elif change == "invalid":
        edit(RawFrame.select_all()[0], "is_valid", 0, "cloud")
    elif change == "time stamp":
        edit(Flat.select_all()[0], "timestamp_end", Flat.select_all()[0].anchor, "over")
    elif change == "version":
        monkeypatch.setattr(Flat, "version", Flat.version + 1)
    else:
        edit(Flat.select_all()[0], "is_valid", 0, "lamp")
    found = told(planned(made)[1])
    assert found == told(Planner(made.instance, remember=False).plan(Stack.requests(field="F")))
    assert any(state not in (State.UP_TO_DATE, State.MISSING) for _, state, _ in found)


def test_another_asker_and_other_parameters_ask_anew(made):
    assert not planned(made, pars={"Flat": {"scale": 2}})[1].is_up_to_date
    assert planned(made)[1].is_up_to_date
    edit(Stack.select_all()[0], "privileges", 1, "mine")
    for obj in (*Flat.select_all(), *RawFlat.select_all()):
        assert obj.privileges == 3
    context.set_privileges(3)
    assert not planned(made)[1].is_up_to_date
