"""Reading raw files back by their headers alone, as a stranger to the simulator would."""
from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from astropy.io import fits

from awe.simulate import Run


def files_of(run: Run, kind: str, name: str | None = None) -> list[Path]:
    return [
        path for path in run.raw_files
        if fits.getval(path, "IMAGETYP") == kind and (name is None or fits.getval(path, "FILTER") == name)
    ]


def amplifiers(path: Path, chip: str) -> list[tuple[fits.Header, str, np.ndarray]]:
    """Return header, suffix of its keywords and image for every amplifier of a chip."""
    found = []
    with fits.open(path) as hdus:
        for hdu in hdus[1:]:
            if hdu.header["CCDNAME"] == chip:
                suffixes = [s for s in ("", "A", "B") if f"DATASEC{s}" in hdu.header]
                found += [(hdu.header.copy(), suffix, hdu.data.copy()) for suffix in suffixes]
    return found


def cut(image: np.ndarray, section: str) -> np.ndarray:
    """Return a section like [x1:x2,y1:y2] of an image, reversed where it says so."""
    x1, x2, y1, y2 = section_limits(section)
    return image[min(y1, y2) - 1:max(y1, y2), min(x1, x2) - 1:max(x1, x2)]


def section_limits(section: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", section)]


def electrons(path: Path, chip: str, shape: tuple[int, int], *, subtract: str = "BIASSEC") -> np.ndarray:
    """Return a chip in electrons, its overscan (by row) subtracted, assembled by CCDSEC."""
    image = np.full(shape, np.nan)
    for header, suffix, raw in amplifiers(path, chip):
        level = np.median(cut(raw, header[subtract + suffix]), axis=1, keepdims=True)
        data = (cut(raw, header["DATASEC" + suffix]) - level) * header["GAIN" + suffix]
        x1, x2, y1, y2 = section_limits(header["CCDSEC" + suffix])
        image[y1 - 1:y2, min(x1, x2) - 1:max(x1, x2)] = data[:, ::-1] if x1 > x2 else data
    return image
