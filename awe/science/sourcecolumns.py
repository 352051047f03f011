"""The columns of a source list: name, unit, UCD, meaning and type of each."""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

DEFAULT_RADII: tuple[float, ...] = (2.0, 3.0, 4.0, 6.0, 9.0, 13.0)
"""Radii of the circular apertures in pixels, where nothing else is asked."""


class Column(NamedTuple):
    """One column of a source list; the unit ``flux`` is that of the image."""

    name: str
    unit: str
    ucd: str
    description: str
    dtype: str


_BEFORE = (
    Column("NUMBER", "", "meta.id;meta.main", "running number from 1, by decreasing FLUX_AUTO", "i4"),
    Column("X_IMAGE", "pix", "pos.cartesian.x;instr.det", "isophotal centre along x, 1-based", "f8"),
    Column("Y_IMAGE", "pix", "pos.cartesian.y;instr.det", "isophotal centre along y, 1-based", "f8"),
    Column("XWIN_IMAGE", "pix", "pos.cartesian.x;instr.det", "windowed centre along x, 1-based; isophotal where FLAGS "
           "has 32", "f8"),
    Column("YWIN_IMAGE", "pix", "pos.cartesian.y;instr.det", "windowed centre along y, 1-based; isophotal where FLAGS "
           "has 32", "f8"),
    Column("ERRX2WIN_IMAGE", "pix2", "stat.variance;pos.cartesian.x", "variance of XWIN_IMAGE", "f8"),
    Column("ERRY2WIN_IMAGE", "pix2", "stat.variance;pos.cartesian.y", "variance of YWIN_IMAGE", "f8"),
    Column("ERRXYWIN_IMAGE", "pix2", "stat.covariance", "covariance of XWIN_IMAGE and YWIN_IMAGE", "f8"),
    Column("FLUX_AUTO", "flux", "phot.flux", "flux in the Kron ellipse, neighbours replaced", "f8"),
    Column("FLUXERR_AUTO", "flux", "stat.error;phot.flux", "standard error of FLUX_AUTO", "f8"),
    Column("FLUX_ISO", "flux", "phot.flux", "flux above the threshold", "f8"),
)
_AFTER = (
    Column("FLUX_MAX", "flux", "phot.flux;stat.max", "brightest pixel above the background", "f8"),
    Column("FLUX_RADIUS", "pix", "phys.angSize", "radius that holds half of FLUX_AUTO", "f8"),
    Column("KRON_RADIUS", "", "phys.angSize", "scale of the Kron ellipse in units of A_IMAGE and B_IMAGE", "f8"),
    Column("FWHM_IMAGE", "pix", "phys.angSize", "FWHM of a Gaussian through the core", "f8"),
    Column("A_IMAGE", "pix", "phys.angSize.smajAxis", "rms along the major axis", "f8"),
    Column("B_IMAGE", "pix", "phys.angSize.sminAxis", "rms along the minor axis", "f8"),
    Column("THETA_IMAGE", "deg", "pos.posAng", "angle of the major axis, counterclockwise from x", "f8"),
    Column("X2_IMAGE", "pix2", "src.morph.param", "second moment along x", "f8"),
    Column("Y2_IMAGE", "pix2", "src.morph.param", "second moment along y", "f8"),
    Column("XY_IMAGE", "pix2", "src.morph.param", "mixed second moment", "f8"),
    Column("ELONGATION", "", "src.morph.param", "A_IMAGE / B_IMAGE", "f8"),
    Column("ISOAREA_IMAGE", "pix2", "phys.angArea", "pixels above the threshold", "i4"),
    Column("SNR_WIN", "", "stat.snr", "signal-to-noise in the Gaussian window", "f8"),
    Column("CLASS_STAR", "", "src.class.starGalaxy", "1 star-like, 0 extended: the chance that noise makes a "
           "half-light radius of 1.15 times the stars' at least as large (no neural network, unlike SExtractor's)",
           "f4"),
    Column("BACKGROUND", "flux", "instr.skyLevel", "background per pixel at the centre", "f8"),
    Column("THRESHOLD", "flux", "instr.sensitivity", "detection threshold per pixel above the background", "f8"),
    Column("FLAGS", "", "meta.code.qual", "1 neighbours or bad pixels in over 10 % of the Kron ellipse, 2 was blended, "
           "4 saturated, 8 at the border, 16 Kron ellipse incomplete, 32 windowed position given up, "
           "64 found by the PSF alone, whose shape is taken", "i2"),
    Column("IMAFLAGS_ISO", "", "meta.code.qual", "union of the mask bits over its pixels", "i4"),
)


def columns(radii: Sequence[float] = DEFAULT_RADII) -> tuple[Column, ...]:
    """Return the columns of a source list with circular apertures of these radii (pixels)."""
    circles: list[Column] = []
    for k, radius in enumerate(radii, start=1):
        where = f"circle of radius {radius:g} pixels about the windowed centre, neighbours replaced"
        circles += [Column(f"FLUX_APER{k}", "flux", "phot.flux", f"flux in a {where}", "f8"),
                    Column(f"FLUXERR_APER{k}", "flux", "stat.error;phot.flux", f"standard error of FLUX_APER{k}", "f8"),
                    Column(f"FRAC_APER{k}", "", "stat.fraction", f"part of aperture {k} that was bad or a neighbour's",
                           "f4")]
    return (*_BEFORE, *circles, *_AFTER)


COLUMNS: tuple[Column, ...] = columns()
"""The columns with the default apertures."""
