"""What a plan says of edits that are assumed is what it says when they are made."""
from __future__ import annotations

import pytest

from awe.dataflow.effects import effects
from awe.dataflow.planner import Options, Planner
from awe.errors import AweError, QueryError
from awe.persist.assume import with_assumed
from awe.persist.edit import edit
from awe.persist.view import seen_through, shadow_now
from tests.dataflow import toy
from tests.dataflow.comparing import agree, answers, eyes
from tests.dataflow.conftest import when
from tests.dataflow.history import History, history
from tests.dataflow.oracle import Oracle
from tests.dataflow.world import World
from tests.soak import seeds

FIELDS = ("is_valid", "is_valid", "quality_flags", "timestamp_start", "timestamp_end", "timestamp_end")


class Supposing(History):
    """A random history; now and then some edits are assumed, and then made."""

    def some_edits(self) -> list:
        found = []
        for _ in range(self.choose.choice((1, 1, 2, 4))):
            obj, field = self.some_object(), self.choose.choice(FIELDS)
            value = (when(self.choose.choice((-3, 0, 1, 2, 5)), self.choose.choice((-3, 0.5, 6))) if field.startswith("timestamp")
                     else self.choose.choice((0, 1, 2) if field == "is_valid" else (0, 1)))
            if obj is None or any(obj is other and field[:4] == name[:4] for other, name, _ in found):
                continue
            try:
                with_assumed(shadow_now(), [(obj, field, value)])
            except QueryError:
                with pytest.raises(QueryError):
                    edit(obj, field, value, "refused too")
                continue
            found.append((obj, field, value))
        return found

    def suppose(self) -> None:
        asked = [self.request() for _ in range(3)]
        options, edits = self.options(), self.some_edits()
        before = World.read(self.instance.database)
        plans = []
        for one in asked:
            with seen_through(with_assumed(shadow_now(), edits)):
                plans.append(Planner(self.instance, Options(**options)).plan(one))
        told = effects(edits)
        assert list(World.read(self.instance.database).objects) == list(before.objects)
        for obj, field, value in edits:
            edit(obj, field, value, "as was assumed")
            self.log.append(f"{field} of {obj!r} = {value}")
        for one, plan in zip(asked, plans, strict=True):
            self.log.append(f"{one and one[0].cls.__name__} {options}")
            agree(plan, answers(self.instance, one, **options))
        self.check_effects(before, told)

    def check_effects(self, before: World, told: list) -> None:
        """Every product that was up to date before, and is not any more, was told; and no other."""
        who = self.instance.database.identity.project_id
        then, now = Oracle(before, eyes(self.instance), who), Oracle(World.read(self.instance.database), eyes(self.instance), who)
        expected = set()
        for obj in before.objects.values():
            if issubclass(obj.cls, toy.Target):
                was, becomes = (oracle.answer(obj.cls, obj.keys, obj.anchor) for oracle in (then, now))
                then.judge(was)
                now.judge(becomes)
                good = [node.obj and node.state in ("up to date", "may grow") for node in (was, becomes)]
                if good[0] and not (good[1] and was.obj.oid == becomes.obj.oid):
                    expected.add((obj.cls, tuple(obj.keys.items()), obj.anchor))
        assert {(one.request.cls, tuple(one.request.keys.items()), one.request.at) for one in told} == expected


@pytest.mark.parametrize(("kind", "seed"), seeds(sqlite=2, postgresql=1, first=6), indirect=["kind"])
def test_assumed_is_as_made(observatory, seed):
    with history(Supposing, observatory, seed) as ours:
        for _ in range(12):
            ours.choose.choices((ours.new_raw, ours.new_version), (3, 1))[0]()
            ours.get()
            ours.suppose()


@pytest.fixture
def stacked(observatory):
    for number in (10, 12):
        observatory.flat(0, number)
    for number in (100, 120):
        observatory.frame(0, number)
    return toy.Stack.get(field="F")


def test_a_plan_of_what_would_be(observatory, stacked):
    flat = toy.Flat.select_all()[0]
    plan = toy.Stack.plan(field="F", assume=[(flat, "is_valid", 0)])
    assert plan.counts()["held"] == 3
    assert [one.before.cls.__name__ for one in effects([(flat, "is_valid", 0)])].count("Reduced") == 2
    assert {one.request.cls for one in effects([(flat, "timestamp_end", "2026-03-01")])} >= {toy.Reduced}
    raw = toy.RawFrame.select_all()[0]
    assert str(effects([(raw, "is_valid", 0)], toy.Stack.requests(field="F"))[0]).startswith("Stack cam F: out of date")
    assert flat.is_valid == 1 and toy.Stack.plan(field="F").is_up_to_date and effects([(flat, "is_valid", 2)]) == []
    assert "removed" in str(toy.Stack.plan(field="F", assume=[(raw, "quality_flags", 1)]))


def test_what_cannot_be_assumed_is_refused(observatory, stacked):
    flat = toy.Flat.select_all()[0]
    for edits, why in (([(flat, "privileges", 1)], "'privileges' cannot be assumed"), ([(flat, "is_valid", 7)], "not 7"),
                       ([(flat, "timestamp_end", "1990-01-01")], "and never"), ([("x", "is_valid", 0)], "no committed object"),
                       ([(flat, "timestamp_end", "soon")], "'soon' is no moment")):
        with pytest.raises(AweError, match=why):
            toy.Stack.plan(field="F", assume=edits)
