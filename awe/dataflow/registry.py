"""All classes of targets: those of this package and those of others that say so by the entry point ``awe.targets``."""
from __future__ import annotations

import functools
from importlib.metadata import entry_points
from types import ModuleType

from awe.dataflow.lifecycle import Makeable
from awe.persist.mapping import subclasses


@functools.cache
def load_targets() -> tuple[ModuleType, ...]:
    """Import every installed package that defines targets."""
    return tuple(entry.load() for entry in sorted(entry_points(group="awe.targets"), key=lambda entry: entry.name))


def target_classes() -> list[type[Makeable]]:
    """All classes that can be made, in alphabetical order."""
    found = [cls for cls in subclasses() if issubclass(cls, Makeable) and not cls.__abstract__]
    return sorted(found, key=lambda cls: cls.__name__)
