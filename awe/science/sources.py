"""Finding and measuring sources; columns named as SExtractor names them, each with unit and meaning.

Detection is that of `awe.science.detect`; the measurements are the kernels of `awe.science.apertures`, with neighbours replaced by
means of the segmentation map.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import scipy
import sep
from numpy.typing import NDArray

from awe.science import apertures, bands, psf
from awe.science.background import Background, background
from awe.science.detect import Detection, Options, Scene, centres_in, clean, detection_noise, find, subtracted
from awe.science.mask import Bit
from awe.science.sourcecolumns import COLUMNS, DEFAULT_RADII, Column, columns
from awe.science.wcs import Wcs

__all__ = ["COLUMNS", "DEFAULT_RADII", "Column", "Detection", "columns", "extract", "with_sky"]

Plane = NDArray[np.float32]
FLAG_NEIGHBOURS, FLAG_BLENDED, FLAG_SATURATED, FLAG_TRUNCATED, FLAG_INCOMPLETE, FLAG_POSITION, FLAG_FAINT = 1, 2, 4, 8, 16, 32, 64
"""Bits of FLAGS; the first five as SExtractor's, 32 says that the windowed position was given up, 64 that only the PSF found it."""


def extract(data: NDArray[np.generic], variance: NDArray[np.generic] | None = None,
            mask: NDArray[np.generic] | None = None, *, weight: NDArray[np.generic] | None = None,
            sky: Background | None = None, threshold: float = 1.5, min_area: int = 5,
            radii: Sequence[float] = DEFAULT_RADII, deblend_levels: int = 32,
            deblend_contrast: float = 0.005, gain: float | None = None, kron_factor: float = 2.5, kron_least: float = 3.5,
            mesh: int = 64, filter_type: str = "matched", kernel: Plane | None = None,
            detection: Detection | None = None, passes: int = 2, psf_kernel: Plane | None = None,
            psf_threshold: float = 5.0) -> NDArray[np.void]:
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
        In standard deviations of the image as `filter_type` has it.
    min_area : int
        Least number of connected pixels.
    radii : sequence of float
        Radii of circular apertures in pixels: columns FLUX_APER1, ...
    deblend_levels, deblend_contrast, kron_factor, kron_least
        As SExtractor's DEBLEND_NTHRESH, DEBLEND_MINCONT and PHOT_AUTOPARAMS.
    gain : float, optional
        Electrons per unit of `data`, only used where `variance` is not given.
    filter_type : str
        ``conv``: the smoothed image against the noise of single pixels, which is what SExtractor's DETECT_THRESH means.
        ``matched``: against its own noise, so that the threshold is the significance of a source of the kernel's shape.
    kernel : float32 array, optional
        What the image is smoothed with: an odd-sided PSF makes a matched filter, whose detections are not cleaned of those in the wings
        of others, as the filter has done that; else a pyramid of 3x3 pixels.
    detection : Detection, optional
        The image that sources are found on, pixel by pixel the same sky (double-image mode): positions, shapes, segments and the
        sizes of the Kron ellipses are its own, fluxes and half-light radii those of `data`.

    passes : int
        Of the background, where `sky` is not given; 1 is SExtractor's.
    psf_kernel : float32 array, optional
        An odd-sided PSF of the image that sources are found on. What it finds as a matched filter where nothing else was found is taken,
        too, with the shape of the PSF and the bit 64 of FLAGS (`awe.science.pointsources`).
    psf_threshold : float
        In standard deviations of the image filtered by it, as they are on empty sky.

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
    image, bad, bits = clean(data, mask)
    if sky is None:
        sky = background(image, bad | ((bits & Bit.SATURATED) != 0) if mask is not None else bad, mesh=mesh, passes=passes)
    image = subtracted(image, bad, sky)
    options = Options(threshold, min_area, deblend_levels, deblend_contrast, filter_type, kernel, kernel is None, psf_kernel,
                      psf_threshold)
    scene = Scene(image, bad, sky, detection_noise(image, bad, sky, weight))
    if detection is not None:
        scene = detection.scene(mesh, passes, image.shape)
    found, seg, local, faint = find(scene, options, mesh)
    if local is not None and detection is None:
        sky = dataclasses.replace(sky, level=sky.level + local.level, rms=np.maximum(sky.rms, local.rms))
        image = np.where(bad, np.float32(0), image - local.level)
    var = _error_plane(image, sky, variance, gain)
    circles = np.asarray(radii, np.float64)
    numbers = np.arange(1, len(found) + 1)
    shape = None if detection is None else (scene.image, _error_plane(scene.image, scene.sky, detection.variance, None))
    measured = apertures.measure(image, var, bad, seg, numbers, found, circles, float(kron_factor), float(kron_least), shape)
    on_others = faint if detection is None else np.ones(len(found), bool)
    if on_others.any():
        for name, values in zip(("flux", "peak"), apertures.isophotal(image, bad, seg, len(found)), strict=True):
            found[name][on_others] = values[on_others]
    table = _table(found, measured[0], measured[1], circles)
    _add_environment(table, sky, apertures.flags_in_segments(seg, bits, len(found)), threshold)
    _add_flags(table, found, measured[0], measured[1])
    table["FLAGS"][faint] |= FLAG_FAINT
    if local is not None:
        table["FLAGS"][centres_in(found, local.inside)] |= FLAG_NEIGHBOURS
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


def _error_plane(image: Plane, sky: Background, variance: NDArray[np.generic] | None, gain: float | None) -> Plane:
    """Return the variance plane of the measurements; NaN and negative values become 0."""
    if variance is not None:
        var = np.ascontiguousarray(variance, dtype=np.float32)
        good = (var > 0) & (var < np.inf)
        return var if good.all() else np.where(good, var, np.float32(0))
    var = np.empty_like(image)

    def work(first: int, last: int) -> None:
        np.multiply(sky.rms[first:last], sky.rms[first:last], out=var[first:last])
        if gain:
            var[first:last] += np.maximum(image[first:last], np.float32(0)) / np.float32(gain)

    bands.run(work, len(var))
    return var


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
