"""What is asked as of a moment is what the oracle answered when that moment was the present."""
from __future__ import annotations

import datetime

import pytest

from awe.dataflow.pars import Pars
from awe.dataflow.planner import Options, Planner
from awe.dataflow.state import State
from awe.errors import ForbiddenError, NotFoundError, QueryError
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.serial import moments
from awe.persist.session import current, using
from awe.persist.types import from_microseconds
from awe.persist.view import MOST_KEPT
from tests.dataflow import toy
from tests.dataflow.comparing import agree, answers
from tests.dataflow.history import TARGETS, History, history
from tests.soak import seeds


def now() -> int:
    """A moment after all that has been done, and before all that comes."""
    return current().base.write(moments)[0]


class Remembered(History):
    """A random history; what the oracle answers after each step is kept, to be asked again in the end."""

    def __init__(self, observatory, choose) -> None:
        super().__init__(observatory, choose)
        self.past: list = []

    def remember(self) -> None:
        asked = self.request()
        if not asked:
            return
        options, call = self.options(), self.instance.database.identity
        tops = answers(self.instance, asked, **options)
        self.past.append((now(), (call.user, call.privileges), {cls: cls.version for cls in TARGETS}, asked, options, tops))

    def check(self) -> None:
        for moment, (user, privileges), versions, asked, options, tops in reversed(self.past):
            context.set_user(user)
            context.set_privileges(privileges)
            for cls, version in versions.items():
                cls.version = version
            with context.as_of(moment):
                plan = Planner(self.instance, Options(**options)).plan(asked)
            agree(plan, tops)

    def step(self) -> None:
        self.choose.choices((self.new_raw, self.new_version, self.judge, self.flag, self.move, self.bump, self.camera, self.somebody_else,
                             self.parameter), (8, 3, 4, 2, 4, 1, 1, 1, 1))[0]()

    def parameter(self) -> None:
        pars = Pars(toy.Flat, instrument="cam")
        pars.scale = self.choose.choice((1.0, 2.0, 3.0))
        pars.commit("a trial")


@pytest.mark.parametrize(("kind", "seed"), seeds(sqlite=3, postgresql=1, first=8), indirect=["kind"])
def test_each_step_of_a_random_history_comes_out_again(observatory, seed):
    with history(Remembered, observatory, seed) as ours:
        for _ in range(16):
            ours.steps()
            ours.choose.choice((ours.get, ours.remember))()
            ours.remember()
        ours.check()


