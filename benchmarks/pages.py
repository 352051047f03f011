"""Pages of `awe serve` on 1,000,000 frames with their calibrations: how long the server takes for each.

Half of the frames are raw, half are reduced from them, of ten chips and five filters over ten years; each chip has a bias for
every night.  The median of what the server itself says (``Server-Timing``) has to be at most 0.2 s, that of the calibrations of one
chip over a year at most 0.1 s.  There is no peer: the figures stand beside their bars.
"""
from __future__ import annotations

import argparse
import contextlib
import datetime
import re
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from databases import Make, run
from starlette.testclient import TestClient

from awe.cli.instance import make_instance
from awe.config import Config
from awe.connection import connect
from awe.persist.bulk import bulk_insert
from awe.persist.user import add_user
from awe.services import tokens
from awe.services.app import create_app
from awe.services.house import open_house
from awe.targets import Chip, Filter, Instrument, MasterBias, MasterFlat, RawScienceFrame, ReducedScienceFrame

FRAMES, CHIPS, FILTERS, NIGHTS = 1_000_000, 10, 5, 3650
DAY, START = datetime.timedelta(days=1), datetime.datetime(2014, 1, 1, 12, tzinfo=datetime.UTC)
BARS = {"one chip for a year": 0.1}


def fill(count: int, nights: int) -> None:
    """The frames and what calibrates them."""
    camera = Instrument(name="cam")
    camera.commit()
    chips = [Chip(instrument=camera, name=f"ccd{50 + n}") for n in range(CHIPS)]
    filters = [Filter(instrument=camera, name=f"#{840 + n}") for n in range(FILTERS)]
    flats = {}
    for one in (*chips, *filters):
        one.commit()
    for chip in chips:
        for band in filters:
            flats[chip.oid, band.oid] = MasterFlat(instrument=camera, chip=chip, filter=band, readout_mode="slow")
            flats[chip.oid, band.oid].commit()
    night = [START + n * DAY for n in range(nights)]
    for chip in chips:
        bulk_insert(MasterBias, {"instrument": camera, "chip": chip, "readout_mode": "slow", "anchor": night,
                                 "timestamp_start": [at - 3 * DAY for at in night], "timestamp_end": [at + 3 * DAY for at in night],
                                 "n_noisy": list(range(nights))})
    half, block = count // 2, 100_000
    for first in range(0, half, block):
        rows = range(first, min(first + block, half))
        chosen, bands = [chips[n % CHIPS] for n in rows], [filters[n // CHIPS % FILTERS] for n in rows]
        common = {"instrument": camera, "chip": chosen, "filter": bands, "exposure": [f"e{n // CHIPS}" for n in rows],
                  "anchor": [START + DAY * (n * nights / half) for n in rows]}
        common.update({"object": [f"field{n % 1000}" for n in rows], "imstat.stdev": [n / 7 for n in rows], "exptime": 300.0})
        raws = bulk_insert(RawScienceFrame, {**common, "readout_mode": "slow"})
        bulk_insert(ReducedScienceFrame, {**common, "raw": raws,
                                          "flat": [flats[chip.oid, band.oid] for chip, band in zip(chosen, bands, strict=True)]})


def pages(frame: str, chip: str, flat: str) -> dict[str, str]:
    """What is asked for, by what it is."""
    viewer = "/database/ReducedScienceFrame"
    narrow = "path=chip.name&op=%3D%3D&value=ccd53&to=&path=object&op=%3D%3D&value=field13&to="
    return {"front": "/", "classes": "/database", "frames": viewer, "frames of a chip and field": f"{viewer}?{narrow}",
            "frames of a chip": f"{viewer}?path=chip.name&op=%3D%3D&value=ccd53&to=", "frames, page 200": f"{viewer}?page=200",
            "frames, flat's columns": f"{viewer}?column=exposure&column=imstat.stdev&column=flat.readout_mode&{narrow}",
            "an object": f"/object/{frame}", "a chip": f"/object/{chip}", "one chip for a year": "/calts?chip=ccd53&when=2016-05-01",
            "all chips for a month": "/calts?period=month&when=2016-05-01", "validity": f"/calts/edit/{frame}",
            "quality": f"/quality/{frame}", "quality of a flat": f"/quality/{flat}", "lineage": f"/lineage/{frame}",
            "what was made from a frame": f"/lineage/{frame}?direction=down", "jobs": "/jobs", "projects": "/projects",
            "targets": "/targets",
            "trend of a chip": "/trends?cls=ReducedScienceFrame&y=imstat.stdev&q=ReducedScienceFrame.chip.name+%3D%3D+%27ccd53%27",
            "trend": "/trends?cls=ReducedScienceFrame&y=imstat.stdev"}


class Filled(NamedTuple):
    """An instance with frames, and the identities of a frame, a chip and a flat."""

    home: Path
    frame: str
    chip: str
    flat: str

    @property
    def headers(self) -> dict[str, str]:
        """What shows that ann asks."""
        return {"Authorization": f"Bearer {tokens.give(self.home, 'ann', 'sky')}"}


@contextlib.contextmanager
def filled(kind: str, make: Make, count: int) -> Iterator[Filled]:
    """An instance on an empty database, with so many frames."""
    database = make()
    address = database.engine.url.render_as_string(hide_password=False)
    database.close()
    if kind == "postgresql":  # migrations make the tables there
        with database.engine.connect() as connection:
            connection.exec_driver_sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public; GRANT USAGE ON SCHEMA public TO PUBLIC")
        database.engine.dispose()
    with tempfile.TemporaryDirectory(prefix="awe-bench-") as folder:
        home = Path(folder) / "home"
        make_instance(Config(home=home, user="ann", project="sky", database=address if kind == "postgresql" else "sqlite:///awe.db"))
        instance = connect(home)
        add_user(instance.database, "ann")
        fill(count, NIGHTS)
        with instance.database.engine.connect() as connection:
            connection.execute(sa.text("ANALYZE"))
        frame = ReducedScienceFrame.select_all().order_by("-oid")[0].object_id
        chip = next(iter(Chip.name == "ccd53")).object_id
        flat = MasterFlat.select_all().order_by("oid")[0].object_id
        instance.close()
        yield Filled(home, frame, chip, flat)


def measure(kind: str, make: Make, options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Ask for each page."""
    with filled(kind, make, FRAMES // 10 if options.quick else FRAMES) as there, TestClient(create_app(open_house(there.home))) as client:
        headers = there.headers
        for name, url in pages(there.frame, there.chip, there.flat).items():
            yield figure(f"{kind}: {name}", [asked(client, url, headers) for _ in range(3 * options.runs)], BARS.get(name, 0.2))


def asked(client: TestClient, url: str, headers: dict[str, str]) -> float:
    """How long the server took, as it says."""
    answer = client.get(url, headers=headers)
    assert answer.status_code == 200, (url, answer.status_code, answer.text[:300])
    return float(re.search(r"dur=([\d.]+)", answer.headers["server-timing"])[1]) / 1000


def figure(name: str, spent: list[float], bar: float) -> dict[str, Any]:
    """The median; the first answer, for which caches are cold, stands in the name."""
    middle = statistics.median(spent)
    return {"name": f"{name} (first {1000 * spent[0]:.0f} ms)", "peer": "-", "unit": "s", "ours": middle, "theirs": None, "ratio": None,
            "bar": bar, "at_least": False, "passed": middle <= bar}


if __name__ == "__main__":
    sys.exit(run(__doc__ or "", measure))
