"""Random things that happen to an observatory, one after another, told where one of them is followed by an error."""
from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any, TypeVar

from awe.dataflow.planner import Options, Planner
from awe.dataflow.request import Request
from awe.errors import AweError
from awe.persist import context as contexts
from awe.persist.edit import edit
from tests.dataflow import toy
from tests.dataflow.comparing import compare
from tests.dataflow.conftest import Observatory, when

NUMBERS = (2, 2, 4, 6)
TARGETS = (toy.Dark, toy.Flat, toy.Twilight, toy.Master, toy.BadMap, toy.Level, toy.Sky, toy.Reduced, toy.Fine, toy.Stack, toy.Night,
           toy.Mosaic)


class History:
    """Random things that happen to an observatory."""

    def __init__(self, observatory: Observatory, choose: random.Random) -> None:
        self.observatory, self.choose, self.instance = observatory, choose, observatory.instance
        self.log: list[str] = []
        self.versions = {cls: cls.version for cls in TARGETS}
        self.asked: list[list[Request]] = []

    def begin(self) -> None:
        """Two chips, two filters, flats and frames of some nights."""
        for name in ("c1", "c2"):
            self.observatory.chip(name)
        for name in ("r", "g"):
            self.observatory.band(name)
        for night in (0, 0, 0, 1, 1, 4):
            self.observatory.raw(toy.RawFlat, night, 2)
        for night in (0, 1, 4):
            self.observatory.frame(night, 4)

    def steps(self) -> None:
        """Some things that happen before anything is asked."""
        for _ in range(self.choose.choice((1, 1, 2, 4))):
            self.step()

    def restore(self) -> None:
        """Give the classes the versions they had."""
        for cls, version in self.versions.items():
            cls.version = version

    # ------------------------------------------------------------------ what happens

    def new_raw(self) -> None:
        cls = self.choose.choice((toy.RawDark, toy.RawFlat, toy.RawFlat, toy.RawFlat, toy.RawSky, toy.RawFrame, toy.RawFrame))
        more = {"field": self.choose.choice("FG")} if cls is toy.RawFrame else {}
        self.raw(cls, **more)

    def raw(self, cls, exposure=None, **more) -> None:
        number = self.choose.choice(NUMBERS)
        if cls is toy.RawFlat and self.choose.random() < 0.05:
            number = self.choose.choice((-5, 300))
        place = {"chip": self.choose.choice(("c1", "c1", "c2")), "band": self.choose.choice(("r", "r", "g"))}
        night = self.choose.choice((0, 0, 0, 1, 3, 4, 12))
        hour = self.choose.choice((-2, 0, 1, 4)) + self.observatory.count * 0.01
        self.observatory.raw(cls, night, number, exposure, hour=hour, **place, **more)
        self.log.append(f"{cls.__name__} night {night} {number} {place} {more}")

    def new_version(self) -> None:
        raws = [raw for cls in (toy.RawDark, toy.RawFlat, toy.RawSky, toy.RawFrame) for raw in cls.select_all()]
        if raws:
            old = self.choose.choice(raws)
            new = type(old)(instrument=old.instrument, chip=old.chip, exposure=old.exposure,
                            number=self.choose.choice((old.number, old.number, 2.0, 4.0)))
            if not isinstance(old, toy.RawDark):
                new.filter = old.filter if self.choose.random() < 0.7 else self.observatory.band(self.choose.choice("rg"))
            if isinstance(old, toy.RawFrame):
                new.field = old.field if self.choose.random() < 0.7 else self.choose.choice("FG")
            new.anchor = old.anchor if self.choose.random() < 0.7 else when(self.choose.choice((0, 1, 3)), 0.5)
            new.commit()
            self.log.append(f"new version of {old!r}: {new.number} {new.anchor}")

    def some_object(self):
        cls = self.choose.choice((*TARGETS, toy.RawFlat, toy.RawFrame, toy.RawDark))
        found = list(cls.select_all())
        return self.choose.choice(found) if found else None

    def judge(self) -> None:
        obj = self.some_object()
        if obj is not None:
            self.edit(obj, "is_valid", self.choose.choice((0, 0, 1, 2)))

    def flag(self) -> None:
        obj = self.some_object()
        if obj is not None:
            self.edit(obj, "quality_flags", self.choose.choice((0, 1)))

    def move(self) -> None:
        obj = self.some_object()
        if obj is not None:
            name = self.choose.choice(("timestamp_start", "timestamp_end"))
            self.edit(obj, name, when(self.choose.choice((-3, 0, 1, 2, 5)), self.choose.choice((-3, 0.5, 6))))

    def hide(self) -> None:
        obj = self.some_object()
        if obj is not None:
            self.edit(obj, "privileges", self.choose.choice((1, 2, 3)))

    def edit(self, obj, name, value) -> None:
        try:
            edit(obj, name, value, "because")
            self.log.append(f"{name} of {obj!r} = {value}")
        except AweError as error:
            self.log.append(f"{name} of {obj!r} refused: {error}")

    def bump(self) -> None:
        cls = self.choose.choice(TARGETS)
        cls.version += 1
        self.log.append(f"version of {cls.__name__} = {cls.version}")

    def camera(self) -> None:
        toy.Camera(name="cam", gain=self.choose.choice((1.0, 1.0, 2.0))).commit()
        self.log.append("new camera")

    def somebody_else(self) -> None:
        who = self.choose.choice(("ann", "ann", "bob"))
        contexts.context.set_user(who)
        contexts.context.set_privileges(self.choose.choice((1, 2, 3, 3, 3)))
        self.log.append(f"as {who} with privileges {contexts.context.privileges}")

    # ------------------------------------------------------------------ what is asked

    def request(self) -> list[Request]:
        """A new question, or one that was asked before: what is remembered has to be what the full rule says."""
        if self.asked and self.choose.random() < 0.4:
            return self.choose.choice(self.asked)
        found = self.new_request()
        self.asked += [found] if found else []
        return found

    def new_request(self) -> list[Request]:
        cls = self.choose.choice(TARGETS)
        at = when(self.choose.choice((0, 0, 1, 2, 3, 4, 9, 13)), self.choose.choice((-1, 0.3, 5))) if self.choose.random() < 0.6 else None
        try:
            return cls.requests(instrument="cam", time=at)
        except AweError:
            return []

    def options(self) -> dict[str, Any]:
        """How it is asked."""
        found: dict[str, Any] = {}
        if self.choose.random() < 0.15:
            found["pars"] = self.choose.choice(({"Flat": {"scale": 2}}, {"Master": {"offset": 1}}, {"Flat": {"scale": 1.0}}))
        for name, chance in (("grow", 0.1), ("retry", 0.1), ("fresh", 0.1)):
            if self.choose.random() < chance:
                found[name] = True
        return found

    def step(self) -> None:
        happens = self.choose.choices(
            (self.new_raw, self.new_version, self.judge, self.flag, self.move, self.hide, self.bump, self.camera, self.somebody_else),
            (8, 3, 3, 1, 3, 1, 1, 1, 1))[0]
        happens()

    def look(self) -> None:
        asked = self.request()
        if not asked:
            return
        options = self.options()
        self.log.append(f"{asked[0].cls.__name__} {[one.keys for one in asked]} at {asked[0].at} {options}")
        compare(self.instance, asked, **options)

    def get(self) -> None:
        asked = self.request()
        if not asked:
            return
        options = self.options()
        self.log.append(f"get {asked[0].cls.__name__} {[one.keys for one in asked]} at {asked[0].at} {options}")
        planner = Planner(self.instance, Options(**options))
        plan = compare(self.instance, asked, **options)
        report = planner.carry_out(plan)
        self.log.append(str(report))
        again = compare(self.instance, asked, **options)
        if not report.failed and not report.held:
            assert not again.todo, "left to do: " + "; ".join(
                f"{node!r} #{node.winner and node.winner.oid} {[str(reason) for reason in node.reasons]}" for node in again.todo)


H = TypeVar("H", bound=History)


@contextlib.contextmanager
def history(cls: type[H], observatory: Observatory, seed: int) -> Iterator[H]:
    """A history that has begun; an error is told with everything that happened before it."""
    found = cls(observatory, random.Random(seed))
    try:
        found.begin()
        yield found
    except Exception as error:
        raise AssertionError("\n".join([f"seed {seed}", *found.log, f"{type(error).__name__}: {error}"])) from error
    finally:
        found.restore()
