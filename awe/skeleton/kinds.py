"""What a new class looks like: something measured on images, or a class of awe that is made in another way."""
from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from awe.dataflow.lifecycle import Makeable
from awe.dataflow.registry import target_classes
from awe.errors import DeclarationError, UnknownNameError, did_you_mean
from awe.persist.declare import Attribute, Dependency, Key, Parameter, declarations, natural_key
from awe.persist.mapping import Mapped
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame, Product

MEASURED = "Product"


@dataclass(frozen=True)
class Kind:
    """Which templates are filled in (``<template>_target.py``, ...), and with what."""

    template: str
    words: dict[str, str]


def kind_of(base: str, of: str | None) -> Kind:
    """What is to be written for a class with this base.

    Raises
    ------
    UnknownNameError
        there is no such class
    DeclarationError
        the class is none that can be measured, or none that is made
    """
    if base == MEASURED:
        return measure(one_of(of or "ReducedScienceFrame"))
    if of is not None:
        raise DeclarationError(f"--of {of} says what a {MEASURED} is measured on; a {base} is made from what {base} is made from")
    return subclass(one_of(base))


def one_of(name: str) -> type[Makeable]:
    """The class of targets called `name`."""
    known = {cls.__name__: cls for cls in target_classes()}
    if name not in known:
        raise UnknownNameError(f"there is no class of targets {name!r}{did_you_mean(name, [MEASURED, *known], listed=len(known) + 1)}")
    return known[name]


def measure(of: Any) -> Kind:
    """Numbers measured on each image of class `of`."""
    if not issubclass(of, BaseFrame):
        images = [cls.__name__ for cls in target_classes() if issubclass(cls, BaseFrame)]
        raise DeclarationError(f"{of.__name__} is no image, so its pixels cannot be measured; name one of {', '.join(images)}, "
                               f"or make it in another way with --base {of.__name__}")
    declared = declarations(of)
    keys = [(name, declared[name]) for name in natural_key(of)]
    completed = of.complete.__func__ is not Makeable.complete.__func__  # type: ignore[attr-defined]
    has_keys = any(isinstance(one, Key) for _, one in keys)
    words = {"of": of.__name__, "unit": of.unit, "keys": "\n".join(line_of(name, one) for name, one in keys),
             "declare": ", ".join(["attribute", "depends_on", *(["key"] if has_keys else []), "parameter"]),
             "imports": imports([of, Flag, Product, *(one.type for _, one in keys if isinstance(one, Dependency))]),
             "typing": "\nfrom collections.abc import Mapping\nfrom typing import Any\n" if completed else "",
             "complete": "completed" if completed else "", "what": f"Level of the good pixels of each {of.__name__}."}
    return Kind("measure", words)


def line_of(name: str, declared: Any) -> str:
    """A key, as a line of the new class."""
    if isinstance(declared, Dependency):
        return f'    {name} = depends_on({declared.type.__name__}, "{declared.doc}", key=True)'
    return f'    {name} = key({declared.type.__name__}, "{declared.doc}")'


def subclass(base: Any) -> Kind:
    """A class of targets that is made as its base is, and then something is done to it."""
    words = {"base": base.__name__, "imports": imports([base]), "summary": f"{base.__name__} in a way of our own.",
             "what": f"{base.__name__}, made in a way of our own; it has a parameter more, and what is made from it says so."}
    taken = {*declarations(base), *dir(base)}
    if issubclass(base, BaseFrame):
        return Kind("subclass", {**words, "unit": base.unit, "parameter": free_name("pedestal", taken)})
    numbers = [name for name, one in declarations(base).items() if isinstance(one, Attribute) and one.type is float
               and not isinstance(one, Key | Parameter)]
    if not numbers:
        raise DeclarationError(f"{base.__name__} is neither an image nor has it a measured number, so there is nothing to begin with; "
                               "write the class by hand, as docs/howto/own.md says")
    return Kind("number", {**words, "attribute": numbers[0], "parameter": free_name("scale", taken)})


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """A name that the class does not have yet."""
    known = set(taken)
    return next(name for name in (wanted, *(f"{wanted}_{n}" for n in range(2, len(known) + 3))) if name not in known)


def imports(classes: Iterable[type]) -> str:
    """The lines that import some classes."""
    return "\n".join(sorted({f"from {cls.__module__} import {cls.__name__}" for cls in classes}))


def snake(name: str) -> str:
    """A class name as a module is called.

    >>> snake("NightSky"), snake("PSFMap")
    ('night_sky', 'psf_map')
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def known_names() -> set[str]:
    """The names of all persistent classes that are there."""
    found: set[str] = set()
    below: list[type] = [Mapped]
    for cls in below:
        found.add(cls.__name__)
        below.extend(cls.__subclasses__())
    return found
