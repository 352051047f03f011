"""How deep an image is."""
from __future__ import annotations

import math

FWHM_OF_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))


def limiting_magnitude(variance: float, fwhm: float, zero_point: float, *, significance: float = 5.0) -> float:
    """Return the magnitude of a point source that a matched filter finds at a significance.

    Parameters
    ----------
    variance : float
        Of a pixel, as it counts in sums, without source noise (see `awe.science.regrid`).
    fwhm : float
        Of the PSF, pixels; taken as Gaussian, whose noise-equivalent area is 4 pi sigma^2.
    zero_point : float
        Magnitude of one unit.
    significance : float
        Flux over its standard deviation.

    Returns
    -------
    float
        NaN where variance or FWHM are not positive and finite.
    """
    if not (0 < variance < math.inf and 0 < fwhm < math.inf):
        return math.nan
    area = 4.0 * math.pi * (fwhm / FWHM_OF_SIGMA) ** 2
    return zero_point - 2.5 * math.log10(significance * math.sqrt(area * variance))
