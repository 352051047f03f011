"""Targets are made, found and planned by users who come to PostgreSQL as roles of their own."""
from __future__ import annotations

import pytest
import sqlalchemy as sa

from awe.config import Config
from awe.dataflow import jobs
from awe.dataflow.instance import Instance, open_instance
from awe.dataflow.state import State
from awe.errors import NotFoundError
from awe.fileserver import Store
from awe.persist import session
from awe.persist.context import context
from awe.persist.user import add_user
from tests.conftest import new_database, postgresql_server
from tests.dataflow import toy
from tests.dataflow.conftest import Observatory


@pytest.fixture(scope="module")
def url() -> str:
    """A database that ann and bob work with for a project whose objects its members see."""
    address = new_database(postgresql_server())
    owner = session.connect(address, user="ann", project="survey", create=True)
    for user in ("ann", "bob", "eve"):
        add_user(owner, user)
    context.add_member("bob")
    context.make_project("open")
    owner.close()
    return address


def opened(url: str, home, user: str, project: str = "survey") -> Instance:
    """The instance as somebody who logs in with their own role."""
    own = sa.make_url(url).set(username=user, password=None).render_as_string(hide_password=False)
    config = Config(home=home, database=own, user=user, project=project, privileges=2)
    if not config.store_path.exists():
        Store.create(config.store_path)
    return open_instance(config)


def test_one_makes_others_find_and_strangers_see_nothing(url: str, tmp_path) -> None:
    instance = opened(url, tmp_path, "ann")
    assert instance.database.roles
    observatory = Observatory(instance)
    for number in range(3):
        observatory.flat(0, number)
        observatory.frame(0, number)
    (made,) = toy.Night.get_all()
    assert {job["state"] for job in jobs.listed(instance.database)} == {"done"}
    instance.close()

    instance = opened(url, tmp_path, "bob")
    assert [node.state for node in toy.Night.plan().tops] == [State.UP_TO_DATE]
    assert toy.Night.get_all()[0].object_id == made.object_id and len(jobs.listed(instance.database)) > 1
    instance.close()

    instance = opened(url, tmp_path, "eve", "open")
    assert len(toy.Night.select_all()) == len(toy.RawFrame.select_all()) == 0 and jobs.listed(instance.database) == []
    with pytest.raises(NotFoundError):
        toy.Night(object_id=made.object_id)
    with instance.database.reading() as connection:
        for table in ("object", "candidate", "edge", "object_file", "file", "job", "change", toy.Night.__mapping__.table.name):
            assert connection.exec_driver_sql(f'SELECT count(*) FROM "{table}"').scalar() == 0, table
    instance.close()
