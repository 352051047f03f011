"""The compiled part of the search for cosmic rays; see `awe.science.cosmic`. All planes are padded by `PAD` pixels on each side."""
from __future__ import annotations

from typing import Final

import numpy as np

from awe.science.kernel import njit

PAD: Final = 8
HALO: Final = 6
TILE: Final = 64
_LAPLACIAN: Final = 0.8
_CORE: Final = 2.0
_MARGIN: Final = 1.5
AROUND: Final = np.array([(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)])


@njit(cache=True, nogil=True, error_model="numpy")
def fill(data, given, gain, variance, share, background, level, clean, state, rest, photons):  # type: ignore[no-untyped-def]
    """Write rows of the four planes of `_prepare`, without their mirrored edges."""
    for y in range(data.shape[0]):
        for x in range(data.shape[1]):
            electrons = (data[y, x] + background) * gain[y, x]
            finite = abs(electrons) < np.inf
            clean[y, x + PAD] = electrons if finite else level
            state[y, x + PAD] = given[y, x] if finite else np.uint8(1)
            v = variance[y, x]
            rest[y, x + PAD] = max(v, np.float32(1e-6)) if v < np.float32(1e30) else np.float32(1e30)
            photons[y, x + PAD] = share[y, x]
        state[y, :PAD] = state[y, state.shape[1] - PAD:] = 0


@njit(cache=True, nogil=True, error_model="numpy")
def replace(clean, state, found, places):  # type: ignore[no-untyped-def]
    """Replace the pixels at `places` by the median of the good pixels of the 3 x 3 around, or more where few are."""
    kept = np.empty(81, np.float32)
    new = np.empty(places.shape[0], np.float32)
    for n in range(places.shape[0]):
        y, x = places[n, 0], places[n, 1]
        for reach in range(1, 5):
            m = 0
            for j in range(max(0, y - reach), min(clean.shape[0], y + reach + 1)):
                for i in range(max(0, x - reach), min(clean.shape[1], x + reach + 1)):
                    if state[j, i] != 1 and (found.size == 0 or not found[j, i]):
                        kept[m] = clean[j, i]
                        m += 1
            if m > 2:
                break
        new[n] = np.median(kept[:m]) if m > 0 else clean[y, x]
    for n in range(places.shape[0]):
        clean[places[n, 0], places[n, 1]] = new[n]


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _middle(a, b, c):  # type: ignore[no-untyped-def]
    low, high = (a, b) if a < b else (b, a)
    c = c if c > low else low
    return c if c < high else high


@njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _middle_of_five(a, b, c, d, e):  # type: ignore[no-untyped-def]
    p, q = (a, b) if a < b else (b, a)
    r, s = (c, d) if c < d else (d, c)
    return _middle(e, p if p > r else r, q if q < s else s)


@njit(cache=True, nogil=True, error_model="numpy")
def _median5(image, rows, result):  # type: ignore[no-untyped-def]
    """Separable 5 x 5 median: result is 4 smaller than image on both axes."""
    ny, nx = image.shape
    for y in range(ny):
        for x in range(nx - 4):
            rows[y, x] = _middle_of_five(image[y, x], image[y, x + 1], image[y, x + 2], image[y, x + 3],
                                         image[y, x + 4])
    for y in range(ny - 4):
        for x in range(nx - 4):
            result[y, x] = _middle_of_five(rows[y, x], rows[y + 1, x], rows[y + 2, x], rows[y + 3, x], rows[y + 4, x])


@njit(cache=True, nogil=True, error_model="numpy")
def _fine_structure(clean, y, x, work):  # type: ignore[no-untyped-def]
    """Median of 3 x 3 minus the median of 7 x 7 of it, at one pixel; and that latter median."""
    for j in range(7):
        for i in range(7):
            for k in range(3):
                a = clean[y + j - 4 + k, x + i - 4]
                b = clean[y + j - 4 + k, x + i - 3]
                c = clean[y + j - 4 + k, x + i - 2]
                work[50 + k] = _middle(a, b, c)
            work[i] = _middle(work[50], work[51], work[52])
        if j == 3:
            centre = work[3]
        work[7 + j] = np.median(work[:7])
    level = np.median(work[7:14])
    return centre - level, level


