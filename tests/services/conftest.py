"""A house with an object at each level of privileges, on each kind of database, and somebody of each kind who asks."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from starlette.testclient import TestClient

from awe.cli.instance import make_instance
from awe.config import Config
from awe.connection import connect
from awe.persist.context import context
from awe.persist.edit import edit
from awe.persist.insert import insert
from awe.persist.record import FileRow, Record
from awe.persist.user import add_user
from awe.services import accounts, tokens
from awe.services.app import create_app
from awe.services.house import House, open_house
from awe.targets import Chip, Filter, Instrument, MasterBias
from tests.conftest import new_database, postgresql_server

LEVELS = (1, 2, 3, 4, 5)
#: The least privileges of what each sees: who made it, a member of the project, another user, and nobody in particular.
LEAST = {"ann": 1, "bob": 2, "eve": 3, "": 4}
PASSWORD = "correct horse"


@dataclass
class Served:
    """An instance of ann that is served, with one object with a file at each level; bob is a member of her project."""

    house: House
    client: TestClient
    home: Path
    names: dict[int, str] = field(default_factory=dict)
    hashes: dict[int, str] = field(default_factory=dict)
    identities: dict[int, str] = field(default_factory=dict)
    changes: dict[int, int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)

    def headers(self, user: str) -> dict[str, str]:
        """What shows who asks."""
        return {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}

    def log_in(self, user: str, password: str = PASSWORD) -> TestClient:
        """A browser in which somebody logged in."""
        browser = TestClient(self.client.app, follow_redirects=False)
        form = browser.get("/login")
        answer = browser.post("/login", data={"user": user, "password": password, "csrf": form_token(form.text)})
        assert answer.status_code == 303, answer.text
        return browser


def form_token(page: str) -> str:
    """The token that the forms of a page carry."""
    return page.split('name="csrf" value="')[1].split('"')[0]


def furnish(served: Served) -> None:
    """Make the objects."""
    instance = connect(served.home)
    for user in ("ann", "bob", "eve"):
        add_user(instance.database, user)
    context.add_member("bob")
    context.make_project("open")
    context.set_privileges(5)
    camera = Instrument(name="cam")
    camera.commit()
    chip = Chip(instrument=camera, name="c0")
    chip.commit()
    for level in LEVELS:
        context.set_privileges(level)
        made, content = Filter(instrument=camera, name=f"marker{level}"), f"marker{level}".encode() * 100
        served.names[level], served.hashes[level] = f"marker{level}.txt", instance.store.put(content)
        insert([Record(made, files=[FileRow("image", ".txt", served.hashes[level], len(content), served.names[level])])])
        edit(made, "is_valid", 2, f"marker{level}")
        made.comment(f"said marker{level}")
        MasterBias(instrument=camera, chip=chip, readout_mode=f"marker{level}", overscan_used=f"marker{level}").commit()
        served.identities[level], served.changes[level] = made.object_id, made.changes[0].seq
    instance.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The house, once for each kind of database and module."""
    home = tmp_path_factory.mktemp("served") / "home"
    accounts._hasher = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # what is tested is not how long it takes
    accounts._nobody = accounts._hasher.hash("nobody")
    database = "sqlite:///awe.db" if request.param == "sqlite" else new_database(postgresql_server())
    make_instance(Config(home=home, database=database, user="ann", project="secret", sql_users="ann, bob, eve"))
    found = Served(None, None, home)  # type: ignore[arg-type]
    furnish(found)
    found.house = open_house(home)
    assert found.house.instance.database.roles == (request.param == "postgresql")
    found.client = TestClient(create_app(found.house), follow_redirects=False)
    for user, project in (("ann", "secret"), ("bob", "secret"), ("eve", "open")):
        found.tokens[user] = tokens.give(home, user, project, may_edit=True)
        found.house.accounts.set_password(user, PASSWORD)
    with found.client:  # one event loop for all requests; the house is closed in the end
        yield found
