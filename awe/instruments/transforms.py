"""The closed list of what an instrument file may do to a header value on its way to an attribute.

Each transform takes the value and the argument written in the file, and returns the new value or raises
`HeaderError` with a sentence; whoever calls adds the keyword. There is no way to call code from a file.
"""
from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from awe.errors import HeaderError, did_you_mean
from awe.instruments.dates import FORMATS, parse_date
from awe.instruments.pattern import compile_pattern, search
from awe.instruments.source import Value

_SEXAGESIMAL = re.compile(r"([+-]?)\s*(\d{1,3})[:hHdD°\s]\s*(\d{1,2})(?:[:mM'\s]\s*(\d{1,2}(?:\.\d*)?)[sS\"]?)?")


def as_number(value: object) -> float:
    """Return `value` as a finite number; text that holds a number will do.

    Raises
    ------
    HeaderError
        For text, NaN, infinity, true and false.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise HeaderError(f"{value!r} is not a number")
    try:
        number = float(value.strip().upper().replace("D", "E") if isinstance(value, str) else value)
    except ValueError:
        raise HeaderError(f"{value!r} is not a number") from None
    if not math.isfinite(number):
        raise HeaderError(f"{value!r} is not a finite number")
    return number


def as_degrees(value: object, unit: str) -> float:
    """Return an angle in degrees from sexagesimal text or a number, in `unit` ``hours`` or ``degrees``.

    >>> as_degrees("-00:30:00", "degrees")
    -0.5
    """
    factor = 15.0 if unit == "hours" else 1.0
    match = _SEXAGESIMAL.fullmatch(str(value).strip().rstrip("\"'s")) if isinstance(value, str) else None
    if match is None:
        return as_number(value) * factor
    sign, whole, minutes, seconds = match.groups()
    if float(minutes) >= 60 or float(seconds or 0) > 60:
        raise HeaderError(f"{value!r} is not an angle such as 16:41:41.0")
    total = float(whole) + float(minutes) / 60 + float(seconds or 0) / 3600
    return math.copysign(total, -1.0 if sign == "-" else 1.0) * factor


def _scale(value: Value, argument: float) -> Value:
    return as_number(value) * argument


def _offset(value: Value, argument: float) -> Value:
    if isinstance(value, datetime):
        return value + timedelta(seconds=argument)
    return as_number(value) + argument


def _map(value: Value, argument: dict[str, Value]) -> Value:
    table = {key.strip().casefold(): result for key, result in argument.items()}
    text = plain(value)
    if text.casefold() in table:
        return table[text.casefold()]
    if "*" in table:
        return table["*"]
    raise HeaderError(f"{text!r} is not in the map{did_you_mean(text, argument)}")


def _regex(value: Value, argument: str) -> Value:
    found = search(_compiled(argument), plain(value))
    if found is None:
        raise HeaderError(f"{plain(value)!r} does not fit the pattern {argument!r}")
    return found


@lru_cache(maxsize=256)
def _compiled(argument: str) -> re.Pattern[str]:
    return compile_pattern(argument)


def _split(value: Value, argument: dict[str, Any]) -> Value:
    parts = plain(value).split(argument["at"] if argument["at"].strip() else None)
    number = int(argument["take"])
    if not 1 <= number <= len(parts):
        raise HeaderError(f"{plain(value)!r} has {len(parts)} parts at {argument['at']!r}; part {number} is wanted")
    return parts[number - 1].strip()


def _replace(value: Value, argument: list[str]) -> Value:
    return plain(value).replace(argument[0], argument[1])


def _date(value: Value, argument: str) -> Value:
    return value if isinstance(value, datetime) else parse_date(value, argument)


def plain(value: object) -> str:
    """Return a value as the text a person would write: ``3`` for 3.0, ``T`` and ``F`` for logicals."""
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


Step = tuple[str, Any]
TRANSFORMS: dict[str, Callable[[Value, Any], Value]] = {
    "scale": _scale,
    "offset": _offset,
    "map": _map,
    "regex": _regex,
    "split": _split,
    "replace": _replace,
    "sexagesimal": as_degrees,
    "date": _date,
    "strip": lambda value, argument: plain(value).strip(argument),
    "lower": lambda value, argument: plain(value).lower(),
    "upper": lambda value, argument: plain(value).upper(),
}


def check_argument(name: str, argument: object) -> str | None:
    """Return what is wrong with the argument of transform `name`, or None."""
    wanted = {
        "scale": "a number", "offset": "a number", "map": "a table of text to value", "regex": "a pattern",
        "split": "{at = \" \", take = 1}", "replace": "two texts", "sexagesimal": "\"hours\" or \"degrees\"",
        "date": "one of " + ", ".join(FORMATS), "strip": "the characters to take off", "lower": "true", "upper": "true",
    }[name]
    if name == "regex" and isinstance(argument, str):
        try:
            compile_pattern(argument)
        except ValueError as error:
            return str(error)
        return None
    return None if _fits(name, argument) else f"{name} should be {wanted}, not {argument!r}"


def _fits(name: str, argument: object) -> bool:
    if name in ("scale", "offset"):
        return isinstance(argument, int | float) and not isinstance(argument, bool) and math.isfinite(argument)
    if name == "map":
        return isinstance(argument, dict) and bool(argument) and all(
            isinstance(value, str | int | float | bool) for value in argument.values())
    if name == "split":
        return (isinstance(argument, dict) and set(argument) == {"at", "take"} and isinstance(argument["at"], str)
                and argument["at"] != "" and isinstance(argument["take"], int))
    if name == "replace":
        return isinstance(argument, list) and len(argument) == 2 and all(isinstance(a, str) for a in argument) \
            and argument[0] != ""
    if name == "sexagesimal":
        return argument in ("hours", "degrees")
    if name == "date":
        return argument in FORMATS
    if name == "strip":
        return isinstance(argument, str)
    return argument is True if name in ("lower", "upper") else False
