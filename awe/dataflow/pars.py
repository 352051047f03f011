"""Pars: the process parameters of a target, shown and set."""
from __future__ import annotations

import datetime
from typing import Any

import sqlalchemy as sa

from awe.dataflow import instance as instances
from awe.dataflow.lifecycle import Makeable
from awe.dataflow.parameters import LEVELS, ParameterBook, coerce, in_force
from awe.errors import ConfigError
from awe.persist import tables
from awe.persist.canonical import canonical
from awe.persist.declare import natural_key, number_of, parameters
from awe.persist.mapping import class_named
from awe.persist.selector import class_name
from awe.persist.types import FOREVER, to_microseconds


class Pars:
    """The parameters of a target class, as they are wanted for an instrument, a chip, a filter::

        p = Pars(MasterBias, instrument="simcam")
        p                                   # shows values, units, and which level each comes from
        p.sigma_clip = 5
        MasterBias.get(chip="ccd50", pars=p.get())      # for this call alone
        p.commit(why="quieter")                         # for everybody who works on this instrument

    Assigning changes nothing but this object.  `commit` writes a new set; older ones stay, with who, when and why.
    The class may be named too: ``Pars("MasterBias")``.
    """

    def __init__(self, cls: type | str, *, instrument: str = "", chip: str = "", filter: str = "") -> None:
        if isinstance(cls, str):
            cls = class_named(cls)
        if not (isinstance(cls, type) and issubclass(cls, Makeable)):
            raise ConfigError(f"{getattr(cls, '__name__', repr(cls))} is no class of targets and has no parameters; try Pars(MasterBias)")
        if not parameters(cls):
            raise ConfigError(f"{cls.__name__} has no parameters")
        known = natural_key(cls)
        for name, value in zip(cls.scope_names, (instrument, chip, filter), strict=True):  # type: ignore[attr-defined]
            if value and name not in known:
                raise ConfigError(f"objects of {cls.__name__} are known by {', '.join(known)} and not by {name}, "
                                  f"so no parameters can be set for one {name}")
        self.__dict__["cls"] = cls
        self.__dict__["scope"] = (instrument, chip, filter)
        self.__dict__["set"] = {}

    @property
    def stored(self) -> dict[str, tuple[Any, str]]:
        """Each parameter with its value as it is wanted now, and the level that says so."""
        database = instances.current().database
        now = to_microseconds(datetime.datetime.now(datetime.UTC))
        found: dict[str, tuple[Any, str]] = {name: (one.default, "default") for name, one in parameters(self.cls).items()}
        names = {number: level for level, number in LEVELS.items()}
        with database.reading() as connection:
            sets = ParameterBook(connection, database.identity.project_id).sets_of(self.cls)
            for row, stored in in_force(sets, self.scope, now):
                found.update({name: (coerce(self.cls, name, value), names[row.level]) for name, value in stored.items() if name in found})
        return found

    def get(self) -> dict[str, dict[str, Any]]:
        """What was set here, as the `pars` of a call."""
        return {self.cls.__name__: dict(self.set)} if self.set else {}

    def commit(self, why: str, *, project: bool = False) -> None:
        """Write what was set here for all who work on this instrument, chip or filter, or with `project` on the current project."""
        if not self.set:
            raise ConfigError("nothing was set; assign a parameter first, as in p.sigma_clip = 5")
        if not why.strip():
            raise ConfigError("say why: others will work with these parameters")
        instrument, chip, filter_ = self.scope
        level = "project" if project else "filter" if filter_ else "chip" if chip else "instrument"
        if not project and not instrument:
            raise ConfigError("say for which instrument, as in Pars(MasterBias, instrument='simcam'), or commit with project=True")
        database = instances.current().database
        row = {"class_id": number_of(class_name(self.cls)), "level": LEVELS[level],
               "instrument": instrument, "chip": chip, "filter": filter_,
               "project_id": database.identity.project_id if project else 0, "t_start": FOREVER[0], "t_end": FOREVER[1],
               "values": canonical(self.set), "who": database.identity.user_id, "when": datetime.datetime.now(datetime.UTC), "why": why}
        database.write(lambda connection: connection.execute(sa.insert(tables.parameter_set).values(**row)))
        self.set.clear()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in self.set:
            return self.set[name]
        coerce(self.cls, name, parameters(self.cls)[name].default if name in parameters(self.cls) else None)
        return self.stored[name][0]

    def __setattr__(self, name: str, value: Any) -> None:
        self.set[name] = coerce(self.cls, name, value)

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *parameters(self.cls)]

    def __repr__(self) -> str:
        named = ", ".join(word for word in self.scope if word)
        lines = [f"{self.cls.__name__}{f' for {named}' if named else ''}"]
        for name, (value, level) in self.stored.items():
            declared = parameters(self.cls)[name]
            shown, source = (self.set[name], "set here") if name in self.set else (value, level)
            lines.append(f"  {name:24} {shown!r:>12} {declared.unit:10} {source:10} {declared.doc}")
        return "\n".join(lines)
