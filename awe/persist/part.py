"""Measured values that make an object of their own, and live and die with the object they describe."""
from __future__ import annotations

from typing import Any, ClassVar

from awe.errors import DeclarationError, ForbiddenError
from awe.persist.declare import Attribute, SystemAttribute
from awe.persist.mapping import Mapped
from awe.persist.path import Path
from awe.persist.types import coerce
from awe.persist.walk import Walk


class Part(Mapped):
    """Base of what `has_one` names::

        class Imstat(Part):
            median = attribute(float, "median of the pixels", unit="adu")

        class MasterBias(ProcessTarget):
            imstat = has_one(Imstat, "statistics of the pixels")

    A part has no identity: it is seen by whoever sees its owner.
    """

    __abstract__ = True
    __part__: ClassVar[bool] = True

    def __init__(self, **values: Any) -> None:
        for name, value in values.items():
            type(self).__mapping__.named(name)
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        if "_owner" in self.__dict__:
            raise ForbiddenError(f"{type(self).__name__}.{name} belongs to a committed object, which cannot be changed; make a new one")
        declared = type(self).__mapping__.attributes.get(name)
        self.__dict__[name] = value if declared is None else coerced(self, declared, value)

    def __read__(self, declared: Attribute[Any]) -> Any:
        return declared.default

    @classmethod
    def __path__(cls, declared: Attribute[Any]) -> Path:
        return Path(Walk(cls, (declared,)))

    def __repr__(self) -> str:
        values = ((name, getattr(self, name), declared.unit) for name, declared in type(self).__mapping__.attributes.items())
        return f"<{type(self).__name__} {', '.join(f'{name}={value!r} {unit}'.rstrip() for name, value, unit in values)}>"


def coerced(obj: Mapped, declared: Attribute[Any] | SystemAttribute[Any], value: Any) -> Any:
    """`value` in the declared type; raises DeclarationError where it is of another."""
    try:
        return coerce(declared.type, value)
    except TypeError:
        raise DeclarationError(f"{type(obj).__name__}.{declared.name} takes {declared.type.__name__} ({declared.doc}), "
                               f"not {value!r}") from None
