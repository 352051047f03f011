"""Registering a frame to another frame, where there is no reference catalogue.

By stars: the blind match of `awe.science.match`, then a similarity or an affine transformation. By pixels, for frames
with hardly a star (infrared dithers): the cross-correlation of the two images normalised by their overlap (Padfield
2012, IEEE TIP 21, 2706), refined below the pixel; accepted only where its peak stands out from the rest of the map.
What is fixed to the detector correlates at shift (0, 0), so dithered frames can exclude that.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science.match import Bounds, match, mutual_pairs
from awe.science.wcs import Wcs

Floats = NDArray[np.float64]
PIXELS = Bounds(offset=400.0, rotation=180.0, scale=0.03)
"""Bounds in pixels for the match by stars."""
BY_CHANCE = 0.25
"""Pairs by chance within a tolerance have an rms per axis of 0.35 to 0.5 of it; stars agree much better."""
CLEAR_LEAD = 0.7
"""The next highest peak of the correlation is at most this part of the highest."""


@dataclass(frozen=True, eq=False)
class Registration:
    """How a frame lies on another: reference pixel = matrix @ pixel + shift, 0-based (x, y).

    Parameters
    ----------
    ok : bool
        Whether to believe it; `reason` says why.
    reason, method : str
        One line; ``stars`` or ``pixels``.
    matrix, shift : float64 arrays (2, 2), (2,)
    n_matched : int
        Stars used; 0 for pixels.
    rms : float
        Residual per axis, pixels; for pixels the estimated error of the shift.
    significance : float
        Minus log10 of the chance of the match; for pixels the height of the peak in standard deviations of the map.
    flux_ratio, flux_ratio_error : float
        Flux of the reference over flux of the frame (multiply the frame by it), NaN where unknown.
    pairs : intp array (n, 2)
        Index of the source on the frame and on the reference.
    """

    ok: bool
    reason: str
    method: str
    matrix: Floats = field(default_factory=lambda: np.eye(2))
    shift: Floats = field(default_factory=lambda: np.zeros(2))
    n_matched: int = 0
    rms: float = math.nan
    significance: float = 0.0
    flux_ratio: float = math.nan
    flux_ratio_error: float = math.nan
    pairs: NDArray[np.intp] = field(default_factory=lambda: np.zeros((0, 2), np.intp))

    def wcs(self, reference: Wcs) -> Wcs:
        """Return the WCS of the frame, given that of the reference frame."""
        return reference.affine(self.matrix, self.shift)


def register(x: Floats, y: Floats, flux: Floats, ref_x: Floats, ref_y: Floats, ref_flux: Floats, *,
             bounds: Bounds = PIXELS, tolerance: float = 3.0, least: int = 4,
             chance: float = -3.0) -> Registration:
    """Register a frame to another by their stars.

    Parameters
    ----------
    x, y, flux : float64 arrays (n,)
        0-based pixels and fluxes of the frame's sources.
    ref_x, ref_y, ref_flux : float64 arrays (m,)
        The same of the reference frame.
    bounds : Bounds
        In pixels, degrees and relative scale.
    tolerance : float
        Largest distance of a pair in the blind match, pixels.
    least : int
        Fewer pairs are not believed.
    chance : float
        log10 of the false matches that are accepted, over all hypotheses within the bounds: narrow bounds (small dithers,
        no rotation) make few stars enough.

    Returns
    -------
    Registration
        A similarity below 12 pairs, an affine transformation from there on. `ok` is false, with the reason, where the
        lists are too short or nothing significant is found.
    """
    source, target = np.column_stack([x, y]).astype(np.float64), np.column_stack([ref_x, ref_y]).astype(np.float64)
    found = match(source, flux, target, -np.asarray(ref_flux, np.float64), bounds=bounds, tolerance=tolerance, least=least,
                  chance=chance)
    if not found.ok:
        return Registration(False, found.reason, "stars", significance=-found.log_chance)
    matrix, shift, radius = found.matrix, found.shift, tolerance
    good = np.isfinite(target).all(axis=1)
    index = np.flatnonzero(good)
    pairs = found.pairs
    for _ in range(6):
        pairs = mutual_pairs(source @ matrix.T + shift, target[index], radius)
        pairs[:, 1] = index[pairs[:, 1]]
        if len(pairs) < least:
            return Registration(False, f"no match: only {len(pairs)} stars agree within {radius:.2f} pixels", "stars")
        matrix, shift = _transformation(source[pairs[:, 0]], target[pairs[:, 1]], found.matrix)
        distance = np.hypot(*(source[pairs[:, 0]] @ matrix.T + shift - target[pairs[:, 1]]).T)
        radius = min(radius, max(4.0 * float(np.median(distance)), 0.3))
    rms = float(np.sqrt(np.mean(distance ** 2) / 2.0))
    if rms > BY_CHANCE * tolerance:
        return Registration(False, f"no match: {len(pairs)} stars agree to {rms:.2f} pixels rms, no better than chance would have it "
                            f"within {tolerance:g} pixels", "stars")
    ratio, error = flux_ratio(np.asarray(flux)[pairs[:, 0]], np.asarray(ref_flux)[pairs[:, 1]])
    return Registration(True, f"{len(pairs)} stars, rms {rms:.3f} pixels", "stars", matrix, shift, len(pairs), rms,
                        -found.log_chance, ratio, error, pairs)


def _transformation(a: Floats, b: Floats, start: Floats) -> tuple[Floats, Floats]:
    """Return the affine transformation (or, of few stars, the similarity) that carries `a` to `b`, clipped once."""
    keep = np.ones(len(a), bool)
    matrix, shift = start, np.zeros(2)
    for _ in range(3):
        p, q = a[keep], b[keep]
        if len(p) >= 12:
            design = np.column_stack([p, np.ones(len(p))])
            solution = np.linalg.lstsq(design, q, rcond=None)[0]
            matrix, shift = np.asarray(solution[:2].T, np.float64), np.asarray(solution[2], np.float64)
        else:
            parity = np.array([1.0 if np.linalg.det(start) > 0 else -1.0, 1.0])
            u, v = p * parity - (p * parity).mean(axis=0), q - q.mean(axis=0)
            norm = max(float(np.sum(u * u)), 1e-30)
            c = float(np.sum(u * v)) / norm
            s = float(np.sum(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])) / norm
            matrix = np.array([[c, -s], [s, c]]) * parity
            shift = q.mean(axis=0) - matrix @ p.mean(axis=0)
        distance = np.hypot(*(a @ matrix.T + shift - b).T)
        keep = distance <= max(3.0 * 1.2 * float(np.median(distance[keep])), 1e-6)
        if np.count_nonzero(keep) < 4:
            break
    return matrix, shift


def flux_ratio(flux: Floats, reference: Floats) -> tuple[float, float]:
    """Return the median of reference / flux and its standard error, weighted to the brighter half; NaN where no pair."""
    good = (flux > 0) & (reference > 0) & np.isfinite(flux) & np.isfinite(reference)
    if not good.any():
        return math.nan, math.nan
    order = np.argsort(-flux[good], kind="stable")
    bright = order[:max(len(order) // 2, min(len(order), 8))]
    log = np.log(reference[good][bright] / flux[good][bright])
    middle = float(np.median(log))
    spread = 1.4826 * float(np.median(np.abs(log - middle)))
    ratio = math.exp(middle)
    return ratio, ratio * 1.2533 * spread / math.sqrt(len(bright))


def register_by_pixels(data: NDArray[np.generic], reference: NDArray[np.generic], *,
                       mask: NDArray[np.generic] | None = None, ref_mask: NDArray[np.generic] | None = None,
                       largest: float | None = None, avoid_zero: float = 3.0, smooth: float = 1.5, structure: float = 25.0,
                       least_significance: float = 6.0) -> Registration:
    """Register a frame to another of the same shape by a shift of its pixels.

    Parameters
    ----------
    data, reference : arrays (ny, nx)
        Images; NaN is bad.
    mask, ref_mask : arrays (ny, nx), optional
        Pixels that are not zero take no part.
    largest : float, optional
        Largest shift in pixels along either axis; 45 % of the shorter side where not given.
    avoid_zero : float
        A shift shorter than this many pixels is not believed: the pattern of the detector makes such peaks too. 0 for
        frames without any.
    smooth, structure : float
        Sigma in pixels of the smoothing, and of the smoothed image that is subtracted (sky and nebulosity).
    least_significance : float
        Height of the peak, in standard deviations of the map, from which it is believed.

    Returns
    -------
    Registration
        With a unit matrix. `ok` is false with the reason where the peak does not stand out, where another as high is
        elsewhere, where two halves of the frame disagree, where the shift is nearly 0, or on the border of the search.
    """
    if np.shape(data) != np.shape(reference):
        return Registration(False, f"the frames have the shapes {np.shape(data)} and {np.shape(reference)}", "pixels")
    a, wa = _prepared(data, mask, smooth, structure)
    b, wb = _prepared(reference, ref_mask, smooth, structure)
    if not (np.any(a) and np.any(b)):
        return Registration(False, "one of the frames has no structure to register by", "pixels")
    largest = 0.45 * min(a.shape) if largest is None else largest
    score, dx, dy = _correlation(a, wa, b, wb, int(largest))
    y, x = np.unravel_index(int(np.argmax(score)), score.shape)
    around = np.hypot(dx[None, :] - dx[x], dy[:, None] - dy[y])
    rest = score[np.isfinite(score) & (around > 6.0 * smooth)]
    sigma = 1.4826 * float(np.median(np.abs(rest - np.median(rest)))) if len(rest) else math.inf
    height = (float(score[y, x]) - float(np.median(rest))) / max(sigma, 1e-30) if len(rest) else 0.0
    second = (float(rest.max()) - float(np.median(rest))) / max(sigma, 1e-30) if len(rest) else 0.0
    fine = np.array([dx[x] + _parabola(score[y], int(x)), dy[y] + _parabola(score[:, x], int(y))])
    words = f"peak of {height:.1f} sigma at ({fine[0]:.2f}, {fine[1]:.2f}) pixels, the next has {second:.1f}"
    edge = x in (0, len(dx) - 1) or y in (0, len(dy) - 1)
    parts = [_peak(a * part, wa * part, b, wb, int(largest)) for part in _halves(a.shape)]
    agree = all(math.hypot(px - dx[x], py - dy[y]) <= max(1.5, smooth) for px, py in parts)
    words += f", the peaks of two halves of the frame are {'the same' if agree else 'elsewhere'}"
    pattern = math.hypot(fine[0], fine[1]) < avoid_zero
    words += "; a shift this small may be the pattern of the detector" if pattern else ""
    ok = height >= least_significance and second < CLEAR_LEAD * height and not edge and agree and not pattern
    ratio, error = _pixel_ratio(a, wa, b, wb, fine) if ok else (math.nan, math.nan)
    return Registration(ok, words if ok else f"no significant shift: {words}; {least_significance:g} sigma and a clear lead "
                        "are due", "pixels", np.eye(2), fine, 0, smooth * 2.0 / max(height, 1.0), height, ratio, error)


def _prepared(data: NDArray[np.generic], mask: NDArray[np.generic] | None, smooth: float,
              structure: float) -> tuple[Floats, Floats]:
    """Return the image without large structure, clipped and smoothed, and where it is good (0 to 1)."""
    image = np.array(data, np.float64)
    good = np.isfinite(image) if mask is None else np.isfinite(image) & (np.asarray(mask) == 0)
    if not good.any():
        return np.zeros(image.shape), np.zeros(image.shape)
    image = np.where(good, image - np.median(image[good]), 0.0)
    sigma = 1.4826 * float(np.median(np.abs(image[good])))
    median = scipy.ndimage.median_filter(np.where(good, image, 0.0), 5)
    good &= np.abs(image - median) < 8.0 * max(sigma, 1e-30)  # lone hot pixels; a star raises the median with it
    weight = good.astype(np.float64)
    image = np.where(good, image, 0.0)
    for width, sign in ((structure, -1), (smooth, 1)):
        low = scipy.ndimage.gaussian_filter(image, width) / np.maximum(scipy.ndimage.gaussian_filter(weight, width), 0.05)
        image = (low if sign > 0 else _without_lines(image - low, good)) * good
    limit = 1.4826 * float(np.median(np.abs(image[good])))
    return np.clip(image, -3.0 * limit, 20.0 * limit), weight


def _halves(shape: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Return the white and the black fields of a chessboard of 4x4 over an image, as 0 and 1."""
    y, x = (np.arange(n) * 4 // n for n in shape)
    black = ((y[:, None] + x[None, :]) % 2).astype(np.float64)
    return black, 1.0 - black


def _peak(a: Floats, wa: Floats, b: Floats, wb: Floats, largest: int) -> tuple[float, float]:
    """Return the whole-pixel shift (x, y) of the highest correlation."""
    score, dx, dy = _correlation(a, wa, b, wb, largest)
    y, x = np.unravel_index(int(np.argmax(score)), score.shape)
    return float(dx[x]), float(dy[y])


def _without_lines(image: Floats, good: NDArray[np.bool_]) -> Floats:
    """Return the image without the medians of its rows and columns: read-out pattern, not sky."""
    for axis in (1, 0):
        lines = np.where(good, image, np.nan)
        empty = ~good.any(axis=axis, keepdims=True)
        image = image - np.where(empty, 0.0, np.nanmedian(np.where(empty, 0.0, lines), axis=axis, keepdims=True))
    return image


def _correlation(a: Floats, wa: Floats, b: Floats, wb: Floats, largest: int) -> tuple[Floats, Floats, Floats]:
    """Return the normalised correlation for shifts up to `largest` and the shifts (reference = pixel + shift)."""
    shape = [scipy.fft.next_fast_len(int(n + largest + 1), real=True) for n in a.shape]

    def cross(p: Floats, q: Floats) -> Floats:
        return np.asarray(scipy.fft.irfft2(np.conj(scipy.fft.rfft2(p, shape)) * scipy.fft.rfft2(q, shape), shape))

    top, count = cross(a, b), cross(wa, wb)
    norm = np.sqrt(np.maximum(cross(a * a, wb), 0) * np.maximum(cross(wa, b * b), 0))
    score = np.where(count > 0.15 * count.max(), top / np.maximum(norm, norm.max() * 1e-6), -np.inf)
    score = score * np.sqrt(np.maximum(count, 0) / count.max())  # small overlaps scatter more
    steps = np.arange(-largest, largest + 1)
    return score[np.ix_(steps, steps)], steps.astype(np.float64), steps.astype(np.float64)


def _parabola(line: Floats, at: int) -> float:
    """Return the place of the maximum of a parabola through the peak and its neighbours, relative to `at`."""
    if at in (0, len(line) - 1):
        return 0.0
    left, middle, right = line[at - 1], line[at], line[at + 1]
    curve = left - 2.0 * middle + right
    return float(np.clip(0.5 * (left - right) / curve, -0.5, 0.5)) if np.isfinite(curve) and curve < 0 else 0.0


def _pixel_ratio(a: Floats, wa: Floats, b: Floats, wb: Floats, shift: Floats) -> tuple[float, float]:
    """Return the ratio reference / frame of the shifted structure, by least squares both ways, and its error."""
    moved = scipy.ndimage.shift(a, (shift[1], shift[0]), order=1)
    good = (scipy.ndimage.shift(wa, (shift[1], shift[0]), order=0) > 0.5) & (wb > 0.5)
    p, q = moved[good], b[good]
    bright = (p > 5 * np.std(p[np.abs(p) < 3 * np.std(p)])) | (q > 5 * np.std(q[np.abs(q) < 3 * np.std(q)]))
    p, q = p[bright], q[bright]
    if len(p) < 10 or np.sum(p * q) <= 0:
        return math.nan, math.nan
    ratio = math.sqrt(float(np.sum(q * q)) / float(np.sum(p * p)))
    return ratio, ratio * float(np.std(q - ratio * p)) / math.sqrt(float(np.sum(q * q)) + 1e-30)
