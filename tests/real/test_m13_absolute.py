"""Absolute astrometry of M13: a reference list made from one frame with the WCS of its header; the others know nothing or are wrong.

Their headers are stripped of the WCS and given a pointing that is off by 60 arcseconds, or a WCS that is off by as much and turned by
3 degrees, and some have their pixels mirrored.
"""
from __future__ import annotations

import shutil

import numpy as np
import pytest
from astropy import units
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from awe.ingest import ingest_catalogue
from awe.targets import AstrometricParameters, Flag, RawScienceFrame
from tests.real import house

REFERENCE = "M13_sdss_r_20190503_085306"
OFFSET = 60.0
LINEAR = ("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2")
SOLVED = ("CD1_", "CD2_", "CRVAL", "CRPIX", "CTYPE", "CROTA", "CDELT", "CUNIT", "TR", "EQUINOX", "PA", "PLTSOLVD", "WCS")

#: New name: the frame, whether a wrong WCS is put in place of none, the axis that is mirrored.
CASES = {
    "stripped_r": ("M13_sdss_r_20190503_084324", False, None),
    "turned_r": ("M13_sdss_r_20190503_091741", True, None),
    "stripped_g": ("M13_sdss_g_20190503_090311", False, None),
    "mirrored_r": ("M13_sdss_r_20190503_091741", False, 1),
    "turned_and_mirrored_g": ("M13_sdss_g_20190503_091520", True, 0),
}


def read(data, name):
    with fits.open(data / "arcsat_m13" / f"{name}.fits.bz2") as hdus:
        return hdus[0].data, hdus[0].header


def true_wcs(header):
    """The linear part of PinPoint's solution."""
    return WCS(fits.Header({word: header[word] for word in LINEAR}))


def off(place):
    """A place that is wrong by OFFSET."""
    return place.directional_offset_by(35 * units.deg, OFFSET * units.arcsec)


def spoil(data, folder, name):
    """Write a frame that does not know where it is."""
    source, wrong_wcs, mirrored = CASES[name]
    pixels, header = read(data, source)
    truth = true_wcs(header)
    for word in [word for word in header if word.startswith(SOLVED)]:
        header.remove(word, ignore_missing=True, remove_all=True)
    pointed = off(SkyCoord(header["OBJCTRA"], header["OBJCTDEC"], unit=("hourangle", "deg")))
    header["OBJCTRA"] = pointed.ra.to_string("hour", sep=" ", precision=2, pad=True)
    header["OBJCTDEC"] = pointed.dec.to_string("deg", sep=" ", precision=1, pad=True, alwayssign=True)
    if wrong_wcs:
        middle = off(SkyCoord(*truth.wcs.crval, unit="deg"))
        t = np.radians(3.0)
        cd = truth.pixel_scale_matrix @ np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
        header.update({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": middle.ra.deg, "CRVAL2": middle.dec.deg,
                       "CRPIX1": truth.wcs.crpix[0], "CRPIX2": truth.wcs.crpix[1], "CD1_1": cd[0, 0], "CD1_2": cd[0, 1],
                       "CD2_1": cd[1, 0], "CD2_2": cd[1, 1]})
    path = folder / f"{name}.fits"
    fits.PrimaryHDU(pixels if mirrored is None else np.flip(pixels, mirrored), header).writeto(path)
    return path


@pytest.fixture(scope="module")
def solved(data, arcsat_home, tmp_path_factory):
    """The solution of every spoiled frame, against the list of the reference frame."""
    folder = tmp_path_factory.mktemp("absolute")
    shutil.copytree(arcsat_home, folder / "home")
    instance = house.reopen(folder / "home")
    exposure = next(one.exposure for one in RawScienceFrame.object == "M13" if one.original_name.startswith(REFERENCE))
    found = AstrometricParameters.get(exposure=exposure).sources()
    kept = (np.asarray(found["FLAGS"]) & 28) == 0
    flux = np.asarray(found["FLUX_AUTO"])[kept]
    with np.errstate(invalid="ignore"):
        table = Table({"ra": np.asarray(found["ALPHA_J2000"])[kept], "dec": np.asarray(found["DELTA_J2000"])[kept],
                       "mag": 25 - 2.5 * np.log10(flux)})
    table[flux > 0].write(folder / "reference.fits")
    mapping = {"catalogue": {"name": "m13"}, "columns": {"ra": "ra", "dec": "dec"}, "bands": {"r": {"column": "mag", "system": "AB"}}}
    ingest_catalogue(folder / "reference.fits", "m13", mapping, use_for="arcsat")
    house.bring_in(*(spoil(data, folder, name) for name in CASES))
    raws = {one.original_name.removesuffix(".fits"): one for one in RawScienceFrame.object == "M13"}
    yield {name: AstrometricParameters.get(exposure=raws[name].exposure) for name in CASES}
    instance.close()


def truth_of(data, name, x, y):
    """Where the header that was taken away puts pixels (0-based) of a spoiled frame."""
    source, _, mirrored = CASES[name]
    pixels, header = read(data, source)
    ny, nx = pixels.shape
    x, y = (nx - 1 - x if mirrored == 1 else x), (ny - 1 - y if mirrored == 0 else y)
    return true_wcs(header).all_pix2world(x, y, 0)


@pytest.mark.parametrize("name", CASES)
def test_solutions_agree_with_the_headers_that_were_taken_away(data, solved, name):
    one = solved[name]
    table = one.sources()
    x, y = np.asarray(table["XWIN_IMAGE"]) - 1, np.asarray(table["YWIN_IMAGE"]) - 1
    east, north = house.separations(table["ALPHA_J2000"], table["DELTA_J2000"], *truth_of(data, name, x, y))
    assert np.sqrt(np.mean(east**2 + north**2)) < 0.15, "arcseconds"
    assert one.mode == "absolute" and one.nref > 300 and one.rms < 0.2 and one.holdout_rms < 0.25
    assert not one.quality_flags & (Flag.BAD_ASTROMETRY | Flag.FEW_STARS | Flag.RELATIVE_ASTROMETRY)


def test_what_was_wrong_with_the_headers_is_told(solved):
    for name, one in solved.items():
        assert np.hypot(one.offset_ra, one.offset_dec) == pytest.approx(OFFSET, abs=6.0)
        assert one.is_mirrored == (CASES[name][2] is not None)
    assert abs(solved["turned_r"].rotation) == pytest.approx(3.0, abs=0.1)
