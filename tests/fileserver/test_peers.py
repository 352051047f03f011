"""Servers that know each other, each a process of its own: the right bytes or an error, never the wrong ones."""
from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from awe.errors import ForbiddenError, IntegrityError, MissingFileError, StoreError
from awe.fileserver import Cache, Client, Store
from tests.forking import Forked

ROOT = Path(__file__).parents[2]
CONTENT = os.urandom(300_000)
SHA = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A server in a process, and the store it serves."""

    process: subprocess.Popen[bytes]
    address: str
    store: Store
    port: int

    def damage(self) -> None:
        """Let what it has be of the same size, and other bytes."""
        path = self.store.path(SHA)
        path.chmod(0o644)
        path.write_bytes(CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]))

    def be(self, what: str) -> None:
        (self.store.root / what).touch()

    def cached(self) -> Path:
        return self.store.root.parent / f"cache-{self.port}" / "objects" / SHA[:2] / SHA[2:]


Start = Callable[..., Server]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Start]:
    """Start a server: what it holds, which tokens it knows, whom it knows."""
    started: list[Server] = []

    def start(*peers: Server | str, holds: bool = False, tokens: str = "secret", refer: bool = False, port: int = 0) -> Server:
        store, port = Store.create(tmp_path / f"store-{len(started)}"), port or free_port()
        if holds:
            store.unpin([store.put(CONTENT)])
        known = [peer if isinstance(peer, str) else peer.address for peer in peers]
        words = ["-m", "tests.fileserver.peer", store.root, tokens, port, *(["--refer"] if refer else []), *known]
        process = Forked(words, cwd=ROOT)
        one = Server(process, f"http://127.0.0.1:{port}", store, port)
        started.append(one)
        while True:
            try:
                httpx.get(one.address, timeout=1)
                return one
            except httpx.TransportError:
                assert one.process.poll() is None, "the server did not start"
                time.sleep(0.02)
    yield start
    for one in started:
        one.process.send_signal(signal.SIGCONT)
        one.process.kill()
        one.process.wait()


def get(one: Server, tmp_path: Path, token: str = "secret", name: str = SHA) -> bytes:
    with Client(one.address, token, Cache(tmp_path / f"mine-{time.monotonic_ns()}"), tries=2) as client:
        return client.get(name).read_bytes()


def test_what_a_peer_has_is_fetched_once_and_kept(server: Start, tmp_path: Path) -> None:
    holder = server(holds=True)
    near = server(server(), holder)
    with Client(near.address, "secret") as client:
        assert client.size_of(SHA) == len(CONTENT) and client.has(SHA) and not near.cached().exists()
    assert get(near, tmp_path, name=f"name-{SHA}") == CONTENT and near.cached().read_bytes() == CONTENT
    holder.process.kill()
    assert get(near, tmp_path) == CONTENT


def test_through_several_and_in_circles(server: Start, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    a = server(f"http://127.0.0.1:{second}", port=first)
    b = server(a, f"http://127.0.0.1:{first}", port=second)
    with pytest.raises(MissingFileError):
        get(a, tmp_path)
    far = server(server(server(holds=True)))
    assert get(far, tmp_path) == CONTENT
    too_far = server(server(far, b))
    assert get(too_far, tmp_path) == CONTENT, "what was fetched on the way is kept"


def test_one_down_one_stopped_one_stuck_one_lying_one_damaged(server: Start, tmp_path: Path) -> None:
    """Whichever answers, what arrives is right, and nobody waits for the dead."""
    down, stopped, stuck, liar, damaged, good = (server(holds=True) for _ in range(6))
    down.process.kill()
    stopped.process.send_signal(signal.SIGSTOP)
    stuck.be("stuck")
    liar.be("liar")
    damaged.damage()
    for first in (down, stopped, stuck, liar, damaged):
        near = server(first, good)
        assert get(near, tmp_path) == CONTENT
        assert near.cached().read_bytes() == CONTENT


@pytest.mark.parametrize("bad", ["down", "liar", "damaged"])
def test_nobody_who_has_it_whole_is_an_error(server: Start, tmp_path: Path, bad: str) -> None:
    only = server(holds=True)
    if bad == "down":
        only.process.kill()
    elif bad == "liar":
        only.be("liar")
    else:
        only.damage()
    near = server(only)
    with pytest.raises((StoreError, MissingFileError)):
        get(near, tmp_path)
    assert not near.cached().exists() and not near.store.has(SHA)


def test_a_damaged_copy_is_not_served_and_a_peer_heals_it(server: Start, tmp_path: Path) -> None:
    alone = server(holds=True)
    alone.damage()
    with pytest.raises(IntegrityError, match="other bytes than its name says"):
        get(alone, tmp_path)
    for headers in ({}, {"Range": "bytes=0-9"}):
        assert httpx.get(f"{alone.address}/files/{SHA}", headers={"Authorization": "Bearer secret", **headers}).status_code == 500
    helped = server(server(holds=True), holds=True)
    helped.damage()
    assert get(helped, tmp_path) == CONTENT
    part = httpx.get(f"{helped.address}/files/{SHA}", headers={"Authorization": "Bearer secret", "Range": "bytes=299990-299999"})
    assert part.status_code == 206 and part.content == CONTENT[-10:]


def test_damage_while_it_serves_is_noticed(server: Start, tmp_path: Path) -> None:
    one = server(holds=True)
    assert get(one, tmp_path) == CONTENT
    one.damage()
    with pytest.raises(IntegrityError):
        get(one, tmp_path)


def test_the_token_of_who_asks_counts_at_every_server(server: Start, tmp_path: Path) -> None:
    """A server lends nobody its own eyes: what the peer does not show to the user is not there."""
    strict = server(holds=True, tokens="theirs")
    near = server(strict, tokens="secret,theirs")
    with pytest.raises((MissingFileError, ForbiddenError)):
        get(near, tmp_path)
    assert get(near, tmp_path, token="theirs") == CONTENT
    with pytest.raises((MissingFileError, ForbiddenError)):
        get(near, tmp_path, token="nobody")


def test_referral_sends_who_asks_to_the_peer(server: Start, tmp_path: Path) -> None:
    holder = server(holds=True)
    desk = server(server(), holder, refer=True)
    answer = httpx.get(f"{desk.address}/files/{SHA}", headers={"Authorization": "Bearer secret"})
    assert (answer.status_code, answer.headers["Location"]) == (307, f"{holder.address}/files/{SHA}")
    assert get(desk, tmp_path, name=f"name-{SHA}") == CONTENT and not desk.store.has(SHA)
    with Client(desk.address, "secret") as client, client.open_range(SHA) as file:
        file.seek(100)
        assert file.read(50) == CONTENT[100:150]
    holder.process.kill()
    with pytest.raises((MissingFileError, StoreError)):
        get(desk, tmp_path)


def test_referrals_in_circles_end(server: Start, tmp_path: Path) -> None:
    first, second = free_port(), free_port()
    a = server(f"http://127.0.0.1:{second}", port=first, refer=True)
    server(a, port=second, refer=True)
    with pytest.raises((MissingFileError, StoreError)):
        get(a, tmp_path)
