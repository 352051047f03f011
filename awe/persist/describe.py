"""`Class.info()` and `obj.info()`: what there is, in which unit, and what it means."""
from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from awe.persist.declare import Attribute, Declaration, Dependency, DependencyList, Key, Part, SystemAttribute


class Text(str):
    """A text that shows itself at the prompt as it would be printed."""

    def __repr__(self) -> str:
        return str(self)


class Info:
    """The method `info` of a class and of its objects."""

    def __get__(self, obj: Any, owner: type) -> Callable[[], Text]:
        return lambda: info_of_object(obj) if obj is not None else info_of_class(owner)


def info_of_class(cls: Any) -> Text:
    """A page about a class: its attributes with type, unit and meaning."""
    mapping = cls.__mapping__
    title = f"{cls.__name__}: {(cls.__doc__ or '').strip().splitlines()[0]}" if cls.__doc__ else cls.__name__
    rows = [(name, _kind(declared), declared.unit, _meaning(declared)) for name, declared in {**mapping.declared, **mapping.system}.items()]
    return Text("\n".join([title, *_aligned(rows)]))


def info_of_object(obj: Any) -> Text:
    """A page about an object: its attributes with their values."""
    mapping = type(obj).__mapping__
    rows = [(name, _shown(getattr(obj, name)), declared.unit, declared.doc)
            for name, declared in {**mapping.declared, **mapping.system}.items()]
    return Text("\n".join([repr(obj), *_aligned(rows)]))


def _aligned(rows: list[tuple[str, str, str, str]]) -> list[str]:
    widths = [max((len(row[n]) for row in rows), default=0) for n in range(3)]
    return ["  " + "  ".join([*(text.ljust(width) for text, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip() for row in rows]


def _kind(declared: Declaration[Any] | SystemAttribute[Any]) -> str:
    name = declared.type.__name__
    if isinstance(declared, DependencyList):
        return f"list of {name}"
    if isinstance(declared, Dependency | Part):
        return name
    return f"{name} (key)" if isinstance(declared, Key) else name


def _meaning(declared: Declaration[Any] | SystemAttribute[Any]) -> str:
    default = getattr(declared, "default", None)
    shown = isinstance(declared, Attribute) and default is not None
    return f"{declared.doc} (default {default})" if shown else declared.doc


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return f"[{len(value)} objects]" if len(value) > 3 else f"[{', '.join(map(_shown, value))}]"
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "seconds")
    if isinstance(value, bytes):
        return value.hex()
    return f"{value:.6g}" if isinstance(value, float) else "-" if value is None else str(value)
