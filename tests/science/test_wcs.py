"""The WCS: every kind of header becomes TPV in ICRS, and astropy reads it back."""
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import HeaderError
from awe.science.wcs import Wcs, fit_tpv, read_wcs

REAL = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[2] / ".." / "shared" / "data"))
TAN = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 40.0, "CRPIX1": 512.5, "CRPIX2": 500.0,
       "CD1_1": -2e-4, "CD1_2": 1e-6, "CD2_1": 1e-6, "CD2_2": 2e-4, "RADESYS": "ICRS"}


def astropy_sky(cards, x, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(fits.Header(list(cards.items())))
        sky = wcs.celestial.pixel_to_world(x, y).icrs
    return sky.ra.deg, sky.dec.deg


def pixels(shape=(1000, 1024), n=300):
    rng = np.random.default_rng(5)
    return rng.uniform(-0.5, shape[1] - 0.5, n), rng.uniform(-0.5, shape[0] - 0.5, n)


def worst(wcs, ra, dec, ra2, dec2):
    dra = (ra - ra2 + 180.0) % 360.0 - 180.0
    return np.max(np.hypot(dra * np.cos(np.radians(dec)), dec - dec2)) * 3600.0 / wcs.pixel_scale


SIP = {**TAN, "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 3, "B_ORDER": 2, "A_2_0": 2e-6,
       "A_1_1": -1e-6, "A_0_3": 1e-9, "B_0_2": -3e-6, "B_1_1": 1e-6}
TPV = {**TAN, "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "PV1_1": 1.0, "PV1_4": 1e-3, "PV1_11": 2e-3, "PV1_7": 0.01,
       "PV2_1": 1.0, "PV2_5": -1e-3, "PV2_0": 1e-4}
ZPN = {**TAN, "CTYPE1": "RA---ZPN", "CTYPE2": "DEC--ZPN", "PV2_1": 1.0, "PV2_3": 42.0, "NAXIS1": 1024, "NAXIS2": 1000,
       "CRPIX1": -3000.0, "CRPIX2": 4000.0}


@pytest.mark.parametrize("cards", [
    TAN, SIP, TPV, ZPN, {**TAN, "RADESYS": "FK5", "EQUINOX": 2000.0}, {**TPV, "RADESYS": "FK5", "EQUINOX": 1975.0},
    {**TAN, "LONPOLE": 150.0}, {**TAN, "RADESYS": "FK4", "EQUINOX": 1950.0, "NAXIS1": 1024, "NAXIS2": 1000},
    {**TAN, "CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN", "NAXIS1": 1024, "NAXIS2": 1000},
    {**TAN, "CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN", "NAXIS1": 1024, "NAXIS2": 1000}, {**TAN, "CRVAL2": 89.9},
    {**TAN, "CRVAL2": -89.99, "RADESYS": "FK5", "EQUINOX": 2000.0},
], ids=["TAN", "SIP", "TPV", "ZPN", "FK5", "FK5-TPV", "LONPOLE", "FK4", "galactic", "SIN", "pole", "south-pole-FK5"])
def test_same_sky_as_astropy_and_read_back(cards):
    wcs = Wcs.from_header(cards)
    x, y = pixels()
    ra, dec = wcs.pixel_to_sky(x, y)
    assert worst(wcs, ra, dec, *astropy_sky(cards, x, y)) < 1e-6
    assert worst(wcs, ra, dec, *astropy_sky(wcs.cards(), x, y)) < 1e-6
    again = Wcs.from_header(wcs.cards())
    assert worst(wcs, ra, dec, *again.pixel_to_sky(x, y)) < 1e-9
    bx, by = wcs.sky_to_pixel(ra, dec)
    assert np.max(np.hypot(bx - x, by - y)) < 1e-6


def test_text_numbers_old_words_and_contradictions():
    plain = Wcs.from_header(TAN)
    assert Wcs.from_header({k: str(v) for k, v in TAN.items()}) == plain
    extra = {**TAN, "CDELT1": 9.0, "CDELT2": 9.0, "CROTA2": 30.0, "PC1_1": 5.0}
    assert Wcs.from_header(extra) == plain
    swapped = {**TAN, "CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN", "CRVAL1": 40.0, "CRVAL2": 150.0,
               "CD1_1": 1e-6, "CD1_2": 2e-4, "CD2_1": -2e-4, "CD2_2": 1e-6}
    assert Wcs.from_header(swapped) == plain
    cards = {k: v for k, v in TAN.items() if not k.startswith("CD")} | {"CDELT1": -2e-4, "CDELT2": 2e-4, "CROTA2": 30.0}
    x, y = pixels()
    assert worst(plain, *Wcs.from_header(cards).pixel_to_sky(x, y), *astropy_sky(cards, x, y)) < 1e-6
    unit = {**TAN, "CUNIT1": "arcsec", "CUNIT2": "arcsec"} | {k: TAN[k] * 3600 for k in TAN if k[:4] in ("CRVA", "CD1_",
                                                                                                        "CD2_")}
    assert worst(plain, *Wcs.from_header(unit).pixel_to_sky(x, y), *plain.pixel_to_sky(x, y)) < 1e-6
    as_tpv = Wcs.from_header({**TPV, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN"})
    assert as_tpv == Wcs.from_header(TPV)
    with_both = Wcs.from_header({**TPV, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 1e-3})
    assert with_both == Wcs.from_header(TPV)


@pytest.mark.parametrize("change, word", [
    ({"CRVAL1": "hh:mm"}, "CRVAL1"), ({"CRVAL2": float("nan")}, "CRVAL2"), ({"CD1_1": 0.0, "CD1_2": 0.0}, "singular"),
    ({"CRPIX1": None}, "CRPIX1"), ({"RADESYS": "GAPPT"}, "GAPPT"), ({"CPDIS1": "LOOKUP"}, "look-up"),
    ({"CUNIT1": "m"}, "CUNIT1"), ({"CRVAL2": 123.0}, "declination"),
    ({"CTYPE1": "RA---XYZ", "CTYPE2": "DEC--XYZ"}, "XYZ"),
])
def test_nonsense_is_named(change, word):
    cards = {**TAN, **change}
    with pytest.raises(HeaderError, match=word) as caught:
        Wcs.from_header({k: v for k, v in cards.items() if v is not None})
    assert "\n" not in str(caught.value)


def test_no_wcs_and_placeholders():
    assert read_wcs({}) is None
    assert read_wcs({"CTYPE1": "LINEAR", "CTYPE2": "LINEAR", "CRVAL1": 1.0}) is None
    with pytest.raises(HeaderError, match="celestial"):
        Wcs.from_header({})
    ones = {**TAN, "CRVAL1": 1.0, "CRVAL2": 1.0, "CD1_1": 1.0, "CD2_2": 1.0, "CD1_2": 0.0, "CD2_1": 0.0}
    assert not Wcs.from_header(ones).is_plausible
    assert Wcs.from_header(TAN).is_plausible


@given(st.floats(0, 359), st.floats(-88, 88), st.floats(0.05, 5), st.floats(-180, 180), st.sampled_from([1, -1]))
def test_tangent_is_what_was_asked(ra, dec, scale, rotation, parity):
    wcs = Wcs.tangent(ra, dec, scale, crpix=(100.0, 50.0), rotation=rotation, parity=parity)
    assert wcs.parity == parity
    assert wcs.pixel_scale == pytest.approx(scale)
    assert np.cos(np.radians(wcs.rotation - rotation)) == pytest.approx(1.0)
    x, y = wcs.sky_to_pixel(*wcs.pixel_to_sky([0.0, 200.0], [0.0, 99.0]))
    np.testing.assert_allclose([x, y], [[0, 200], [0, 99]], atol=1e-6)


def test_changes_of_the_image_move_the_wcs():
    wcs, shape = Wcs.from_header(TPV), (1000, 1024)
    sky = wcs.pixel_to_sky(300.0, 400.0)
    for changed, x, y in ((wcs.trimmed(50, 60), 250.0, 340.0), (wcs.flipped(shape, x=True), 1023 - 300.0, 400.0),
                          (wcs.flipped(shape, y=True), 300.0, 999 - 400.0), (wcs.shifted(3, 4), 303.0, 404.0),
                          (wcs.binned(2, 4), (300.5) / 2 - 0.5, 400.5 / 4 - 0.5),
                          (wcs.affine([[0, 1], [2, 0]], [10.0, 20.0]), 190.0, 290.0)):
        np.testing.assert_allclose(changed.pixel_to_sky(x, y), sky, rtol=0, atol=1e-10)
    assert wcs.flipped(shape, x=True).parity == -wcs.parity
    turned = wcs.moved(rotation=3.0)
    assert turned.rotation == pytest.approx(wcs.rotation) or turned.pv1 != wcs.pv1
    a, b = wcs.moved(dra=60.0).centre(shape), wcs.centre(shape)
    assert (a[0] - b[0]) * np.cos(np.radians(b[1])) * 3600 == pytest.approx(60.0, abs=0.5)


def test_pixel_area_is_the_jacobian():
    wcs = Wcs.from_header(TPV)
    x, y = pixels(n=20)
    ra, dec = (np.array(v) for v in zip(*[wcs.pixel_to_sky(x + dx, y + dy) for dx, dy in ((-.5, 0), (.5, 0), (0, -.5),
                                                                                             (0, .5))], strict=True))
    cos = np.cos(np.radians(dec.mean(axis=0)))
    area = np.abs((ra[1] - ra[0]) * (dec[3] - dec[2]) - (ra[3] - ra[2]) * (dec[1] - dec[0])) * cos * 3600 ** 2
    np.testing.assert_allclose(wcs.pixel_area(x, y), area, rtol=1e-6)


def test_far_away_is_nan_not_a_wrong_pixel():
    wcs = Wcs.from_header(TPV)
    x, _ = wcs.sky_to_pixel([330.0, 150.0], [-40.0, 40.0])
    assert np.isnan(x[0]) and np.isfinite(x[1])


def test_fit_follows_a_polynomial():
    wcs = Wcs.from_header(SIP)
    x, y = (g.ravel().astype(float) for g in np.meshgrid(np.linspace(0, 1023, 20), np.linspace(0, 999, 20)))
    assert fit_tpv(x, y, *wcs.pixel_to_sky(x, y)).fit_error < 1e-6


@pytest.mark.skipif(not REAL.exists(), reason="no real data: neither ../shared/data nor AWE_REAL_DATA")
def test_real_headers():
    kinds = {"arcsat_m13/M13_sdss_g_20190503_090311.fits.bz2": 0.6676,
             "neowise_l1b_a/88422a106-w1-int-1b.fits.bz2": 2.749,
             "nasa42_5945_a/5945/20190326.0126.fits.bz2": 1.107, "wfcam_wsa_votables/image.fits.bz2": 0.2014}
    for name, scale in kinds.items():
        with fits.open(REAL / name) as hdus:
            header = next(h.header for h in hdus if h.header.get("NAXIS", 0) >= 2)
        wcs = read_wcs(header)
        assert wcs is not None and wcs.is_plausible and wcs.fit_error < 1e-6
        assert wcs.pixel_scale == pytest.approx(scale, rel=1e-3)
        x, y = pixels((header["NAXIS2"], header["NAXIS1"]))
        assert worst(wcs, *wcs.pixel_to_sky(x, y), *astropy_sky(wcs.cards(), x, y)) < 1e-6
    for name in ("emmi_galaxies/galaxies.fits.bz2", "tircam2_ic310/IC310_1.fits.bz2"):
        found = read_wcs(fits.getheader(REAL / name))
        assert found is None or not found.is_plausible
