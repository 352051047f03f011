"""The shape of stars over a frame: how elongated the point spread function is, which way, and how that changes.

Ellipticities are of second moments: e1 = (x2 - y2) / (x2 + y2), e2 = 2 xy / (x2 + y2), which noise does not bias where
stars are bright. A plane through them, with outliers rejected, is what optics and guiding do.
"""
from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Anisotropy:
    """The ellipticity of stars.

    Parameters
    ----------
    ellipticity : float
        |e| in the middle of the frame; NaN where there are fewer than five stars.
    angle : float
        Of the long axis there, degrees counterclockwise from x, in [-90, 90).
    gradient : float
        Largest |e| by which the plane departs from its middle on the frame.
    scatter : float
        Of single stars about the plane, per component, robust.
    count : int
        Stars used.
    plane : float64 array (3, 2)
        e1 and e2 as ``[1, u, v] @ plane``, where u and v run from -1 to 1 over the frame.
    """

    ellipticity: float
    angle: float
    gradient: float
    scatter: float
    count: int
    plane: Floats


def anisotropy(x: Floats, y: Floats, x2: Floats, y2: Floats, xy: Floats, shape: Sequence[int]) -> Anisotropy:
    """Measure the anisotropy from the second moments of stars.

    Parameters
    ----------
    x, y : float64 arrays (n,)
        0-based pixels.
    x2, y2, xy : float64 arrays (n,)
        Second moments; what is not finite or has no size is left out.
    shape : (int, int)
        (ny, nx).
    """
    size = x2 + y2
    good = np.isfinite(size) & np.isfinite(xy) & (size > 0)
    u, v = 2.0 * (x[good] + 0.5) / shape[1] - 1.0, 2.0 * (y[good] + 0.5) / shape[0] - 1.0
    e = np.column_stack([x2[good] - y2[good], 2.0 * xy[good]]) / size[good, None]
    design, keep = np.column_stack([np.ones_like(u), u, v]), np.ones(len(u), bool)
    scatter, nan = math.nan, math.nan
    plane: Floats = np.zeros((3, 2))
    if len(u) < 5:
        return Anisotropy(nan, nan, nan, nan, len(u), plane)
    for _ in range(5):
        plane = np.asarray(np.linalg.lstsq(design[keep], e[keep], rcond=None)[0], np.float64)
        off = np.abs(e - design @ plane)
        scatter = 1.4826 * float(np.median(off[keep]))
        again = (off <= max(3.0 * scatter, 1e-9)).all(axis=1)
        if np.count_nonzero(again) < 5 or np.array_equal(again, keep):
            break
        keep = np.asarray(again)
    middle = plane[0]
    corners = np.array([[a, b] for a in (-1.0, 1.0) for b in (-1.0, 1.0)]) @ plane[1:]
    return Anisotropy(float(np.hypot(*middle)), math.degrees(0.5 * math.atan2(middle[1], middle[0])),
                      float(np.hypot(*corners.T).max()), scatter, int(np.count_nonzero(keep)), plane)
