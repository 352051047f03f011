"""A point spread function that varies over the field, oversampled, from the stars of an image.

The PSF (with the response of the pixels in it) is a sum of cubic splines in a radius that is smooth at the centre, times sines and
cosines of the angle; each coefficient is a polynomial in the position on the image. All are found at once by weighted least squares from
the pixels of the stars, so that undersampled images and gaps in stars do no harm. What is kept are images of the polynomial's terms, with
some pixels to a pixel of the detector, as PSFEx's (Bertin 2011, ADASS XX, 435).
"""
from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science import bands
from awe.science.kernel import njit

Floats = NDArray[np.float64]
Plane = NDArray[np.float32]

OVERSAMPLING = 4
"""Pixels of the model to one of the detector."""
KNOTS_FWHM = (0.0, 0.3, 0.6, 0.9, 1.2, 1.6, 2.1, 2.7, 3.4)
"""Knots of the radial splines, in FWHM."""
HARMONICS = 4
"""Highest multiple of the angle."""
STEPS_FWHM = 256.0
"""Steps of the table of radial functions to an FWHM."""
STARS_A_TERM = 12
"""So many stars are asked for each term of the polynomial; with fewer its degree is lowered."""
FLOOR = 0.01
"""The part of the model that its pixels are uncertain by, so that no star's core decides alone."""
PRIOR = (3.0, 0.3, 0.15, 0.1)
"""How large coefficients are expected to be, in units of a Moffat profile's level at their radius: of the circular functions and of the
harmonics, for the middle of the field; and of both for its variation. Few or faint stars then make no noise of the model's."""


