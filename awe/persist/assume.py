"""What if: edits that are taken as made, by nobody, nowhere."""
from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from awe.errors import QueryError, did_you_mean
from awe.persist.edit import coerced
from awe.persist.guard import EDITED
from awe.persist.insert import stamp
from awe.persist.shadow import Shadow
from awe.persist.view import instant

#: (object, field, value): an edit as `edit(obj, field, value, why)` would make it.
Edit = tuple[Any, str, Any]
#: What can be assumed; who would see what is not a question of planning.
FIELDS = ("is_valid", "timestamp_start", "timestamp_end", "quality_flags")


def with_assumed(shadow: Shadow, edits: Iterable[Edit]) -> Shadow:
    """A shadow in which these edits are made too; of several of one field the last counts.

    Raises
    ------
    QueryError
        a field cannot be edited, has no such value, or an object would be valid from a time on and never
    """
    edits = list(edits)
    if edits and shadow.release is not None:
        raise QueryError(f"nothing can be assumed in release {shadow.name}, where nothing goes out of date; leave it first")
    found = {(oid, column): value for oid, column, value in shadow.assumed}
    objects: dict[int, Any] = {}
    for obj, field, value in edits:
        if field not in FIELDS:
            raise QueryError(f"{field!r} cannot be assumed{did_you_mean(field, FIELDS)}")
        if "_row" not in getattr(obj, "__dict__", {}):
            raise QueryError(f"{obj!r} is no committed object; give (object, field, value)")
        if field.startswith("timestamp") and isinstance(value, str):
            value = instant(value)
        objects[obj.oid] = obj
        found[obj.oid, EDITED[field]] = value if field.startswith("timestamp") and isinstance(value, int) else stamp(
            coerced(obj, field, value), 0)
    for oid, obj in objects.items():
        start = found.get((oid, "t_start"), stamp(obj.timestamp_start, 0))
        end = found.get((oid, "t_end"), stamp(obj.timestamp_end, 0))
        if start >= end:
            raise QueryError(f"{obj!r} would be valid from a time on and never; it is valid from {obj.timestamp_start} until "
                             f"{obj.timestamp_end}, so assume another time stamp, or both")
    return dataclasses.replace(shadow, assumed=tuple(sorted((oid, column, value) for (oid, column), value in found.items())))
