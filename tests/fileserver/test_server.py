from __future__ import annotations

import base64
import hashlib
import socket
from collections.abc import Callable, Iterator
from email import message_from_bytes
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from awe.errors import ForbiddenError, StoreFullError
from awe.fileserver import Grant, Store
from awe.fileserver.answer import disposition
from awe.fileserver.server import app
from tests.fileserver.conftest import running

DATA = bytes(range(256)) * 4096
SHA = hashlib.sha256(DATA).hexdigest()
NEW = b"new content" * 1000
NEW_SHA = hashlib.sha256(NEW).hexdigest()
NAME = "Sci-ALICE-WFI-#841-ccd53-Red---Sci-52400.1-0123456789ab.fits"
CLIENT = httpx.Client(timeout=30)
READER, WRITER, BANNED = "reader", "writer", "banned"


def resolve(name: str, token: str | None) -> Grant | None:
    if token == BANNED:
        raise ForbiddenError("banned")
    if name == "open.fits":
        return Grant(SHA, "open.fits")
    if token not in (READER, WRITER):
        return None
    if name in (NAME, SHA):
        return Grant(SHA, NAME, len(DATA), "application/fits", may_put=token == WRITER)
    if name == "lost.fits":
        return Grant("1" * 64, name)
    if len(name) == 64 and token == WRITER:
        return Grant(name, may_put=True, may_get=False)
    return None


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def filled(store: Store) -> Store:
    store.unpin([store.put(DATA)])
    return store


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that several tests share, and may not change."""
    shared = Store.create(tmp_path_factory.mktemp("shared") / "store")
    shared.put(DATA)
    with running(app(shared, resolve)) as url:
        yield url
    assert list(shared.hashes()) == [SHA] and not list(shared.incoming.iterdir())


@pytest.fixture(scope="module")
def copying_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The same under the protocol of uvicorn that knows no sendfile."""
    shared = Store.create(tmp_path_factory.mktemp("copying") / "store")
    shared.put(DATA)
    with running(app(shared, resolve), http="h11") as url:
        yield url


@pytest.fixture(params=["sendfile", "copying"])
def http(request: pytest.FixtureRequest, address: str, copying_address: str) -> Iterator[httpx.Client]:
    base = address if request.param == "sendfile" else copying_address
    with httpx.Client(base_url=base, headers=bearer(READER)) as client:
        yield client


@pytest.fixture
def writable(filled: Store, start: Callable[..., str]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=start(app(filled, resolve)), headers=bearer(READER)) as client:
        yield client


@pytest.mark.parametrize("name", [NAME, SHA])
def test_get_and_head(http: httpx.Client, name: str) -> None:
    url = "/files/" + quote(name)
    answer = http.get(url)
    assert answer.status_code == 200 and answer.content == DATA
    headers = answer.headers
    assert headers["ETag"] == f'"{SHA}"' and headers["Accept-Ranges"] == "bytes"
    assert headers["Content-Length"] == str(len(DATA)) and headers["Content-Type"] == "application/fits"
    assert headers["Content-Disposition"] == f'attachment; filename="{NAME}"'
    assert base64.b64decode(headers["Repr-Digest"][9:-1]).hex() == SHA
    assert ("immutable" in headers["Cache-Control"]) == (name == SHA)
    head = http.head(url)
    assert head.status_code == 200 and head.content == b""
    assert {k: v for k, v in head.headers.items() if k != "date"} == {
        k: v for k, v in headers.items() if k != "date"}


def test_an_empty_file(store: Store, start: Callable[..., str]) -> None:
    sha = store.put(b"")
    url = start(app(store, lambda name, token: Grant(sha)))
    answer = httpx.get(f"{url}/files/{sha}")
    assert answer.status_code == 200 and answer.content == b"" and answer.headers["Content-Length"] == "0"
    assert httpx.get(f"{url}/files/{sha}", headers={"Range": "bytes=0-"}).status_code == 416


@pytest.mark.parametrize(("asked", "part"), [("bytes=5-9", slice(5, 10)), ("bytes=-7", slice(-7, None)),
                                             ("bytes=1000000-", slice(1000000, None)), ("bytes=0-0", slice(0, 1))])
def test_one_range(http: httpx.Client, asked: str, part: slice) -> None:
    answer = http.get(f"/files/{SHA}", headers={"Range": asked})
    start, stop, _ = part.indices(len(DATA))
    assert answer.status_code == 206 and answer.content == DATA[part]
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(DATA)}"
    assert answer.headers["Content-Length"] == str(stop - start)


