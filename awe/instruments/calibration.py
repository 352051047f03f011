"""How raw frames are grouped into calibrations, and for how long a calibration is valid."""
from __future__ import annotations

from dataclasses import dataclass

from awe.instruments.table import Table

GROUPED = ("bias", "dark", "domeflat", "twilightflat", "sky")
DERIVED = ("flat", "hotpixels", "coldpixels", "readnoise", "gain")
KINDS = GROUPED + DERIVED
GROUP_WORDS = ("within", "at_least", "at_most", "window")
WORDS = (*GROUP_WORDS, "validity")
FOREVER = "forever"


@dataclass(frozen=True)
class GroupDefinition:
    """Which raws make one calibration.

    `within` is ``night`` (same local night), ``run`` (the whole stretch of nights without a gap longer than the
    window) or a number of days; `before` and `after` say how many days from the wanted time raws are looked for.
    """

    within: str | float = "night"
    at_least: int = 3
    at_most: int | None = None
    before: float = 7.0
    after: float = 7.0


@dataclass(frozen=True)
class ValidityDefinition:
    """Days before and after its own time that a calibration is valid; ``None`` stands for ever."""

    before: float | None = 7.0
    after: float | None = 7.0

    @property
    def is_forever(self) -> bool:
        """Whether there is no end in either direction."""
        return self.before is None and self.after is None


def read_calibrations(table: Table) -> tuple[dict[str, GroupDefinition], dict[str, ValidityDefinition]]:
    """Return the groups and validities that the file states, by kind of calibration."""
    groups: dict[str, GroupDefinition] = {}
    validity: dict[str, ValidityDefinition] = {}
    for kind in [kind for kind in KINDS if kind in table]:
        inner = table.table(kind)
        if any(word in inner for word in GROUP_WORDS):
            if kind in DERIVED:
                raise inner.error(f"is made from other calibrations, not from raws, so it takes only validity, not "
                                  f"{' or '.join(word for word in GROUP_WORDS if word in inner)}")
            groups[kind] = _read_group(inner)
        if "validity" in inner:
            validity[kind] = _read_validity(inner)
        inner.finish(WORDS)
    table.finish(KINDS)
    return groups, validity


def _read_group(table: Table) -> GroupDefinition:
    within = table.take("within", "night")
    if within not in ("night", "run") and (isinstance(within, bool | str) or not isinstance(within, int | float)
                                           or within <= 0):
        raise table.error(f"within should be \"night\", \"run\" or a number of days, not {within!r}")
    at_least = table.integer("at_least", 3, low=1) or 3
    at_most = table.integer("at_most", low=1)
    if at_most is not None and at_most < at_least:
        raise table.error(f"at_most = {at_most} is less than at_least = {at_least}")
    before, after = _days(table, "window", 7.0)
    if before is None or after is None:
        raise table.error("window should be a number of days, not \"forever\"")
    return GroupDefinition(within if isinstance(within, str) else float(within), at_least, at_most, before, after)


def _read_validity(table: Table) -> ValidityDefinition:
    return ValidityDefinition(*_days(table, "validity", 7.0))


def _days(table: Table, word: str, default: float) -> tuple[float | None, float | None]:
    """Read one number for both directions, a pair, or ``forever``."""
    value = table.take(word, default)
    pair = value if isinstance(value, list) else [value, value]
    if len(pair) != 2:
        raise table.error(f"{word} should be days, [days before, days after] or \"forever\", not {value!r}")
    days: list[float | None] = []
    for item in pair:
        if item == FOREVER:
            days.append(None)
        elif isinstance(item, bool) or not isinstance(item, int | float) or not 0 <= item < 1e6:
            raise table.error(f"{word} should be days, [days before, days after] or \"forever\", not {value!r}")
        else:
            days.append(float(item))
    return days[0], days[1]
