"""The reference catalogue of the run: the true stars as another survey would have measured them, with its errors."""
from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from awe.simulate.config import RunConfig
from awe.simulate.rawfile import write_fits
from awe.simulate.sky import Sources
from awe.simulate.streams import Streams

EPOCH = 2016.0
MOTION_ERROR = 0.5
COMPLETE_TO = 19.5
NOTHING_BEYOND = 22.0

Rows = npt.NDArray[np.void]


def make_reference(config: RunConfig, sources: Sources, epoch: float, streams: Streams) -> Rows:
    """Return the rows of the catalogue at its epoch; `truth` tells which star a row is, or 0 where it is wrong.

    Errors are Gaussian with the sigmas in the columns. Stars fainter than `COMPLETE_TO` are missing more and more.
    Of the wrong entries one third stands where nothing is, one third is a star displaced by 1 to 4 arcsec, and one
    third has a magnitude that is off by 0.5 to 2.
    """
    rng = streams.rng("reference")
    stars = sources[sources["type"] == b"star"]
    depth = stars[f"mag_{_reference_band(config)}"]
    kept = rng.random(len(stars)) < np.clip((NOTHING_BEYOND - depth) / (NOTHING_BEYOND - COMPLETE_TO), 0.0, 1.0)
    stars = stars[kept]
    rows = np.zeros(len(stars), dtype=_row_type(config.filters))
    rows["truth"], rows["epoch"] = stars["number"], EPOCH
    _measure(rows, stars, epoch, config, rng)
    wrong = np.flatnonzero(rng.random(len(rows)) < config.wrong_entries)
    _spoil(rows, rng.permutation(wrong), config, rng)
    return np.asarray(rows[np.argsort(rows["dec"], kind="stable")])


def write_reference(path: Path, rows: Rows) -> None:
    """Write what a user gets: the rows without `truth`, units in the header."""
    public = [name for name in rows.dtype.names or () if name != "truth"]
    units = {"ra": "deg", "dec": "deg", "epoch": "yr", "ra_error": "mas", "dec_error": "mas",
             "pmra": "mas/yr", "pmdec": "mas/yr", "pmra_error": "mas/yr", "pmdec_error": "mas/yr"}
    columns = [
        fits.Column(name=name, format="D" if rows.dtype[name].itemsize == 8 else "E", array=rows[name],
                    unit=units.get(name, "mag"))
        for name in public
    ]
    table = fits.BinTableHDU.from_columns(columns, name="REFERENCE")
    table.header["CATALOG"] = ("SIMREF", "name of the catalogue")
    table.header["RADESYS"] = ("ICRS", "frame of the positions")
    table.header["EPOCH"] = (EPOCH, "[yr] epoch of the positions")
    table.header["MAGSYS"] = ("AB", "system of the magnitudes")
    write_fits(path, fits.HDUList([fits.PrimaryHDU(), table]))


def reference_toml(config: RunConfig) -> str:
    """Return the text that declares what the catalogue is, for those who read it."""
    lines = [
        "# What the reference catalogue of the simulated run is; made together with it.", "[catalogue]",
        'name = "SIMREF"', 'version = "1"', f"epoch = {EPOCH}", 'frame = "ICRS"', 'system = "AB"', "", "[columns]",
        *(f'{name} = "{name}"' for name in ("ra", "dec", "ra_error", "dec_error", "pmra", "pmdec", "pmra_error",
                                            "pmdec_error")),
        "", "[bands]",
        *(f'{name} = {{column = "mag_{name}", error = "mag_{name}_error", faint = {NOTHING_BEYOND}}}'
          for name in config.filters),
    ]
    return "\n".join(lines) + "\n"


def _reference_band(config: RunConfig) -> str:
    return "r" if "r" in config.filters else config.filters[0]


def _row_type(filters: tuple[str, ...]) -> np.dtype[np.void]:
    fields = [(name, "<f8") for name in ("ra", "dec", "epoch")]
    fields += [(name, "<f4") for name in
               ("ra_error", "dec_error", "pmra", "pmdec", "pmra_error", "pmdec_error")]
    for name in filters:
        fields += [(f"mag_{name}", "<f4"), (f"mag_{name}_error", "<f4")]
    return np.dtype([*fields, ("truth", "<i8")])


def _measure(rows: Rows, stars: Sources, epoch: float, config: RunConfig, rng: np.random.Generator) -> None:
    cosine = np.cos(np.radians(stars["dec"]))
    for axis, motion, shrink in (("ra", "pmra", cosine), ("dec", "pmdec", 1.0)):
        offset = stars[motion] * (EPOCH - epoch) + rng.normal(0.0, config.position_error, len(stars))
        rows[axis] = stars[axis] + offset / 3.6e6 / shrink
        rows[f"{axis}_error"] = config.position_error
        rows[motion] = stars[motion] + rng.normal(0.0, MOTION_ERROR, len(stars))
        rows[f"{motion}_error"] = MOTION_ERROR
    for name in config.filters:
        rows[f"mag_{name}"] = stars[f"mag_{name}"] + rng.normal(0.0, config.magnitude_error, len(stars))
        rows[f"mag_{name}_error"] = config.magnitude_error


def _spoil(rows: Rows, wrong: npt.NDArray[np.int64], config: RunConfig, rng: np.random.Generator) -> None:
    """Make rows wrong, in place."""
    nowhere, displaced, misjudged = np.array_split(wrong, 3)
    for axis in ("ra", "dec"):
        rows[axis][nowhere] = rng.uniform(rows[axis].min(), rows[axis].max(), len(nowhere)) if len(rows) else 0.0
    distance, angle = rng.uniform(1.0, 4.0, len(displaced)) / 3600, rng.uniform(0, 2 * np.pi, len(displaced))
    rows["ra"][displaced] += distance * np.cos(angle) / np.cos(np.radians(rows["dec"][displaced]))
    rows["dec"][displaced] += distance * np.sin(angle)
    error = rng.uniform(0.5, 2.0, len(misjudged)) * rng.choice([-1.0, 1.0], len(misjudged))
    for name in config.filters:
        rows[f"mag_{name}"][misjudged] += error
    rows["truth"][wrong] = 0
