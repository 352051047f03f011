"""Detection: which pixels belong to which source, on one image or on another than the one that is measured.

Thresholding and deblending are SExtractor's (Bertin & Arnouts 1996, A&AS 117, 393) through `sep` (Barbary 2016, JOSS 1, 58).
"""
from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
import sep
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.background import Background, background
from awe.science.crowd import Crowd, crowd, crowd_kernel
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.pointsources import shaped_as, significance

Plane = NDArray[np.float32]


@dataclasses.dataclass(frozen=True, eq=False)
class Detection:
    """The detection image of double-image mode, with what `extract` takes for the image that is measured."""

    data: NDArray[np.generic]
    variance: NDArray[np.generic] | None = None
    mask: NDArray[np.generic] | None = None
    weight: NDArray[np.generic] | None = None

    def scene(self, mesh: int, passes: int, shape: tuple[int, ...]) -> Scene:
        """Return it without its background; raises `PermanentError` where it is not of the shape of the image that is measured."""
        if self.data.shape != shape:
            raise PermanentError(f"sources were to be found on an image of {self.data.shape} pixels and measured on one of {shape}; "
                                 "bring both to one grid first")
        image, bad, bits = clean(self.data, self.mask)
        sky = background(image, bad | ((bits & Bit.SATURATED) != 0), mesh=mesh, passes=passes)
        image = subtracted(image, bad, sky)
        return Scene(image, bad, sky, detection_noise(image, bad, sky, self.weight))


class Scene(NamedTuple):
    """What sources are found on: image without background (0 where bad), bad pixels, background, noise for the threshold."""

    image: Plane
    bad: NDArray[np.bool_]
    sky: Background
    noise: Plane


class Options(NamedTuple):
    """How sources are found, see `extract`."""

    threshold: float
    min_area: int
    levels: int
    contrast: float
    filter_type: str = "matched"
    kernel: Plane | None = None
    clean: bool = True
    psf: Plane | None = None
    psf_threshold: float = 5.0


class Found(NamedTuple):
    """sep's table and segmentation map, where crowds are, and which sources only the PSF found."""

    objects: NDArray[np.void]
    seg: NDArray[np.int32]
    local: Crowd | None
    faint: NDArray[np.bool_]


def find(scene: Scene, options: Options, mesh: int) -> Found:
    """Find the sources of an image, crowds resolved."""
    image, bad, _, noise = scene
    blind = bad | ~(noise > 0)
    found, seg = _detect(image, noise, blind, options)
    local = crowd(image, noise, blind, seg, mesh)
    if local is not None:
        inner = np.where(bad, np.float32(0), image - local.level)
        of_crowds = options._replace(kernel=crowd_kernel(), filter_type="matched", clean=True)
        inside = _detect(inner, np.maximum(noise, local.rms), blind, of_crowds)
        found, seg = _resolve(found, seg, local, *inside)
    found, seg = _finite(found, seg)
    number = len(found)
    if options.psf is not None:
        plane, spread = (image, noise) if local is None else (inner, np.maximum(noise, local.rms))
        found, seg = _with_point_sources(plane, spread, blind, found, seg, options)
    return Found(found, seg, local, np.arange(len(found)) >= number)


