"""How one attribute is found: from keywords, the file name or a literal, through transforms, with fallbacks."""
from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from awe.errors import HeaderError, did_you_mean
from awe.instruments.dates import parse_date
from awe.instruments.source import Source, Value, stem
from awe.instruments.table import Table
from awe.instruments.transforms import TRANSFORMS, Step, check_argument, plain

SOURCES = ("keyword", "file", "value", "first", "join")
HEADERS = ("own", "primary")
QUALIFIERS = ("with", "hdu", "time", "missing", "default")
WORDS = (*SOURCES, *QUALIFIERS, *TRANSFORMS)


@dataclass(frozen=True)
class Rule:
    """A source, the transforms behind it in the order of the file, and a default."""

    keywords: tuple[str, ...] = ()
    file: bool = False
    value: Value | None = None
    first: tuple[Rule, ...] = ()
    join: tuple[Rule, ...] = ()
    joiner: str = "-"
    hdu: str | None = None
    time: Rule | None = None
    missing: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()
    default: Value | None = None

    def apply(self, source: Source) -> Value | None:
        """Return the attribute, or ``None`` where nothing says anything; a file name that does not fit says nothing.

        Raises
        ------
        HeaderError
            Where the last of the fallbacks holds something that cannot be used; keyword and value are named.
        """
        error: HeaderError | None = None
        for label, value in self._candidates(source):
            try:
                return self._transformed(value, source)
            except HeaderError as failure:
                if not self.file:
                    error = HeaderError(f"{label}: {failure}")
        if self.default is not None:
            return self.default
        if error is not None:
            raise error
        return None

    def _candidates(self, source: Source) -> list[tuple[str, Value]]:
        if self.value is not None:
            return [("value", self.value)]
        if self.file:
            return [("file name", stem(source.name))]
        if self.join:
            return self._joined(source)
        if self.first:
            return self._fallbacks(source)
        found = [(keyword, source.keyword(keyword, hdu=self.hdu)) for keyword in self.keywords]
        return [(keyword, value) for keyword, value in found
                if value is not None and plain(value).casefold() not in self.missing]

    def _fallbacks(self, source: Source) -> list[tuple[str, Value]]:
        """Return the first rule's value that can be had; the last error where none can."""
        error: HeaderError | None = None
        for rule in self.first:
            try:
                value = rule.apply(source)
            except HeaderError as failure:
                error = failure
                continue
            if value is not None:
                return [(rule.label(), value)]
        if error is not None and self.default is None:
            raise error
        return []

    def _joined(self, source: Source) -> list[tuple[str, Value]]:
        parts = [rule.apply(source) for rule in self.join]
        if any(part is None for part in parts):
            return []
        return [(self.label(), self.joiner.join(plain(part) for part in parts))]

    def _transformed(self, value: Value, source: Source) -> Value:
        for name, argument in self.steps:
            if name == "date" and self.time is not None and not isinstance(value, datetime):
                value = parse_date(value, argument, self.time.apply(source))
            else:
                value = TRANSFORMS[name](value, argument)
        return value

    def label(self) -> str:
        """Return what a person would call the source."""
        if self.keywords:
            return " or ".join(self.keywords)
        if self.file:
            return "file name"
        return ", ".join(rule.label() for rule in (*self.first, *self.join)) or repr(self.value)


def read_rule(content: Any, where: str, file: str) -> Rule:
    """Return the rule that a TOML value describes: a keyword, a list of fallbacks, a number, or a table.

    Raises
    ------
    InstrumentError
        For unknown words, arguments that do not fit, and text that is no header keyword.
    """
    place = Table({}, where, file)
    if isinstance(content, str):
        return Rule(keywords=(_keyword(content, place),))
    if isinstance(content, bool | int | float):
        return Rule(value=content)
    if isinstance(content, list):
        if not content:
            raise place.error("is an empty list; name at least one header keyword")
        if all(isinstance(item, str) for item in content):
            return Rule(keywords=tuple(_keyword(item, place) for item in content))
        return Rule(first=tuple(read_rule(item, where, file) for item in content))
    return _read_table(Table(content, where, file))


def _read_table(table: Table) -> Rule:
    named = [word for word in SOURCES if word in table]
    if len(named) != 1:
        raise table.error(f"needs one of {', '.join(SOURCES)}" + (f", not {' and '.join(named)}" if named else "")
                          + "".join(did_you_mean(word, WORDS) for word in table.words() if word not in WORDS))
    keywords: tuple[str, ...] = ()
    steps: list[Step] = []
    if "keyword" in table:
        keywords = tuple(_keyword(item, table) for item in table.texts("keyword"))
    if "file" in table:
        steps += _file_steps(table)
    return Rule(
        keywords=keywords, file=named == ["file"], value=_literal(table, "value"),
        first=_nested(table, "first"), join=_nested(table, "join"),
        joiner=str(table.take("with", "-")), hdu=table.choice("hdu", HEADERS, "own") if "hdu" in table else None, time=_time(table),
        missing=tuple(item.casefold() for item in table.texts("missing")), default=_literal(table, "default"),
        steps=tuple(steps + _steps(table)))


def _file_steps(table: Table) -> list[Step]:
    """Read ``file = true`` or ``file = "pattern"``."""
    argument = table.take("file")
    if argument is True:
        return []
    wrong = check_argument("regex", argument)
    if wrong:
        raise table.error(wrong)
    return [("regex", argument)]


def _time(table: Table) -> Rule | None:
    """Read the card, or the rule, that gives the time of day for a date without one."""
    if "time" not in table:
        return None
    if "date" not in table:
        raise table.error("has time without date; write date = \"auto\" or the format of the date")
    return read_rule(table.take("time"), table.inside("time"), table.file)


def _nested(table: Table, word: str) -> tuple[Rule, ...]:
    items = table.take(word, [])
    if not isinstance(items, list):
        raise table.error(f"{word} should be a list, not {items!r}")
    return tuple(read_rule(item, table.where, table.file) for item in items)


def _steps(table: Table) -> list[Step]:
    steps = []
    for word in table.words():
        if word not in TRANSFORMS:
            raise table.error(f"does not know the word {word!r}{did_you_mean(word, WORDS, listed=30)}")
        argument = table.take(word)
        wrong = check_argument(word, argument)
        if wrong:
            raise table.error(wrong)
        steps.append((word, argument))
    return steps


def _literal(table: Table, word: str) -> Value | None:
    value = table.take(word)
    if value is not None and not isinstance(value, str | int | float | bool):
        raise table.error(f"{word} should be text or a number, not {value!r}")
    return value


def _keyword(text: Any, table: Table) -> str:
    if not isinstance(text, str) or not text.strip():
        raise table.error(f"{text!r} is not a header keyword")
    if not text.isupper() or text != text.strip():
        raise table.error(f"{text!r} is not a header keyword (capitals); for a fixed text write {{value = {text!r}}}")
    return text
