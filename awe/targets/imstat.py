"""Imstat: statistics of the pixels of a frame."""
from __future__ import annotations

from typing import Any, Self

from numpy.typing import NDArray

from awe.persist.declare import attribute
from awe.persist.part import Part
from awe.science.imstat import flatness, imstat


class Imstat(Part):
    """Statistics of the good pixels of an image, in the unit of the image."""

    min = attribute(float, "lowest value")
    max = attribute(float, "highest value")
    mean = attribute(float, "mean")
    median = attribute(float, "median")
    stdev = attribute(float, "standard deviation")
    sigma = attribute(float, "robust standard deviation, from the median absolute deviation")
    npix = attribute(int, "number of good pixels")
    flatness = attribute(float, "largest minus smallest median of 4 x 8 sub-windows")

    @classmethod
    def of(cls, data: NDArray[Any], mask: NDArray[Any] | None = None) -> Self:
        """Measure an image."""
        found = imstat(data, mask)
        return cls(min=found.min, max=found.max, mean=found.mean, median=found.median, stdev=found.stdev, sigma=found.sigma,
                   npix=found.npix, flatness=flatness(data, mask))
