"""Finding and measuring sources; columns named as SExtractor names them, each with unit and meaning.

Detection and deblending are SExtractor's (Bertin & Arnouts 1996, A&AS 117, 393) through `sep` (Barbary 2016, JOSS 1,
58); the measurements are the kernels of `awe.science.apertures`, with neighbours masked by the segmentation map.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy
import sep
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science import apertures, psf
from awe.science.background import Background, background
from awe.science.crowd import Crowd, crowd, crowd_kernel
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.sourcecolumns import COLUMNS, DEFAULT_RADII, Column, columns
from awe.science.wcs import Wcs

__all__ = ["COLUMNS", "DEFAULT_RADII", "Column", "columns", "extract", "with_sky"]

Plane = NDArray[np.float32]
FLAG_NEIGHBOURS, FLAG_BLENDED, FLAG_SATURATED, FLAG_TRUNCATED, FLAG_INCOMPLETE, FLAG_POSITION = 1, 2, 4, 8, 16, 32
"""Bits of FLAGS; the first five as SExtractor's, 32 says that the windowed position was given up."""


def extract(data: NDArray[np.generic], variance: NDArray[np.generic] | None = None,
            mask: NDArray[np.generic] | None = None, *, weight: NDArray[np.generic] | None = None,
            sky: Background | None = None, threshold: float = 1.5, min_area: int = 5,
            radii: Sequence[float] = DEFAULT_RADII, deblend_levels: int = 32,
            deblend_contrast: float = 0.005, gain: float | None = None,
            kron_factor: float = 2.5, kron_least: float = 3.5, mesh: int = 64) -> NDArray[np.void]:
    """Find and measure the sources of an image.

    In crowds (`awe.science.crowd`) a finer background is subtracted, its scatter counts as noise, and all sources are flagged
    as having neighbours.

    Parameters
    ----------
    data : array (ny, nx)
        Image in any unit; any real dtype and byte order. NaN and infinite pixels are bad.
    variance : array (ny, nx), optional
        Variance of each pixel, source noise included; the errors of fluxes and positions come from it. Without it the
        variance of the background (plus ``flux / gain`` where `gain` is given) is used.
    mask : array (ny, nx), optional
        Bits of `awe.science.mask`. Pixels without weight are bad, but saturated ones are kept and flagged.
    weight : array (ny, nx), optional
        Inverse variance without source noise, for the detection threshold; scaled as a whole to the measured noise.
    sky : Background, optional
        A background that was measured already; else it is measured here with cells of `mesh` pixels.
    threshold : float
        In standard deviations of the background, on the image smoothed by a 3x3 kernel.
    min_area : int
        Least number of connected pixels.
    radii : sequence of float
        Radii of circular apertures in pixels: columns FLUX_APER1, ...
    deblend_levels, deblend_contrast, kron_factor, kron_least
        As SExtractor's DEBLEND_NTHRESH, DEBLEND_MINCONT and PHOT_AUTOPARAMS.
    gain : float, optional
        Electrons per unit of `data`, only used where `variance` is not given.

    Returns
    -------
    structured array (n,)
        With the columns ``columns(radii)``, in the order of decreasing FLUX_AUTO; empty where the image is constant or
        has no good pixel.

    Raises
    ------
    PermanentError
        More sources than memory allows, even after the limits of `sep` were raised.
    """
    image, bad, bits = _clean(data, mask)
    if sky is None:
        sky = background(image, bad | ((bits & Bit.SATURATED) != 0), mesh=mesh)
    image = np.where(bad, np.float32(0), image - sky.level)
    noise = _detection_noise(image, bad, sky, weight)
    blind = bad | ~(noise > 0)
    options = (threshold, min_area, deblend_levels, deblend_contrast)
    found, seg = _detect(image, noise, blind, *options)
    local = crowd(image, noise, blind, seg, mesh)
    if local is not None:
        sky = dataclasses.replace(sky, level=sky.level + local.level, rms=np.maximum(sky.rms, local.rms))
        image = np.where(bad, np.float32(0), image - local.level)
        inner = _detect(image, np.maximum(noise, local.rms), blind, *options, kernel=crowd_kernel())
        found, seg = _resolve(found, seg, local, *inner)
    found, seg = _finite(found, seg)
    var = _error_plane(image, sky, variance, gain)
    circles = np.asarray(radii, np.float64)
    numbers = np.arange(1, len(found) + 1)
    measured = apertures.measure(image, var, bad, seg, numbers, *(np.ascontiguousarray(found[k]) for k in (
        "x", "y", "a", "b", "cxx", "cyy", "cxy")), circles, float(kron_factor), float(kron_least))
    table = _table(found, measured[0], measured[1], circles)
    _add_environment(table, sky, apertures.flags_in_segments(seg, bits, len(found)), threshold)
    _add_flags(table, found, measured[0], measured[1])
    if local is not None:
        table["FLAGS"][_centres_in(found, local.inside)] |= FLAG_NEIGHBOURS
    table["CLASS_STAR"] = _stellarity(table)
    order = np.argsort(-table["FLUX_AUTO"], kind="stable")
    table = table[order]
    table["NUMBER"] = np.arange(1, len(table) + 1)
    return table