@njit(cache=True, nogil=True, error_model="numpy")
def _like_a_star(clean, y, x, level, sigma, limits):  # type: ignore[no-untyped-def]
    """True where the pixel falls off on all four axes no faster than the narrowest star, within one sigma."""
    centre = clean[y, x] - level
    along = max(clean[y, x - 1], clean[y, x + 1])
    up = max(clean[y - 1, x], clean[y + 1, x])
    diagonal = max(clean[y - 1, x - 1], clean[y + 1, x + 1])
    other = max(clean[y - 1, x + 1], clean[y + 1, x - 1])
    axes = min(along, up) - level + sigma
    return axes >= limits[0] * centre and min(diagonal, other) - level + sigma >= limits[1] * centre


@njit(cache=True, nogil=True, error_model="numpy")
def detect(clean, state, rest, found, fresh, dirty, row, ny, nx, photons,  # type: ignore[no-untyped-def]
            threshold, object_limit, limits):
    """Mark new cosmic-ray pixels of one row of tiles in `fresh`."""
    edge = TILE + 2 * HALO
    shape = (edge, edge)
    rows = np.empty(shape, np.float32)
    median = np.empty(shape, np.float32)
    signal = np.empty(shape, np.float32)
    smooth = np.empty(shape, np.float32)
    seeds = np.empty(shape, np.uint8)
    work = np.empty(53, np.float32)
    limit = _LAPLACIAN * threshold
    y0, y1 = row * TILE, min((row + 1) * TILE, ny)
    for tile in range(dirty.size):
        if not dirty[tile]:
            continue
        x0, x1 = tile * TILE, min((tile + 1) * TILE, nx)
        # every plane below has its origin at (y0 - h, x0 - h): h is 4 for noise and signal, 2 for what follows
        h, w = y1 - y0 + 8, x1 - x0 + 8
        _median5(clean[y0 + PAD - 6:y1 + PAD + 6, x0 + PAD - 6:x1 + PAD + 6], rows[:h + 4, :w], median[:h, :w])
        _laplacian(clean[y0 + PAD - 5:y1 + PAD + 5, x0 + PAD - 5:x1 + PAD + 5],
                   rest[y0 + PAD - 4:y1 + PAD + 4, x0 + PAD - 4:x1 + PAD + 4], median[:h, :w],
                   photons[y0 + PAD - 4:y1 + PAD + 4, x0 + PAD - 4:x1 + PAD + 4], signal[:h, :w])
        _median5(signal[:h, :w], rows[:h, :w - 4], smooth[:h - 4, :w - 4])
        any_seed = False
        for y in range(h - 4):
            for x in range(w - 4):
                smooth[y, x] = signal[y + 2, x + 2] - smooth[y, x]
                seeds[y, x] = 0
                if smooth[y, x] > limit:
                    v, u = y + y0 - 2 + PAD, x + x0 - 2 + PAD
                    if state[v, u] == 0 and not found[v, u] and not _beside_star(state, clean, v, u):
                        variance = rest[v, u] + max(median[y + 2, x + 2], np.float32(0)) * photons[v, u]
                        sigma = np.sqrt(variance)
                        if clean[v, u] - median[y + 2, x + 2] < threshold * sigma:
                            continue
                        fine, level = _fine_structure(clean, v, u, work)
                        if smooth[y, x] > object_limit * max(fine / sigma, np.float32(0.01)) and not _like_a_star(
                                clean, v, u, level, sigma, limits):
                            seeds[y, x] = 1
                            any_seed = True
        if any_seed:
            _grow(seeds, smooth, clean, state, fresh, found, rest, photons, median, y0, x0, h - 4, w - 4, limit, limits, work)


@njit(cache=True, nogil=True, error_model="numpy")
def _laplacian(image, rest, median, photons, signal):  # type: ignore[no-untyped-def]
    """Positive Laplacian on a grid of half pixels, rebinned, over twice the noise; image is 1 wider all around."""
    for y in range(signal.shape[0]):
        for x in range(signal.shape[1]):
            v = image[y + 1, x + 1]
            v = v + v
            a, b = v - image[y + 1, x], v - image[y + 1, x + 2]
            c, d = image[y, x + 1], image[y + 2, x + 1]
            zero = np.float32(0)
            total = max(a - c, zero) + max(a - d, zero) + max(b - c, zero) + max(b - d, zero)
            variance = rest[y, x] + max(median[y, x], zero) * photons[y, x]
            signal[y, x] = np.float32(0.125) * total / np.sqrt(variance)