def test_several_ranges(http: httpx.Client) -> None:
    answer = http.get(f"/files/{SHA}", headers={"Range": "bytes=0-9,100-109, -5"})
    assert answer.status_code == 206 and answer.headers["Content-Length"] == str(len(answer.content))
    message = message_from_bytes(b"Content-Type: " + answer.headers["Content-Type"].encode() + b"\r\n" + answer.content)
    parts: list[Any] = message.get_payload()  # type: ignore[assignment]
    assert [part["Content-Range"] for part in parts] == [
        f"bytes 0-9/{len(DATA)}", f"bytes 100-109/{len(DATA)}", f"bytes {len(DATA) - 5}-{len(DATA) - 1}/{len(DATA)}"]
    assert {part["Content-Type"] for part in parts} == {"application/fits"}
    for piece in (DATA[:10], DATA[100:110], DATA[-5:]):
        assert b"\r\n\r\n" + piece + b"\r\n--" in answer.content


def test_ranges_that_cannot_be(http: httpx.Client) -> None:
    answer = http.get(f"/files/{SHA}", headers={"Range": f"bytes={len(DATA)}-"})
    assert answer.status_code == 416 and answer.headers["Content-Range"] == f"bytes */{len(DATA)}"
    for ignored in ("lines=1-2", "bytes=9-5", "bytes=x"):
        answer = http.get(f"/files/{SHA}", headers={"Range": ignored})
        assert answer.status_code == 200 and len(answer.content) == len(DATA)
    answer = http.head(f"/files/{SHA}", headers={"Range": "bytes=0-4"})
    assert answer.status_code == 200, "a range means something to GET alone"


@pytest.mark.parametrize(("headers", "status", "size"), [
    ({"If-None-Match": f'"{SHA}"'}, 304, 0),
    ({"If-None-Match": f'W/"{SHA}", "x"'}, 304, 0),
    ({"If-None-Match": "*"}, 304, 0),
    ({"If-None-Match": '"other"'}, 200, len(DATA)),
    ({"If-Match": f'"{SHA}"'}, 200, len(DATA)),
    ({"If-Match": '"other"'}, 412, 0),
    ({"Range": "bytes=0-9", "If-Range": f'"{SHA}"'}, 206, 10),
    ({"Range": "bytes=0-9", "If-Range": '"other"'}, 200, len(DATA)),
    ({"Range": "bytes=0-9", "If-Range": f'W/"{SHA}"'}, 200, len(DATA)),
    ({"Range": "bytes=0-9", "If-Range": "Sat, 15 Feb 2003 00:00:00 GMT"}, 200, len(DATA)),
    ({"Range": "bytes=0-9", "If-None-Match": f'"{SHA}"'}, 304, 0),
])
def test_conditions(http: httpx.Client, headers: dict[str, str], status: int, size: int) -> None:
    answer = http.get(f"/files/{SHA}", headers=headers)
    assert (answer.status_code, len(answer.content)) == (status, size)
    assert answer.headers["ETag"] == f'"{SHA}"'


@pytest.mark.parametrize("name", [SHA, NAME.replace("#", "%23"), "0" * 64, "nothing.fits", "lost.fits"])
def test_existence_does_not_leak(http: httpx.Client, name: str) -> None:
    """What exists and may not be seen, and what does not exist, get the same answer but for the date."""
    def seen(answer: Any) -> Any:
        return (answer.status_code, answer.content, {k: v for k, v in answer.headers.items() if k != "date"})

    for sent, status in (({"Authorization": ""}, 401), (bearer("stranger"), 404), (bearer(BANNED), 403),
                         ({"Authorization": "Basic eA=="}, 401)):
        answer, nothing = (http.get(f"/files/{n}", headers=sent) for n in (name, "2" * 64))
        assert seen(answer) == seen(nothing) and answer.status_code == status
        assert ("www-authenticate" in answer.headers) == (status == 401)


def test_what_is_open_to_all_needs_no_token(http: httpx.Client) -> None:
    assert http.get("/files/open.fits", headers={"Authorization": ""}).content == DATA


def test_what_is_granted_but_lost(http: httpx.Client) -> None:
    assert http.get("/files/lost.fits").status_code == 404


def test_a_file_of_another_size_than_its_row_says(filled: Store, start: Callable[..., str]) -> None:
    answer = httpx.get(start(app(filled, lambda name, token: Grant(SHA, size=5))) + f"/files/{SHA}")
    assert answer.status_code == 500 and b"damaged" in answer.content


# ---- PUT


def test_put(writable: httpx.Client, filled: Store) -> None:
    answer = writable.put(f"/files/{NEW_SHA}", content=NEW, headers=bearer(WRITER))
    assert answer.status_code == 201 and answer.headers["ETag"] == f'"{NEW_SHA}"'
    assert filled.get(NEW_SHA) == NEW and not list(filled.pins)
    assert writable.get(f"/files/{NEW_SHA}", headers=bearer(WRITER)).status_code == 404, "may put does not mean may get"
    again = writable.put(f"/files/{NEW_SHA}", content=NEW, headers=bearer(WRITER))
    assert again.status_code == 201, "whether it was there is not told"
    large = bytes(5 << 20)
    assert writable.put(f"/files/{hashlib.sha256(large).hexdigest()}", content=iter([large[:3 << 20], large[3 << 20:]]),
                    headers=bearer(WRITER)).status_code == 201


