import dataclasses

import numpy as np
import pytest
from astropy.io.fits import Header
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import InstrumentError
from awe.instruments import load, nominal_cards, shipped, translate
from tests.instruments.conftest import example_text

CAMERA = load(example_text())


def wcs(*arguments, **words):
    return WCS(Header(nominal_cards(*arguments, **words)))


@given(st.floats(0, 359), st.floats(-80, 80), st.floats(-180, 180), st.sampled_from([None, -1, 1]))
def test_scale_rotation_and_parity(ra, dec, rotation, parity):
    camera = dataclasses.replace(CAMERA, rotation=rotation, parity=parity)
    found = wcs(camera, "ccd50", ra, dec)
    centre = found.pixel_to_world(149.0, 99.0)
    assert centre.separation(found.pixel_to_world(149.0, 109.0)).arcsec == pytest.approx(2.1, rel=1e-5)
    difference = centre.position_angle(found.pixel_to_world(149.0, 109.0)).deg - rotation
    assert (difference + 180) % 360 - 180 == pytest.approx(0, abs=1e-2)
    assert np.sign(np.linalg.det(found.wcs.cd)) == (parity or -1)


def test_binning_moves_no_star():
    full, binned = wcs(CAMERA, "ccd53", 10.0, 20.0), wcs(CAMERA, "ccd53", 10.0, 20.0, binning="2x3")
    where = full.pixel_to_world(20.5, 31.0)
    assert where.separation(binned.pixel_to_world((20.5 - 0.5) / 2, (31.0 - 1) / 3)).arcsec < 1e-6


def test_agrees_with_the_headers_of_real_frames(data):
    for name, path in (
        ("arcsat", "arcsat_m13/M13_sdss_g_20190503_090311.fits.bz2"),
        ("nasa42", "nasa42_5945_a/5945/20190326.0126.fits.bz2"),
    ):
        camera = load(shipped()[name])
        raw = translate(data / path, camera)[0]
        binning = raw.readout_mode.partition("-")[0]
        cards = nominal_cards(camera, raw.chip, raw.ra, raw.dec, binning=binning)
        for word in ("CD1_1", "CD2_2"):
            assert cards[word] == pytest.approx(raw.wcs_cards[word], rel=0.01)


def test_the_centre_stands_in_for_crpix():
    camera = load(shipped()["tircam2"])
    assert (nominal_cards(camera, "insb512", 0, 0)["CRPIX1"], nominal_cards(camera, "insb512", 0, 0)["CRPIX2"]) == (256.5, 256.5)
    sdss = load(shipped()["sdss"])
    assert nominal_cards(sdss, "g4", 0, 0, shape=(1489, 2048))["CRPIX2"] == 745.0
    with pytest.raises(InstrumentError, match="neither crpix nor size"):
        nominal_cards(sdss, "g4", 0, 0)


def test_what_is_not_known_is_said():
    with pytest.raises(InstrumentError, match="no chip 'x'"):
        nominal_cards(CAMERA, "x", 0, 0)
    with pytest.raises(InstrumentError, match="pixel_scale"):
        nominal_cards(dataclasses.replace(CAMERA, pixel_scale=None), "ccd50", 0, 0)
