"""The header cards of a raw file, as the camera and the telescope write them."""
from __future__ import annotations

from datetime import UTC, datetime, timedelta

from astropy.io import fits

from awe.simulate.camera import Amplifier, Chip, Section, mosaic_size
from awe.simulate.config import RunConfig
from awe.simulate.exposure import Exposure
from awe.simulate.projection import header_projection
from awe.simulate.schedule import LATITUDE, LONGITUDE

INSTRUMENT = "simcam"
READOUT_MODE = "slow"


def primary_header(config: RunConfig, exposure: Exposure, extensions: int) -> fits.Header:
    """Return the primary header of a raw file."""
    header = fits.Header()
    header["NEXTEND"] = (extensions, "number of extensions")
    header["TELESCOP"] = ("SIM 2.6-m", "telescope")
    header["INSTRUME"] = (INSTRUMENT, "camera")
    header["OBSERVER"] = ("simulation", "who observed")
    header["EXPNUM"] = (exposure.number, "running number of the exposure")
    header["FILENAME"] = (exposure.stem, "name at the telescope")
    header["IMAGETYP"] = (exposure.kind, "bias, dark, dome flat, twilight flat, object")
    header["OBJECT"] = (exposure.object, "what was observed")
    header["DATE-OBS"] = (_iso(exposure.start), "start of exposure, UTC")
    header["TIMESYS"] = ("UTC", "system of all times")
    header["MJD-OBS"] = (_mjd(exposure.start), "[d] start of exposure, UTC")
    header["EXPTIME"] = (0.0 if exposure.kind == "bias" else exposure.exposure_time, "[s] exposure time")
    if exposure.filter is not None:
        header["FILTER"] = (exposure.filter, "filter")
        header["FILTERSN"] = (f"SIM-{exposure.filter}-01", "serial number of the filter")
    header["READMODE"] = (READOUT_MODE, "readout mode")
    header["SITELAT"] = (LATITUDE, "[deg] latitude, north positive")
    header["SITELONG"] = (LONGITUDE, "[deg] longitude, east positive")
    if exposure.conditions is not None:
        ra, dec = exposure.conditions.wanted
        header["RA"] = (_sexagesimal(ra / 15, 3, plus=""), "pointing, hours")
        header["DEC"] = (_sexagesimal(dec, 2, plus="+"), "pointing, degrees")
        header["RADESYS"] = ("ICRS", "system of RA and DEC")
        header["EQUINOX"] = (2000.0, "[yr] equinox of RA and DEC")
        header["AIRMASS"] = (exposure.conditions.airmass, "airmass at mid-exposure")
    width, height = mosaic_size(config)
    header["DETSIZE"] = (fits_section((0, height, 0, width)), "whole mosaic, gaps included")
    header["PIXSCALE"] = (config.pixel_scale, "[arcsec] nominal size of a pixel")
    return header


def extension_header(config: RunConfig, exposure: Exposure, chip: Chip, hdu: int) -> fits.Header:
    """Return the header of the extension at index `hdu`; keywords end in A or B where it holds two amplifiers."""
    amplifiers = [amplifier for amplifier in chip.amplifiers if amplifier.hdu == hdu]
    alone = len(amplifiers) == 1
    header = fits.Header()
    header["EXTNAME"] = chip.name + (amplifiers[0].name if alone else "")
    header["CCDNAME"] = (chip.name, "detector")
    header["CCDSUM"] = ("1 1", "binning in x and y")
    for amplifier in amplifiers:
        _add_amplifier(header, chip, amplifier, "" if alone else amplifier.name)
    if exposure.conditions is not None:
        claimed = header_projection(config, chip, exposure.conditions.wanted).in_raw(amplifiers[0])
        header["WCSAXES"] = 2
        for keyword, value in claimed.cards().items():
            header[keyword] = value
    return header


def _add_amplifier(header: fits.Header, chip: Chip, amplifier: Amplifier, suffix: str) -> None:
    y0, y1, x0, x1 = amplifier.position
    mosaic = (y0 + chip.mosaic_y, y1 + chip.mosaic_y, x0 + chip.mosaic_x, x1 + chip.mosaic_x)
    header[f"AMPNAM{suffix}"] = (amplifier.name, "amplifier")
    header[f"DATASEC{suffix}"] = (fits_section(amplifier.data), "light-sensitive pixels here")
    header[f"BIASSEC{suffix}"] = (fits_section(amplifier.overscan), "overscan here")
    header[f"PRESEC{suffix}"] = (fits_section(amplifier.prescan), "prescan here")
    header[f"CCDSEC{suffix}"] = (fits_section(amplifier.position, flip_x=amplifier.flip_x), "place in the detector")
    header[f"DETSEC{suffix}"] = (fits_section(mosaic, flip_x=amplifier.flip_x), "place in the mosaic")
    header[f"GAIN{suffix}"] = (round(amplifier.gain, 2), "[electron/adu] gain")
    header[f"RDNOIS{suffix}" if suffix else "RDNOISE"] = (round(amplifier.read_noise, 1), "[electron] read noise")
    header[f"SATUR{suffix}" if suffix else "SATURATE"] = (amplifier.saturation, "[adu] saturation")


def fits_section(section: Section, *, flip_x: bool = False) -> str:
    """Return a section as FITS headers write it: 1-based, both ends included, reversed where it is read backwards."""
    y0, y1, x0, x1 = section
    columns = f"{x1}:{x0 + 1}" if flip_x else f"{x0 + 1}:{x1}"
    return f"[{columns},{y0 + 1}:{y1}]"


def _iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]


def _mjd(when: datetime) -> float:
    return round((when - datetime(1858, 11, 17, tzinfo=UTC)) / timedelta(days=1), 8)


def _sexagesimal(value: float, digits: int, *, plus: str) -> str:
    """Return 12:34:56.789 of a value in hours or degrees."""
    ticks = round(abs(value) * 3600 * 10**digits)
    seconds, fraction = divmod(ticks, 10**digits)
    minutes, seconds = divmod(seconds, 60)
    whole, minutes = divmod(minutes, 60)
    return f"{'-' if value < 0 else plus}{whole:02d}:{minutes:02d}:{seconds:02d}.{fraction:0{digits}d}"