@pytest.fixture
def stacked(observatory):
    """A stack of two frames, and the moment after it was made."""
    for number in (10, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    return toy.Stack.get(field="F"), from_microseconds(now())


def test_get_find_and_queries_give_what_there_was(observatory, stacked):
    before, moment = stacked
    edit(toy.RawFrame.select_all()[0], "is_valid", 0, "cloud")
    edit(toy.Flat.select_all()[0], "quality_flags", 1, "too high")
    observatory.flat(0, 30)
    after = toy.Stack.get(field="F")
    assert after.object_id != before.object_id
    assert toy.Stack.get(field="F", as_of=moment).object_id == before.object_id
    assert toy.Stack.find(field="F", as_of=moment.isoformat()).object_id == before.object_id
    assert [one.object_id for one in toy.Stack.get_all(field="F", as_of=moment)] == [before.object_id]
    assert toy.Stack.plan(field="F", as_of=moment).is_up_to_date and toy.Stack.plan(field="F").is_up_to_date
    with context.as_of(moment):
        assert len(toy.RawFlat.select_all()) == 2 and len(toy.RawFrame.is_valid > 0) == 2
        flat = toy.Flat.select_all()[0]
        assert flat.quality_flags == 0 and flat.level == 11.0
        assert toy.Stack.get(field="F").frames[0].flat is flat
        assert toy.Stack.select_all()[0].is_up_to_date()
    assert toy.Stack.get(field="F") is after
    assert len(toy.RawFlat.select_all()) == 3 and len(toy.Flat.quality_flags > 0) == 1


def test_a_plan_can_be_read_after_the_block_and_after_later_edits(observatory, stacked):
    _, moment = stacked
    plans = [toy.Stack.plan(field="F", as_of=moment)]
    edit(toy.RawFrame.select_all()[0], "is_valid", 0, "cloud")
    for _ in range(2 * MOST_KEPT):  # more views than connections are kept for
        plans.append(toy.Stack.plan(field="F", as_of=now()))
    edit(toy.RawFrame.select_all()[0], "is_valid", 1, "a thin one")
    counts = [plan.counts() for plan in plans]
    assert counts[0] == {"up to date": 11} and len({str(count) for count in counts[1:]}) == 1
    assert not plans[1].is_up_to_date and len(current().kept) <= MOST_KEPT


def test_until_it_is_taken_back(observatory, stacked):
    before, moment = stacked
    observatory.frame(0, 300)
    context.as_of = moment
    try:
        assert context.as_of and context.as_of.time == moment and "as of 20" in repr(context)
        assert toy.Stack.plan(field="F").tops[0].state is State.UP_TO_DATE
        with pytest.raises(ForbiddenError, match="nothing can be made or changed"):
            edit(before, "is_valid", 0, "so")
        with pytest.raises(ForbiddenError, match="nothing can be made or changed"):
            observatory.frame(0, 7)
        plan = toy.Stack.plan(field="F")
        with pytest.raises(ForbiddenError, match="nothing is made as of"):
            Planner(observatory.instance).carry_out(plan)
    finally:
        context.as_of = None
    assert not context.as_of and toy.Stack.plan(field="F").tops[0].state is State.MAY_GROW


def test_what_was_not_there_is_told(observatory, stacked):
    _, moment = stacked
    observatory.frame(3, 5, field="G")
    observatory.flat(3, 5)
    observatory.flat(3, 7)
    toy.Stack.get(field="G")
    with pytest.raises(NotFoundError, match="no RawFrame has field 'G'"):
        toy.Stack.get(field="G", as_of=moment)
    early = moment - datetime.timedelta(days=1)
    with pytest.raises(NotFoundError, match="there is none that you can see"):
        toy.Stack.get(field="F", as_of=early)
    context.set_privileges(1)
    with pytest.raises(NotFoundError, match=r"1 of 1 objects were not there as of .*: Night cam F for .*get\(...\) in the present"):
        toy.Night.get(field="F", as_of=moment)
    with pytest.raises(QueryError, match="'yesterday' is no moment"):
        toy.Stack.get(field="F", as_of="yesterday")


def test_parameters_are_those_of_then(observatory, stacked):
    before, moment = stacked
    pars = Pars(toy.Flat, instrument="cam")
    pars.scale = 2.0
    pars.commit("brighter")
    assert not toy.Stack.plan(field="F").is_up_to_date
    assert toy.Stack.plan(field="F", as_of=moment).is_up_to_date
    with context.as_of(moment):
        assert Pars(toy.Flat, instrument="cam").scale == 1.0
    assert toy.Stack.get(field="F", as_of=moment).object_id == before.object_id


def test_what_is_remembered_of_the_present_is_not_told_of_the_past(observatory, stacked):
    _, moment = stacked
    assert toy.Stack.plan(field="F").is_up_to_date  # remembered
    early = toy.Stack.requests(field="F")
    with context.as_of(moment - datetime.timedelta(days=1)):
        assert not Planner(observatory.instance).plan(early).is_up_to_date
    assert toy.Stack.plan(field="F").is_up_to_date


def test_others_edit_meanwhile(observatory, stacked):
    """An edit that comes after the tables of the past were made does not show in it."""
    _, moment = stacked
    with context.as_of(moment):
        assert toy.Stack.plan(field="F").is_up_to_date
        view = current()
        base = view.base
        with using(base):
            edit(toy.RawFrame.select_all()[0], "is_valid", 0, "cloud")
            edit(toy.RawFlat.select_all()[0], "timestamp_end", toy.RawFlat.select_all()[0].anchor, "so")
        assert toy.Stack.plan(field="F").is_up_to_date
        assert len(toy.RawFrame.is_valid > 0) == 2
    assert not toy.Stack.plan(field="F").is_up_to_date
