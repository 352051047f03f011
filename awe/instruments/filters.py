"""Filters: physical pieces of glass with a name, a band, and the spellings headers use for them."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from typing import Any

from awe.errors import HeaderError
from awe.instruments.table import Table

WORDS = ("name", "band", "system", "serial", "wavelength", "aliases", "fringes", "valid_from", "valid_to")
SYSTEMS = ("AB", "Vega")


@dataclass(frozen=True)
class FilterDefinition:
    """One filter; `central_wavelength` in nm; valid from `valid_from` up to but without `valid_to`."""

    name: str
    band: str
    system: str = "AB"
    serial: str | None = None
    central_wavelength: float | None = None
    aliases: tuple[str, ...] = ()
    has_fringes: bool = False
    fringes_are_corrected: bool = False
    valid_from: date | None = None
    valid_to: date | None = None

    def answers_to(self, spelling: str) -> bool:
        """Say whether a header spelling means this filter; case and outer blanks do not matter, ``*`` is a wildcard."""
        text = spelling.strip().casefold()
        return any(fnmatchcase(text, name.strip().casefold()) for name in (self.name, *self.aliases))

    def in_use(self, when: datetime | None) -> bool:
        """Say whether the filter was mounted at an instant; always, where no instant is given."""
        if when is None:
            return True
        day = when.date()
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day < self.valid_to)


def find_filter(filters: tuple[FilterDefinition, ...], spelling: str, when: datetime | None = None) -> FilterDefinition:
    """Return the filter that a header spelling means at a time.

    Raises
    ------
    HeaderError
        Where no filter, or more than one, answers to it.
    """
    named = [f for f in filters if f.name == spelling.strip() and f.in_use(when)]
    found = named or [f for f in filters if f.answers_to(spelling) and f.in_use(when)]
    if len(found) == 1:
        return found[0]
    if found:
        raise HeaderError(f"filter {spelling!r} may be {' or '.join(f.name for f in found)}; make the aliases or the "
                          "validity of the filters distinct")
    names = ", ".join(f.name for f in filters) or "none"
    raise HeaderError(f"filter {spelling!r} is not known; the instrument file has {names}; add it, or an alias, there")


def read_filters(tables: list[Table]) -> tuple[FilterDefinition, ...]:
    """Return the filters of an instrument file."""
    return tuple(_read_filter(table) for table in tables)


def _read_filter(table: Table) -> FilterDefinition:
    name = table.required_text("name")
    fringes = _fringes(table)
    found = FilterDefinition(
        name=name, band=str(table.text("band", name)), system=table.choice("system", SYSTEMS, "AB"),
        serial=table.text("serial"), central_wavelength=table.number("wavelength", low=10.0, high=1.0e6),
        aliases=table.texts("aliases"), has_fringes=fringes is not False, fringes_are_corrected=fringes == "correct",
        valid_from=_day(table, "valid_from"), valid_to=_day(table, "valid_to"))
    if found.valid_from and found.valid_to and found.valid_from >= found.valid_to:
        raise table.error(f"valid_from {found.valid_from} is not before valid_to {found.valid_to}")
    table.finish(WORDS)
    return found


def _fringes(table: Table) -> bool | str:
    value: Any = table.take("fringes", False)
    if value not in (True, False, "correct") or (isinstance(value, int | float) and not isinstance(value, bool)):
        raise table.error(f"fringes = {value!r} should be true (frames have fringes), \"correct\" (they are taken away) or false")
    found: bool | str = value
    return found


def _day(table: Table, word: str) -> date | None:
    value: Any = table.take(word)
    if isinstance(value, datetime):
        return value.date()
    if value is not None and not isinstance(value, date):
        raise table.error(f"{word} should be a date such as 2019-05-03 (without quotes), not {value!r}")
    return value
