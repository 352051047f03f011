"""Values with their units, as a person reads them."""
from __future__ import annotations

import datetime
from typing import Any

#: Longer texts are cut.
LONGEST = 100


def shown(value: Any, unit: str = "") -> str:
    """One value."""
    return f"{plainly(value)} {unit}".rstrip() if value is not None else "-"


def plainly(value: Any) -> str:
    """A value without its unit: numbers in six digits, moments to the second, texts on one line."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, datetime.datetime):
        return moment(value)
    text = " ".join(str(value).split())
    return text if len(text) <= LONGEST else text[:LONGEST - 3] + "..."


def moment(value: datetime.datetime) -> str:
    """A moment in UTC, to the second."""
    return value.isoformat(" ", "seconds").removesuffix("+00:00")


def listed(items: list[str], indent: int, width: int = 120) -> str:
    """Items separated by commas, broken into lines that are indented."""
    lines, line = [], ""
    for item in items:
        if line and indent + len(line) + len(item) + 2 > width:
            lines.append(line + ",")
            line = item
        else:
            line = f"{line}, {item}" if line else item
    return f"\n{' ' * indent}".join([*lines, line])
