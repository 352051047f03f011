from __future__ import annotations

import datetime
from collections.abc import Iterator

import pytest

from awe.config import Config
from awe.dataflow.instance import Instance, open_instance
from awe.fileserver import Store
from awe.persist import session
from tests.dataflow import toy

NIGHT = datetime.datetime(2026, 3, 1, 22, tzinfo=datetime.UTC)


def when(night: float, hour: float = 0.0) -> datetime.datetime:
    return NIGHT + datetime.timedelta(days=night, hours=hour)


class Observatory:
    """Puts raw frames into an instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.camera = toy.Camera(name="cam")
        self.camera.commit()
        self.count = 0

    def flat(self, night: float, number: float, exposure: str | None = None) -> toy.RawFlat:
        return self._commit(toy.RawFlat, night, number, exposure)

    def frame(self, night: float, number: float, field: str = "F", exposure: str | None = None) -> toy.RawFrame:
        return self._commit(toy.RawFrame, night, number, exposure, field=field)

    def _commit(self, cls, night, number, exposure, **more):
        self.count += 1
        raw = cls(instrument=self.camera, exposure=exposure or f"e{self.count}", number=float(number), **more)
        raw.anchor = when(night, self.count * 0.01)
        raw.commit()
        return raw


@pytest.fixture
def instance(tmp_path) -> Iterator[Instance]:
    config = Config(home=tmp_path, user="ann", project="survey")
    session.connect(config.url, user="ann", project="survey", create=True).close()
    Store.create(config.store_path)
    opened = open_instance(config)
    yield opened
    opened.close()


@pytest.fixture
def observatory(instance) -> Observatory:
    return Observatory(instance)
