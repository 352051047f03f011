"""Calibration time stamps: which calibration is used when, and why."""
from __future__ import annotations

import datetime
from typing import Any

from awe.dataflow.registry import target_classes
from awe.errors import NotFoundError, did_you_mean
from awe.persist.declare import natural_key
from awe.services.asked import Asked
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.period import KINDS, Period, period_of
from awe.services.shown import Column, Shown, Table
from awe.services.timeline import Timeline, address, swatch
from awe.services.validity import ECLIPSED, FLAGGED, INVALID, OTHER, PARTLY, STATES, USED, Bar, Lane, is_timed, lanes
from awe.targets import Chip, Filter, Instrument

COLUMNS = (Column("object_id", "", "identity"), Column("chip", "", "the detector"), Column("filter", "", "the filter"),
           Column("timestamp_start", "", "valid from, included", datetime.datetime),
           Column("timestamp_end", "", "valid until, excluded", datetime.datetime),
           Column("creation_date", "", "when it was made", datetime.datetime), Column("state", "", "whether the rule uses it"),
           Column("why", "", "why it is in that state"), Column("is_valid", "", "0 bad, 1 OK, 2 qualified", int),
           Column("quality_flags", "", "named bits", int), Column("creator", "", "who made it"))
LEGEND = ((USED, "used"), (PARTLY, "used in part"), (ECLIPSED, "eclipsed by later ones"), (FLAGGED, "quality_flags set"),
          (INVALID, "is_valid 0"), (OTHER, "other parameters than wanted"))


def kinds() -> list[Any]:
    """All kinds of calibration, by plan number."""
    found: list[Any] = [cls for cls in target_classes() if is_timed(cls)]
    return sorted(found, key=lambda cls: (cls.plan_number or "999", cls.__name__))


def kind_named(name: str) -> Any:
    """The kind of that name; raises NotFoundError."""
    known = {cls.__name__: cls for cls in kinds()}
    if name not in known:
        raise NotFoundError(f"{name!r} is no kind of calibration{did_you_mean(name, known)}")
    return known[name]


def view(asked: Asked) -> Shown:
    """Everything of one kind that is valid in a period."""
    cls = kind_named(asked["kind"])
    choices = Choices(asked, cls)
    period = period_of(asked["period"], asked["when"] or latest(cls, choices.keys))
    found = lanes(cls, period, choices.keys, only_good=asked["only_good"])
    here = asked.url(when=f"{period.start:%Y-%m-%d}", instrument=choices.instrument)
    rows = [row(lane, bar) for lane in found for bar in reversed(lane.bars)]
    data = {"kind": cls.__name__, "plan_number": cls.plan_number, "instrument": choices.instrument, "chip": asked["chip"],
            "filter": asked["filter"], "start": period.start, "end": period.end,
            "lanes": [{"keys": lane.keys, "used": [{"from": start, "until": until, "object_id": bar.object_id if bar else None}
                                                   for start, until, bar in lane.top]} for lane in found],
            "objects": [dict(zip([column.name for column in COLUMNS], each, strict=True)) for each in rows]}
    more = {"asked_url": asked.url, "here": here, "period": period, "choices": choices, "kinds": kinds(), "periods": KINDS,
            "before": asked.url(when=f"{period.before.start:%Y-%m-%d}"), "after": asked.url(when=f"{period.after.start:%Y-%m-%d}"),
            "day": f"{max(period.start, min(asked['when'] or period.start, period.end)):%Y-%m-%d}", "cls": cls,
            "figures": [] if asked["table"] else figures(asked, cls, period, found, here), "counts": counted(found),
            "legend": [(state, words, swatch(state)) for state, words in LEGEND], "rows": rows, "columns": COLUMNS}
    name = f"{cls.__name__} {choices.instrument} {asked['chip']} {period.label}"
    return Shown("calts.html", f"Calibrations: {cls.__name__}", data, awe=prompt(cls, choices.keys, period), more=more,
                 table=Table(name, COLUMNS, rows, f"{cls.__name__} valid in {period.label}"))


class Choices:
    """What can be chosen, and what is: instrument, chip, filter."""

    def __init__(self, asked: Asked, cls: Any) -> None:
        names = natural_key(cls)
        self.instruments = sorted({name for name, in (Instrument.is_valid > 0).values("name")})
        self.instrument = asked["instrument"] or (self.instruments[0] if self.instruments else "")
        self.chips = sorted({name for name, in (Chip.instrument.name == self.instrument).values("name")}) if "chip" in names else []
        self.filters = sorted({name for name, in (Filter.instrument.name == self.instrument).values("name")}) if "filter" in names else []
        given = {"instrument": self.instrument, "chip": asked["chip"], "filter": asked["filter"]}
        self.keys = {name: value for name, value in given.items() if name in names and value}


def latest(cls: Any, keys: dict[str, str]) -> datetime.datetime:
    """When the latest observation of a kind was made; today where there is none."""
    query = cls.select_all()
    for name, value in keys.items():
        query = query & (getattr(cls, name).name == value)
    found = query.order_by("-anchor").values("anchor", limit=1)
    return found[0][0] if found and found[0][0] is not None else datetime.datetime.now(datetime.UTC)


def figures(asked: Asked, cls: Any, period: Period, found: list[Lane], here: str) -> list[tuple[str, Any]]:
    """A figure for each lane of one chip, or one line each of many."""
    back = address("", next=here)
    drawn = Timeline(cls.__name__, period, lambda object_id: f"/calts/edit/{object_id}{back}")
    if len(found) > 4:
        def closer(lane: Lane) -> str:
            return asked.url(**{name: str(lane.keys[name]) for name in ("chip", "filter") if name in lane.keys})
        return [("", drawn.overview(found, closer))]
    return [(lane.name, drawn.lane(lane)) for lane in found]


def row(lane: Lane, bar: Bar) -> tuple[Any, ...]:
    """One object as a row of the table."""
    return (bar.object_id, str(lane.keys.get("chip", "")), str(lane.keys.get("filter", "")), bar.timestamp_start, bar.timestamp_end,
            bar.creation_date, bar.state, bar.why, bar.is_valid, bar.quality_flags, bar.creator)


def counted(found: list[Lane]) -> dict[str, int]:
    """How many objects are in each state."""
    states = [bar.state for lane in found for bar in lane.bars]
    return {state: states.count(state) for state in STATES}


def prompt(cls: Any, keys: dict[str, str], period: Period) -> str:
    """The line that finds the same objects."""
    name = cls.__name__
    parts = [f"({name}.{key}.name == {value!r})" for key, value in keys.items()]
    parts += [f"({name}.timestamp_start < '{period.end:%Y-%m-%d}')", f"({name}.timestamp_end > '{period.start:%Y-%m-%d}')"]
    return " & ".join(parts)


PAGES = [Page("calts", "/calts", view, "which calibration is used when, and why", (
    Parameter("kind", str, "the kind of calibration", "MasterBias", longest=80),
    Parameter("instrument", str, "the camera", "", longest=80),
    Parameter("chip", str, "the detector; none for all", "", longest=80),
    Parameter("filter", str, "the filter; none for all", "", longest=80),
    Parameter("period", str, "how much time is shown", "year", choices=KINDS),
    Parameter("when", datetime.datetime, "a day in it; by default that of the latest observation"),
    Parameter("only_good", bool, "leave out what is flagged or invalid", False),
    Parameter("table", bool, "as a table in place of the figure", False)), formats=("csv", "json", "votable", "fits", "parquet"),
    menu="Calibrations", rank=10)]
