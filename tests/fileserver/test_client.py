from __future__ import annotations

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import ForbiddenError, IntegrityError, MissingFileError, StoreError, StoreFullError
from awe.fileserver import Cache, Client, Grant, Store
from awe.fileserver.sendfile import NAME as SENDFILE
from awe.fileserver.server import app

TOKEN = "secret"


def resolve(store: Store, names: dict[str, str]) -> Callable[[str, str | None], Grant | None]:
    def answer(name: str, token: str | None) -> Grant | None:
        if token != TOKEN:
            return None
        sha = names.get(name, name)
        return Grant(sha, name, may_put=True) if len(sha) == 64 else None

    return answer


class Counted:
    """Counts the requests that a server gets, and the bytes of files that it sends."""

    def __init__(self, application: Any) -> None:
        self.application, self.requests, self.sent = application, [], 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.requests.append((scope["method"], scope["path"]))
        send_part = scope["extensions"][SENDFILE]

        async def counted(descriptor: int, start: int, stop: int) -> None:
            self.sent += stop - start
            await send_part(descriptor, start, stop)

        scope["extensions"][SENDFILE] = counted
        await self.application(scope, receive, send)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 1 << 30)


def test_get_put_has(store: Store, cache: Cache, start: Callable[..., str], tmp_path: Path) -> None:
    data, path = os.urandom(3_000_000), tmp_path / "mine"
    path.write_bytes(data)
    names: dict[str, str] = {}
    counted = Counted(app(store, resolve(store, names)))
    with Client(start(counted), TOKEN, cache) as client:
        sha = client.put(path)
        assert sha == hashlib.sha256(data).hexdigest() and store.get(sha) == data
        names["a name.fits"] = sha
        assert client.has(sha) and client.has("a name.fits") and not client.has("0" * 64) and not client.has("other")
        assert client.hash_of("a name.fits") == sha
        assert client.get(sha).read_bytes() == data
        before = len(counted.requests)
        assert client.get(sha) == cache.path(sha)
        assert len(counted.requests) == before, "by hash, what is in the cache needs no request"
        assert client.get("a name.fits") == cache.path(sha)
        assert counted.requests[before:] == [("HEAD", "/files/a name.fits")]


def test_damage_in_the_cache_is_fetched_again(store: Store, cache: Cache, start: Callable[..., str]) -> None:
    sha = store.put(b"abc")
    with Client(start(app(store, resolve(store, {}))), TOKEN, cache) as client:
        path = client.get(sha)
        path.chmod(0o644)
        path.write_bytes(b"abd")
        assert client.get(sha).read_bytes() == b"abc"


def test_damage_on_the_server_is_seen(store: Store, cache: Cache, start: Callable[..., str]) -> None:
    sha = store.put(b"abc")
    store.path(sha).chmod(0o644)
    store.path(sha).write_bytes(b"abd")
    with Client(start(app(store, resolve(store, {}))), TOKEN, cache) as client, pytest.raises(IntegrityError):
        client.get(sha)
    assert cache.size == 0 and not list(cache.incoming.iterdir())


def test_what_is_refused_is_said(store: Store, cache: Cache, start: Callable[..., str], tmp_path: Path) -> None:
    url = start(app(store, resolve(store, {})))
    with Client(url, TOKEN, cache) as client:
        with pytest.raises(MissingFileError, match="nothing"):
            client.get("nothing")
        with pytest.raises(MissingFileError):
            client.open_range("0" * 64)
        with pytest.raises(StoreError, match="nowhere"):
            client.put(tmp_path / "nowhere")
    with Client(url, None, cache) as client, pytest.raises(ForbiddenError, match="token"):
        client.get("0" * 64)
    with Client(url, TOKEN) as client, pytest.raises(StoreError, match="cache"):
        client.get("0" * 64)


