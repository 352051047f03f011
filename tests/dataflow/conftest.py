from __future__ import annotations

import contextlib
import datetime
import pathlib
from collections.abc import Iterator

import pytest

from awe.config import Config
from awe.dataflow.instance import Instance, open_instance
from awe.fileserver import Store
from awe.persist import session
from tests.conftest import new_database, postgresql_server
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
        self.chips = {name: self._new(toy.Chip, instrument=self.camera, name=name) for name in ("c1",)}
        self.bands = {name: self._new(toy.Band, name=name) for name in ("r",)}
        self.count = 0

    def flat(self, night: float, number: float, **more) -> toy.RawFlat:
        return self.raw(toy.RawFlat, night, number, **more)

    def frame(self, night: float, number: float, field: str = "F", **more) -> toy.RawFrame:
        return self.raw(toy.RawFrame, night, number, field=field, **more)

    def raw(self, cls, night, number, exposure=None, chip="c1", band="r", hour=None, **more):
        """A raw frame of a night, each a little later than the one before."""
        self.count += 1
        if cls is not toy.RawDark:
            more["filter"] = self.band(band)
        raw = cls(instrument=self.camera, chip=self.chip(chip), exposure=exposure or f"e{self.count}", number=float(number), **more)
        raw.anchor = when(night, self.count * 0.01 if hour is None else hour)
        raw.commit()
        return raw

    def chip(self, name: str) -> toy.Chip:
        return self.chips.get(name) or self.chips.setdefault(name, self._new(toy.Chip, instrument=self.camera, name=name))

    def band(self, name: str) -> toy.Band:
        return self.bands.get(name) or self.bands.setdefault(name, self._new(toy.Band, name=name))

    def _new(self, cls, **values):
        obj = cls(**values)
        obj.commit()
        return obj


@contextlib.contextmanager
def opened(kind: str, folder: pathlib.Path) -> Iterator[Instance]:
    """An empty instance on a new database of a kind."""
    folder.mkdir(exist_ok=True)
    address = new_database(postgresql_server()) if kind == "postgresql" else "sqlite:///awe.db"
    config = Config(home=folder, user="ann", project="survey", database=address)
    session.connect(config.url, user="ann", project="survey", create=True).close()
    Store.create(config.store_path)
    instance = open_instance(config)
    yield instance
    instance.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request) -> str:
    """Each kind of database."""
    return str(request.param)


@pytest.fixture
def instance(kind, tmp_path) -> Iterator[Instance]:
    with opened(kind, tmp_path) as found:
        yield found


@pytest.fixture
def observatory(instance) -> Observatory:
    return Observatory(instance)
