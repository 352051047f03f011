"""Asking a file server."""
from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeVar
from urllib.parse import quote

import httpx

from awe.errors import ForbiddenError, IntegrityError, MissingFileError, StoreError, StoreFullError
from awe.fileserver.cache import Cache
from awe.fileserver.digest import BLOCK, hash_file, is_hash
from awe.fileserver.incoming import Incoming, open_source
from awe.fileserver.remote_file import RemoteFile

T = TypeVar("T")
#: A header of an answer: the file is here, and is not what its name says.
DAMAGED = "Awe-Damaged"
_TRIES = 4
_FIRST_WAIT = 0.1
#: How often a request is sent on from one server to another, and after how many seconds slowness counts.
_REFERRALS = 3
_GRACE = 5.0


class _Referred(Exception):
    """A server says where the file is."""

    def __init__(self, address: str) -> None:
        self.address = address


class Keeper(Protocol):
    """A store or a cache: what whole files are received into."""

    def receive(self) -> AbstractContextManager[Incoming]:
        """Open a file to write into."""

    def keep(self, incoming: Incoming, expected: str | None = None) -> str:
        """Verify and keep what was received."""


class Client:
    """A client of the server at `base_url`, on behalf of who holds `token`.

    Whole files come into `cache` and are verified. A broken connection is tried again a few times; every request can
    be repeated without harm. May be shared by threads. Where the server knows another one that has the file and refers to
    it, that one is asked with the same token.

    `tries` says how often a request is sent where the connection breaks; `slowest`, in bytes per second, how fast a whole
    file has to come.
    """

    def __init__(self, base_url: str, token: str | None = None, cache: Cache | None = None, *,
                 headers: Mapping[str, str] | None = None, timeout: float = 30.0, tries: int = _TRIES, slowest: float = 0.0) -> None:
        self.base_url = base_url.rstrip("/")
        self.cache, self.tries, self.slowest = cache, tries, slowest
        self._elsewhere: dict[str, str] = {}
        sent = dict(headers or {})
        sent["Accept-Encoding"] = "identity"
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        self._http = httpx.Client(headers=sent, timeout=timeout, follow_redirects=False)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Client:
        """Return the client."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the connections."""
        self.close()

    def has(self, name_or_hash: str) -> bool:
        """Return whether the server has the file and shows it to us."""
        try:
            self._head(name_or_hash)
        except MissingFileError:
            return False
        return True

    def size_of(self, name_or_hash: str) -> int:
        """Return the number of bytes of the file that the server has under that name."""
        return int(self._head(name_or_hash).headers["Content-Length"])

    def hash_of(self, name_or_hash: str) -> str:
        """Return the SHA-256 of the file that the server has under that name."""
        return name_or_hash if is_hash(name_or_hash) else self._hash_in(self._head(name_or_hash))

    def get(self, name_or_hash: str, *, verify: bool = True) -> Path:
        """Return where the whole file lies in the cache, fetched if need be; verified, on a hit too unless told not."""
        if self.cache is None:
            raise StoreError(f"{name_or_hash} was asked of {self.base_url} by a client without a cache to keep it in; "
                             "give it one, or use open_range")
        cache, sha = self.cache, self.hash_of(name_or_hash)
        found = cache.get(sha, verify=verify)
        if found is None:
            self._tried(name_or_hash, lambda: self._fetch(name_or_hash, sha, cache))
        return found or cache.path(sha)

    def fetch_into(self, keeper: Keeper, sha: str) -> None:
        """Fetch a whole file by hash into a store or a cache; verified."""
        self._tried(sha, lambda: self._fetch(sha, sha, keeper))

    def open_range(self, name_or_hash: str) -> RemoteFile:
        """Open the file to read parts of it, fetching only those; they are not verified."""
        head = self._head(name_or_hash)
        tag = head.headers.get("ETag", "")

        def fetch(start: int, stop: int) -> bytes:
            return self._tried(name_or_hash, lambda: self._part(name_or_hash, start, stop, tag))

        return RemoteFile(fetch, int(head.headers["Content-Length"]), name_or_hash)

    def put(self, path: Path | str) -> str:
        """Give a file to the server, which verifies it; return its SHA-256."""
        path = Path(path)
        open_source(path).close()  # says in words why it cannot be read
        sha = hash_file(path)

        def send() -> None:
            size = path.stat().st_size
            answer = self._http.put(self._url(sha), content=_blocks(path), headers={"Content-Length": str(size)})
            self._refuse(sha, answer)

        self._tried(str(path), send)
        return sha

    # ---- one request each

    def _head(self, name: str) -> httpx.Response:
        def ask() -> httpx.Response:
            answer = self._http.head(self._url(name))
            self._refuse(name, answer)
            return answer

        return self._tried(name, ask)

    def _fetch(self, name: str, sha: str, keeper: Keeper) -> None:
        with self._http.stream("GET", self._url(name)) as answer:
            self._refuse(name, answer)
            start = time.monotonic()
            with keeper.receive() as incoming:
                for block in answer.iter_raw(BLOCK):
                    incoming.write(memoryview(block))
                    waited = time.monotonic() - start
                    if waited > _GRACE and incoming.size < waited * self.slowest:
                        raise StoreError(f"{name} was asked of {self.base_url}, which sent {incoming.size} bytes in {waited:.0f} s; "
                                         "that is too slow")
                keeper.keep(incoming, expected=sha)

    def _part(self, name: str, start: int, stop: int, tag: str) -> bytes:
        answer = self._http.get(self._url(name), headers={"Range": f"bytes={start}-{stop - 1}", "If-Match": tag})
        if answer.status_code == 412:
            raise StoreError(f"{name} was replaced at {self.base_url} while it was read; open it again")
        self._refuse(name, answer)
        data = answer.content if answer.status_code == 206 else answer.content[start:stop]
        if len(data) != stop - start:
            raise IntegrityError(f"bytes {start} to {stop} of {name} were asked of {self.base_url}, "
                                 f"but {len(data)} bytes came; ask again")
        return data

    # ---- what all have in common

    def _url(self, name: str) -> str:
        return self._elsewhere.get(name) or f"{self.base_url}/files/{quote(name, safe='')}"

    def _hash_in(self, answer: httpx.Response) -> str:
        sha: str = answer.headers.get("ETag", "").strip('"')
        if not is_hash(sha):
            raise StoreError(f"{answer.url} answered without the hash of the file; is {self.base_url} a file server?")
        return sha

    def _tried(self, what: str, ask: Callable[[], T]) -> T:
        """Ask; where the connection breaks, or what came was damaged on its way, ask again, later and later."""
        wait, referrals = _FIRST_WAIT, 0
        left = self.tries
        while True:
            left -= 1
            try:
                return ask()
            except _Referred as referred:
                left, referrals = left + 1, referrals + 1
                if referrals > _REFERRALS:
                    raise StoreError(f"{what} was asked of {self.base_url}, and sent on {referrals} times; "
                                     "its servers refer to one another, and none has it") from None
                self._elsewhere[what] = referred.address
            except (httpx.TransportError, IntegrityError) as error:
                self._elsewhere.pop(what, None)
                if left > 0:
                    time.sleep(wait)
                    wait *= 2
                    continue
                if isinstance(error, IntegrityError):
                    raise
                raise StoreError(f"{what} was asked of the file server {self.base_url}, which does not answer "
                                 f"({error or type(error).__name__}); is it running, and is the address right?"
                                 ) from error
            except httpx.InvalidURL as error:
                raise StoreError(f"{what} was asked of {self.base_url}, which is no address ({error})") from error

    def _refuse(self, name: str, answer: httpx.Response) -> None:
        """Raise what an answer that is not a success means."""
        status = answer.status_code
        if answer.is_success:
            return
        address = answer.headers.get("Location", "")
        if status == 307 and address.startswith(("https:", f"{answer.url.scheme}:")):
            raise _Referred(address)
        if status in (404, 410):
            raise MissingFileError(f"the file {name} was asked of {self.base_url}, which has none of that name that "
                                   "this token may see; check the name and the project")
        if status in (401, 403):
            raise ForbiddenError(f"the file {name} was asked of {self.base_url}, which "
                                 + ("wants a token; give one" if status == 401 else "does not allow it to this token"))
        if status == 507:
            raise StoreFullError(f"{name} was given to {self.base_url}, which has no room left; nothing was written")
        if status == 400 and answer.request.method == "PUT":
            raise IntegrityError(f"{name} was given to {self.base_url}, and came there damaged; nothing was kept")
        if answer.headers.get(DAMAGED):
            raise IntegrityError(f"the file {name} was asked of {self.base_url}, which has it with other bytes than its name says, "
                                 "and knows nobody who has it whole; tell those who keep that server")
        raise StoreError(f"{name} was asked of {self.base_url}, which answered {status} {answer.reason_phrase}")


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            yield block