def with_sky(sources: NDArray[np.void], wcs: Wcs, zero_point: float | None = None) -> dict[str, NDArray[np.float64]]:
    """Return further columns by name: sky position, sizes in arcsec and, with a zero point, magnitudes.

    Parameters
    ----------
    sources : structured array
        From `extract`.
    wcs : Wcs
        Of the image.
    zero_point : float, optional
        Magnitude of one unit of flux.

    Returns
    -------
    dict of float64 arrays (n,)
        ALPHA_J2000, DELTA_J2000 (ICRS degrees, of the windowed position), ERRX_WORLD,
        ERRY_WORLD (deg, along the pixel axes), FWHM_WORLD
        (deg); MAG_AUTO, MAGERR_AUTO and MAG_APERn, MAGERR_APERn, NaN where the flux is not positive.
    """
    ra, dec = wcs.pixel_to_sky(sources["XWIN_IMAGE"] - 1.0, sources["YWIN_IMAGE"] - 1.0)
    scale = wcs.pixel_scale / 3600.0
    out = {"ALPHA_J2000": ra, "DELTA_J2000": dec,
           "ERRX_WORLD": np.sqrt(sources["ERRX2WIN_IMAGE"]) * scale,
           "ERRY_WORLD": np.sqrt(sources["ERRY2WIN_IMAGE"]) * scale,
           "FWHM_WORLD": np.asarray(sources["FWHM_IMAGE"], np.float64) * scale}
    if zero_point is None:
        return out
    for name in [n for n in sources.dtype.names or () if n.startswith("FLUX_A")]:
        flux, error = (np.asarray(sources[n], np.float64) for n in (name, name.replace("FLUX_", "FLUXERR_")))
        flux = np.where(flux > 0, flux, np.nan)
        out[name.replace("FLUX_", "MAG_")] = zero_point - 2.5 * np.log10(flux)
        out[name.replace("FLUX_", "MAGERR_")] = 2.5 / np.log(10.0) * error / flux
    return out


def _clean(data: NDArray[np.generic], mask: NDArray[np.generic] | None) -> tuple[Plane, NDArray[np.bool_],
                                                                                 NDArray[np.uint16]]:
    """Return native float32 with 0 at bad pixels, the bad pixels, and the mask bits."""
    image = np.ascontiguousarray(data, dtype=np.float32)
    bits = np.zeros(image.shape, np.uint16) if mask is None else np.ascontiguousarray(mask).astype(np.uint16)
    bad = ~np.isfinite(image) | ((bits & (NO_WEIGHT & ~Bit.SATURATED)) != 0)
    return np.where(bad, np.float32(0), image), bad, bits


