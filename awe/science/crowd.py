"""Crowded places: where sources touch so much that they were taken for one, a local background tells them apart.

In the middle of a globular cluster every pixel is above the sky, so that detection above the sky finds one huge object. There
sources have to be looked for above the light of all the others, with its unevenness as noise, and with a kernel whose sum is
zero, as that of DAOFIND (Stetson 1987, PASP 99, 191), so that stars that touch stay apart. A galaxy is huge too, but smooth: it
is left as it is.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import sep
from numpy.typing import NDArray

from awe.science.kernel import njit

Plane = NDArray[np.float32]

#: An object that covers more than this part of a cell of the background mesh may be a crowd.
_CELLS = 0.1
#: Fine cells have this part of the side of a cell of the background mesh.
_FINE = 3
#: A crowd has at least so many sources, and so many in a fine cell.
_SOURCES, _DENSITY = 4, 0.4
_THRESHOLD, _AREA = 3.0, 5
#: FWHM of the narrow Gaussian of the kernel, pixels; the wide one has twice that.
_FWHM = 3.0


@dataclass(frozen=True, eq=False)
class Crowd:
    """Where crowds are, and the background in them.

    Parameters
    ----------
    objects : int array (n,)
        Which objects of the segmentation map are crowds.
    inside : bool array (ny, nx)
        Where sources of theirs may have their centres: their pixels, but for those next to an edge of the image.
    level : float32 array (ny, nx)
        What is to be subtracted besides the sky; 0 outside, with a soft border.
    rms : float32 array (ny, nx)
        Scatter of that background; 0 outside.
    """

    objects: NDArray[np.intp]
    inside: NDArray[np.bool_]
    level: Plane
    rms: Plane


def crowd(image: Plane, noise: Plane, bad: NDArray[np.bool_], seg: NDArray[np.int32], mesh: int = 64) -> Crowd | None:
    """Find the objects of a segmentation map that are crowds, and their local background.

    Parameters
    ----------
    image : float32 array (ny, nx)
        Sky-subtracted, finite.
    noise : float32 array (ny, nx)
        Standard deviation of the sky.
    bad : bool array (ny, nx)
        Pixels that take no part.
    seg : int32 array (ny, nx)
        Objects above the sky, counted from 1.
    mesh : int
        Side of a cell of the sky's mesh, pixels.

    Returns
    -------
    Crowd or None
        None where no object is a crowd.
    """
    sizes = _sizes(np.ascontiguousarray(seg), int(seg.max()))
    huge = np.flatnonzero(sizes > _CELLS * mesh**2)
    fine = max(8, mesh // _FINE)
    boxes = scipy.ndimage.find_objects(seg) if len(huge) else []
    cuts = [(number, _around(boxes[number - 1], fine, seg.shape)) for number in huge]
    if sum(seg[cut].size for _, cut in cuts) < seg.size and not any(
            len(_crowds(seg[cut], np.array([number]), _peaks(image[cut], noise[cut], bad[cut], fine)[2], fine)) for number, cut in cuts):
        return None  # a few huge objects are looked at one by one, as that is less than the whole image
    level, rms, peaks = _peaks(image, noise, bad, fine)
    crowds = _crowds(seg, huge, peaks, fine)
    if not len(crowds):
        return None
    inside = np.isin(seg, crowds)
    usable = inside & ~_near_an_edge(bad)
    soft = np.clip(2 * scipy.ndimage.gaussian_filter(inside.astype(np.float32), fine / 2, mode="nearest") - 1, 0, 1)
    return Crowd(crowds, usable, np.asarray(level * soft, np.float32), np.asarray(rms * soft, np.float32))


@njit(cache=True, nogil=True)
def _sizes(seg: Any, most: int) -> Any:
    """Return how many pixels each object has, by its number; 0 for the sky."""
    found = np.zeros(most + 1, np.int64)
    for y in range(seg.shape[0]):
        for x in range(seg.shape[1]):
            if seg[y, x]:
                found[seg[y, x]] += 1
    return found


def _around(box: tuple[slice, ...], fine: int, shape: tuple[int, ...]) -> tuple[slice, ...]:
    """Return a box with three fine cells around it, cut where cells of the whole image are."""
    return tuple(slice(max(0, (one.start // fine - 3) * fine), min(n, (-(-one.stop // fine) + 3) * fine))
                 for one, n in zip(box, shape, strict=True))


def _peaks(image: Plane, noise: Plane, bad: NDArray[np.bool_], fine: int) -> tuple[Plane, Plane, NDArray[np.void]]:
    """Return the level and the scatter of a background in fine cells, and the sources above it."""
    image, bad = np.ascontiguousarray(image), np.ascontiguousarray(bad)
    local = sep.Background(image, mask=bad, bw=fine, bh=fine, fw=3, fh=3)
    level, rms = np.nan_to_num(local.back(dtype=np.float32)), np.nan_to_num(local.rms(dtype=np.float32))
    peaks = sep.extract(np.where(bad, np.float32(0), image - level), _THRESHOLD, err=np.where(bad, np.float32(1), np.maximum(noise, rms)),
                        mask=bad, minarea=_AREA)
    return level, rms, peaks


def _crowds(seg: NDArray[np.int32], huge: NDArray[np.intp], peaks: NDArray[np.void], fine: int) -> NDArray[np.intp]:
    """Return which of the huge objects of a segmentation map have so many sources that they are crowds."""
    ny, nx = seg.shape
    owner = seg[np.clip(np.rint(peaks["y"]).astype(int), 0, ny - 1), np.clip(np.rint(peaks["x"]).astype(int), 0, nx - 1)]
    most = int(max(seg.max(), huge.max()))
    count, sizes = np.bincount(owner, minlength=most + 1), _sizes(np.ascontiguousarray(seg), most)
    enough = count[huge] >= np.maximum(_SOURCES, _DENSITY * sizes[huge] / fine**2)
    return np.asarray(huge[enough], np.intp)


def _near_an_edge(bad: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the pixels so near the border of the image, or a wide gap in it, that the kernel would lack its negative part."""
    reach, wide = int(np.ceil(1.5 * _FWHM)), int(_FWHM)
    padded = np.pad(bad, reach, constant_values=True)
    gaps = scipy.ndimage.binary_opening(padded, np.ones((wide, wide), bool))
    return np.asarray(scipy.ndimage.binary_dilation(gaps, np.ones((3, 3), bool), iterations=reach)[reach:-reach, reach:-reach], bool)


def crowd_kernel() -> Plane:
    """Return a narrow Gaussian minus a wide one, whose sum is zero, (n, n) float32."""
    reach = int(np.ceil(2 * _FWHM))
    y, x = np.mgrid[-reach:reach + 1, -reach:reach + 1]
    narrow, wide = (np.exp(-(x**2 + y**2) / (2 * (factor * _FWHM / 2.3548) ** 2)) for factor in (1, 2))
    return np.asarray(narrow / narrow.sum() - wide / wide.sum(), np.float32)
