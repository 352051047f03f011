"""What a command prints: text for people, JSON for programs."""
from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Sequence
from typing import Any

from awe.face.plain import plain


def print_json(content: Any) -> None:
    """Print plain data as JSON."""
    json.dump(plain(content), sys.stdout, indent=1, allow_nan=False)
    print()


def as_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Rows in aligned columns under their names; numbers to the right."""
    texts = [[cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[n]) for row in texts), 0) for n, name in enumerate(columns)]
    right = [bool(rows) and all(isinstance(row[n], int | float) or row[n] is None for row in rows) for n in range(len(columns))]
    return "\n".join(aligned(line, widths, right) for line in [list(columns), *texts])


def aligned(line: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    """One line of a table."""
    padded = (text.rjust(width) if is_right else text.ljust(width) for text, width, is_right in zip(line, widths, right, strict=True))
    return "  ".join(padded).rstrip()


def cell(value: Any) -> str:
    """One value, as it stands in a table."""
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.7g}"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds").removesuffix("+00:00")
    return value.hex() if isinstance(value, bytes) else " ".join(str(value).split())
