"""The digest under which an object can be found: of its class, some of its keys, and their values."""
from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from awe.errors import QueryError
from awe.persist.types import to_microseconds


def class_name(cls: type) -> str:
    """The identity of a class over all instances, as ``package:Class``."""
    return f"{cls.__module__.split('.', 1)[0]}:{cls.__name__}"


def key_text(value: Any) -> str:
    """The canonical text of one key value, the same for ``3`` and ``3.0``."""
    if isinstance(value, bool) or value is None:
        raise QueryError(f"{value!r} cannot be the value of a key")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime.datetime):
        return f"t{to_microseconds(value)}"
    return f"s{value}" if isinstance(value, str) else f"n{value!r}"


def selector(identity: str, names: Sequence[str], values: Sequence[Any]) -> bytes:
    """The 16-byte digest of class `identity` and the keys `names` with their `values`.

    The order of `names` does not matter.
    """
    parts = sorted(zip(names, map(key_text, values), strict=True))
    return _digest("\x1e".join([identity, *(f"{name}\x1f{value}" for name, value in parts)]))


def selectors(identity: str, columns: Mapping[str, Sequence[str | None]], length: int) -> list[bytes | None]:
    """The digests of many objects, from columns of canonical key texts; None where a text is None."""
    names = sorted(columns)
    pattern = "\x1e".join([identity.replace("%", "%%"), *(f"{name}\x1f%s" for name in names)])
    known: dict[tuple[str | None, ...], bytes | None] = {}
    found: list[bytes | None] = []
    for row in zip(*(columns[name] for name in names), strict=True) if names else [()] * length:
        digest = known.get(row)
        if digest is None and None not in row:
            digest = known[row] = _digest(pattern % row)
        found.append(digest)
    return found


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


def selector_of(cls: type, keys: Mapping[str, Any]) -> bytes:
    """The digest of `cls` and all of `keys`."""
    return selector(class_name(cls), tuple(keys), tuple(keys.values()))


def span_of(t_start: int, t_end: int) -> int:
    """The bin of an interval: the number of bits of its length, so that ``t_end - t_start <= 2**span``."""
    return max(0, (t_end - t_start - 1).bit_length())
