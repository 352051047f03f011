"""The user's judgement of an object, and of those that have the same value: what is bad of one is bad of the other."""
from __future__ import annotations

from typing import Any

from awe.errors import QueryError
from awe.persist.edit import edit_all


def judge(obj: Any, is_valid: int, why: str, *, alone: bool = False) -> list[Any]:
    """Set `is_valid` (0 bad, 1 OK, 2 qualified) of an object and, unless it is to be `alone`, of its twins; returns them all."""
    if not why.strip():
        raise QueryError("the reason is empty; say why, since others will ask")
    judged = [obj, *([] if alone else twins(obj))]
    edit_all(judged, "is_valid", is_valid, why)
    return judged


def twins(obj: Any) -> list[Any]:
    """The other objects of the same class, keys and value, as far as they can be seen: cut-off and sharing make them."""
    if "_row" not in obj.__dict__:
        raise QueryError(f"{obj!r} is not committed, and nobody has judged it yet; set is_valid as an attribute")
    return [one for one in type(obj).value == bytes(obj.value) if one.oid != obj.oid]
