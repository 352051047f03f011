"""Who may get what from `awe serve files`: a file is served only to who sees an object that it belongs to."""
from __future__ import annotations

import hashlib
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from awe.connection import connect
from awe.dataflow.instance import Instance
from awe.errors import ForbiddenError
from awe.fileserver.server import app
from awe.persist.edit import edit
from awe.services import tokens
from awe.services.resolver import Resolver
from awe.targets import RawBiasFrame


@pytest.fixture
def instance(home: Path) -> Iterator[Instance]:
    opened = connect(home)
    yield opened
    opened.close()


@pytest.fixture
def raw(instance: Instance) -> RawBiasFrame:
    return RawBiasFrame.select_all()[0]


@pytest.fixture
def client(instance: Instance) -> TestClient:
    return TestClient(app(instance.store, Resolver(instance)))


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_who_shows_no_token_sees_what_the_world_sees(instance: Instance, raw: RawBiasFrame, client: TestClient) -> None:
    name, sha = raw.filename, raw.files()["raw"]
    for one in (name, sha):
        assert client.get(f"/files/{one}").status_code == 401
    twin = list(RawBiasFrame.exposure == raw.exposure)
    for each in [*{linked.oid: linked for obj in twin for linked in (obj.chip.instrument, obj.instrument, obj.chip)}.values(), *twin]:
        edit(each, "privileges", 4, "published")
    answer = client.get(f"/files/{name}")
    assert answer.status_code == 200 and answer.content == raw.path("raw").read_bytes()
    assert answer.headers["content-type"] == "application/fits" and answer.headers["etag"] == f'"{sha}"'


def test_the_holder_of_a_token_sees_what_they_see(home: Path, raw: RawBiasFrame, client: TestClient) -> None:
    token = tokens.give(home, "bob", "survey")
    assert client.get(f"/files/{raw.filename}", headers=bearer(token)).status_code == 200
    assert client.get("/files/no-such-file.fits", headers=bearer(token)).status_code == 404
    assert client.get(f"/files/{'0' * 64}", headers=bearer(token)).status_code == 404
    assert client.get(f"/files/{raw.filename}", headers=bearer("nonsense")).status_code == 403


def test_what_is_private_is_not_there_for_others(home: Path, instance: Instance, raw: RawBiasFrame, client: TestClient) -> None:
    for each in RawBiasFrame.exposure == raw.exposure:
        edit(each, "privileges", 1, "mine")
    mine, theirs = tokens.give(home, "ann", "survey"), tokens.give(home, "bob", "survey")
    for name in (raw.filename, raw.files()["raw"]):
        assert client.get(f"/files/{name}", headers=bearer(mine)).status_code == 200
        assert client.get(f"/files/{name}", headers=bearer(theirs)).status_code == 404


def test_putting_needs_a_token_that_says_so(home: Path, instance: Instance, client: TestClient) -> None:

    data = b"new"
    url = f"/files/{hashlib.sha256(data).hexdigest()}"
    reader, writer = tokens.give(home, "ann", "survey"), tokens.give(home, "ann", "survey", may_put=True)
    assert client.put(url, content=data).status_code == 401
    assert client.put(url, content=data, headers=bearer(reader)).status_code in (403, 404)
    assert client.put(url, content=data, headers=bearer(writer)).status_code == 201
    assert client.get(url, headers=bearer(writer)).status_code == 404, "no object that can be seen refers to it"


def test_tokens_are_kept_as_digests_and_can_be_taken_away(awe, home: Path, raw: RawBiasFrame, instance: Instance) -> None:
    name, sha, size = raw.filename, raw.files()["raw"], raw.path("raw").stat().st_size
    token = awe("serve", "token", "carl", "--json").json["token"]
    file = home / tokens.FILE_NAME
    assert token not in file.read_text()
    assert stat.S_IMODE(os.stat(file).st_mode) == 0o600
    resolve = Resolver(instance)
    found = resolve(name, token)
    assert found is not None and (found.sha256, found.size) == (sha, size)
    assert awe("serve", "token", "carl", "--revoke").code == 0
    with pytest.raises(ForbiddenError):
        resolve(name, token)
    answer = awe("serve", "token", "carl", "--revoke")
    assert answer.code == 2 and "no tokens" in answer.complaint


def test_a_file_of_tokens_that_cannot_be_read(awe, home: Path) -> None:
    (home / tokens.FILE_NAME).write_text("[[token]]\nuser = 3\n")
    answer = awe("serve", "token", "carl")
    assert answer.code == 2 and "tokens.toml" in answer.complaint


def test_a_port_that_is_taken(awe, home: Path) -> None:

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = awe("serve", "files", "--port", taken.getsockname()[1])
    assert answer.code == 2 and "cannot listen" in answer.complaint
