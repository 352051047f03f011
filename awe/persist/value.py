"""The value of an object: a digest of what it says about the sky or the instrument, and of nothing else."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awe.errors import QueryError
from awe.persist.canonical import digest16
from awe.persist.declare import Attribute, Parameter, natural_key
from awe.persist.mapping import Mapped


def keys_of(obj: Mapped) -> dict[str, Any]:
    """The natural key of `obj`, by name; a link counts by the name of what it links to."""
    return {name: key_value(obj, name) for name in natural_key(type(obj))}


def key_value(obj: Any, path: str) -> Any:
    """The value at the end of a dotted path from `obj`; a link at its end counts by its name.

    Raises QueryError where a link ends at something without a name.
    """
    for name in path.split("."):
        if obj is None:
            return None
        obj = getattr(obj, name)
    if not isinstance(obj, Mapped):
        return obj
    if "name" not in type(obj).__mapping__.declared:
        raise QueryError(f"{type(obj).__name__} has no name, so a link to it cannot be a key ({path})")
    return obj.name  # type: ignore[attr-defined]


def value_of(obj: Mapped, files: Mapping[str, str] | None = None) -> bytes:
    """The first 16 bytes of the SHA-256 over the canonical content of `obj`.

    Parameters
    ----------
    obj
        its class, natural key, measured attributes and parts count; process parameters do not, nor attributes declared with
        ``science=False``, nor links that are no keys
    files
        role -> SHA-256 in hex of what its files hold
    """
    mapping = type(obj).__mapping__
    parts = {name: getattr(obj, name) for name in mapping.parts}
    return digest16({"class": mapping.name, "keys": keys_of(obj), "measured": measured(obj),
                     "parts": {name: measured(part) for name, part in parts.items() if part is not None},
                     "files": dict(files or {})})


def measured(obj: Mapped) -> dict[str, Any]:
    """The attributes of an object or part that count for its value."""
    found = {name: getattr(obj, name) for name, declared in type(obj).__mapping__.attributes.items() if counts(declared)}
    return {name: value for name, value in found.items() if value is not None}


def counts(declared: Attribute[Any]) -> bool:
    """Whether an attribute is part of the value."""
    return declared.science and not isinstance(declared, Parameter)
