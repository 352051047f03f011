"""Writing a WCS as TAN-SIP, for programs that read no TPV.

SIP (Shupe et al. 2005, ASP 347, 491) distorts pixels before the linear part: a polynomial of the pixels, as TPV is, about a
reference pixel where it has neither a constant nor a linear term. A TPV without odd powers of the radius therefore goes over
exactly; with them, as well as a polynomial follows.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from awe.science import tpv
from awe.science.platebasis import nodes
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sip:
    """Cards of a TAN-SIP header in ICRS, the largest difference from the WCS on the image, and that of its inverse; pixels."""

    cards: dict[str, float | str]
    error: float
    inverse_error: float


def as_sip(wcs: Wcs, shape: Sequence[int], order: int | None = None) -> Sip:
    """Return a WCS as TAN-SIP.

    Parameters
    ----------
    wcs : Wcs
        Its polynomial is followed over the image.
    shape : (int, int)
        (ny, nx).
    order : int, optional
        Of the polynomials, 2 to 7; that of the TPV where not given, at least 2. The inverse has two orders more, 7 at most.
    """
    order = min(max(order or degree_of(wcs), 2), tpv.MAX_DEGREE)
    u, v = tpv.invert(np.zeros(1), np.zeros(1), wcs.pv1, wcs.pv2, tolerance=1e-10 * wcs.pixel_scale / 3600.0)
    crpix = np.array(wcs.crpix) + np.linalg.solve(np.array(wcs.cd), np.array([float(u[0]), float(v[0])]))
    x, y = nodes(shape, tpv.MAX_DEGREE + 4)
    dx, dy = x - crpix[0], y - crpix[1]
    reach = max(float(np.hypot(dx, dy).max()), 1.0)
    plane = np.column_stack(wcs.pixel_to_plane(x, y))
    powers, design = tpv.design(dx / reach, dy / reach, order)
    fitted = np.linalg.lstsq(design[:, 1:], plane, rcond=None)[0]
    cd = fitted[:2].T / reach
    forward = np.asarray(np.linalg.solve(cd, fitted[2:].T).T)
    cards: dict[str, float | str] = {
        "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CUNIT1": "deg", "CUNIT2": "deg",
        "CRVAL1": wcs.crval[0], "CRVAL2": wcs.crval[1], "CRPIX1": float(crpix[0]) + 1.0, "CRPIX2": float(crpix[1]) + 1.0,
        **{f"CD{i + 1}_{j + 1}": float(cd[i, j]) for i in (0, 1) for j in (0, 1)}, "RADESYS": "ICRS"}
    cards |= _terms("A", "B", powers[3:], forward, reach, order)
    there = np.column_stack([dx, dy]) + design[:, 3:] @ forward
    back_order = min(order + 2, tpv.MAX_DEGREE)
    back_powers, back_design = tpv.design(there[:, 0] / reach, there[:, 1] / reach, back_order)
    back = np.asarray(np.linalg.lstsq(back_design, np.column_stack([dx, dy]) - there, rcond=None)[0], np.float64)
    cards |= _terms("AP", "BP", back_powers, back, reach, back_order)
    error = np.linalg.solve(cd, (plane - there @ cd.T).T)
    off = back_design @ back - (np.column_stack([dx, dy]) - there)
    return Sip(cards, float(np.hypot(error[0], error[1]).max()), float(np.hypot(off[:, 0], off[:, 1]).max()))


def degree_of(wcs: Wcs) -> int:
    """Return the degree of the polynomial of a WCS; 1 without any."""
    powers = [sum(tpv.TERMS[m]) for pv in (wcs.pv1, wcs.pv2) for m, value in enumerate(pv) if value]
    return max(powers, default=1)


def _terms(first: str, second: str, powers: Sequence[tuple[int, int]], coefficients: Floats, reach: float,
           order: int) -> dict[str, float | str]:
    """Return the cards of two polynomials; terms that move nothing by 1e-9 pixels are left out."""
    cards: dict[str, float | str] = {f"{first}_ORDER": order, f"{second}_ORDER": order}
    for axis, name in enumerate((first, second)):
        cards |= {f"{name}_{i}_{j}": float(c[axis]) / reach ** (i + j) for (i, j), c in zip(powers, coefficients, strict=True)
                  if abs(c[axis]) > 1e-9}
    return cards
