"""A raw multi-extension FITS file, written beside its place and then renamed."""
from __future__ import annotations

from pathlib import Path

from astropy.io import fits

from awe.simulate.camera import Camera
from awe.simulate.config import RunConfig
from awe.simulate.exposure import Exposure
from awe.simulate.header import extension_header, primary_header
from awe.simulate.readout import Counts


def write_raw(path: Path, config: RunConfig, camera: Camera, exposure: Exposure, raws: dict[int, Counts]) -> None:
    """Write the images of all HDUs of an exposure as unsigned 16-bit integers."""
    hdus = fits.HDUList([fits.PrimaryHDU(header=primary_header(config, exposure, len(raws)))])
    for chip in camera.chips:
        for hdu in chip.hdus:
            hdus.append(fits.ImageHDU(raws[hdu], header=extension_header(config, exposure, chip, hdu)))
    write_fits(path, hdus)


def write_fits(path: Path, hdus: fits.HDUList) -> None:
    """Write a FITS file such that a file of this name is always whole."""
    beside = path.with_name(path.name + ".part")
    hdus.writeto(beside, overwrite=True)
    beside.replace(path)