@njit(cache=True, nogil=True, error_model="numpy")
def _beside_star(state, clean, v, u):  # type: ignore[no-untyped-def]
    """True within two pixels of a saturated pixel whose surroundings are bright too."""
    for j in range(-2, 3):
        for i in range(-2, 3):
            if state[v + j, u + i] == 2:
                bright = 0
                for q in range(-1, 2):
                    for p in range(-1, 2):
                        bright += clean[v + j + q, u + i + p] > np.float32(0.25) * clean[v + j, u + i]
                if bright >= 7:
                    return True
    return False


@njit(cache=True, nogil=True, error_model="numpy")
def _grow(seeds, significance, clean, state, fresh, found, rest, photons, median, y0, x0, h, w,  # type: ignore[no-untyped-def]
          threshold, limits, work):
    """Add neighbours above the threshold, but no stars; write the inner part to `fresh`."""
    for y in range(h):
        for x in range(w):
            if seeds[y, x] == 0 and significance[y, x] > threshold:
                near = False
                for j in range(max(0, y - 1), min(h, y + 2)):
                    for i in range(max(0, x - 1), min(w, x + 2)):
                        near = near or seeds[j, i] == 1
                if not near:
                    continue
                v, u = y + y0 - 2 + PAD, x + x0 - 2 + PAD
                sigma = np.sqrt(rest[v, u] + max(median[y + 2, x + 2], np.float32(0)) * photons[v, u])
                fine, sky = _fine_structure(clean, v, u, work)
                if significance[y, x] > np.float32(_CORE) * fine / sigma or not _like_a_star(clean, v, u, sky, np.float32(0), limits):
                    seeds[y, x] = 2
    for y in range(2, h - 2):
        for x in range(2, w - 2):
            v, u = y + y0 - 2 + PAD, x + x0 - 2 + PAD
            if seeds[y, x] > 0 and state[v, u] == 0 and not found[v, u]:
                fresh[v, u] = True


@njit(cache=True, nogil=True, error_model="numpy")
def neighbours(clean, state, rest, found, photons, places, limit, limits, more):  # type: ignore[no-untyped-def]
    """Say which of the eight pixels around each place stand `limit` sigma above the good pixels around them, and are no star.

    Sigma is the noise, or the spread of the pixels around where that is larger, as on the slope of a star. Around a pixel of a star
    there are four others or more that are not much fainter, on whatever side the hit is.
    """
    kept = np.empty(25, np.float32)
    for n in range(places.shape[0]):
        v, u = places[n, 0], places[n, 1]
        for k in range(8):
            j, i = v + AROUND[k, 0], u + AROUND[k, 1]
            inside = PAD <= j < clean.shape[0] - PAD and PAD <= i < clean.shape[1] - PAD
            if not inside or found[j, i] or state[j, i] != 0:
                continue
            if clean[j, i] - clean[v, u] < np.float32(0.5) * limit * np.sqrt(rest[j, i]):
                continue
            m = 0
            for q in range(j - 2, j + 3):
                for p in range(i - 2, i + 3):
                    if state[q, p] != 1 and not found[q, p] and (q != j or p != i):
                        value, m = clean[q, p], m + 1
                        at = m - 1
                        while at > 0 and kept[at - 1] > value:
                            kept[at] = kept[at - 1]
                            at -= 1
                        kept[at] = value
            if m < 3:
                continue
            level = kept[m // 2]
            sigma = np.sqrt(rest[j, i] + max(level, np.float32(0)) * photons[j, i])
            height = clean[j, i] - level
            spread = np.float32(0.74) * (kept[m - 1 - m // 4] - kept[m // 4])
            if height < limit * max(sigma, spread):
                continue
            bright = 0
            least = level + np.float32(_MARGIN) * sigma + limits[0] * height
            for q in range(j - 1, j + 2):
                for p in range(i - 1, i + 2):
                    bright += state[q, p] != 1 and not found[q, p] and clean[q, p] >= least and (q != j or p != i)
            more[n, k] = bright < 4
