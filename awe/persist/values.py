"""The values of many objects at once: the same digests as `value_of` gives one by one."""
from __future__ import annotations

import datetime
import hashlib
import json
import math
from collections.abc import Sequence
from json.encoder import encode_basestring_ascii
from typing import Any

from awe.persist.canonical import canonical
from awe.persist.columns import Columns
from awe.persist.declare import natural_key
from awe.persist.mapping import Mapping
from awe.persist.record import FileRow
from awe.persist.types import to_microseconds
from awe.persist.value import counts


def values_of(columns: Columns, files: Sequence[Sequence[FileRow]] | None = None) -> list[bytes]:
    """The value of each of the objects that `columns` describe."""
    mapping = columns.cls.__mapping__
    keys = joined(columns.length, [fragments(name, columns.values(name)) for name in sorted(natural_key(columns.cls))])
    own = joined(columns.length, measured(mapping, columns.own))
    parts = joined(columns.length, [parts_of(name, declared.type.__mapping__, columns)
                                    for name, declared in sorted(mapping.parts.items()) if name in columns.parts])
    stored = [canonical({file.role: file.sha256 for file in each}) for each in files] if files else ["{}"] * columns.length
    start = f'{{"class":{json.dumps(mapping.name)},"files":'
    texts = (f'{start}{f},"keys":{{{k}}},"measured":{{{m}}},"parts":{{{p}}}}}'
             for f, k, m, p in zip(stored, keys, own, parts, strict=True))
    return [hashlib.sha256(text.encode()).digest()[:16] for text in texts]


def parts_of(name: str, mapping: Mapping, columns: Columns) -> list[str]:
    """The JSON of one part of each object."""
    texts = joined(columns.length, measured(mapping, columns.parts[name]))
    return [f'"{name}":{{{text}}}' for text in texts]


def measured(mapping: Mapping, columns: dict[str, list[Any]]) -> list[list[str]]:
    """The JSON of the attributes that count, name by name; empty where there is no value."""
    return [fragments(name, columns[name]) for name, declared in sorted(mapping.attributes.items())
            if name in columns and counts(declared)]


def fragments(name: str, values: list[Any]) -> list[str]:
    """``"name":value`` for each of `values`; an empty text for None."""
    types = set(map(type, values))
    if types == {float} and all(map(math.isfinite, values)):
        return [f'"{name}":{value!r}' for value in values]
    if types == {int}:
        return [f'"{name}":{value}' for value in values]
    if types == {str}:
        return [f'"{name}":{encode_basestring_ascii(value)}' for value in values]
    if types == {datetime.datetime}:
        return [f'"{name}":{{"instant":{to_microseconds(value)}}}' for value in values]
    return ["" if value is None else f'"{name}":{canonical(value)}' for value in values]


def joined(length: int, columns: list[list[str]]) -> list[str]:
    """The fragments of each object with commas between them."""
    if not columns:
        return [""] * length
    if all(map(all, columns)):
        return list(map(",".join, zip(*columns, strict=True)))
    return [",".join(filter(None, row)) for row in zip(*columns, strict=True)]
