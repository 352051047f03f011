"""One zero point for all chips of an exposure.

Flats of a mosaic are divided by one level in electrons, so the same star gives the same counts on every chip. The zero points
that are fitted chip by chip then differ by their errors alone, and their mean is better than each.
"""
from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def common_zero_points(exposures: Sequence[Hashable], values: Floats, errors: Floats, *, limit: float = 4.0) -> tuple[Floats, Floats]:
    """Average the zero points of the chips of each exposure.

    Parameters
    ----------
    exposures : sequence of m
        Which exposure each chip belongs to.
    values, errors : float64 arrays (m,)
        Zero points and standard errors, magnitudes. One without an error (0 or NaN) is neither averaged nor changed.
    limit : float
        A chip that differs from the others of its exposure by more standard errors is not like them (vignetted, a changed
        gain): it keeps its own, and so do all chips of an exposure of which not half agree.

    Returns
    -------
    (float64 array (m,), float64 array (m,))
        Zero points and standard errors.
    """
    found, spread = np.array(values, np.float64), np.array(errors, np.float64)
    known = np.isfinite(found) & np.isfinite(spread) & (spread > 0)
    for exposure in dict.fromkeys(exposures):
        chips = np.flatnonzero(known & np.array([each == exposure for each in exposures], bool))
        agreeing = _agreeing(found[chips], spread[chips], limit)
        if 2 * np.count_nonzero(agreeing) <= len(chips):
            continue
        weight = spread[chips[agreeing]] ** -2
        found[chips[agreeing]] = np.sum(weight * found[chips[agreeing]]) / weight.sum()
        spread[chips[agreeing]] = weight.sum() ** -0.5
    return found, spread


def _agreeing(values: Floats, errors: Floats, limit: float) -> NDArray[np.bool_]:
    """Return which values are not further from the mean of the others than their errors allow; the worst is left out first."""
    good = np.ones(len(values), bool)
    while np.count_nonzero(good) > 1:
        weight = np.where(good, errors**-2.0, 0.0)
        rest = weight.sum() - weight
        others = (np.sum(weight * values) - weight * values) / np.where(good, rest, 1.0)
        excess = np.where(good, np.abs(values - others) / np.hypot(errors, np.where(good, rest, 1.0) ** -0.5), 0.0)
        worst = int(np.argmax(excess))
        if excess[worst] <= limit:
            break
        good[worst] = False
        if np.count_nonzero(good) == 1:
            good[:] = False
    return good
