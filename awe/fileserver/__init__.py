"""Bytes under their SHA-256: a store, a cache, a server and a client; knows no rows and no FITS."""
from awe.fileserver.cache import Cache
from awe.fileserver.client import Client
from awe.fileserver.grant import Grant
from awe.fileserver.store import Store

__all__ = ["Cache", "Client", "Grant", "Store"]
