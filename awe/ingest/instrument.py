"""A camera comes in: its instrument file becomes an Instrument, its Chips and its Filters."""
from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from awe.dataflow import instance as instances
from awe.dataflow.parameters import LEVELS, coerce
from awe.dataflow.registry import target_classes
from awe.errors import InstrumentError, did_you_mean
from awe.instruments import ChipDefinition, Definition, load, shipped
from awe.persist import tables
from awe.persist.canonical import canonical
from awe.persist.dbobject import DBObject
from awe.persist.declare import number_of
from awe.persist.insert import insert
from awe.persist.selector import class_name
from awe.persist.types import FOREVER, from_microseconds
from awe.persist.value import value_of
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.instrument import Instrument


@dataclass
class Added:
    """What an instrument file brought: the objects that are new, and those that were there."""

    instrument: Instrument
    new: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for programs."""
        return {"instrument": self.instrument.name, "new": self.new, "known": self.known}

    def __str__(self) -> str:
        return f"{self.instrument.name}: {len(self.new)} new ({', '.join(self.new) or 'none'}), {len(self.known)} as they were"


def add_instrument(source: Path | str) -> Added:
    """Read an instrument file, or take one that comes with `awe` by its name, and commit what is new or changed.

    Raises InstrumentError where the file is wrong; then nothing has been written.
    """
    definition = load(source if "\n" in str(source) or Path(source).exists() else shipped_path(str(source)))
    check_parameters(definition)
    instrument = Instrument(
        name=definition.name, telescope=definition.telescope or "", version=definition.version, utc_offset=definition.utc_offset,
        pixel_scale=definition.pixel_scale or float("nan"), sky_method="dither" if definition.infrared else None,
        crosstalk_method="measured" if definition.crosstalk == "correct" else None,
        illumination_method="stars" if definition.illumination == "correct" else None,
        ghost_method="model" if definition.ghosts else None,
        night_sky_method="sky" if definition.night_sky_flat == "correct" else None, text=definition.text)
    added = Added(instrument)
    new: list[DBObject] = []
    added.instrument = taken(instrument, added, new)
    for name in definition.chip_names():
        taken(chip_of(definition, name, added.instrument), added, new)
    for one in definition.filters:
        taken(Filter(instrument=added.instrument, name=one.name, band=one.band, system=one.system, serial=one.serial or "",
                     central_wavelength=one.central_wavelength, has_fringes=one.has_fringes,
                     fringes_method="pattern" if one.fringes_are_corrected else None), added, new)
    with instances.current().database.transaction():
        insert([obj.record() for obj in new])
        store_parameters(definition)
    return added


def shipped_path(name: str) -> Path:
    """The instrument file of that name that comes with `awe`."""
    if name not in shipped():
        raise InstrumentError(f"there is no file {name!r}, and no instrument of that name comes with awe{did_you_mean(name, shipped())}")
    return shipped()[name]


def chip_of(definition: Definition, name: str, instrument: Instrument) -> Chip:
    """A chip as its definition describes it."""
    layouts = [chip for chip in definition.chips if chip.name == name]
    first = layouts[0]
    ny, nx = first.shape or (0, 0)
    return Chip(instrument=instrument, name=name, nx=nx, ny=ny, gain=mean_of(first, "gain"), read_noise=mean_of(first, "read_noise"),
                layout=canonical([plain(chip) for chip in layouts]))


def plain(chip: ChipDefinition) -> dict[str, Any]:
    """A chip definition as plain data."""
    found: dict[str, Any] = json.loads(json.dumps(chip, default=lambda each: vars(each) if hasattr(each, "__dict__") else slots_of(each)))
    return found


def slots_of(each: Any) -> dict[str, Any]:
    """The fields of a dataclass with slots."""
    return {name: getattr(each, name) for name in each.__dataclass_fields__}


def mean_of(chip: ChipDefinition, name: str) -> float | None:
    """The mean of a stated number over the amplifiers; None where it is not stated."""
    numbers = [value for one in chip.amplifiers if isinstance(value := getattr(one, name), int | float)]
    return float(np.mean(numbers)) if numbers else None


def taken(obj: Any, added: Added, new: list[DBObject]) -> Any:
    """The object in use where it says the same, else `obj`, which is then to be committed with all that is new."""
    there = in_use(obj)
    label = f"{type(obj).__name__} {obj.name}"
    if there is not None and bytes(there.value) == value_of(obj):
        added.known.append(label)
        return there
    obj.anchor = from_microseconds(FOREVER[0])
    new.append(obj)
    added.new.append(label)
    return obj


def in_use(obj: Any) -> DBObject | None:
    """The newest valid object of the same name."""
    cls = type(obj)
    query = (cls.name == obj.name) & (cls.is_valid > 0)
    if cls is not Instrument:
        query = query & (cls.instrument.name == obj.instrument.name)
    found: list[DBObject] = query.order_by("-creation_date")[:1]
    return found[0] if found else None


def check_parameters(definition: Definition) -> None:
    """Refuse parameters of targets that do not exist, before anything is written."""
    known = {cls.__name__: cls for cls in target_classes()}
    for name, values in definition.parameters.items():
        if name not in known:
            raise InstrumentError(f"{definition.name}: [parameters.{name}] is no target{did_you_mean(name, known)}")
        for parameter, value in values.items():
            coerce(known[name], parameter, value)


def store_parameters(definition: Definition) -> None:
    """Keep the parameters that the file states as a set of the instrument, where they differ from the set in use."""
    known = {cls.__name__: cls for cls in target_classes()}
    for name, values in definition.parameters.items():
        set_parameters(known[name], definition.name, dict(values), "instrument file")


def set_parameters(cls: type, instrument: str, values: dict[str, Any], why: str) -> None:
    """Write a parameter set of an instrument; one that says the same is not written again."""
    database, table = instances.current().database, tables.parameter_set
    mine = (table.c.class_id == number_of(class_name(cls))) & (table.c.level == LEVELS["instrument"]) & (table.c.instrument == instrument)

    def write(connection: sa.Connection) -> None:
        rows = connection.execute(sa.select(table.c["values"]).where(mine).order_by(table.c.id)).scalars().all()
        now: dict[str, Any] = {}
        for text in rows:
            now.update(json.loads(text))
        if all(name in now and now[name] == value for name, value in values.items()):
            return
        connection.execute(sa.insert(table).values(
            class_id=number_of(class_name(cls)), level=LEVELS["instrument"], instrument=instrument, t_start=FOREVER[0], t_end=FOREVER[1],
            values=canonical(values), who=database.identity.user_id, when=datetime.datetime.now(datetime.UTC), why=why))
    database.write(write)
