"""Real data, a small camera, and files made from genuine header dumps."""

from __future__ import annotations

import bz2
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.instruments import Definition, load

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "instrument-file.md"


def real_data() -> Path | None:
    for folder in (os.environ.get("AWE_REAL_DATA"), ROOT.parent / "shared" / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder)
    return None


@pytest.fixture(scope="session")
def data() -> Path:
    folder = real_data()
    if folder is None:
        pytest.skip("no real data: neither ../shared/data nor AWE_REAL_DATA exists")
    return folder


def example_text() -> str:
    """The camera of the document."""
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return next(block for block in blocks if block.startswith("[instrument]"))


@pytest.fixture(scope="session")
def camera() -> Definition:
    return load(example_text())


MINIMAL = """
[instrument]
name = "mini"
utc_offset = -4
[match]
INSTRUME = "MINI"
[header]
date_obs = "DATE-OBS"
exptime = "EXPTIME"
filter = "FILTER"
object = "OBJECT"
[recognise]
bias = {OBSTYPE = "BIAS"}
domeflat = {OBSTYPE = "FLAT"}
science = {OBSTYPE = "OBJECT"}
[[chip]]
name = "only"
size = [10, 8]
[[filter]]
name = "r"
"""


@pytest.fixture
def minimal() -> Definition:
    return load(MINIMAL)


def primary(**cards: object) -> fits.PrimaryHDU:
    hdu = fits.PrimaryHDU()
    defaults: dict[str, object] = {
        "INSTRUME": "TWOCHIP",
        "DATE-OBS": "2021-03-04T02:00:00",
        "EXPTIME": 60.0,
        "OBSTYPE": "OBJECT",
        "FILTER": "r_SDSS",
        "OBJECT": "M 13",
        "OBSID": "X0001",
        "RA": "16:41:41.0",
        "DEC": "+36:27:35",
        "AIRMASS": 1.2,
        "CCDSUM": "1 1",
    }
    for keyword, value in (
        defaults | {key.replace("DATE_OBS", "DATE-OBS"): value for key, value in cards.items()}
    ).items():
        if value is not None:
            hdu.header[keyword] = value
    return hdu


def chip_images() -> list[fits.ImageHDU]:
    """The two chips of the document's camera, each amplifier with its own level."""
    ccd50 = np.full((200, 176), 1000, np.uint16)
    ccd50[:, 8:72] += 100
    ccd50[:, 104:168] += 200
    half = {}
    for name, level, section in (("A", 300, "[1:64,1:200]"), ("B", 400, "[128:65,1:200]")):
        pixels = np.full((200, 80), 1000, np.uint16)
        pixels[:, :64] += level
        hdu = fits.ImageHDU(pixels, name=f"CCD53{name}")
        hdu.header.update(
            {"DATASEC": "[1:64,1:200]", "BIASSEC": "[65:80,1:200]", "CCDSEC": section, "GAIN": 1.5, "RDNOISE": 4.0}
        )
        half[name] = hdu
    return [fits.ImageHDU(ccd50, name="CCD50"), half["A"], half["B"]]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Write a raw file of the document's camera."""

    def _write(name: str = "raw.fits", *, drop: tuple[str, ...] = (), **cards: object) -> Path:
        images = [hdu for hdu in chip_images() if hdu.name not in drop]
        path = tmp_path / name
        fits.HDUList([primary(**cards), *images]).writeto(path, checksum=True, overwrite=True)
        return path

    return _write


@pytest.fixture
def write_mini(tmp_path: Path) -> Callable[..., Path]:
    """Write a single-chip file of the minimal camera."""

    def _write(name: str = "mini.fits", *, shape: tuple[int, int] = (8, 10), **cards: object) -> Path:
        hdu = primary(INSTRUME="MINI", FILTER="r")
        hdu.data = np.arange(shape[0] * shape[1], dtype=np.uint16).reshape(shape)
        for keyword, value in cards.items():
            keyword = keyword.replace("DATE_OBS", "DATE-OBS")
            if value is None:
                hdu.header.pop(keyword)
            else:
                hdu.header[keyword] = value
        path = tmp_path / name
        hdu.writeto(path, overwrite=True)
        return path

    return _write


def dumped_headers(path: Path) -> list[list[str]]:
    """The 80-character cards of each HDU of a text dump."""
    raw = bz2.decompress(path.read_bytes()) if path.suffix == ".bz2" else path.read_bytes()
    headers: list[list[str]] = []
    for line in raw.decode("latin-1").splitlines():
        if line.startswith(("SIMPLE  =", "XTENSION=")) or not headers:
            headers.append([])
        if line.strip() and not line.startswith("END ") and line.strip() != "END":
            headers[-1].append(line[:80].ljust(80))
    return headers


_STRUCTURE = re.compile(
    r"(XTENSION|SIMPLE|BITPIX|NAXIS\d*|PCOUNT|GCOUNT|EXTEND|TFIELDS|TTYPE\d|TFORM\d|Z\w+|CHECKSUM|"
    r"DATASUM|BZERO|BSCALE)\s*="
)


def genuine(cards: list[str], shape: tuple[int, int] | None, first: bool) -> bytes:
    """The bytes of a genuine header with the structure of a plain 16-bit image of `shape` (or of none)."""
    start = [
        "SIMPLE  =                    T" if first else "XTENSION= 'IMAGE   '",
        "BITPIX  =                   16",
        f"NAXIS   = {0 if shape is None else 2:20d}",
    ]
    if shape is not None:
        start += [f"NAXIS1  = {shape[1]:20d}", f"NAXIS2  = {shape[0]:20d}"]
    start += ["EXTEND  =                    T"] if first else [f"PCOUNT  = {0:20d}", f"GCOUNT  = {1:20d}"]
    start += [] if shape is None else ["BZERO   =              32768.0", "BSCALE  =                  1.0"]
    kept = [card for card in cards if not _STRUCTURE.match(card)]
    text = "".join(card.ljust(80) for card in [*start, *kept, "END"])
    return text.ljust(-(-len(text) // 2880) * 2880).encode("latin-1", "replace")


def write_genuine(
    path: Path,
    headers: list[list[str]],
    shape: tuple[int, int],
    *,
    images: int | None = None,
    pixels: np.ndarray | None = None,
) -> Path:
    """Write a mosaic with genuine headers; pixels are a hole in the file (zero bytes) but for the first image."""
    with open(path, "wb") as out:
        out.write(genuine(headers[0], None, True))
        for n, cards in enumerate(headers[1 : images and images + 1]):
            out.write(genuine(cards, shape, False))
            size = shape[0] * shape[1] * 2
            start = out.tell()
            if n == 0 and pixels is not None:
                out.write((pixels.astype(np.int32) - 32768).astype(">i2").tobytes())
            out.truncate(start + -(-size // 2880) * 2880)
            out.seek(0, 2)
    return path
