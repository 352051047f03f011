"""Conditions over header values, file names and attributes: what a file must show to match."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from awe.errors import HeaderError
from awe.instruments.pattern import compile_pattern, search
from awe.instruments.source import Source, Value
from awe.instruments.table import Table
from awe.instruments.transforms import as_number, plain

WORDS = ("is", "not", "below", "above", "regex", "present")
ATTRIBUTES = ("file", "object", "exptime", "filter", "observer", "binning", "window", "exposure", "chip")


@dataclass(frozen=True)
class Check:
    """One word and what it must be."""

    word: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    below: float | None = None
    above: float | None = None
    regex: str | None = None
    present: bool | None = None

    def holds(self, value: Value | None) -> bool:
        """Say whether a value passes; an absent value passes only ``present = false`` and ``not``."""
        if value is None:
            return self.present is False or (bool(self.none_of) and not self._positive())
        text = plain(value).casefold()
        if self.present is False or (self.any_of and not _any_fits(text, self.any_of)):
            return False
        if self.none_of and _any_fits(text, self.none_of):
            return False
        if self.regex is not None and search(compile_pattern(self.regex), plain(value)) is None:
            return False
        return self._within(value)

    def _positive(self) -> bool:
        return bool(self.any_of) or self.regex is not None or self.below is not None or self.above is not None \
            or self.present is True

    def _within(self, value: Value) -> bool:
        if self.below is None and self.above is None:
            return True
        try:
            number = as_number(value)
        except HeaderError:
            return False
        return (self.below is None or number < self.below) and (self.above is None or number > self.above)

    def __str__(self) -> str:
        parts = []
        if self.any_of:
            parts.append(f"{self.word} is {' or '.join(self.any_of)}")
        if self.none_of:
            parts.append(f"{self.word} is not {' or '.join(self.none_of)}")
        if self.below is not None:
            parts.append(f"{self.word} < {self.below:g}")
        if self.above is not None:
            parts.append(f"{self.word} > {self.above:g}")
        if self.regex is not None:
            parts.append(f"{self.word} fits {self.regex}")
        if self.present is not None:
            parts.append(f"{self.word} is {'there' if self.present else 'absent'}")
        return " and ".join(parts)


@dataclass(frozen=True)
class Condition:
    """Checks that must all hold."""

    checks: tuple[Check, ...]

    def holds(self, source: Source) -> bool:
        """Say whether the headers and file name of `source` pass every check."""
        return all(check.holds(source.raw(check.word)) for check in self.checks)

    def __str__(self) -> str:
        return " and ".join(str(check) for check in self.checks)


def _any_fits(text: str, globs: tuple[str, ...]) -> bool:
    return any(fnmatchcase(text, glob.strip().casefold()) for glob in globs)


def read_conditions(content: Any, where: str, file: str) -> tuple[Condition, ...]:
    """Return alternatives: one table of checks, or several of which one must hold."""
    items = [content] if isinstance(content, Mapping) else content
    if not isinstance(items, list) or not items:
        raise Table({}, where, file).error(f"should be a table of conditions such as {{OBSTYPE = \"BIAS\"}}, "
                                           f"not {content!r}")
    return tuple(_read_condition(Table(item, where, file)) for item in items)


def _read_condition(table: Table) -> Condition:
    words = table.words()
    if not words:
        raise table.error("is empty, so everything would match; name at least one header keyword")
    for word in words:
        if not word.isupper() and word not in ATTRIBUTES:
            raise table.error(f"does not know {word!r}: header keywords are written in capitals, and the other words "
                              f"are {', '.join(ATTRIBUTES)}")
    return Condition(tuple(_read_check(word, table.take(word), table) for word in words))


def _read_check(word: str, content: Any, table: Table) -> Check:
    if not isinstance(content, Mapping):
        return Check(word, any_of=_globs(content, word, table))
    inner = Table(content, table.inside(word), table.file)
    regex = inner.text("regex")
    if regex is not None:
        try:
            compile_pattern(regex)
        except ValueError as error:
            raise inner.error(str(error)) from None
    present = inner.truth("present") if "present" in inner else None
    check = Check(word, any_of=_globs(inner.take("is", []), word, table),
                  none_of=_globs(inner.take("not", []), word, table),
                  below=inner.number("below"), above=inner.number("above"), regex=regex, present=present)
    inner.finish(WORDS)
    return check


def _globs(content: Any, word: str, table: Table) -> tuple[str, ...]:
    items = content if isinstance(content, list) else [content]
    if not all(isinstance(item, str | int | float | bool) for item in items):
        raise table.error(f"{word} should be text, a number, or a list of these, not {content!r}")
    return tuple(plain(item) for item in items)
