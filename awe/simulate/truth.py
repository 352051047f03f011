"""The truth of a run, for comparison: sources, exposures, projections, reference entries and deviating pixels."""
from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import numpy.typing as npt
from astropy.io import fits

from awe.simulate.band import BANDS
from awe.simulate.camera import Camera
from awe.simulate.config import RunConfig
from awe.simulate.detector import Detector
from awe.simulate.exposure import Exposure
from awe.simulate.projection import Projection
from awe.simulate.rawfile import write_fits
from awe.simulate.sky import Sources

SOURCE_UNITS = {"ra": "deg", "dec": "deg", "pmra": "mas/yr", "pmdec": "mas/yr", "radius": "arcsec"}


def write_sources(path: Path, sources: Sources, epoch: float) -> None:
    """Write the true sources: ICRS positions at `epoch`, AB magnitudes above the atmosphere."""
    table = fits.BinTableHDU(sources, name="SOURCES")
    for index, name in enumerate(sources.dtype.names or (), start=1):
        unit = SOURCE_UNITS.get(name, "mag" if name.startswith("mag_") else None)
        if unit:
            table.header[f"TUNIT{index}"] = unit
    table.header["EPOCH"] = (epoch, "[yr] epoch of the positions")
    table.header["RADESYS"] = "ICRS"
    write_fits(path, fits.HDUList([fits.PrimaryHDU(), table]))


def write_reference_truth(path: Path, rows: npt.NDArray[np.void]) -> None:
    """Write, for each row of the reference catalogue, the number of the star it is, or 0 where it is wrong."""
    column = fits.Column(name="truth", format="K", array=rows["truth"])
    table = fits.BinTableHDU.from_columns([column], name="REFERENCE_TRUTH")
    write_fits(path, fits.HDUList([fits.PrimaryHDU(), table]))


def write_exposures(path: Path, exposures: list[tuple[Exposure, dict[str, Projection]]]) -> None:
    """Write what was true of every exposure, and the TPV cards of every chip of those that saw the sky.

    `zero_point` is the AB magnitude (above the atmosphere) that gave one electron per second at a response of 1.
    The cards are for 1-based pixels of the assembled chip.
    """
    records = []
    for exposure, projections in exposures:
        record = asdict(exposure) | {"start": exposure.start.isoformat(), "file": exposure.stem + ".fits"}
        if exposure.conditions is not None and exposure.filter is not None:
            band = BANDS[exposure.filter]
            loss = band.extinction * exposure.conditions.airmass - 2.5 * np.log10(exposure.conditions.transparency)
            record["zero_point"] = float(band.zero_point - loss)
        record["wcs"] = {chip: projection.cards() for chip, projection in projections.items()}
        records.append(record)
    _write_json(path, records)


def write_camera(path: Path, camera: Camera) -> None:
    """Write the true gains, read noises, levels and places of all chips and amplifiers."""
    _write_json(path, asdict(camera))


def write_run(path: Path, config: RunConfig, seed: int, epoch: float, field: tuple[float, float]) -> None:
    """Write the seed and all settings."""
    settings = asdict(config) | {"first_night": config.first_night.isoformat()}
    _write_json(path, {"seed": seed, "epoch": epoch, "field": field, "config": settings})


def write_detector(path: Path, detector: Detector) -> None:
    """Write bias, dark and response of one chip, float32, and its hot and cold pixels as flat indices."""
    arrays: dict[str, npt.NDArray[np.generic]] = {
        "bias": detector.bias, "dark": detector.dark,
        "hot_index": np.flatnonzero(detector.hot).astype(np.int32),
        "cold_index": np.flatnonzero(detector.cold).astype(np.int32),
    }
    arrays |= {f"response_{name}": response for name, response in detector.response.items()}
    write_arrays(path, arrays)


def write_arrays(path: Path, arrays: dict[str, npt.NDArray[np.generic]]) -> None:
    """Write named arrays as one .npz file, beside and then renamed."""
    beside = path.with_name(path.name + ".part")
    with beside.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    beside.replace(path)


def _write_json(path: Path, content: object) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(json.dumps(content, indent=1) + "\n")
    beside.replace(path)
