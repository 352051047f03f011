"""Other servers that are asked for what is not here.

All are asked at once, with the token of who asks, whether they have it; it is fetched from the first that says so, and from
the next where that one dies, gets stuck or sends other bytes.  A server that is passed by names itself, so that none is asked
twice on one way.
"""
from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import NamedTuple

from awe.errors import ForbiddenError, MissingFileError, StoreError
from awe.fileserver.cache import Cache
from awe.fileserver.client import Client
from awe.fileserver.store import Store
from awe.fileserver.verified import Verified

HOPS, VIA = "Awe-Hops", "Awe-Via"
#: How long peers are waited for to say whether they have a file, and how fast one has to send it, in bytes per second.
ANSWER_WITHIN = 5.0
SLOWEST = 50_000.0
log = logging.getLogger("awe.fileserver")


class Way(NamedTuple):
    """How a request came here: through how many servers, and which."""

    hops: int = 0
    via: tuple[str, ...] = ()


class Holder(NamedTuple):
    """A peer that has a file, and its size."""

    address: str
    size: int


class Peers:
    """The peers of a server."""

    def __init__(self, addresses: tuple[str, ...], max_hops: int, cache: Cache | None) -> None:
        self.addresses, self.max_hops, self.cache = tuple(address.rstrip("/") for address in addresses), max_hops, cache
        self.name = uuid.uuid4().hex[:16]
        self.verified = Verified()
        self._pool = ThreadPoolExecutor(max(1, 4 * len(addresses)), "awe peers") if addresses else None

    def here(self, store: Store, sha: str) -> Path | None:
        """Where the content lies on this machine, whole; None where it does not, or is damaged."""
        if store.has(sha) and self.verified.is_whole(path := store.path(sha), sha):
            return path
        return self.cache.get(sha) if self.cache is not None else None

    def holders(self, sha: str, token: str | None, way: Way) -> Iterator[Holder]:
        """The peers that have it and show it to who asks, those that answer first before the others."""
        if self._pool is None or way.hops >= self.max_hops or self.name in way.via:
            return
        asked = [self._pool.submit(self._ask, address, sha, token, way) for address in self.addresses]
        try:
            for answer in as_completed(asked, ANSWER_WITHIN):
                found = answer.result()
                if found is not None:
                    yield found
        except TimeoutError:
            log.warning("a peer did not say within %g s whether it has %s", ANSWER_WITHIN, sha)
        finally:
            for answer in asked:
                answer.cancel()

    def fetch(self, store: Store, sha: str, token: str | None, way: Way) -> Path | None:
        """Fetch the content into the cache, or the store where there is none; None where nobody has it."""
        keeper = self.cache or store
        for holder in self.holders(sha, token, way):
            with self._client(holder.address, token, way) as client:
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

    def _ask(self, address: str, sha: str, token: str | None, way: Way) -> Holder | None:
        with self._client(address, token, way) as client:
            try:
                return Holder(address, client.size_of(sha))
            except (MissingFileError, ForbiddenError):
                return None
            except StoreError as error:
                log.warning("a peer was passed over: %s", error)
                return None

    def _client(self, address: str, token: str | None, way: Way) -> Client:
        headers = {HOPS: str(way.hops + 1), VIA: ",".join((*way.via, self.name))}
        return Client(address, token, headers=headers, timeout=ANSWER_WITHIN, tries=1, slowest=SLOWEST)
