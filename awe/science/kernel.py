"""Kernels: functions that numba compiles when they are first called, so that who only looks at data need not load a compiler."""
from __future__ import annotations

import functools
import types
from collections.abc import Callable
from typing import Any


class Kernel:
    """A function to be compiled, and what numba makes of it from the first call on."""

    def __init__(self, function: Callable[..., Any], options: dict[str, Any]) -> None:
        functools.update_wrapper(self, function)
        self.py_func = function
        self.options = options

    @functools.cached_property
    def dispatcher(self) -> Any:
        """What numba makes of it. Kernels that it calls are known to it by theirs, as compiled code calls compiled code alone."""
        import numba  # loading it takes as long as all modules of science together

        names, code = self.py_func.__globals__, self.py_func.__code__
        called = {name: names[name].dispatcher for name in code.co_names if isinstance(names.get(name), Kernel)}
        function = types.FunctionType(code, names | called, self.py_func.__name__, self.py_func.__defaults__, self.py_func.__closure__)
        return numba.njit(**self.options)(functools.update_wrapper(function, self.py_func))

    def __call__(self, *values: Any) -> Any:
        return self.dispatcher(*values)

    def __repr__(self) -> str:
        return f"<kernel {self.py_func.__module__}.{self.py_func.__qualname__}>"


def njit(**options: Any) -> Callable[[Callable[..., Any]], Kernel]:
    """Make a function a kernel, with the options of `numba.njit`."""
    return functools.partial(Kernel, options=options)