def test_a_full_server(store: Store, start: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreFullError("full")

    monkeypatch.setattr("awe.fileserver.incoming.Incoming.move", full)
    path = tmp_path / "mine"
    path.write_bytes(b"abc")
    with Client(start(app(store, resolve(store, {}))), TOKEN) as client, pytest.raises(StoreFullError, match="no room"):
        client.put(path)
    assert not list(store.incoming.iterdir()) and not list(store.pins)


def test_a_server_that_is_not_there(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("awe.fileserver.client.time.sleep", waits.append)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Client(f"http://127.0.0.1:{port}", TOKEN, cache) as client, pytest.raises(StoreError, match="does not answer"):
        client.get("name")
    assert waits == [0.1, 0.2, 0.4]
    for address in ("nonsense", "http://[", "ftp://x"):
        with pytest.raises(StoreError, match="address"):
            Client(address).has("x")


def test_a_connection_that_breaks_is_tried_again(store: Store, cache: Cache, start: Callable[..., str]) -> None:
    data = os.urandom(500_000)
    sha, left = store.put(data), [2]
    inner = app(store, resolve(store, {}))

    async def flaky(scope: Any, receive: Any, send: Any) -> None:
        async def cut(message: Any) -> None:
            await send(message)
            if left[0] and message["type"] == "http.response.start":
                left[0] -= 1
                raise ConnectionAbortedError("cut")

        await inner(scope, receive, cut)

    with Client(start(flaky), TOKEN, cache) as client:
        assert client.get(sha).read_bytes() == data
    assert left == [0]


def test_astropy_reads_only_a_section(store: Store, start: Callable[..., str], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    images = [rng.normal(size=(2000, 1500)).astype(np.float32) for _ in range(3)]
    path = tmp_path / "frame.fits"
    fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU(image, name=f"CCD{n}") for n, image in enumerate(images))]
                 ).writeto(path)
    sha = store.put(path)
    counted = Counted(app(store, resolve(store, {"frame.fits": sha})))
    with Client(start(counted), TOKEN) as client, client.open_range("frame.fits") as file:
        with fits.open(file) as frame:
            section = frame["CCD1"].section[900:950, 100:300]
            np.testing.assert_array_equal(section, images[1][900:950, 100:300])
            assert frame["CCD2"].section[0, 0] == images[2][0, 0]
        assert counted.sent < path.stat().st_size / 20
        assert len(counted.requests) < 15


def test_a_file_that_is_replaced_while_it_is_read(store: Store, start: Callable[..., str]) -> None:
    names = {"name": store.put(bytes(1_000_000))}
    with Client(start(app(store, resolve(store, names))), TOKEN) as client:
        file = client.open_range("name")
        assert file.read(10) == bytes(10)
        names["name"] = store.put(b"x" * 1_000_000)
        file.seek(900_000)
        with pytest.raises(StoreError, match="replaced"):
            file.read(10)


# ---- servers that ask one another


def servers(tmp_path: Path, start: Callable[..., str], count: int, **options: Any) -> tuple[list[Store], list[Any], str]:
    """A chain: each asks the next; gives the address of the first."""
    stores = [Store.create(tmp_path / f"store{n}") for n in range(count)]
    counted, url = [], ""
    for store in reversed(stores):
        counted.insert(0, Counted(app(store, resolve(store, {}), [url] if url else [], **options)))
        url = start(counted[0])
    return stores, counted, url


def test_a_peer_is_asked_and_the_answer_is_kept(tmp_path: Path, cache: Cache, start: Callable[..., str]) -> None:
    stores, counted, url = servers(tmp_path, start, 3)
    sha = stores[2].put(b"far away")
    with Client(url, TOKEN, cache) as client:
        assert client.get(sha).read_bytes() == b"far away"
        assert stores[0].get(sha) == b"far away" and not list(stores[0].pins)
        before = len(counted[1].requests)
        assert client.has(sha) and len(counted[1].requests) == before
        assert not client.has("0" * 64)
    with Client(url, "wrong", cache) as client:
        assert not client.has(sha)


def test_hops_are_limited(tmp_path: Path, start: Callable[..., str]) -> None:
    stores, counted, url = servers(tmp_path, start, 3, max_hops=1)
    sha = stores[2].put(b"too far")
    with Client(url, TOKEN) as client:
        assert not client.has(sha)
        assert client.has(stores[1].put(b"near enough"))
    assert counted[2].requests == []


def test_a_ring_ends(tmp_path: Path, start: Callable[..., str]) -> None:
    store, addresses = Store.create(tmp_path / "store"), [""]
    counted = Counted(None)
    url = start(counted)
    addresses[0] = url
    counted.application = app(store, resolve(store, {}), addresses, max_hops=3)
    with Client(url, TOKEN) as client:
        assert not client.has("0" * 64)
    assert len(counted.requests) <= 4


def test_a_peer_keeps_in_the_cache_and_a_dead_one_is_passed_over(
        tmp_path: Path, cache: Cache, start: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe.fileserver.client.time.sleep", lambda _: None)
    near, far = Store.create(tmp_path / "near"), Store.create(tmp_path / "far")
    sha = far.put(b"abc")
    living = start(app(far, resolve(far, {})))
    with Client(start(app(near, resolve(near, {}), ["http://127.0.0.1:1", living], cache=cache)), TOKEN) as client:
        assert client.open_range(sha).read() == b"abc"
    assert cache.has(sha) and not near.has(sha)


def test_a_peer_that_sends_other_bytes(tmp_path: Path, start: Callable[..., str],
                                       monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awe.fileserver.client.time.sleep", lambda _: None)
    stores, _, url = servers(tmp_path, start, 2)
    sha = stores[1].put(b"abc")
    stores[1].path(sha).chmod(0o644)
    stores[1].path(sha).write_bytes(b"abd")
    with Client(url, TOKEN) as client:
        assert not client.has(sha)
    assert not list(stores[0].hashes()) and not list(stores[0].incoming.iterdir())
