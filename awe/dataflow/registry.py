"""All classes of targets: those of this package and those of others that say so by the entry point ``awe.targets``."""
from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType

from awe.dataflow.lifecycle import Makeable
from awe.errors import AweError, ConfigError
from awe.persist.branches import entries
from awe.persist.mapping import subclasses


@functools.cache
def load_targets() -> tuple[ModuleType, ...]:
    """Import every installed package that defines targets.

    Raises
    ------
    ConfigError
        one of them cannot be imported
    """
    return tuple(loaded(entry.name, entry.value, entry.load) for entry in entries())


def loaded(name: str, module: str, load: Callable[[], ModuleType]) -> ModuleType:
    """What an entry point names; whatever keeps it from being imported is told with the name of its package."""
    try:
        return load()
    except Exception as error:
        what = str(error) if isinstance(error, AweError) else f"{type(error).__name__}: {error}"
        raise ConfigError(f"the targets of the package {name!r} ({module}) cannot be imported: {what}; "
                          f"mend it, or `pip uninstall {name}`: its objects stay, and can be read without it") from error


def target_classes() -> list[type[Makeable]]:
    """All classes that can be made, in alphabetical order."""
    found = [cls for cls in subclasses() if issubclass(cls, Makeable) and not cls.__abstract__]
    return sorted(found, key=lambda cls: cls.__name__)
