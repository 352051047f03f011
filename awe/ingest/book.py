"""What frames are linked to when they come in: instruments, chips and filters, each looked up once."""
from __future__ import annotations

from typing import Any

from awe.dataflow.instance import Instance
from awe.errors import InstrumentError
from awe.targets.instrument import Instrument


def latest(query: Any) -> Any:
    """The object of a query that was committed last; None where there is none."""
    return next(iter(query.order_by("-creation_date")[:1]), None)


def newest_instruments() -> list[Instrument]:
    """The newest valid version of each instrument."""
    newest: dict[str, Instrument] = {}
    for one in (Instrument.is_valid > 0).order_by("creation_date"):
        newest[one.name] = one
    return list(newest.values())


class Book:
    """Looks up what frames are linked to, each once."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.instruments = {one.name: one for one in newest_instruments()}
        self._linked: dict[tuple[type, str, str], Any] = {}

    def linked(self, cls: type, instrument: str, name: str) -> Any:
        """The newest valid chip or filter of an instrument."""
        key = (cls, instrument, name)
        if key not in self._linked:
            query = (cls.instrument.name == instrument) & (cls.name == name) & (cls.is_valid > 0)  # type: ignore[attr-defined]
            found = latest(query)
            if found is None:
                raise InstrumentError(f"{instrument} has no {cls.__name__.lower()} {name!r}; "
                                      "`awe instrument add` the file that names it")
            self._linked[key] = found
        return self._linked[key]
