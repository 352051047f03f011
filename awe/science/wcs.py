"""World coordinates: every celestial WCS that is read becomes one thing, a TPV in ICRS.

A `Wcs` is a tangent-plane projection with the TPV polynomial (Calabretta et al. 2004, draft Paper IV; Shupe et al. 2012
for the relation to SIP), held as plain numbers. TAN, TAN-SIP, TPV, and TAN with PV cards that mean TPV are taken over
exactly, FK5 by a rotation of the sphere; other projections and frames (ZPN, SIN, FK4, galactic...) through a polynomial
fitted over the image, whose largest error is kept as `fit_error`.

Pixels are 0-based here (the centre of the first pixel is (0, 0)) and 1-based in the cards. Angles are degrees, ICRS.
"""
from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from awe.science import tpv
from awe.science.wcsheader import celestial_header, fallback_grid, has_celestial_axes, is_tangent, read_tangent

Floats = NDArray[np.float64]
Matrix = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Wcs:
    """A tangent-plane WCS with a TPV polynomial, in ICRS.

    Parameters
    ----------
    crval : (float, float)
        Right ascension and declination of the tangent point, degrees.
    crpix : (float, float)
        Its 0-based pixel position (x, y).
    cd : 2x2 tuple
        Degrees per pixel; rows are (xi, eta), columns (x, y).
    pv1, pv2 : tuple of float
        TPV coefficients PV1_0.., PV2_0.. in degrees; empty means none (the identity).
    fit_error : float
        Largest error, in pixels, of the conversion that made this WCS; 0 where the conversion was exact.
    """

    crval: tuple[float, float]
    crpix: tuple[float, float]
    cd: Matrix
    pv1: tuple[float, ...] = ()
    pv2: tuple[float, ...] = ()
    fit_error: float = 0.0

    @classmethod
    def tangent(cls, ra: float, dec: float, scale: float, *, crpix: tuple[float, float] = (0.0, 0.0),
                rotation: float = 0.0, parity: int = 1) -> Wcs:
        """Return an undistorted WCS.

        Parameters
        ----------
        ra, dec : float
            Tangent point, degrees.
        scale : float
            Arcseconds per pixel.
        crpix : (float, float)
            0-based pixel of the tangent point.
        rotation : float
            Position angle of the y axis, degrees from north through east.
        parity : int
            1 where east is left when north is up (as on the sky), -1 for a mirrored image.
        """
        s, t = scale / 3600.0, math.radians(rotation)
        cd = ((-parity * s * math.cos(t), s * math.sin(t)), (parity * s * math.sin(t), s * math.cos(t)))
        return cls((float(ra) % 360.0, float(dec)), (float(crpix[0]), float(crpix[1])), cd)

    # -- transformation ------------------------------------------------------------------------------------------

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return ICRS right ascension [0, 360) and declination in degrees of 0-based pixels; NaN stays NaN."""
        xi, eta = self.pixel_to_plane(x, y)
        return tpv.deproject(xi, eta, *self.crval)

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[Floats, Floats]:
        """Return 0-based pixels of ICRS degrees; NaN where the projection or its inverse does not exist.

        The polynomial is inverted by Newton's method to 1e-10 of a pixel. Positions far outside the image, where the
        polynomial folds over, give NaN rather than a pixel on the wrong sheet.
        """
        xi, eta = tpv.project(ra, dec, *self.crval)
        u, v = tpv.invert(xi, eta, self.pv1, self.pv2, tolerance=1e-10 * self.pixel_scale / 3600.0)
        inverse = np.linalg.inv(np.array(self.cd))
        return (self.crpix[0] + inverse[0, 0] * u + inverse[0, 1] * v,
                self.crpix[1] + inverse[1, 0] * u + inverse[1, 1] * v)

    def pixel_to_plane(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Return tangent-plane coordinates (xi east, eta north; degrees) of 0-based pixels."""
        dx, dy = np.asarray(x, np.float64) - self.crpix[0], np.asarray(y, np.float64) - self.crpix[1]
        (a, b), (c, d) = self.cd
        return tpv.evaluate(a * dx + b * dy, c * dx + d * dy, self.pv1, self.pv2)

    def pixel_area(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the solid angle of pixels in square arcseconds, by the local Jacobian (positive, either parity)."""
        x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
        (xi, eta), h = self.pixel_to_plane(x, y), 0.5
        xr, yr = (np.subtract(p, m) for p, m in
                  zip(self.pixel_to_plane(x + h, y), self.pixel_to_plane(x - h, y), strict=True))
        xu, yu = (np.subtract(p, m) for p, m in
                  zip(self.pixel_to_plane(x, y + h), self.pixel_to_plane(x, y - h), strict=True))
        rho2 = np.radians(xi) ** 2 + np.radians(eta) ** 2
        return np.asarray(np.abs(xr * yu - xu * yr) * 3600.0 ** 2 * (1.0 + rho2) ** -1.5)

    # -- what it is ----------------------------------------------------------------------------------------------

    @property
    def pixel_scale(self) -> float:
        """Arcseconds per pixel at the tangent point: the root of the area of a pixel of the linear part."""
        (a, b), (c, d) = self.cd
        return 3600.0 * math.sqrt(abs(a * d - b * c))

    @property
    def parity(self) -> int:
        """1 where the image looks as the sky does (east left of north), -1 where it is mirrored."""
        (a, b), (c, d) = self.cd
        return 1 if a * d - b * c < 0 else -1

    @property
    def rotation(self) -> float:
        """Position angle of the y axis in degrees from north through east, in (-180, 180]."""
        return math.degrees(math.atan2(self.cd[0][1], self.cd[1][1]))

    @property
    def is_plausible(self) -> bool:
        """False for placeholders: a pixel scale outside 1 mas to 10 arcmin, or values that nobody measured."""
        placeholder = (self.crval in {(0.0, 0.0), (1.0, 1.0)} and (abs(self.cd[0][0]), abs(self.cd[1][1])) in
                       {(1.0, 1.0), (0.0, 0.0)})
        return 1e-3 <= self.pixel_scale <= 600.0 and abs(self.crval[1]) <= 90.0 and not placeholder

    def centre(self, shape: Sequence[int]) -> tuple[float, float]:
        """Return right ascension and declination of the middle of an image of `shape` (ny, nx), degrees."""
        ra, dec = self.pixel_to_sky((shape[1] - 1) / 2.0, (shape[0] - 1) / 2.0)
        return float(ra), float(dec)

    def footprint(self, shape: Sequence[int], *, per_side: int = 1) -> Floats:
        """Return the border of an image on the sky.

        Parameters
        ----------
        shape : (int, int)
            (ny, nx); the border runs along the outer edges of the outer pixels.
        per_side : int
            Points per side; 1 gives the four corners, more follow the curvature.

        Returns
        -------
        float64 array (4 * per_side, 2)
            ICRS degrees, in order round the image from the first pixel along x.
        """
        ny, nx = shape[0], shape[1]
        t = np.arange(per_side) / per_side
        x = np.concatenate([t, np.ones(per_side), 1 - t, np.zeros(per_side)]) * nx - 0.5
        y = np.concatenate([np.zeros(per_side), t, np.ones(per_side), 1 - t]) * ny - 0.5
        return np.column_stack(self.pixel_to_sky(x, y))

    # -- new from old --------------------------------------------------------------------------------------------

    def shifted(self, dx: float, dy: float) -> Wcs:
        """Return the WCS of the image after its content moved by (dx, dy) pixels."""
        return replace(self, crpix=(self.crpix[0] + dx, self.crpix[1] + dy))

    def trimmed(self, x0: float, y0: float) -> Wcs:
        """Return the WCS of the section that begins at 0-based pixel (x0, y0)."""
        return self.shifted(-x0, -y0)

    def binned(self, bx: int, by: int) -> Wcs:
        """Return the WCS after blocks of `bx` x `by` pixels were joined."""
        (a, b), (c, d) = self.cd
        crpix = ((self.crpix[0] + 0.5) / bx - 0.5, (self.crpix[1] + 0.5) / by - 0.5)
        return replace(self, crpix=crpix, cd=((a * bx, b * by), (c * bx, d * by)))

    def flipped(self, shape: Sequence[int], *, x: bool = False, y: bool = False) -> Wcs:
        """Return the WCS of the image of `shape` (ny, nx) mirrored along x, y or both."""
        (a, b), (c, d) = self.cd
        sx, sy = (-1 if x else 1), (-1 if y else 1)
        crpix = (shape[1] - 1 - self.crpix[0] if x else self.crpix[0],
                 shape[0] - 1 - self.crpix[1] if y else self.crpix[1])
        return replace(self, crpix=crpix, cd=((a * sx, b * sy), (c * sx, d * sy)))

    def affine(self, matrix: ArrayLike, offset: ArrayLike) -> Wcs:
        """Return the WCS of an image whose pixel p shows what this one shows at ``matrix @ p + offset``."""
        m, t = np.asarray(matrix, np.float64), np.asarray(offset, np.float64)
        crpix = np.linalg.solve(m, np.array(self.crpix) - t)
        return replace(self, crpix=(float(crpix[0]), float(crpix[1])), cd=as_matrix(np.array(self.cd) @ m))

    def moved(self, dra: float = 0.0, ddec: float = 0.0, rotation: float = 0.0) -> Wcs:
        """Return the WCS pointed elsewhere: by `dra` (great-circle) and `ddec` arcsec, turned by `rotation` degrees."""
        dec = self.crval[1] + ddec / 3600.0
        ra = (self.crval[0] + dra / 3600.0 / math.cos(math.radians(self.crval[1]))) % 360.0
        pv1, pv2 = tpv.rotate(self.pv1, self.pv2, rotation)
        cd = self.cd if self.pv1 or self.pv2 else as_matrix(tpv.turn(rotation) @ np.array(self.cd))
        return replace(self, crval=(ra, dec), cd=cd, pv1=pv1, pv2=pv2)

    # -- cards ---------------------------------------------------------------------------------------------------

    def cards(self) -> dict[str, float | str]:
        """Return the FITS cards in a fixed order: TPV in ICRS, as astropy, SWarp, SCAMP and DS9 read it."""
        cards: dict[str, float | str] = {
            "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "CUNIT1": "deg", "CUNIT2": "deg",
            "CRVAL1": self.crval[0], "CRVAL2": self.crval[1],
            "CRPIX1": self.crpix[0] + 1.0, "CRPIX2": self.crpix[1] + 1.0,
            "CD1_1": self.cd[0][0], "CD1_2": self.cd[0][1], "CD2_1": self.cd[1][0], "CD2_2": self.cd[1][1],
            "RADESYS": "ICRS"}
        for axis, pv in ((1, self.pv1 or (0.0, 1.0)), (2, self.pv2 or (0.0, 1.0))):
            cards.update({f"PV{axis}_{m}": value for m, value in enumerate(pv) if value or m == 1})
        return cards

    @classmethod
    def from_header(cls, header: Mapping[str, Any], shape: Sequence[int] | None = None) -> Wcs:
        """Read the celestial WCS of a header.

        Parameters
        ----------
        header : mapping
            A FITS header or a dict of its cards; numbers may be text.
        shape : (int, int), optional
            (ny, nx) over which projections other than TAN are fitted; from NAXIS1 and NAXIS2 where absent.

        Raises
        ------
        HeaderError
            There is no celestial WCS, or it lacks or contradicts something; the message names the card.
        """
        cards = celestial_header(header)
        if is_tangent(cards):
            crval, crpix, cd, pv1, pv2 = read_tangent(cards)
            return cls(crval, crpix, as_matrix(cd), pv1, pv2)
        x, y, ra, dec = fallback_grid(cards, header, shape)
        return fit_tpv(x, y, ra, dec)


def read_wcs(header: Mapping[str, Any], shape: Sequence[int] | None = None) -> Wcs | None:
    """Return the WCS of a header, or None where the header has no celestial axes at all.

    Raises `HeaderError` where there are celestial axes and they cannot be used; see `Wcs.from_header`.
    """
    return Wcs.from_header(header, shape) if has_celestial_axes(header) else None


def as_matrix(array: Floats) -> Matrix:
    """Return a 2x2 array as nested tuples of float."""
    return ((float(array[0, 0]), float(array[0, 1])), (float(array[1, 0]), float(array[1, 1])))


def fit_tpv(x: Floats, y: Floats, ra: Floats, dec: Floats, degree: int = 7) -> Wcs:
    """Return the TPV that follows positions on a grid of pixels.

    Parameters
    ----------
    x, y : float64 arrays (n,)
        0-based pixels that cover the image.
    ra, dec : float64 arrays (n,)
        Their ICRS degrees; pixels without sky (NaN) are left out.
    degree : int
        Of the polynomial, at most 7.

    Returns
    -------
    Wcs
        Tangent point in the middle of the pixels; `fit_error` is the largest residual in pixels.
    """
    keep = np.isfinite(ra) & np.isfinite(dec)
    x, y, ra, dec = x[keep], y[keep], ra[keep], dec[keep]
    x0, y0 = float(x.min() + x.max()) / 2.0, float(y.min() + y.max()) / 2.0
    middle = int(np.argmin((x - x0) ** 2 + (y - y0) ** 2))
    ra0, dec0 = float(ra[middle]), float(dec[middle])
    x0, y0 = float(x[middle]), float(y[middle])
    xi, eta = tpv.project(ra, dec, ra0, dec0)
    scale = max(float(np.ptp(x)), float(np.ptp(y)), 1.0) / 2.0
    powers, design = tpv.design((x - x0) / scale, (y - y0) / scale, degree)
    fx, fy = (np.linalg.lstsq(design, target, rcond=None)[0] for target in (xi, eta))
    linear = [powers.index((1, 0)), powers.index((0, 1))]
    cd = np.array([fx[linear], fy[linear]]) / scale
    plane = cd @ np.vstack([x - x0, y - y0])
    pv1, pv2 = tpv.fit(plane[0], plane[1], xi, eta, degree)
    wcs = Wcs((ra0 % 360.0, dec0), (x0, y0), as_matrix(cd), pv1, pv2)
    ex, ey = wcs.sky_to_pixel(ra, dec)
    return replace(wcs, fit_error=float(np.max(np.hypot(ex - x, ey - y))))
