"""What a page takes: parameters with a type, limits and a meaning, of which forms, checks and the OpenAPI document are made."""
from __future__ import annotations

import datetime
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from awe.errors import QueryError

TRUTH = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False, "": False}
#: What no text holds: zero bytes, lone surrogates, and what replaces bytes that were no text.
UNPRINTABLE = re.compile("[\x00\ud800-\udfff\ufffd]")
LONGEST = 500
MOST = 200
JSON_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", datetime.datetime: "string"}


@dataclass(frozen=True)
class Parameter:
    """One value that a page takes, from its path, its query or a form.

    Attributes
    ----------
    name, type, doc
        what it is called, one of str, int, float, bool and datetime, and what it means
    default
        what it is where it is not given
    required
        whether it has to be given
    several
        whether it may be given often: the page gets a list
    choices, at_least, at_most, longest
        what it can be
    of
        what it names, where it names something: ``object``, ``class``, ``file``, ``path``; the walk over all pages, that looks for leaks,
        and the completion of forms take it from here
    """

    name: str
    type: type
    doc: str
    default: Any = None
    required: bool = False
    several: bool = False
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    longest: int = LONGEST
    of: str = ""

    def read(self, texts: Sequence[str], *, strict: bool = False) -> Any:
        """The value that these texts give; raises QueryError.

        A field of a form that was left empty was not given, unless it takes a text; programs, with whom we are `strict`, leave it out.
        """
        if self.several and len(texts) > MOST:
            raise QueryError(f"{self.name} was given {len(texts)} times; at most {MOST} are read")
        if not self.several and len(texts) > 1:
            raise QueryError(f"{self.name} was given {len(texts)} times; give it once")
        if not texts or (texts[0] == "" and self.type is not str and not strict and not self.several):
            if self.required:
                raise QueryError(f"{self.name} is missing: {self.doc}")
            return [] if self.several else self.default
        if strict and "" in texts and self.type is bool:
            raise QueryError(f"{self.name} is empty; give yes or no, or leave it out")
        return [self.one(text) for text in texts] if self.several else self.one(texts[0])

    def one(self, text: str) -> Any:
        """One text in the type of the parameter, within its limits."""
        if len(text) > self.longest:
            raise QueryError(f"{self.name} has {len(text)} characters; at most {self.longest} are read")
        if UNPRINTABLE.search(text):
            raise QueryError(f"{self.name} holds characters that are no text")
        value = self.typed(text)
        if self.choices and text not in self.choices:
            raise QueryError(f"{self.name}={text[:40]!r} was given; it is one of {', '.join(self.choices)}")
        if isinstance(value, int | float) and not isinstance(value, bool):
            low, high = self.at_least, self.at_most
            if (low is not None and value < low) or (high is not None and value > high):
                raise QueryError(f"{self.name}={text[:40]} was given; it lies between {low} and {high}")
        return value

    def typed(self, text: str) -> Any:
        """One text in the type of the parameter; raises QueryError."""
        try:
            if self.type is bool:
                return TRUTH[text.lower()]
            if self.type is datetime.datetime:
                return moment(text)
            if self.type is int:
                return whole(text)
            value = self.type(text)
        except (KeyError, ValueError, OverflowError):
            raise QueryError(f"{self.name}={text[:40]!r} was given, but {WANTED[self.type]} is wanted: {self.doc}") from None
        if isinstance(value, float) and not math.isfinite(value):
            raise QueryError(f"{self.name}={text[:40]!r} was given, which is no finite number")
        return value

    @property
    def schema(self) -> dict[str, Any]:
        """The same as a JSON schema."""
        found: dict[str, Any] = {"type": JSON_TYPES[self.type]}
        if self.type is datetime.datetime:
            found["format"] = "date-time"
        if self.type is str:
            found["maxLength"] = self.longest
        if self.choices:
            found["enum"] = list(self.choices)
        if self.at_least is not None:
            found["minimum"] = self.at_least
        if self.at_most is not None:
            found["maximum"] = self.at_most
        if self.default is not None and not self.several:
            found["default"] = self.default
        few = {"minItems": 1} if self.required else {}
        return {"type": "array", "items": found, "maxItems": MOST, **few} if self.several else found

    def is_like(self, value: Any) -> bool:
        """Whether a value of JSON has the type that it should."""
        if isinstance(value, bool) or self.type is bool:
            return isinstance(value, bool) and self.type is bool
        return isinstance(value, int | float if self.type is float else int if self.type is int else str)


WANTED = {str: "a text", int: "a whole number", float: "a number", bool: "yes or no",
          datetime.datetime: "a moment such as 2026-03-01T12:00 UTC"}


def whole(text: str) -> int:
    """A whole number that a database can hold; raises ValueError."""
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,19}\s*", text):
        raise ValueError(text)
    number = int(text)
    if not -(1 << 63) <= number < 1 << 63:
        raise ValueError(text)
    return number


def moment(text: str) -> datetime.datetime:
    """A moment in UTC, of the years 1000 to 8999, which time zones and periods do not leave the calendar from; raises ValueError."""
    found = datetime.datetime.fromisoformat(text.strip().replace(" ", "T"))
    if not 1000 <= found.year < 9000:
        raise ValueError(text)
    return found.astimezone(datetime.UTC) if found.tzinfo else found.replace(tzinfo=datetime.UTC)