@pytest.mark.parametrize(("name", "token", "status"), [
    (NEW_SHA, READER, 404), (SHA, READER, 403), (NEW_SHA, "", 401), (NEW_SHA, BANNED, 403), ("0" * 64, WRITER, 400),
    (NEW_SHA.upper(), WRITER, 400), (NAME.replace("#", "%23"), WRITER, 400)])
def test_put_refused(writable: httpx.Client, filled: Store, name: str, token: str, status: int) -> None:
    answer = writable.put(f"/files/{name}", content=NEW, headers=bearer(token) if token else {"Authorization": ""})
    assert answer.status_code == status
    assert list(filled.hashes()) == [SHA] and not list(filled.incoming.iterdir()) and not list(filled.pins)


def test_put_into_a_full_store(writable: httpx.Client, filled: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise StoreFullError("full")

    monkeypatch.setattr("awe.fileserver.incoming.Incoming.write", full)
    assert writable.put(f"/files/{NEW_SHA}", content=NEW, headers=bearer(WRITER)).status_code == 507
    assert not list(filled.incoming.iterdir())


def test_put_that_breaks_off(filled: Store, start: Callable[..., str]) -> None:
    url = urlsplit(start(app(filled, resolve)))
    with socket.create_connection((url.hostname, url.port)) as connection:
        connection.sendall(f"PUT /files/{NEW_SHA} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {WRITER}\r\n"
                           f"Content-Length: {len(NEW)}\r\n\r\n".encode() + NEW[:500])
    assert httpx.get(f"http://{url.netloc}/files/open.fits").content == DATA
    for _ in range(200):
        if not list(filled.incoming.iterdir()):
            break
        httpx.head(f"http://{url.netloc}/files/open.fits")
    assert not list(filled.incoming.iterdir()) and list(filled.hashes()) == [SHA]


def test_one_who_goes_away_while_a_file_is_sent(store: Store, start: Callable[..., str],
                                                caplog: pytest.LogCaptureFixture) -> None:
    sha = store.put(bytes(64 << 20))
    url = urlsplit(start(app(store, lambda name, token: Grant(sha))))
    for _ in range(3):
        with socket.create_connection((url.hostname, url.port)) as connection:
            connection.sendall(f"GET /files/{sha} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert connection.recv(1000).startswith(b"HTTP/1.1 200")
    assert httpx.get(f"http://{url.netloc}/files/{sha}", headers={"Range": "bytes=0-3"}).content == bytes(4)
    assert not caplog.records


# ---- hostile requests


HOSTILE = [b"/files/", b"/files/../../etc/passwd", b"/files/..%2f..%2fetc%2fpasswd", b"/files/%2e%2e", b"/files/%00",
           b"/files/%ff%fe", b"/files/" + b"a" * 5000, b"/files/%F0%9F%94%AD", b"/files/a%0d%0ab", b"//files//x",
           b"/files/%5c..%5cx", b"/files/" + SHA.encode() + b"/", b"/files/" + SHA.encode() + b"%20", b"/files/%ed%a0%80",
           b"/files/" + b"%2e" * 200]


@pytest.mark.parametrize("target", HOSTILE)
@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"PUT", b"DELETE", b"POST"])
def test_hostile_paths(address: str, target: bytes, method: bytes) -> None:
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        connection.sendall(method + b" " + target + b" HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer writer\r\n"
                           b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        status = int(connection.makefile("rb").readline().split()[1])
    assert 400 <= status < 500


@settings(max_examples=100, deadline=None)
@given(name=st.text(max_size=300), header=st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
       token=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
def test_any_request_is_answered(address: str, name: str, header: str, token: str) -> None:
    url = httpx.URL(address).copy_with(raw_path=b"/files/" + b"".join(
        b"%%%02x" % byte for byte in name.encode("utf-8", "surrogatepass")))
    header = header.strip()
    for sent in ({"Authorization": f"Bearer {token}"}, {"Range": header, "If-Range": header, "If-None-Match": header,
                                                       "If-Match": header, "Awe-Hops": header, **bearer(WRITER)}):
        assert CLIENT.get(url, headers=sent).status_code < 500
        assert CLIENT.put(url, headers=sent, content=b"x").status_code < 500
    answer = CLIENT.get(f"{address}/files/{SHA}", headers={"Range": header, "If-None-Match": header, **bearer(READER)})
    assert answer.status_code in (200, 206, 304, 416)


@pytest.mark.parametrize(("name", "expected"), [
    ("a.fits", 'attachment; filename="a.fits"'),
    ('x"\r\ny/z\\.fits', "attachment; filename=\"x___y_z_.fits\"; filename*=UTF-8''x%22%0D%0Ay_z_.fits"),
    ("é.fits", "attachment; filename=\"_.fits\"; filename*=UTF-8''%C3%A9.fits"),
])
def test_offered_names(name: str, expected: str) -> None:
    assert disposition(name) == expected