def _detection_noise(image: Plane, bad: NDArray[np.bool_], sky: Background,
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


def _error_plane(image: Plane, sky: Background, variance: NDArray[np.generic] | None, gain: float | None) -> Plane:
    """Return the variance plane of the measurements; NaN and negative values become 0."""
    if variance is not None:
        var = np.ascontiguousarray(variance, dtype=np.float32)
        return np.where(np.isfinite(var) & (var > 0), var, np.float32(0))
    var = sky.rms * sky.rms
    return np.asarray(var + np.maximum(image, np.float32(0)) / np.float32(gain) if gain else var, np.float32)


def _resolve(found: NDArray[np.void], seg: NDArray[np.int32], local: Crowd, inner: NDArray[np.void],
             inner_seg: NDArray[np.int32]) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Return table and segmentation map with the sources inside crowds in the place of those."""
    outside = np.ones(len(found), bool)
    outside[local.objects - 1] = False
    inside = _centres_in(inner, local.inside)
    outer_seg = _renumbered(outside, 0)[seg]
    inner_seg = np.where(outer_seg == 0, _renumbered(inside, int(outside.sum()))[inner_seg], np.int32(0))
    return np.concatenate([found[outside], inner[inside]]), outer_seg + inner_seg


def _centres_in(found: NDArray[np.void], plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether each object has its centre where a plane is true."""
    y, x = (np.clip(np.rint(found[axis]).astype(int), 0, n - 1) for axis, n in zip("yx", plane.shape, strict=True))
    return np.asarray(plane[y, x], bool)


def _renumbered(keep: NDArray[np.bool_], start: int) -> NDArray[np.int32]:
    """Return the new number of each object by its old one; 0 for those that are not kept, and for none."""
    numbers = np.zeros(len(keep) + 1, np.int32)
    numbers[1:][keep] = np.arange(start + 1, start + 1 + int(keep.sum()))
    return numbers


def _detect(image: Plane, noise: Plane, bad: NDArray[np.bool_], threshold: float, min_area: int, levels: int,
            contrast: float, kernel: Plane | None = None) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Return sep's table and segmentation map, raising its two limits where it runs into them."""
    smoothing = {} if kernel is None else {"filter_kernel": kernel}
    if bad.all():
        image = np.zeros_like(image)
    noise = np.where(bad, np.float32(1), noise)
    stack, limit = 300_000, 1024
    while True:
        sep.set_extract_pixstack(stack)
        sep.set_sub_object_limit(limit)
        try:
            found, seg = sep.extract(image, threshold, err=noise, mask=bad, minarea=min_area, deblend_nthresh=levels,
                                     deblend_cont=contrast, segmentation_map=True, **smoothing)
            return found, np.ascontiguousarray(seg, dtype=np.int32)
        except Exception as error:  # sep raises bare Exception; told apart by its text
            words = str(error)
            if "pixel buffer full" in words and stack < 64 * image.size + 1_000_000:
                stack *= 4
            elif "deblending overflow" in words and limit < 1_000_000:
                limit *= 8
            else:
                raise PermanentError(f"asked for the sources above {threshold} sigma: sep answers {words!r}; raise the "
                                     "threshold or mask the bright part") from error


def _finite(found: NDArray[np.void], seg: NDArray[np.int32]) -> tuple[NDArray[np.void], NDArray[np.int32]]:
    """Drop sources whose shape or centre is not finite, from the map too."""
    keep = np.ones(len(found), bool)
    for name in ("x", "y", "a", "b", "cxx", "cyy", "cxy"):
        keep &= np.isfinite(found[name])
    keep &= (found["a"] > 0) & (found["b"] > 0)
    return found[keep], _renumbered(keep, 0)[seg]


def _table(found: NDArray[np.void], out: NDArray[np.float64], circles_out: NDArray[np.float64],
           radii: NDArray[np.float64]) -> NDArray[np.void]:
    table = np.zeros(len(found), np.dtype([(c.name, c.dtype) for c in columns(tuple(radii))]))
    result = dict(zip(apertures.OUT, out.T, strict=True))
    table["X_IMAGE"], table["Y_IMAGE"] = found["x"] + 1.0, found["y"] + 1.0
    table["XWIN_IMAGE"], table["YWIN_IMAGE"] = result["x_win"] + 1.0, result["y_win"] + 1.0
    for name, key in (("ERRX2WIN_IMAGE", "varx_win"), ("ERRY2WIN_IMAGE", "vary_win"), ("ERRXYWIN_IMAGE", "covxy_win"),
                      ("FLUX_AUTO", "flux_auto"), ("KRON_RADIUS", "kron"), ("FLUX_RADIUS", "flux_radius"),
                      ("SNR_WIN", "snr_win"), ("FWHM_IMAGE", "fwhm")):
        table[name] = result[key]
    table["FLUXERR_AUTO"] = np.sqrt(result["var_auto"])
    for k in range(len(radii)):
        table[f"FLUX_APER{k + 1}"] = circles_out[:, k, 0]
        table[f"FLUXERR_APER{k + 1}"] = np.sqrt(circles_out[:, k, 1])
    for name, key in (("A_IMAGE", "a"), ("B_IMAGE", "b"), ("FLUX_ISO", "flux"), ("ISOAREA_IMAGE", "npix"),
                      ("X2_IMAGE", "x2"), ("Y2_IMAGE", "y2"), ("XY_IMAGE", "xy")):
        table[name] = found[key]
    table["THETA_IMAGE"] = np.degrees(found["theta"])
    table["ELONGATION"] = found["a"] / found["b"]
    table["FLUX_MAX"] = found["peak"]
    return table


def _add_environment(table: NDArray[np.void], sky: Background, bits: NDArray[np.uint16], threshold: float) -> None:
    ny, nx = sky.level.shape
    ix = np.clip(np.rint(table["X_IMAGE"] - 1).astype(int), 0, nx - 1)
    iy = np.clip(np.rint(table["Y_IMAGE"] - 1).astype(int), 0, ny - 1)
    table["BACKGROUND"] = sky.level[iy, ix]
    table["THRESHOLD"] = threshold * sky.rms[iy, ix]
    table["IMAFLAGS_ISO"] = bits


def _add_flags(table: NDArray[np.void], found: NDArray[np.void], out: NDArray[np.float64],
               circles_out: NDArray[np.float64]) -> None:
    result = dict(zip(apertures.OUT, out.T, strict=True))
    flags = np.zeros(len(table), np.int16)
    flags |= np.where(result["replaced"] > 0.1, FLAG_NEIGHBOURS, 0).astype(np.int16)
    flags |= np.where(found["flag"] & sep.OBJ_MERGED, FLAG_BLENDED, 0).astype(np.int16)
    flags |= np.where(table["IMAFLAGS_ISO"] & np.uint16(Bit.SATURATED), FLAG_SATURATED, 0).astype(np.int16)
    flags |= np.where(found["flag"] & sep.OBJ_TRUNC, FLAG_TRUNCATED, 0).astype(np.int16)
    flags |= np.where(result["incomplete"] > 0.01, FLAG_INCOMPLETE, 0).astype(np.int16)
    flags |= np.where(result["moved"] > 0, FLAG_POSITION, 0).astype(np.int16)
    table["FLAGS"] = flags
    for k in range(circles_out.shape[1]):
        table[f"FRAC_APER{k + 1}"] = circles_out[:, k, 2]


def _stellarity(table: NDArray[np.void]) -> NDArray[np.float64]:
    """Return how star-like the half-light radii are, see the column's description; 0.5 where nothing can be said."""
    star = psf.seeing(table)
    if not np.isfinite(star.flux_radius):
        return np.full(len(table), 0.5)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.asarray(table["FLUX_RADIUS"], np.float64) / star.flux_radius
        sigma = np.hypot(0.05, 1.5 / np.maximum(table["SNR_WIN"], 1.0))
        value = 0.5 * scipy.special.erfc((ratio - 1.15) / (np.sqrt(2.0) * sigma))
    return np.where(np.isfinite(value), value, 0.5)
