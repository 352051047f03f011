"""Other servers that are asked for what is not here."""
from __future__ import annotations

import logging
from pathlib import Path

import anyio.to_thread

from awe.errors import ForbiddenError, MissingFileError, StoreError
from awe.fileserver.cache import Cache
from awe.fileserver.client import Client
from awe.fileserver.store import Store

HOPS = "Awe-Hops"
log = logging.getLogger("awe.fileserver")


class Peers:
    """The peers of a server: asked in order, with the token of who asks."""

    def __init__(self, addresses: tuple[str, ...], max_hops: int, cache: Cache | None) -> None:
        self.addresses, self.max_hops, self.cache = addresses, max_hops, cache

    async def find(self, store: Store, sha: str, token: str | None, hops: int) -> Path | None:
        """Return where the content lies: in the store, in the cache, or fetched now; None where nobody has it."""
        return await anyio.to_thread.run_sync(self._find, store, sha, token, hops)

    def _find(self, store: Store, sha: str, token: str | None, hops: int) -> Path | None:
        if store.has(sha):
            return store.path(sha)
        keeper = self.cache or store
        if self.cache is not None and (found := self.cache.get(sha)) is not None:
            return found
        if hops >= self.max_hops:
            return None
        for address in self.addresses:
            with Client(address, token, headers={HOPS: str(hops + 1)}) as client:
                try:
                    client.fetch_into(keeper, sha)
                except (MissingFileError, ForbiddenError):
                    continue
                except StoreError as error:
                    log.warning("a peer was passed over: %s", error)
                    continue
            if keeper is store:
                store.unpin([sha])  # it is new, so it stays for a day; by then the row that granted it keeps it
            return keeper.path(sha)
        return None