@dataclass(frozen=True, eq=False)
class PsfModel:
    """A PSF as a polynomial over the field.

    Parameters
    ----------
    terms : float32 array (k, m, m)
        Image of each term of the polynomial, `oversampling` pixels to one of the detector, the centre in the middle pixel.
    powers : int array (k, 2)
        Powers of u and v in each term; u and v go from -1 to 1 along the image.
    norms : float64 array (k,)
        What each term contributes to the light within `aperture`, over `fraction`: the model is divided by their sum, so that the light
        in `aperture` is `fraction` of a fitted flux.
    shape : (int, int)
        Of the image, rows and columns.
    oversampling : int
    fwhm, aperture : float
        Pixels.
    fraction : float
        Part of all the light of a star within `aperture`.
    nstars : int
        Stars used.
    chi2 : float
        Median over the stars of chi square per degree of freedom, with `FLOOR` among the errors.
    """

    terms: Plane
    powers: NDArray[np.int64]
    norms: Floats
    shape: tuple[int, int]
    oversampling: int
    fwhm: float
    aperture: float
    fraction: float
    nstars: int
    chi2: float

    @property
    def middle(self) -> int:
        """Index of the central pixel of the terms."""
        return int(self.terms.shape[1] // 2)

    @property
    def half(self) -> float:
        """How far the model reaches, pixels of the detector."""
        return (self.middle - 2) / self.oversampling

    def scaled(self, x: Floats, y: Floats) -> tuple[Floats, Floats]:
        """Return u and v of 0-based positions."""
        return scaled(x, y, self.shape)

    def image(self, x: float, y: float) -> Plane:
        """Return the oversampled PSF at a place, (m, m); it is the density per pixel of the detector."""
        u, v = (float(value) for value in self.scaled(np.array(x), np.array(y)))
        weights = np.array([u**a * v**b for a, b in self.powers])
        return np.asarray(np.tensordot(weights, self.terms, 1) / (weights @ self.norms), np.float32)

    def density(self, x: float, y: float, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Floats:
        """Return some pixels of `image`, float64 array (n,)."""
        u, v = (float(value) for value in self.scaled(np.array(x), np.array(y)))
        weights = np.array([u**a * v**b for a, b in self.powers])
        return np.asarray((weights @ self.terms[:, rows, columns] / (weights @ self.norms)).astype(np.float32), np.float64)

    def stamp(self, x: float, y: float, half: int) -> Plane:
        """Return the PSF at a place on the pixels of the detector, centred on one, (2 half + 1, 2 half + 1)."""
        reach = min(half, int(self.half))
        cut = self.image(x, y)[self.middle % self.oversampling::self.oversampling, self.middle % self.oversampling::self.oversampling]
        at = self.middle // self.oversampling
        out = np.zeros((2 * half + 1, 2 * half + 1), np.float32)
        out[half - reach:half + reach + 1, half - reach:half + reach + 1] = cut[at - reach:at + reach + 1, at - reach:at + reach + 1]
        return out

    def noise_pixels(self, x: float, y: float) -> float:
        """Return over how many pixels the noise adds up in a fit at a place: 1 / sum(PSF^2), for the depth that theory allows."""
        stamp = self.stamp(x, y, int(self.half)).astype(np.float64)
        return float(1.0 / np.sum(stamp**2))

    def ellipticity(self, x: float, y: float) -> tuple[float, float]:
        """Return the components of the ellipticity (a - b) / (a + b), along x and along the diagonal, from moments within 1.5 FWHM."""
        image = self.image(x, y).astype(np.float64)
        dy, dx = (np.mgrid[:image.shape[0], :image.shape[1]] - self.middle) / self.oversampling
        weight = image * np.exp(-(dx**2 + dy**2) / (2 * (0.6 * self.fwhm) ** 2))
        xx, yy, xy = (float(np.sum(weight * product)) for product in (dx * dx, dy * dy, dx * dy))
        both = xx + yy + 2 * math.sqrt(max(xx * yy - xy * xy, 0.0))
        return (xx - yy) / both, 2 * xy / both


def scaled(x: Floats, y: Floats, shape: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return positions along an image as -1 to 1."""
    return (np.asarray(2.0 * np.asarray(x, np.float64) / max(shape[1] - 1, 1) - 1.0),
            np.asarray(2.0 * np.asarray(y, np.float64) / max(shape[0] - 1, 1) - 1.0))


def powers_of(degree: int) -> NDArray[np.int64]:
    """Return the powers of u and v of a polynomial's terms, (k, 2)."""
    return np.array([(a, total - a) for total in range(degree + 1) for a in range(total, -1, -1)], np.int64)


def allowed_degree(stars: int, wanted: int) -> int:
    """Return the degree that so many stars can carry."""
    return next((degree for degree in range(wanted, 0, -1) if stars >= STARS_A_TERM * len(powers_of(degree))), 0)


@njit(cache=True, nogil=True)
def _fill_basis(dx: Any, dy: Any, table: Any, steps: float, bend: float, out: Any) -> None:
    """Fill the functions at offsets, the radial ones by straight lines in a table."""
    radial = table.shape[1]
    for i in range(dx.shape[0]):
        r = math.sqrt(dx[i] * dx[i] + dy[i] * dy[i])
        at = min(r * steps, table.shape[0] - 1.001)
        k = int(at)
        part = at - k
        for m in range(radial):
            out[i, m] = table[k, m] + part * (table[k + 1, m] - table[k, m])
        cosine, sine = dx[i] / (r + bend), dy[i] / (r + bend)
        wave_x, wave_y = cosine, sine
        for h in range(HARMONICS):
            start = radial * (1 + 2 * h)
            for m in range(radial):
                out[i, start + m] = out[i, m] * wave_x
                out[i, start + radial + m] = out[i, m] * wave_y
            wave_x, wave_y = wave_x * cosine - wave_y * sine, wave_x * sine + wave_y * cosine


@functools.lru_cache(maxsize=4)
def _radial(fwhm: float) -> Plane:
    """Return the radial functions by steps of radius, `STEPS_FWHM` of them to an FWHM: float32 array (steps, n), not to be written to."""
    s = 0.4 * fwhm
    knots = np.array(KNOTS_FWHM) * fwhm
    bent = np.sqrt(knots**2 + s * s) - s
    full = np.concatenate([[bent[0]] * 3, bent, [bent[-1]] * 3])
    radii = np.arange(int(knots[-1] * (STEPS_FWHM / fwhm)) + 2) / (STEPS_FWHM / fwhm)
    q = np.minimum(np.sqrt(radii**2 + s * s) - s, bent[-1])
    table = scipy.interpolate.BSpline.design_matrix(q, full, 3).toarray()[:, :len(full) - 6]
    table[radii >= knots[-1]] = 0.0
    return np.asarray(table, np.float32)


def basis(dx: Floats, dy: Floats, fwhm: float) -> Plane:
    """Return the functions that a PSF is a sum of, at offsets from its centre (pixels): float32 array (..., n).

    Cubic B-splines in sqrt(r^2 + s^2) - s with s of 0.4 FWHM, which have no cusp at the centre and end smoothly at the last knot; those of
    harmonics vanish at the centre as they have to.
    """
    table = _radial(fwhm)
    out = np.empty((dx.size, table.shape[1] * (2 * HARMONICS + 1)), np.float32)
    _fill_basis(dx.ravel(), dy.ravel(), table, STEPS_FWHM / fwhm, 0.3 * fwhm, out)
    return out.reshape(*dx.shape, -1)


def fit_psf(image: Plane, noise: Plane, gain: float, x: Floats, y: Floats, flux: Floats, *, fwhm: float, aperture: float,
            fraction: float = 1.0, degree: int = 2, previous: PsfModel | None = None) -> tuple[PsfModel, Floats]:
    """Fit a PSF model to stars of known centres and fluxes, once.

    Parameters
    ----------
    image, noise : float32 arrays (ny, nx)
        Background-subtracted image; variance of each pixel without the light of stars, 0 where the pixel is bad.
    gain : float
        Electrons per unit; may be infinite.
    x, y, flux : float64 arrays (n,)
        0-based centres; all the light of each star.
    fwhm, aperture, fraction : float
        See `PsfModel`.
    degree : int
        Of the polynomial over the field, lowered where there are few stars.
    previous : PsfModel, optional
        Tells the photon noise of the pixels, and the floor of their errors; else the pixels themselves do.

    Returns
    -------
    (PsfModel, float64 array (n,))
        The model, and chi square per degree of freedom of each star (`FLOOR` among the errors).
    """
    shape = (image.shape[0], image.shape[1])
    powers = powers_of(allowed_degree(len(x), degree))
    u, v = scaled(x, y, shape)
    polynomial = np.stack([u**a * v**b for a, b in powers], axis=1)
    number = len(basis(np.zeros(1), np.zeros(1), fwhm)[0])
    sums = _Sums(np.empty((len(x), number, number)), np.empty((len(x), number)), np.empty(len(x)), np.empty(len(x)))
    bands.run(lambda first, last: _add_stars(image, noise, gain, x, y, flux, fwhm, previous, sums, first, last), len(x), 16)
    coefficients = _solved(sums, polynomial, prior(len(powers), number, fwhm))
    own = polynomial @ coefficients
    chi2 = sums.square - 2.0 * np.einsum("sb,sb->s", own, sums.right) + np.einsum("sb,sbc,sc->s", own, sums.normal, own, optimize=True)
    chi2 /= np.maximum(sums.pixels - 3.0, 1.0)
    reach = int(math.ceil(KNOTS_FWHM[-1] * fwhm) * OVERSAMPLING) + 2
    gy, gx = np.mgrid[-reach:reach + 1, -reach:reach + 1] / OVERSAMPLING
    shown = np.tensordot(coefficients, basis(gx, gy, fwhm).astype(np.float64), axes=(1, 2))
    edge = OVERSAMPLING * (aperture - np.hypot(gx, gy)) + 0.5
    norms = np.tensordot(shown, np.clip(edge, 0.0, 1.0), axes=((1, 2), (0, 1))) / OVERSAMPLING**2 / fraction
    return PsfModel(np.asarray(shown, np.float32), powers, norms, shape, OVERSAMPLING, fwhm, aperture, fraction, len(x),
                    float(np.median(chi2))), chi2


class _Sums(NamedTuple):
    """Star by star: normal matrix and right side of the functions, sum of squares, and number of the pixels."""

    normal: Floats
    right: Floats
    square: Floats
    pixels: Floats


def _add_stars(image: Plane, noise: Plane, gain: float, x: Floats, y: Floats, flux: Floats, fwhm: float, previous: PsfModel | None,
               sums: _Sums, first: int, last: int) -> None:
    """Fill the sums of the stars [first, last)."""
    ny, nx = image.shape
    reach = KNOTS_FWHM[-1] * fwhm
    half = int(math.ceil(reach))
    offsets = np.arange(-half, half + 1)
    for star in range(first, last):
        columns, rows = int(round(x[star])) + offsets, int(round(y[star])) + offsets
        columns, rows = columns[(columns >= 0) & (columns < nx)], rows[(rows >= 0) & (rows < ny)]
        dx, dy = np.meshgrid(columns - x[star], rows - y[star])
        spread = noise[np.ix_(rows, columns)].astype(np.float64)
        near = (dx**2 + dy**2 <= reach**2) & (spread > 0)
        dx, dy, spread, values = dx[near], dy[near], spread[near], image[np.ix_(rows, columns)][near].astype(np.float64)
        expected = np.maximum(values if previous is None else flux[star] * _modelled(previous, x[star], y[star], dx, dy), 0.0)
        root = 1.0 / np.sqrt(spread + expected / gain + (FLOOR * expected) ** 2)
        design = basis(dx, dy, fwhm) * (root * flux[star]).astype(np.float32)[:, None]
        target = values * root
        sums.normal[star] = design.T @ design
        sums.right[star] = design.T @ target.astype(np.float32)
        sums.square[star], sums.pixels[star] = target @ target, len(target)


def prior(terms: int, functions: int, fwhm: float) -> Floats:
    """Return the standard deviation that each coefficient is expected to have, float64 array (terms, functions)."""
    radial = functions // (2 * HARMONICS + 1)
    knots = np.array(KNOTS_FWHM)
    middles = np.interp(np.linspace(0, len(knots) - 1, radial), np.arange(len(knots)), knots)
    level = ((1.0 + 4.0 * (2**0.4 - 1.0) * middles**2) ** -2.5 + 0.002) * 0.6 / fwhm**2
    wide = np.concatenate([np.full(radial, PRIOR[0]), np.full(functions - radial, PRIOR[1])])
    narrow = np.concatenate([np.full(radial, PRIOR[2]), np.full(functions - radial, PRIOR[3])])
    return np.asarray(np.stack([wide, *[narrow] * (terms - 1)]) * np.tile(level, 2 * HARMONICS + 1), np.float64)


def _solved(sums: _Sums, polynomial: Floats, expected: Floats) -> Floats:
    """Return the coefficients (terms, functions) of the least-squares problem, put together star by star."""
    stars, terms = polynomial.shape
    functions = sums.right.shape[1]
    pairs = (polynomial[:, :, None] * polynomial[:, None, :]).reshape(stars, -1)
    blocks = (pairs.T @ sums.normal.reshape(stars, -1)).reshape(terms, terms, functions, functions)
    normal = blocks.transpose(0, 2, 1, 3).reshape(terms * functions, terms * functions)
    normal[np.diag_indices_from(normal)] += expected.ravel() ** -2
    solution = scipy.linalg.cho_solve(scipy.linalg.cho_factor(normal), (polynomial.T @ sums.right).ravel())
    return np.asarray(solution.reshape(terms, functions), np.float64)


def _modelled(model: PsfModel, x: float, y: float, dx: Floats, dy: Floats) -> Floats:
    """Return the nearest pixels of a model at offsets from a star."""
    i, j = (np.clip(np.rint(model.middle + model.oversampling * value).astype(int), 0, model.terms.shape[1] - 1) for value in (dx, dy))
    return model.density(x, y, j, i)
