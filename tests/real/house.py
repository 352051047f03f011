"""Instances with real data in them, for the tests of this folder."""
from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from awe.config import Config
from awe.dataflow import jobs
from awe.dataflow.instance import Instance, open_instance
from awe.fileserver import Store
from awe.ingest import IngestReport, add_instrument, ingest
from awe.persist import session
from awe.targets.instrument import sites


def real_data() -> Path:
    """The folder of real data; tests that need it are skipped where there is none."""
    beside = Path(__file__).parents[3] / "shared" / "data"
    for folder in (os.environ.get("AWE_REAL_DATA"), beside):
        if folder and Path(folder).is_dir():
            return Path(folder)
    pytest.skip("no real data: neither ../shared/data nor the folder that AWE_REAL_DATA names is there")


def create(home: Path, *instruments: str | Path) -> Instance:
    """A new instance with SQLite and a local store, and some cameras."""
    home.mkdir(parents=True, exist_ok=True)
    config = Config(home=home, user="ann")
    session.connect(config.url, user="ann", create=True).close()
    Store.create(config.store_path)
    instance = reopen(home)
    for one in instruments:
        add_instrument(one)
    return instance


def reopen(home: Path) -> Instance:
    """An instance that is there, made the current one."""
    instance = open_instance(Config(home=home, user="ann"))
    instance.site = sites()
    return instance


def bring_in(*paths: Path) -> IngestReport:
    """Ingest everything; nothing may be refused."""
    report = ingest(paths, commit=True)
    assert not report.rejected, str(report)
    return report


def failures(instance: Instance, cls: type) -> list[str]:
    """Why objects of a class could not be made, by the job rows."""
    return [job["reason"] for job in jobs.listed(instance.database, state="failed", limit=200) if job["class"] == cls.__name__]


def separations(ra, dec, ra0, dec0) -> tuple[np.ndarray, np.ndarray]:
    """Differences in arcseconds on the sky, east and north."""
    east = ((np.asarray(ra) - np.asarray(ra0) + 180) % 360 - 180) * np.cos(np.radians(dec0)) * 3600
    return east, (np.asarray(dec) - np.asarray(dec0)) * 3600


def by_exposure(cls: type) -> dict[str, object]:
    """All objects of a class by the name of their exposure."""
    return {one.exposure: one for one in cls.select_all()}


def inputs_named(plan: object, cls: str) -> list[str]:
    """The lines of a printed plan about one class."""
    return [line.strip() for line in str(plan).splitlines() if f" {cls} " in line]
