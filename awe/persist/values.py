"""The values of many objects at once: the same digests as `value_of` gives one by one."""
from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import Any, NamedTuple

from awe.persist.canonical import canonical
from awe.persist.columns import Columns
from awe.persist.declare import natural_key
from awe.persist.mapping import Mapping
from awe.persist.record import FileRow
from awe.persist.value import counts


def values_of(columns: Columns, files: Sequence[Sequence[FileRow]] | None = None) -> list[bytes]:
    """The value of each of the objects that `columns` describe."""
    mapping = columns.cls.__mapping__
    stored = [canonical({file.role: file.sha256 for file in each}) for each in files] if files else ["{}"] * columns.length
    keys = Text.of({name: columns.values(name) for name in natural_key(columns.cls)}, columns.length)
    own = Text.of(measured(mapping, columns.own), columns.length)
    parts = {name: Text.of(measured(mapping.parts[name].type.__mapping__, given), columns.length)
             for name, given in sorted(columns.parts.items())}
    pattern = (f'{{"class":{json.dumps(mapping.name)},"files":%s,"keys":{{{keys.pattern}}},"measured":{{{own.pattern}}},"parts":{{'
               + ",".join(f'"{name}":{{{part.pattern}}}' for name, part in parts.items()) + "}}")
    filled = [stored, *keys.columns, *own.columns, *(column for part in parts.values() for column in part.columns)]
    return [hashlib.sha256((pattern % row).encode()).digest()[:16] for row in zip(*filled, strict=True)]


def measured(mapping: Mapping, columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """The attributes that count."""
    return {name: column for name, column in columns.items() if name in mapping.attributes and counts(mapping.attributes[name])}


class Text(NamedTuple):
    """The JSON of some attributes of many objects: a pattern, and the columns that fill it."""

    pattern: str
    columns: list[list[Any]]

    @classmethod
    def of(cls, columns: dict[str, list[Any]], length: int) -> Text:
        """Attributes that all objects have fill their places in the pattern; where some lack one, it is put together row by row."""
        places = {name: place(column) for name, column in sorted(columns.items())}
        if all(places.values()):
            return cls(",".join(f'"{name}":{found[0]}' for name, found in places.items() if found),
                       [found[1] for found in places.values() if found])
        return cls("%s", [joined(length, [fragments(name, column) for name, column in sorted(columns.items())])])


def place(values: list[Any]) -> tuple[str, list[Any]] | None:
    """How a column that has a value everywhere is written: its place in the pattern, and what goes there."""
    types = set(map(type, values))
    if (types == {float} and all(map(math.isfinite, values))) or types == {int}:
        return "%r", values
    return ("%s", list(map(encode_basestring_ascii, values))) if types == {str} else None


def fragments(name: str, values: list[Any]) -> list[str]:
    """``"name":value`` for each of `values`; an empty text for None."""
    return ["" if value is None else f'"{name}":{canonical(value)}' for value in values]


def joined(length: int, columns: list[list[str]]) -> list[str]:
    """The fragments of each object with commas between them."""
    if not columns:
        return [""] * length
    return [",".join(filter(None, row)) for row in zip(*columns, strict=True)]
