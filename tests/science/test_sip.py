"""TAN-SIP headers: as others read them, as we read them back, and as our own TPV says."""
from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from awe.science.sip import as_sip, degree_of
from awe.science.wcs import Wcs, read_wcs

SHAPE = (2000, 1500)
POLYNOMIALS = {
    "none": ((), ()),
    "quadratic": ((0.0, 1.0, 0.0, 0.0, 0.02, -0.01, 0.03), (0.0, 1.0, 0.0, 0.0, -0.01, 0.02)),
    "cubic, moved": (
        (1e-4, 1.001, 2e-4, 0.0, 0.02, -0.01, 0.0, 0.3, 0.0, 0.2),
        (-2e-4, 0.999, 1e-4, 0.0, -0.01, 0.02, 0.01, 0.2, 0.0, 0.3)),
    "radial": ((0.0, 1.0, 0.0, 1e-4, 0.0, 0.0, 0.0, 0.3), (0.0, 1.0, 0.0, 1e-4)),
}


def grid(shape=SHAPE):
    return [g.ravel() for g in np.meshgrid(np.linspace(0, shape[1] - 1, 11), np.linspace(0, shape[0] - 1, 13))]


def apart(a, b):
    """Largest distance of two lists of positions, arcsec."""
    return np.max(np.hypot(((a[0] - b[0] + 180) % 360 - 180) * np.cos(np.radians(b[1])), a[1] - b[1])) * 3600


@pytest.mark.parametrize("parity", [1, -1])
@pytest.mark.parametrize("name", POLYNOMIALS)
def test_sip_says_what_tpv_says(name, parity):
    wcs = Wcs((359.99, -61.0), (900.0, 300.0), ((-1.2e-4 * parity, 5e-6), (5e-6 * parity, 1.2e-4)), *POLYNOMIALS[name])
    sip = as_sip(wcs, SHAPE)
    x, y = grid()
    truth, limit = wcs.pixel_to_sky(x, y), 0.05 if name == "radial" else 1e-5
    assert sip.error < limit and sip.inverse_error < 0.05
    theirs = WCS(fits.Header(list(sip.cards.items())))
    assert apart(theirs.all_pix2world(x, y, 0), truth) < limit
    assert apart(read_wcs(sip.cards).pixel_to_sky(x, y), truth) < limit
    focal = (theirs.wcs_world2pix(np.column_stack(truth), 1) - theirs.wcs.crpix).T
    for axis, name, pixel in ((0, "AP", x), (1, "BP", y)):
        moved = sum(value * focal[0] ** int(key[3]) * focal[1] ** int(key[5]) for key, value in sip.cards.items()
                    if key.startswith(f"{name}_") and key != f"{name}_ORDER")
        assert np.abs(focal[axis] + moved + theirs.wcs.crpix[axis] - 1 - pixel).max() < 0.1


def test_tpv_is_what_astropy_reads():
    for pv in POLYNOMIALS.values():
        wcs = Wcs((12.0, 80.0), (-300.0, 2500.0), ((1e-5, 9e-5), (9e-5, -1e-5)), *pv)
        x, y = grid()
        assert apart(WCS(fits.Header(list(wcs.cards().items()))).all_pix2world(x, y, 0), wcs.pixel_to_sky(x, y)) < 1e-5


def test_degree():
    assert [degree_of(Wcs((0.0, 0.0), (0.0, 0.0), ((1.0, 0.0), (0.0, 1.0)), *pv)) for pv in POLYNOMIALS.values()] == [1, 2, 3, 3]


@pytest.mark.skipif(shutil.which("SWarp") is None, reason="SWarp is not installed: nobody to read our header")
def test_swarp_puts_stars_where_our_header_says(tmp_path):
    """A frame of stars under a cubic TPV, resampled to a plain TAN by SWarp: every star is where its sky position is."""
    scale, shape = 2e-4, (400, 300)
    cubic = 3 * scale / (250 * scale) ** 3
    wcs = Wcs((150.0, 20.0), (149.5, 199.5), ((-scale, 1e-6), (1e-6, scale)), (0.0, 1.0, 0.0, 0.0, 0.1, 0.0, 0.0, cubic, 0.0, cubic),
              (0.0, 1.0, 0.0, 0.0, 0.0, 0.1, 0.0, cubic, 0.0, cubic))
    x, y = (g.ravel() for g in np.meshgrid([30.3, 150.2, 270.6], [40.1, 200.4, 360.2]))
    yy, xx = np.mgrid[:shape[0], :shape[1]]
    data = sum(1000 * np.exp(-((xx - a) ** 2 + (yy - b) ** 2) / (2 * 1.7 ** 2)) for a, b in zip(x, y, strict=True))
    fits.writeto(tmp_path / "in.fits", data.astype(np.float32), fits.Header(list(wcs.cards().items())))
    subprocess.run(["SWarp", "in.fits", "-SUBTRACT_BACK", "N", "-WRITE_XML", "N", "-VERBOSE_TYPE", "QUIET", "-PROJECTION_TYPE", "TAN",
                    "-IMAGEOUT_NAME", "out.fits", "-WEIGHTOUT_NAME", "w.fits"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    with fits.open(tmp_path / "out.fits") as hdus:
        out, there = hdus[0].data, WCS(hdus[0].header)
    u, v = there.all_world2pix(*wcs.pixel_to_sky(x, y), 0)
    for a, b in zip(u, v, strict=True):
        rows, columns = np.mgrid[round(b) - 8:round(b) + 9, round(a) - 8:round(a) + 9]
        cut = out[round(b) - 8:round(b) + 9, round(a) - 8:round(a) + 9]
        assert np.hypot((cut * columns).sum() / cut.sum() - a, (cut * rows).sum() / cut.sum() - b) < 0.03
