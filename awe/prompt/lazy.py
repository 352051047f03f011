"""A module that is imported when something of it is first used."""
from __future__ import annotations

import importlib
import types
from collections.abc import Callable
from typing import Any


class LazyModule(types.ModuleType):
    """Stands for a module; `prepare` is called with it when it has been imported."""

    def __init__(self, name: str, prepare: Callable[[Any], None] = lambda module: None) -> None:
        super().__init__(name, f"{name}, imported when it is first used")
        self.__dict__["_prepare"] = prepare

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        module = self.__dict__.get("_module")
        if module is None:
            module = self.__dict__["_module"] = importlib.import_module(self.__name__)
            self._prepare(module)
        return getattr(module, name)

    def __dir__(self) -> list[str]:
        return dir(importlib.import_module(self.__name__))


def interactive(module: Any) -> None:
    """Let matplotlib show figures as they are drawn, without `show()`."""
    module.ion()


def plotting() -> dict[str, LazyModule]:
    """`pylab` and `plt`, which take a while to import and which most sessions need late or never."""
    return {"pylab": LazyModule("matplotlib.pylab", interactive), "plt": LazyModule("matplotlib.pyplot", interactive),
            "np": LazyModule("numpy")}
