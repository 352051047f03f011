"""What others may not see does not come out of the commands, nor of the file server: by name, by hash, by parts, or in an error."""
from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from awe.connection import connect
from awe.fileserver.server import app
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record
from awe.services import tokens
from awe.services.resolver import Resolver
from awe.targets import Filter, Instrument
from tests.cli.conftest import Answer, call
from tests.cli.test_sharing import as_user

LEVELS = (1, 2, 3, 4, 5)
LEAST = {"ann": 1, "bob": 2, "eve": 3, None: 4}
ABSENT = "0123456789abcdef" * 2


@dataclass
class House:
    """An instance of ann with one object with a file at each level; bob is a member of her project."""

    home: Path
    names: dict[int, str] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    identities: dict[int, str] = field(default_factory=dict)
    changes: dict[int, int] = field(default_factory=dict)
    tokens: dict[str | None, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    found = House(tmp_path_factory.mktemp("leak") / "home")
    assert call("init", found.home, "--user", "ann", "--project", "secret").code == 0
    instance = connect(found.home)
    context.add_member("bob")
    context.make_project("open")
    context.set_privileges(5)
    camera = Instrument(name="cam")
    camera.commit()
    for level in LEVELS:
        context.set_privileges(level)
        made, content = Filter(instrument=camera, name=f"marker{level}"), f"marker{level}".encode() * 100
        found.names[level], found.hashes[level] = f"marker{level}.txt", instance.store.put(content)
        both = instance.store.put(b"shared by all")
        insert([Record(made, files=[FileRow("image", ".txt", found.hashes[level], len(content), found.names[level]),
                                    FileRow("raw", ".txt", both, 13, f"shared-marker{level}.txt")])])
        edit(made, "is_valid", 2, f"marker{level}")
        found.identities[level], found.changes[level] = made.object_id, made.changes[0].seq
    instance.close()
    for user, project in (("ann", "secret"), ("bob", "secret"), ("eve", "open")):
        found.tokens[user] = tokens.give(found.home, user, project)
    return found


@pytest.fixture
def client(house: House) -> Iterator[TestClient]:
    opened = connect(house.home)
    yield TestClient(app(opened.store, Resolver(opened)))
    opened.close()


@pytest.mark.parametrize("user", LEAST)
@pytest.mark.parametrize("level", LEVELS)
def test_files_by_name_by_hash_and_by_parts(house: House, client: TestClient, user: str | None, level: int) -> None:
    headers = {"Authorization": f"Bearer {house.tokens[user]}"} if user else {}
    content = f"marker{level}".encode() * 100
    for asked in (house.names[level], house.hashes[level]):
        whole, head = client.get(f"/files/{asked}", headers=headers), client.head(f"/files/{asked}", headers=headers)
        part = client.get(f"/files/{asked}", headers={**headers, "Range": "bytes=10-19"})
        known = client.get(f"/files/{asked}", headers={**headers, "If-None-Match": f'"{house.hashes[level]}"'})
        if level >= LEAST[user]:
            assert (whole.status_code, whole.content) == (200, content) and head.status_code == 200
            assert (part.status_code, part.content) == (206, content[10:20]) and known.status_code == 304
            continue
        absent = {how: client.request(how, "/files/no-such-file.txt", headers=headers) for how in ("get", "head")}
        for answer, like in ((whole, "get"), (head, "head"), (part, "get"), (known, "get")):
            assert answer.status_code == absent[like].status_code and answer.status_code in (401, 404)
            assert "marker" not in answer.text.replace(asked, "") and "marker" not in str(answer.headers)
            assert {"etag", "content-range", "accept-ranges"} & set(answer.headers) == {"accept-ranges"} & set(absent[like].headers)


@pytest.mark.parametrize("user", LEAST)
def test_shared_contents_are_served_for_the_sake_of_one_object_that_is_seen(house: House, client: TestClient, user: str | None) -> None:
    headers = {"Authorization": f"Bearer {house.tokens[user]}"} if user else {}
    shared = hashlib.sha256(b"shared by all").hexdigest()
    answer = client.get(f"/files/{shared}", headers=headers)
    assert answer.status_code == 200 and answer.content == b"shared by all"
    hidden = [f"marker{level}" for level in LEVELS if level < LEAST[user]]
    assert not [word for word in hidden if word in str(answer.headers)]
    for level in LEVELS:
        assert client.get(f"/files/shared-marker{level}.txt", headers=headers).is_success == (level >= LEAST[user])


@pytest.fixture
def commands(house: House, monkeypatch: pytest.MonkeyPatch):
    """Commands of awe on that instance, as one user."""
    monkeypatch.setenv("AWE_HOME", str(house.home))

    def run(user: str, *words: object) -> Answer:
        monkeypatch.setenv("AWE_PROJECT", "open" if user == "eve" else "secret")
        return as_user(monkeypatch, user, *words)
    return run


@pytest.mark.parametrize("user", ["bob", "eve"])
def test_commands_say_the_same_of_what_is_hidden_and_of_what_is_not_there(house: House, commands, user: str) -> None:
    for level in (each for each in LEVELS if each < LEAST[user]):
        for words in (["show"], ["lineage"], ["lineage", "--down"], ["retrieve"], ["changes"], ["publish", "--privileges", 5],
                      ["invalidate", "--why", "x"], ["validate", "--why", "x"]):
            said = {asked: commands(user, words[0], asked, *words[1:]) for asked in (house.identities[level], ABSENT)}
            assert {answer.code for answer in said.values()} == {2}
            assert len({answer.err.replace(asked, "") for asked, answer in said.items()}) == 1
        said = {name: commands(user, "retrieve", name) for name in (house.names[level], "no-such-file.txt")}
        assert len({answer.err.replace(name, "") for name, answer in said.items()}) == 1
        said = {seq: commands(user, "undo", seq, "--why", "x") for seq in (house.changes[level], 99999)}
        assert len({answer.err.replace(str(seq), "") for seq, answer in said.items()}) == 1


@pytest.mark.parametrize("user", ["ann", "bob", "eve"])
def test_lists_have_what_is_theirs_and_nothing_else(house: House, commands, user: str) -> None:
    expected = {f"marker{level}" for level in LEVELS if level >= LEAST[user]}
    assert {row["name"] for row in commands(user, "query", "Filter.is_valid == 2", "--json").json} == expected
    assert {row["why"] for row in commands(user, "changes", "--json").json} == expected
    for words in (["query", "Filter.name.like('*')"], ["changes"], ["jobs"], ["project", "list"], ["user", "list"]):
        answer = commands(user, *words)
        assert answer.code == 0 and {f"marker{level}" for level in LEVELS if f"marker{level}" in answer.out} <= expected
