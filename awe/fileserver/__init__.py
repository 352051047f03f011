"""Bytes under their SHA-256: a store, a cache, a server and a client; knows no rows and no FITS.

The client is loaded when it is first used: what speaks HTTP takes a while, and most instances keep their files themselves.
"""
from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from awe.fileserver.cache import Cache
from awe.fileserver.grant import Grant
from awe.fileserver.store import Store

if TYPE_CHECKING:
    from awe.fileserver.client import Client

__all__ = ["Cache", "Client", "Grant", "Store"]


def __getattr__(name: str) -> object:
    """Load the client."""
    if name != "Client":
        raise AttributeError(f"module 'awe.fileserver' has no attribute {name!r}")
    globals()[name] = found = importlib.import_module("awe.fileserver.client").Client
    return found  # type: ignore[no-any-return]