def _with_point_sources(image: Plane, noise: Plane, blind: NDArray[np.bool_], found: NDArray[np.void], seg: NDArray[np.int32],
                        options: Options) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Return table and segmentation map with what the PSF finds besides: whose brightest pixel belongs to no source yet."""
    assert options.psf is not None
    plane = significance(image, noise, seg > 0, blind, options.psf)
    matched = options._replace(threshold=options.psf_threshold, min_area=1, filter_type="conv", kernel=None)
    more, more_seg = _detect(plane, None, blind, matched)
    more_seg = np.where(blind, np.int32(0), more_seg)
    new = seg[more["ycpeak"], more["xcpeak"]] == 0
    more_seg = np.where(seg == 0, _renumbered(new, len(found))[more_seg], np.int32(0))
    return np.concatenate([found, shaped_as(more[new], options.psf)]), seg + more_seg


def clean(data: NDArray[np.generic], mask: NDArray[np.generic] | None) -> tuple[Plane, NDArray[np.bool_],
                                                                                 NDArray[np.uint16]]:
    """Return native float32 with 0 at bad pixels, the bad pixels, and the mask bits."""
    image = np.ascontiguousarray(data, dtype=np.float32)
    bits = np.zeros(image.shape, np.uint16) if mask is None else np.ascontiguousarray(mask).astype(np.uint16)
    bad = ~np.isfinite(image)
    if mask is not None:
        bad |= (bits & (NO_WEIGHT & ~Bit.SATURATED)) != 0
    return np.where(bad, np.float32(0), image) if bad.any() else image, bad, bits


def subtracted(image: Plane, bad: NDArray[np.bool_], sky: Background) -> Plane:
    """Return an image without its background; 0 at bad pixels."""
    found = image - sky.level
    if bad.any():
        found[bad] = 0
    return found


def detection_noise(image: Plane, bad: NDArray[np.bool_], sky: Background,
                     weight: NDArray[np.generic] | None) -> Plane:
    """Return the standard deviation for the threshold; a weight plane is scaled to the noise that was measured."""
    if weight is None:
        return sky.rms
    w = np.ascontiguousarray(weight, dtype=np.float32)
    noise = np.where((w > 0) & np.isfinite(w), 1.0 / np.sqrt(np.where(w > 0, w, 1)), 0).astype(np.float32)
    use = (noise > 0) & ~bad & ~sky.objects
    if not use.any():
        return noise
    pulls = image[use] / noise[use]
    scale = 1.4826 * float(np.median(np.abs(pulls - np.median(pulls))))
    return noise * np.float32(scale) if scale > 0 else np.zeros_like(noise)


def _resolve(found: NDArray[np.void], seg: NDArray[np.int32], local: Crowd, inner: NDArray[np.void],
             inner_seg: NDArray[np.int32]) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Return table and segmentation map with the sources inside crowds in the place of those."""
    outside = np.ones(len(found), bool)
    outside[local.objects - 1] = False
    inside = centres_in(inner, local.inside)
    outer_seg = _renumbered(outside, 0)[seg]
    inner_seg = np.where(outer_seg == 0, _renumbered(inside, int(outside.sum()))[inner_seg], np.int32(0))
    return np.concatenate([found[outside], inner[inside]]), outer_seg + inner_seg


def centres_in(found: NDArray[np.void], plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each object has its centre where a plane is true."""
    y, x = (np.clip(np.rint(found[axis]).astype(int), 0, n - 1) for axis, n in zip("yx", plane.shape, strict=True))
    return np.asarray(plane[y, x], bool)


def _renumbered(keep: NDArray[np.bool_], start: int) -> NDArray[np.int32]:
    """Return the new number of each object by its old one; 0 for those that are not kept, and for none."""
    numbers = np.zeros(len(keep) + 1, np.int32)
    numbers[1:][keep] = np.arange(start + 1, start + 1 + int(keep.sum()))
    return numbers


def _detect(image: Plane, noise: Plane | None, bad: NDArray[np.bool_], options: Options) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Return sep's table and segmentation map, raising its two limits where it runs into them; without `noise` nothing is smoothed."""
    smoothing = {} if options.kernel is None and noise is not None else {"filter_kernel": options.kernel}
    if bad.all():
        image = np.zeros_like(image)
    masked = bad if bad.any() else None
    noise = noise if masked is None or noise is None else np.where(bad, np.float32(1), noise)
    stack, limit = 300_000, 1024
    while True:
        sep.set_extract_pixstack(stack)
        sep.set_sub_object_limit(limit)
        try:
            found, seg = sep.extract(image, options.threshold, err=noise, mask=masked, minarea=options.min_area,
                                     deblend_nthresh=options.levels, deblend_cont=options.contrast, segmentation_map=True,
                                     filter_type=options.filter_type, clean=options.clean, **smoothing)
            return found, np.ascontiguousarray(seg, dtype=np.int32)
        except Exception as error:  # sep raises bare Exception; told apart by its text
            words = str(error)
            if "pixel buffer full" in words and stack < 64 * image.size + 1_000_000:
                stack *= 4
            elif "deblending overflow" in words and limit < 1_000_000:
                limit *= 8
            else:
                raise PermanentError(f"asked for the sources above {options.threshold} sigma: sep answers {words!r}; raise the "
                                     "threshold or mask the bright part") from error


def _finite(found: NDArray[np.void], seg: NDArray[np.int32]) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Drop sources whose shape or centre is not finite, from the map too."""
    keep = np.ones(len(found), bool)
    for name in ("x", "y", "a", "b", "cxx", "cyy", "cxy"):
        keep &= np.isfinite(found[name])
    keep &= (found["a"] > 0) & (found["b"] > 0)
    if keep.all():
        return found, seg
    return found[keep], _renumbered(keep, 0)[seg]
