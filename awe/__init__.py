"""An object-persistent dataflow information system for wide-field astronomy.

In a notebook or a script, two lines reach what the prompt has::

    import awe; awe.connect()
    from awe.targets import *
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from awe.errors import AweError

if TYPE_CHECKING:
    from awe.connection import connect

__version__ = "0.1.0"
__all__ = ["AweError", "__version__", "connect"]


def __getattr__(name: str) -> object:
    """Load `connect` when it is first used: databases and target classes take a while, and `import awe` must not."""
    if name != "connect":
        raise AttributeError(f"module 'awe' has no attribute {name!r}")
    globals()[name] = found = importlib.import_module("awe.connection").connect
    return found  # type: ignore[no-any-return]
