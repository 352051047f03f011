"""The attributes of an exposure: what the rules of the instrument file find, brought to their types."""
from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from awe.errors import HeaderError
from awe.instruments.dates import parse_date, to_utc
from awe.instruments.definition import Definition
from awe.instruments.source import Source, Value, stem
from awe.instruments.transforms import as_degrees, as_number, plain

LONGEST_NAME = 120
NAME_ANOTHER = "the header has no such card, or a blank one; name another, or a default, under [header]"
CORRECT = "correct the card, or name another one under [header]"
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")


def find(definition: Definition, word: str, source: Source) -> Value | None:
    """Return what the rule for `word` finds; ``None`` where there is no rule or nothing is found."""
    rule = definition.header.get(word)
    return None if rule is None else rule.apply(source)


def required_number(definition: Definition, word: str, source: Source, low: float, high: float) -> float:
    """Return a number that must be there and within bounds.

    Raises
    ------
    HeaderError
        Naming attribute, keyword and value.
    """
    value = find(definition, word, source)
    label = definition.header[word].label() if word in definition.header else "no rule under [header]"
    if value is None:
        raise HeaderError(f"{word} is missing ({label}); {NAME_ANOTHER}")
    try:
        number = as_number(value)
    except HeaderError as error:
        raise HeaderError(f"{word} ({label}): {error}; {CORRECT}") from None
    if not low <= number <= high:
        raise HeaderError(f"{word} ({label}) = {number:g} should lie between {low:g} and {high:g}; {CORRECT}")
    return number


def optional(definition: Definition, word: str, source: Source, convert: Callable[[Value], Value],
             warnings: list[str]) -> Value | None:
    """Return an attribute that may be missing; what cannot be used becomes a warning."""
    try:
        value = find(definition, word, source)
        return None if value is None else convert(value)
    except HeaderError as error:
        text = f"{word} left out: {error}"
        if text not in warnings:
            warnings.append(text)
        return None


def right_ascension(value: Value) -> float:
    """Return a right ascension in degrees: numbers are degrees, sexagesimal text is hours."""
    degrees = _angle(value, "hours")
    if not 0 <= degrees <= 360:
        raise HeaderError(f"right ascension {value!r} should lie between 0 and 360 degrees")
    return degrees % 360.0


def declination(value: Value) -> float:
    """Return a declination in degrees."""
    degrees = _angle(value, "degrees")
    if not -90 <= degrees <= 90:
        raise HeaderError(f"declination {value!r} should lie between -90 and 90 degrees")
    return degrees


def airmass(value: Value) -> float:
    """Return an airmass that can be."""
    number = as_number(value)
    if not 0.99 <= number <= 40:
        raise HeaderError(f"airmass {value!r} should lie between 1 and 40")
    return number


def _angle(value: Value, unit: str) -> float:
    try:
        return as_number(value)
    except HeaderError:
        return as_degrees(value, unit)


def mid_exposure(definition: Definition, source: Source, exptime: float) -> tuple[datetime, datetime]:
    """Return start and middle of the exposure, UTC."""
    value = find(definition, "date_obs", source)
    label = definition.header["date_obs"].label()
    if value is None:
        raise HeaderError(f"date_obs is missing ({label}); {NAME_ANOTHER}")
    try:
        instant = value if isinstance(value, datetime) else parse_date(value)
    except HeaderError as error:
        raise HeaderError(f"date_obs ({label}): {error}; {CORRECT}") from None
    if not 1850 < instant.year < 2200:
        raise HeaderError(f"date_obs ({label}) = {value!r} is not a plausible date; {CORRECT}")
    start = to_utc(instant, definition.timescale) - timedelta(
        seconds={"start": 0.0, "mid": exptime / 2, "end": exptime}[definition.date_is])
    return start, start + timedelta(seconds=exptime / 2)


def binning(value: Value) -> str:
    """Return binning as ``3x3`` from ``3 3``, ``3,3``, ``3x3`` or ``3``."""
    numbers = re.findall(r"\d+", plain(value))
    if len(numbers) not in (1, 2) or "0" in numbers:
        raise HeaderError(f"binning {value!r} should be one or two whole numbers")
    return f"{int(numbers[0])}x{int(numbers[-1])}"


def readout_mode(definition: Definition, source: Source) -> str:
    """Return the readout mode by its rule, else binning and window."""
    stated = find(definition, "readout_mode", source)
    if stated is not None:
        return plain(stated)
    value = find(definition, "binning", source)
    mode = "1x1" if value is None else binning(value)
    window = find(definition, "window", source)
    return mode if window is None else f"{mode}-{plain(window)}"


def extra(definition: Definition, source: Source) -> dict[str, Value]:
    """Return the science keywords that the camera keeps."""
    found = {word: source.keyword(word) for word in definition.keep}
    return {word: value for word, value in found.items() if value is not None and value == value}


def common(definition: Definition, source: Source, warnings: list[str]) -> dict[str, Any]:
    """Return the attributes that raw and calibrated frames share and that may be missing."""
    ra = optional(definition, "ra", source, right_ascension, warnings)
    dec = optional(definition, "dec", source, declination, warnings)
    if ra is None or dec is None:
        ra = dec = None
    return {"readout_mode": readout_mode(definition, source),
            "object": optional(definition, "object", source, plain, warnings),
            "airmass": optional(definition, "airmass", source, airmass, warnings), "ra": ra, "dec": dec,
            "observer": optional(definition, "observer", source, plain, warnings)}


def exposure_name(definition: Definition, source: Source, start: datetime) -> str:
    """Return the unique natural name of the exposure, by its rule, else from its start and file name."""
    value = find(definition, "exposure", source)
    text = plain(value) if value is not None else f"{start:%Y%m%dT%H%M%S}-{stem(source.name)}"
    return _UNSAFE.sub("_", text).strip("_")[:LONGEST_NAME] or f"{start:%Y%m%dT%H%M%S}"
