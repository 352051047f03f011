"""An instance with a small simulated run in it, for the tests of this folder; also run as a program in processes of its own."""
from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from astropy.table import Table

import awe.targets
from awe.config import Config
from awe.dataflow.instance import Instance, open_instance
from awe.fileserver import Store
from awe.ingest import add_instrument, ingest, ingest_catalogue
from awe.ingest.instrument import set_parameters
from awe.persist import session, tables
from awe.persist.declare import natural_key
from awe.simulate import simulate_run
from awe.simulate.config import RunConfig
from awe.targets import (
    AssociateList,
    AtmosphericExtinction,
    BackgroundFrame,
    ChargeTransferEfficiency,
    CrossTalk,
    DualSourceList,
    FringeFrame,
    GAstrometric,
    GhostMap,
    IlluminationFrame,
    NightSkyFlat,
    ParticleEventRate,
    PhotTransformation,
    PsfAnisotropy,
    PSFModel,
    QuickCheck,
    RawScienceFrame,
    SourceList,
)
from awe.targets.instrument import sites

SEED = 20240311
FIELD = "FIELD1"
#: A catalogue of the same stars in two bands; r is transformed from its g by a term of 1.
COLOURS = "colours"
#: Calibrations that no source list asks for.
CHECKS = (ChargeTransferEfficiency, CrossTalk, FringeFrame, IlluminationFrame, NightSkyFlat, ParticleEventRate, QuickCheck)


def simulate(folder: Path, **changes):
    """A run that is small, and large enough for its stars to be matched."""
    settings = {"width": 320, "height": 320, "exposures": 3, "biases": 3, "darks": 3, "domes": 3, "twilights": 3, "star_density": 40.0,
                **changes}
    return simulate_run(folder, seed=SEED, config=RunConfig(**settings))


def create(home: Path, url: str = "sqlite:///awe.db") -> Instance:
    """An empty instance."""
    home.mkdir(parents=True, exist_ok=True)
    config = Config(home=home, database=url, user="ann")
    session.connect(config.url, user="ann", create=True).close()
    Store.create(config.store_path)
    return reopen(home, url)


def reopen(home: Path, url: str = "sqlite:///awe.db") -> Instance:
    """An instance that is there."""
    opened = open_instance(Config(home=home, database=url, user="ann"))
    opened.site = sites()
    return opened


def fill(run) -> None:
    """Bring a simulated run in."""
    add_instrument(run.instrument)
    report = ingest(list(run.raw_files), commit=True)
    assert report.counts() == {"ingested": len(run.raw_files)}, str(report)
    ingest_catalogue(run.reference, "simref", run.reference_mapping, use_for="simcam")
    ingest_catalogue(with_colours(run.reference), COLOURS)
    set_parameters(PhotTransformation, "simcam", {"refcat": COLOURS, "primary": "g"}, "a band that is not the filter's")


def with_colours(reference: Path) -> Path:
    """The stars of a reference catalogue with a band g beside r: colours from 0 to 1.5, and no other error than that of r."""
    stars = Table.read(reference)
    red = np.asarray(stars["mag_r"], float)
    blue = red + np.random.default_rng(SEED).uniform(0.0, 1.5, len(stars))
    table = Table({"ra": stars["ra"], "dec": stars["dec"], "mag_g": blue, "mag_r": red}, meta={"MAGSYS": "AB"})
    path = reference.with_name("colours.fits")
    table.write(path, overwrite=True)
    return path


def make_everything(workers: int = 0) -> None:
    """Ask for the sources of the field, and for what is measured beside."""
    SourceList.get(object=FIELD, workers=workers)
    for cls in CHECKS:
        cls.get(chip="ccd53", workers=workers)
    PSFModel.get_all(chip="ccd53", workers=workers)
    GAstrometric.get(object=FIELD, workers=workers)
    AtmosphericExtinction.get(filter="r", workers=workers)
    PhotTransformation.get(filter="r", colour="g-r", workers=workers)
    AssociateList.get(object=FIELD, filter="r", second_filter="r", workers=workers)
    DualSourceList.get(object=FIELD, filter="r", detection_filter="r", workers=workers)
    for cls in (PsfAnisotropy, BackgroundFrame, GhostMap):
        cls.get(chip="ccd53", exposure=RawScienceFrame.select_all()[0].exposure, workers=workers)


def fingerprints(instance: Instance) -> dict[str, list[str]]:
    """Value and file hashes of everything that was made, by class and natural key."""
    found = {}
    for obj in made():
        values = [getattr(obj, name) for name in natural_key(type(obj))]
        key = " ".join([type(obj).__name__, *(str(getattr(value, "name", value)) for value in values)])
        found[key] = [bytes(obj.value).hex(), *sorted(obj.files().values())]
    return found


def made() -> list:
    """Every object that was made, once: a class finds those of its subclasses too."""
    return [obj for cls in made_classes() for obj in cls.select_all() if type(obj) is cls]


def made_classes() -> list[type]:
    """All classes that can be made."""
    named = [getattr(awe.targets, name) for name in awe.targets.__all__]
    return [cls for cls in named if getattr(cls, "can_be_made", False) and not cls.__abstract__]


def count(instance: Instance, table: sa.Table) -> int:
    with instance.database.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(table))


def main() -> None:
    """``python -m tests.targets.walk HOME URL WORKERS``: make everything, print the fingerprints as JSON."""
    home, url, workers = sys.argv[1:4]
    instance = reopen(Path(home), url)
    make_everything(int(workers))
    print(json.dumps(fingerprints(instance), sort_keys=True))
    print(count(instance, tables.object_), file=sys.stderr)


if __name__ == "__main__":
    main()
