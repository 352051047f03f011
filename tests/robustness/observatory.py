"""Targets that cost nothing and can be told to misbehave, and an instance with raw data for them."""
from __future__ import annotations

import datetime
import json
import logging
import os
import signal
import time
import warnings
from pathlib import Path

from awe.dataflow.lifecycle import Content, Stored
from awe.dataflow.planner import Planner
from awe.dataflow.run import Report
from awe.dataflow.target import ProcessTarget
from awe.errors import PermanentError
from awe.persist.dbobject import DBObject
from awe.persist.declare import attribute, depends_on, depends_on_many, key
from tests.robustness.homes import Home

NIGHT = datetime.datetime(2026, 3, 1, 22, tzinfo=datetime.UTC)
FRAMES = 6


class Device(DBObject):
    """What counts."""

    name = key(str, "name")


class Lamp(Stored):
    """A count of a lamp."""

    raw_data = True
    device = depends_on(Device, "what counted", key=True)
    exposure = key(str, "name of the exposure")
    number = attribute(float, "as counted")


class Shot(Stored):
    """A count of the sky."""

    raw_data = True
    device = depends_on(Device, "what counted", key=True)
    exposure = key(str, "name of the exposure")
    field = attribute(str, "name of the field")
    number = attribute(float, "as counted")


class LampLevel(ProcessTarget):
    """The mean of the lamps of one night."""

    validity = (5.0, 5.0)
    device = depends_on(Device, "what counted", key=True)
    lamps = depends_on_many(Lamp, "lamps of one night", same=("device",), within="night", at_least=2)
    number = attribute(float, "mean")

    def make(self) -> None:
        self.number = sum(lamp.number for lamp in self.lamps) / len(self.lamps)


class Ratio(ProcessTarget):
    """A shot divided by the level of the lamps."""

    device = depends_on(Device, "what counted", key=True)
    exposure = key(str, "name of the exposure")
    raw = depends_on(Shot, "as counted")
    level = depends_on(LampLevel, "divided out")
    number = attribute(float, "ratio")

    def make(self) -> None:
        self.number = self.raw.number / self.level.number


class Stacked(ProcessTarget):
    """The mean of all shots of a field."""

    device = depends_on(Device, "what counted", key=True)
    field = key(str, "name of the field")
    frames = depends_on_many(Ratio, "what was averaged", one_per=Shot, same=("device", "field"), is_open=True)
    number = attribute(float, "mean")

    def make(self) -> None:
        self.number = sum(frame.number for frame in self.frames) / len(self.frames)


class Moody(ProcessTarget):
    """A shot whose making can be told to go wrong, by the file that AWE_TEST_MOOD names: ``{exposure: [what, argument]}``."""

    device = depends_on(Device, "what counted", key=True)
    exposure = key(str, "name of the exposure")
    raw = depends_on(Shot, "as counted")
    number = attribute(float, "as counted")

    def make(self) -> None:
        self.number = self.raw.number
        path = Path(os.environ.get("AWE_TEST_MOOD", "/nonexistent"))
        moods = json.loads(path.read_text()) if path.exists() else {}
        what, argument = moods.get(self.exposure, ("work", None))
        getattr(self, f"_{what}")(argument)

    def _work(self, _: None) -> None:
        pass

    def _die(self, parent: int) -> None:
        assert os.getpid() != parent, "told to kill a worker, but this is the process that runs the test"
        os.kill(os.getpid(), signal.SIGKILL)

    def _raise(self, text: str) -> None:
        logging.getLogger("awe.science").info("about to fail")
        warnings.warn("this will not end well", RuntimeWarning, stacklevel=1)
        raise ValueError(text)

    def _read(self, exposure: str) -> None:
        """Read the file of another one, as an input would be read."""
        (Moody.exposure == exposure)[0].path().read_bytes()  # type: ignore[attr-defined]

    def _refuse(self, text: str) -> None:
        raise PermanentError(text)

    def _log(self, lines: int) -> None:
        logging.getLogger("tests.science").info("the first line")
        logging.getLogger("somebody.else").info("not to be seen")
        logging.getLogger("somebody.else").warning("a library warns")
        warnings.warn("a warning of make()", UserWarning, stacklevel=1)
        print("printed", flush=True)
        for number in range(lines):
            logging.getLogger("awe.science").info("line %06d of a talkative target", number)
        logging.getLogger("awe.science").info("the last line")

    def _wait(self, folder: str) -> None:
        """Say that it has begun, and go on when told."""
        (Path(folder) / f"begun-{self.exposure}").touch()
        while not (Path(folder) / "go").exists():
            time.sleep(0.02)

    def _talk_and_wait(self, folder: str) -> None:
        logging.getLogger("awe.science").info("half of it is done")
        self._wait(folder)
        logging.getLogger("awe.science").info("all of it is done")

    def _wait_and_refuse(self, folder: str) -> None:
        self._wait(folder)
        raise PermanentError("the one who was first could not do it")

    def contents(self) -> dict[str, Content]:
        return {"image": Content(f"{self.number!r}\n".encode() * 40_000, ".txt")}


class Heap(ProcessTarget):
    """All of them together."""

    device = depends_on(Device, "what counted", key=True)
    field = key(str, "name of the field")
    frames = depends_on_many(Moody, "what was heaped up", one_per=Shot, same=("device", "field"), is_open=True)
    number = attribute(float, "sum")

    def make(self) -> None:
        self.number = sum(frame.number for frame in self.frames)


MADE: tuple[type[DBObject], ...] = (LampLevel, Ratio, Stacked, Moody, Heap)


def fill(home: Home) -> None:
    """Bring in three lamps and six shots of one field."""
    instance = home.open()
    device = Device(name="cam")
    device.commit()
    for number in range(3):
        commit(Lamp(device=device, exposure=f"lamp{number}", number=10.0 + number), number)
    for number in range(FRAMES):
        commit(Shot(device=device, exposure=f"e{number}", number=100.0 + number, field="F"), 3 + number)
    instance.close()


def commit(raw: DBObject, minute: int) -> None:
    """Bring a raw frame in."""
    raw.anchor = NIGHT + datetime.timedelta(minutes=minute)
    raw.commit()


def get_all(cls: type[ProcessTarget], workers: int = 0, **keys: str) -> Report:
    """Make all of a class; what failed is in the report."""
    planner = Planner()
    return planner.carry_out(planner.plan(cls.requests(**keys)), workers=workers)


def fingerprints() -> dict[str, list[str]]:
    """Value and file hashes of all that was made; it fails where something was made twice."""
    found: dict[str, list[str]] = {}
    for cls in MADE:
        for obj in cls.select_all():
            name = f"{cls.__name__} {getattr(obj, 'exposure', getattr(obj, 'field', ''))}"
            assert name not in found, f"{name} was made twice"
            found[name] = [bytes(obj.value).hex(), *sorted(obj.files().values())]
    return found
