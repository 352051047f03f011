"""Plain data, as JSON can hold it."""
from __future__ import annotations

import datetime
import enum
import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """Moments as ISO text, digests in hex, null for what is not a number."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(each) for each in value]
    if isinstance(value, datetime.datetime):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)
