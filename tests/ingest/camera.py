"""A camera of two small chips, and frames of it that are as they should be or not."""
from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

TOML = """
[instrument]
name = "mini"
utc_offset = -4
saturation = 60000
gain = 2.0

[match]
INSTRUME = "MINI"

[header]
date_obs = "DATE-OBS"
exptime = "EXPTIME"
filter = "FILTER"
object = "OBJECT"
exposure = "OBSID"

[recognise]
bias = {OBSTYPE = "BIAS"}
dark = {OBSTYPE = "DARK"}
domeflat = {OBSTYPE = "FLAT"}
science = {OBSTYPE = "OBJECT"}

[[chip]]
name = "one"
hdu = "ONE"
size = [64, 48]

[[chip]]
name = "two"
hdu = "TWO"
size = [64, 48]

[[filter]]
name = "r"

[[filter]]
name = "g"

[levels]
bias = [900, 1100]
"""

NAMES = ("ONE", "TWO")
LEVELS = {"BIAS": 1000.0, "DARK": 1010.0, "FLAT": 20000.0, "OBJECT": 1500.0}


def frame(kind: str = "BIAS", number: int = 1, *, level: float | None = None, names: tuple[str, ...] = NAMES,
          dtype: object = np.uint16, **cards: object) -> fits.HDUList:
    """One exposure; cards are changed by name, ``_`` standing for ``-``, and None leaves one out."""
    rng = np.random.default_rng([number, *kind.encode()])
    level = LEVELS.get(kind, 1000.0) if level is None else level
    spread = max(5.0, (level / 2.0) ** 0.5 if kind == "FLAT" else 5.0)
    primary = fits.PrimaryHDU()
    said: dict[str, object] = {"INSTRUME": "MINI", "DATE-OBS": f"2021-03-04T02:{number % 60:02d}:00", "OBSTYPE": kind, "FILTER": "r",
                               "EXPTIME": 0.0 if kind == "BIAS" else 10.0, "OBJECT": "M13", "OBSID": f"{kind}{number:04d}"}
    for word, value in (said | {word.replace("_", "-"): value for word, value in cards.items()}).items():
        if value is not None:
            primary.header[word] = value
    pixels = [rng.normal(level, spread, (48, 64)) for _ in names]
    return fits.HDUList([primary, *(fits.ImageHDU(one.astype(dtype), name=name) for name, one in zip(names, pixels, strict=True))])


def write(path: Path, hdus: fits.HDUList, **how: object) -> Path:
    """Write a file, whatever is odd in it."""
    hdus.writeto(path, output_verify="ignore", **how)
    return path
