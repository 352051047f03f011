"""One way to write values down, so that equal things have equal digests."""
from __future__ import annotations

import datetime
import hashlib
import json
from typing import Any

from awe.persist.types import to_microseconds


def canonical(value: Any) -> str:
    """Return JSON with sorted names and no spaces; NaN, infinity and moments are written as words."""
    return json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest16(value: Any) -> bytes:
    """The first 16 bytes of the SHA-256 of what `canonical` writes."""
    return hashlib.sha256(canonical(value).encode()).digest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and (value != value or value in (float("inf"), float("-inf"))):
        return {"float": repr(value)}
    if isinstance(value, datetime.datetime):
        return {"instant": to_microseconds(value)}
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    return value
