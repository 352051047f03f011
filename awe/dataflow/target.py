"""ProcessTarget: what can be asked for, and makes itself.

`find` looks, `get` looks and makes, `plan` says what `get` would do, `is_up_to_date` never makes anything.  Asked `as_of` a
moment, all of them answer as the database stood then, and nothing is made.
"""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

from awe.dataflow import instance as instances
from awe.dataflow.finding import found, was_there
from awe.dataflow.lifecycle import Makeable
from awe.dataflow.moment import When
from awe.dataflow.plan import Plan
from awe.dataflow.planner import Options, Pars, Planner
from awe.dataflow.reproduce import Reproduction, reproduce
from awe.dataflow.request import Request, requests
from awe.dataflow.run import Progress
from awe.errors import AmbiguousError
from awe.persist.assume import Edit, with_assumed
from awe.persist.types import to_microseconds
from awe.persist.value import keys_of
from awe.persist.view import When as Instant
from awe.persist.view import seen_through, shadow_at


class ProcessTarget(Makeable):
    """A persistent object that can be asked for, and is found or made from what it depends on.

    A subclass declares its keys, dependencies, parameters and limits, and overrides `make`; `version` is raised when its
    results change::

        class MasterBias(ProcessTarget):
            instrument = depends_on(Instrument, "the camera", key=True)
            chip = depends_on(Chip, "the detector", key=True)
            raws = depends_on_many(RawBiasFrame, "zero-second exposures of one night", same=("instrument", "chip"), within="night")
            sigma_clip = parameter(3.0, "pixels further than this from the median are left out", unit="sigma")

            def make(self):
                self.image = ...
    """

    __abstract__ = True

    @classmethod
    def requests(cls, *, date: When | None = None, time: When | None = None, **keys: Any) -> list[Request]:
        """All targets that these keys can mean, for a night (`date`) or a moment (`time`); without either, the latest."""
        return requests(cls, keys, date if date is not None else time, instances.current().site)

    @classmethod
    def request(cls, *, date: When | None = None, time: When | None = None, **keys: Any) -> Request:
        """The one target that these keys mean."""
        found = cls.requests(date=date, time=time, **keys)
        if len(found) > 1:
            differ = [name for name in found[0].keys if len({one.keys[name] for one in found}) > 1]
            options = ", ".join(sorted({" ".join(str(one.keys[name]) for name in differ) for one in found})[:8])
            raise AmbiguousError(f"{len(found)} {cls.__name__} fit; say which {' and '.join(differ)}: {options}; "
                                 f"or ask for all with {cls.__name__}.get_all(...)")
        return found[0]

    @classmethod
    def get(cls, *, date: When | None = None, time: When | None = None, as_of: Instant | None = None, pars: Pars | None = None,
            retry: bool = False, grow: bool = False, fresh: bool = False, workers: int | None = None, progress: Progress | None = None,
            **keys: Any) -> Self:
        """The one object with these keys, up to date: found, or made from what it depends on.

        As of a moment, the one that was selected then: nothing is made in the past, and NotFoundError says so.
        """
        with seen_through(shadow_at(as_of)):
            asked = [cls.request(date=date, time=time, **keys)]
            made: Self = had(asked, Options(pars, retry, grow, fresh), workers, progress)[0]
            return made

    @classmethod
    def get_all(cls, *, date: When | None = None, time: When | None = None, as_of: Instant | None = None, pars: Pars | None = None,
                retry: bool = False, grow: bool = False, fresh: bool = False, workers: int | None = None,
                progress: Progress | None = None, **keys: Any) -> list[Self]:
        """All objects that these keys can mean, up to date, by one plan; as of a moment, those that were selected then."""
        with seen_through(shadow_at(as_of)):
            asked = cls.requests(date=date, time=time, **keys)
            return had(asked, Options(pars, retry, grow, fresh), workers, progress)

    @classmethod
    def plan(cls, *, date: When | None = None, time: When | None = None, as_of: Instant | None = None, pars: Pars | None = None,
             retry: bool = False, grow: bool = False, fresh: bool = False, depth: int | None = None, assume: Iterable[Edit] = (),
             **keys: Any) -> Plan:
        """What `get_all` with the same keys would do, and why; nothing is made.

        As of a moment, what it would have done then; with `assume`, what it would do if something were edited:
        ``assume=[(bias, "is_valid", 0), (flat, "timestamp_end", "2026-03-01")]``.
        """
        with seen_through(with_assumed(shadow_at(as_of), assume)):
            asked = cls.requests(date=date, time=time, **keys)
            return Planner(options=Options(pars, retry, grow, fresh, depth)).plan(asked)

    @classmethod
    def find(cls, *, date: When | None = None, time: When | None = None, as_of: Instant | None = None, pars: Pars | None = None,
             **keys: Any) -> Self | None:
        """The object that the selection rule picks, now or as of a moment, up to date or not; None where there is none. Makes nothing."""
        with seen_through(shadow_at(as_of)):
            picked: Self | None = found([cls.request(date=date, time=time, **keys)], pars)[0]
            return picked

    @classmethod
    def select(cls, **keys: Any) -> Self | None:
        """The most recent valid object for a night: `find` under the name that Astro-WISE gives it."""
        return cls.find(**keys)

    def why(self) -> Plan:
        """The plan of this very object: its state now, and the reasons."""
        return Planner().plan([Request(type(self), keys_of(self), to_microseconds(self.anchor))])

    def is_up_to_date(self) -> bool:
        """Whether the rule would pick this object now, from inputs of the same values; makes nothing."""
        plan = self.why()
        top = plan.tops[0]
        return plan.is_up_to_date and top.winner is not None and top.winner.oid == self.oid

    def reproduce(self) -> Reproduction:
        """Make it again from its recorded inputs and parameters, store nothing, and say whether it comes out identical."""
        return reproduce(self)


def had(asked: list[Request], options: Options, workers: int | None, progress: Progress | None) -> list[Any]:
    """The objects for requests: found or made in the present, only looked for anywhere else."""
    if instances.current().database.standpoint:
        return was_there(asked, options.pars)
    return Planner(options=options).get(asked, workers=number_of_workers(workers), progress=progress)


def number_of_workers(workers: int | None) -> int:
    """How many processes make targets: as said, else as the instance is set."""
    return instances.current().config.workers if workers is None else workers
