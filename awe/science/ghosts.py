"""Ghosts of bright stars by a model: discs whose place, size and brightness the reflecting surfaces of a camera fix.

Light that is reflected twice between two surfaces comes to the detector out of focus: an image of the pupil, a disc of even brightness
with a hole, whose middle lies on the line through the star and the optical axis.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

BESIDE = 1.3
"""What a ghost adds is measured against the ring around it, out to so many of its radii."""
FEWEST = 100
"""Pixels on and beside a ghost that tell what it adds."""


class Reflection(NamedTuple):
    """One reflection, lengths in pixels: radius, of the hole, light of the ghost over that of the star, place along the line (see above,
    1 at the star, -1 opposite), optical axis (0-based x, y)."""

    radius: float
    hole: float
    flux_ratio: float
    place: float
    axis: tuple[float, float]

    @property
    def area(self) -> float:
        """Pixels it covers."""
        return math.pi * (self.radius**2 - self.hole**2)


class Ghost(NamedTuple):
    """The ghost of one star: 0-based centre, radius, radius of the hole, and what it adds to each pixel by the model."""

    x: float
    y: float
    radius: float
    hole: float
    level: float


def ghosts(x: Floats, y: Floats, flux: Floats, reflections: Sequence[Reflection], shape: tuple[int, int], least: float) -> list[Ghost]:
    """Return the ghosts that reach an image and add more than `least` to a pixel.

    Parameters
    ----------
    x, y, flux : float64 arrays (n,)
        0-based places of stars, on the image or beside it, and their light in the unit of the image; not finite is left out.
    reflections : sequence of Reflection
    shape : (int, int)
        (ny, nx).
    least : float
        In the unit of the image.

    Returns
    -------
    list of Ghost
        Brightest first.
    """
    found = []
    ny, nx = shape
    for one in reflections:
        gx, gy = (axis + one.place * (values - axis) for axis, values in zip(one.axis, (x, y), strict=True))
        level = one.flux_ratio * flux / one.area
        near = np.hypot(gx - np.clip(gx, 0, nx - 1), gy - np.clip(gy, 0, ny - 1)) < one.radius
        chosen = np.flatnonzero(np.isfinite(gx + gy + flux) & (level > least) & near)
        found += [Ghost(float(gx[k]), float(gy[k]), one.radius, one.hole, float(level[k])) for k in chosen]
    return sorted(found, key=lambda ghost: (-ghost.level, ghost.x, ghost.y))


def covered(found: Sequence[Ghost], shape: tuple[int, int], margin: float = 1.0) -> Bools:
    """Return which pixels ghosts cover, bool array of `shape`; `margin` pixels are added on either side."""
    plane = np.zeros(shape, bool)
    for ghost in found:
        rows, columns, distance = _about(ghost, shape, ghost.radius + margin)
        plane[rows, columns] |= (distance <= ghost.radius + margin) & (distance >= ghost.hole - margin)
    return plane


def expected(found: Sequence[Ghost], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the light that ghosts add by the model, float32 array of `shape`."""
    plane = np.zeros(shape, np.float32)
    for ghost in found:
        rows, columns, distance = _about(ghost, shape, ghost.radius)
        plane[rows, columns] += np.where((distance <= ghost.radius) & (distance >= ghost.hole), np.float32(ghost.level), np.float32(0))
    return plane


def excess(data: NDArray[np.generic], free: Bools, found: Sequence[Ghost]) -> tuple[float, float]:
    """Measure how bright ghosts are, over what the model says.

    Parameters
    ----------
    data : array (ny, nx)
        The image, with or without its sky.
    free : bool array (ny, nx)
        Good pixels without sources.
    found : sequence of Ghost

    Returns
    -------
    (float, float)
        Ratio of what was measured to the model, the mean of the ghosts by their brightness and area, and its standard error from the
        scatter of pixels; NaN where no ghost can be told from what is beside it.
    """
    total = weight = 0.0
    shape = (data.shape[0], data.shape[1])
    alone = covered(found, shape)
    for ghost in found:
        rows, columns, distance = _about(ghost, shape, BESIDE * ghost.radius)
        usable = free[rows, columns]
        on = usable & (distance <= ghost.radius) & (distance >= ghost.hole)
        beside = usable & (distance > ghost.radius) & (distance <= BESIDE * ghost.radius) & ~alone[rows, columns]
        if min(np.count_nonzero(on), np.count_nonzero(beside)) < FEWEST:
            continue
        inside, outside = (np.asarray(data[rows, columns][where], np.float64) for where in (on, beside))
        spread = 1.4826 * float(np.median(np.abs(outside - np.median(outside))))
        error = spread * math.sqrt(math.pi / 2 * (1.0 / len(inside) + 1.0 / len(outside))) / ghost.level
        if not error > 0:
            continue
        ratio = float(np.median(inside) - np.median(outside)) / ghost.level
        total, weight = total + ratio / error**2, weight + 1.0 / error**2
    return (total / weight, weight**-0.5) if weight > 0 else (math.nan, math.nan)


def _about(ghost: Ghost, shape: tuple[int, int], reach: float) -> tuple[slice, slice, Floats]:
    """Return the rows and columns around a ghost, and how far their pixels are from its middle."""
    rows, columns = (slice(max(0, math.floor(middle - reach)), max(0, min(size, math.ceil(middle + reach) + 1)))
                     for middle, size in zip((ghost.y, ghost.x), shape, strict=True))
    y, x = np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)[None, :]
    return rows, columns, np.hypot(x - ghost.x, y - ghost.y)
