"""Under which digests an object can be found, and the rows of `candidate` that say so."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from awe.errors import QueryError
from awe.persist.keysets import HERE, KeySets
from awe.persist.mapping import Mapped
from awe.persist.rows import Row
from awe.persist.selector import class_name, selector, span_of
from awe.persist.value import key_value, keys_of


class Found(NamedTuple):
    """The digests of an object: of its natural key, of intervals and of points in time."""

    own: bytes
    intervals: frozenset[bytes]
    points: frozenset[bytes]

    @property
    def all(self) -> frozenset[bytes]:
        """Every digest under which somebody may look."""
        return self.intervals | self.points


def found_by(obj: Mapped, key_sets: KeySets = HERE) -> Found:
    """The digests under which `obj` can be found; `key_sets` are those that a database knows of.

    Raises QueryError where a natural key has no value; a set of keys that some dependency asks by is left out then.
    """
    keys = keys_of(obj)
    missing = [name for name, value in keys.items() if value is None]
    if missing:
        raise QueryError(f"a {type(obj).__name__} is found by {', '.join(keys)}, and {missing[0]} has no value; set it before the commit")
    own = selector(class_name(type(obj)), tuple(keys), tuple(keys.values()))
    intervals = {own}
    points: set[bytes] = set()
    for asked in key_sets.of(type(obj)):
        values = [key_value(obj, name) for name in asked.names]
        if None not in values:
            (points if asked.is_group else intervals).add(selector(asked.identity, asked.names, values))
    return Found(own, frozenset(intervals), frozenset(points))


def is_eligible(is_valid: int, quality_flags: int, blocking: int) -> bool:
    """Whether an object may be used: valid and without a flag that blocks, or qualified in spite of one."""
    return is_valid > 0 and (quality_flags & blocking == 0 or is_valid == 2)


def candidate_rows(found: Found, root: Any, eligible: bool) -> list[Row]:
    """The rows of `candidate`; `root` has the names of the columns of `object`, as the database keeps them."""
    tail = (root.creation_date, root.object_id, int(eligible), root.privileges, root.project_id, root.creator_id,
            root.params_id, found.own, root.value)
    span = span_of(root.t_start, root.t_end)
    rows: list[Row] = [(sel, span, root.t_start, root.oid, root.t_end, *tail) for sel in found.intervals]
    points = found.points if span or root.t_start != root.anchor else found.points - found.intervals
    rows += [(sel, 0, root.anchor, root.oid, root.anchor + 1, *tail) for sel in points]
    return rows


def spans_of(rows: Iterable[Row]) -> set[int]:
    """The bins of the intervals among rows of `candidate`, which the rows for natural keys have too; points need none."""
    return {row[1] for row in rows if row[0] == row[-2]}
