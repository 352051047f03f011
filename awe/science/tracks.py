"""Tracks of satellites and aircraft: straight lines across a frame, found by a sparse Hough transform.

The frame is averaged in small squares and freed of its background; the squares that stand out vote for all lines through them
(P. V. C. Hough, 1962, US patent 3069654; R. O. Duda and P. E. Hart, 1972, Communications of the ACM 15, 11). A line with many more votes
than its neighbours is then looked at in full resolution: medians along it, which stars do not change, tell its course, its width and where
it begins and ends.
"""
from __future__ import annotations

import dataclasses
import math
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.errors import FitsError
from awe.science.bands import run
from awe.science.imstat import MAD_TO_SIGMA
from awe.science.kernel import njit
from awe.science.lowpass import lowpass
from awe.science.mask import Bit

BIN: Final = 4
"""Side of the squares, pixels."""

SEGMENT: Final = 64
"""Length over which medians along a line are taken, pixels."""

_BAND: Final = 64

REACH: Final = 40
"""Half width of the strip around a line that is looked at, pixels."""

VOTERS: Final = 0.1
"""At most so large a part of the squares votes, so that a crowded field does not take long."""

FAILURES: Final = 5
"""After so many lines along which no track is seen the search ends."""

FAINT: Final = 15.0
"""Errors of its height in a segment below which a track has to be as bright all along."""

LONG: Final = 12
"""Squares along an axis that stars and galaxies do not reach."""

SURE: Final = 5.0
"""By how many sigma of what varies beside it a track rises, in medians along its whole length."""

RUNNING: Final = np.full(5, 0.2)
"""Means of so many neighbours across a track are compared."""

AXIS: Final = 0.3
"""Degrees from the axes of the chip within which lines are rows and columns of the detector rather than tracks."""


@dataclasses.dataclass(frozen=True, slots=True)
class Track:
    """One track from (x0, y0) to (x1, y1), 0-based, and its width, pixels; `height` is its median above the sky in the frame's unit."""

    x0: float
    y0: float
    x1: float
    y1: float
    width: float
    height: float


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The tracks of a frame, and a (ny, nx) uint16 plane with the SATELLITE bit."""

    tracks: tuple[Track, ...]
    mask: NDArray[np.uint16]


def tracks(data: NDArray[Any], mask: NDArray[Any] | None = None, point_threshold: float = 2.0, line_threshold: float = 8.0,
           shortest: float = 0.3, most: int = 10) -> Tracks:
    """Find the tracks of a frame.

    Parameters
    ----------
    data : (ny, nx) array
        Reduced frame; NaN takes no part.
    mask : (ny, nx) array, optional
        Pixels where it is not 0 take no part; they are masked as part of a track all the same.
    point_threshold : float
        Sigma above the background at which a square of 4 x 4 pixels votes.
    line_threshold : float
        By how many of its Poisson errors the votes of a line exceed what lines beside it have.
    shortest : float
        Shortest track, as a part of the shorter side of the frame.
    most : int
        At most so many.

    Raises
    ------
    FitsError
        Not an image, or a mask of another shape.
    """
    if data.ndim != 2 or (mask is not None and mask.shape != data.shape):
        raise FitsError(f"tracks need an image and a mask of its shape, not shape {data.shape}")
    plane = np.zeros(data.shape, np.uint16)
    if min(data.shape) < 16 * BIN:
        return Tracks((), plane)
    clean, points, noise = _points(data, mask, point_threshold)
    found: list[Track] = []
    angles = _angles(data.shape)
    failures = 0
    while failures < FAILURES:
        line = _best_line(points, angles, data.shape, line_threshold) if len(points) else None
        if line is None or len(found) == most:
            break
        track = _follow(clean, noise, *line, shortest * min(data.shape))
        if track is None:
            points = points[_distance(points, *line) > 2.0 * BIN]
            failures += 1
            continue
        found.append(track)
        _paint(plane, track)
        clean[plane != 0] = np.nan
        points = points[_distance(points, *line) > max(2.0 * BIN, track.width)]
    return Tracks(tuple(found), plane)


def _points(data: NDArray[Any], mask: NDArray[Any] | None, threshold: float) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
    """The frame less its background, NaN where masked; x and y of the squares that stand out; and the noise of a pixel."""
    ny, nx = data.shape[0] // BIN, data.shape[1] // BIN
    small, clean = np.empty((ny, nx), np.float32), np.array(data, np.float32)
    if mask is not None:
        clean[mask != 0] = np.nan
    run(lambda y0, y1: _average(clean[y0 * BIN:y1 * BIN], small[y0:y1]), ny, 64)
    sky = lowpass(small, 32.0)
    small -= sky
    run(lambda y0, y1: _lower(clean[y0 * BIN:y1 * BIN], sky[y0:y1]), ny, 64)
    clean[ny * BIN:], clean[:, nx * BIN:] = np.nan, np.nan
    known = small[np.isfinite(small)]
    sigma = MAD_TO_SIGMA * float(np.median(np.abs(known))) if known.size else 0.0
    small[_compact(small > 2.0 * threshold * sigma)] = np.nan
    known = small[np.isfinite(small)]
    limit = max(threshold * sigma, float(np.quantile(known, 1.0 - VOTERS))) if sigma > 0 and known.size else np.inf
    y, x = np.nonzero(small > limit)
    drawn = clean[::7, ::7]
    drawn = drawn[np.isfinite(drawn)]
    noise = MAD_TO_SIGMA * float(np.median(np.abs(drawn - np.median(drawn)))) if drawn.size else 0.0
    return clean, np.asarray(np.stack([x, y], axis=1) * BIN + (BIN - 1) / 2.0, np.float64), noise


def _compact(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The bright squares that belong to no long object, with those around them: stars and galaxies."""
    groups, number = scipy.ndimage.label(bright, np.ones((3, 3)))
    short = np.zeros(number + 1, np.bool_)
    for group, place in enumerate(scipy.ndimage.find_objects(groups), start=1):
        short[group] = max(side.stop - side.start for side in place) < LONG
    return np.asarray(scipy.ndimage.binary_dilation(short[groups], np.ones((3, 3))))


def _angles(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Directions of the normals of lines, radians: so fine that a line across the frame moves by one square."""
    number = int(np.ceil(np.pi * math.hypot(*shape) / BIN / 2.0))
    degrees = np.arange(number) * 180.0 / number
    return np.radians(degrees[np.minimum(degrees % 90.0, 90.0 - degrees % 90.0) > AXIS])


def _best_line(points: NDArray[np.float64], angles: NDArray[np.float64], shape: tuple[int, ...], threshold: float,
               ) -> tuple[float, float] | None:
    """Angle and distance of the line with the most significant excess of votes, None where none has enough."""
    size = int(np.ceil(math.hypot(*shape) / BIN)) * 2 + 3
    votes = np.zeros((len(angles), size), np.int32)
    run(lambda a0, a1: _vote(points, angles[a0:a1], votes[a0:a1]), len(angles), 64)
    smooth = votes[:, :-1] + votes[:, 1:]
    around = scipy.ndimage.uniform_filter1d(smooth.astype(np.float32), 41, axis=1, mode="constant")
    excess = (smooth - around) / np.sqrt(np.maximum(around, 4.0))
    a, r = np.unravel_index(int(np.argmax(excess)), excess.shape)
    if excess[a, r] < threshold:
        return None
    return float(angles[a]), float((r + 1 - size // 2) * BIN)


def _distance(points: NDArray[np.float64], angle: float, distance: float) -> NDArray[np.float64]:
    return np.asarray(np.abs(points @ (np.cos(angle), np.sin(angle)) - distance))


def _follow(clean: NDArray[np.float32], noise: float, angle: float, distance: float, shortest: float) -> Track | None:
    """Look at a line in full resolution; None where there is no track along it."""
    for _ in range(3):
        strip, along = _strip(clean, angle, distance)
        if strip is None:
            return None
        profiles = _profiles(strip)
        middle, slope, used = _course(profiles, noise)
        if used < 3:
            return None
        angle, distance = _turned(angle, distance + middle, float(along.mean()), slope)
        if abs(slope) * len(along) < 0.5 and abs(middle) < 0.3:
            break
    strip, along = _strip(clean, angle, distance)
    track = None if strip is None else _measured(strip, along, noise, angle, distance, shortest)
    return track if track and _stands_out(clean, noise, angle, distance, track) else None


def _turned(angle: float, distance: float, place: float, slope: float) -> tuple[float, float]:
    """A line turned about its point at `place` so that it rises by `slope` across for each pixel along."""
    x, y = distance * np.cos(angle) - place * np.sin(angle), distance * np.sin(angle) + place * np.cos(angle)
    new = angle - np.arctan(slope)
    return float(new), float(x * np.cos(new) + y * np.sin(new))


def _strip(clean: NDArray[np.float32], angle: float, distance: float) -> tuple[NDArray[np.float32] | None, NDArray[np.float64]]:
    """The pixels beside a line, (along, across), NaN outside the frame; and the positions along it."""
    ny, nx = clean.shape
    cos, sin = np.cos(angle), np.sin(angle)
    reach = np.hypot(ny, nx)
    along = np.arange(-reach, reach)
    x, y = distance * cos - along * sin, distance * sin + along * cos
    inside = (x >= 0) & (x < nx) & (y >= 0) & (y < ny)
    if inside.sum() < 3 * SEGMENT:
        return None, along
    along, x, y = along[inside], x[inside], y[inside]
    across = np.arange(-REACH, REACH + 1)
    column = np.rint(x[:, None] + across * cos).astype(np.int64)
    row = np.rint(y[:, None] + across * sin).astype(np.int64)
    good = (column >= 0) & (column < nx) & (row >= 0) & (row < ny)
    strip = np.where(good, clean[np.clip(row, 0, ny - 1), np.clip(column, 0, nx - 1)], np.float32(np.nan))
    return strip, along


def _profiles(strip: NDArray[np.float32]) -> NDArray[np.float32]:
    """Medians along the line, segment by segment, less that of the outer parts of the strip."""
    number = max(1, len(strip) // SEGMENT)
    parts = np.array_split(strip, number)
    with np.errstate(all="ignore"):
        found = np.stack([_medians(part) for part in parts])
    outer = np.concatenate([found[:, :REACH // 3], found[:, -REACH // 3:]], axis=1)
    return found - _medians(outer.T)[:, None]


def _medians(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of each column; 0 where there is nothing."""
    result = np.zeros(values.shape[1], np.float32)
    _column_medians(np.ascontiguousarray(values.T), result)
    return result


def _course(profiles: NDArray[np.float32], noise: float) -> tuple[float, float, int]:
    """Offset of the track from the middle of the strip, its slope per pixel along it, and in how many segments it is seen."""
    inner = np.maximum(profiles[:, REACH // 2:-(REACH // 2)], 0.0)
    across = np.arange(inner.shape[1]) - inner.shape[1] // 2
    total = inner.sum(axis=1)
    error = noise * 1.25 / SEGMENT**0.5
    seen = profiles[:, REACH // 2:-(REACH // 2)].max(axis=1) > 4.0 * error
    if seen.sum() < 3:
        return 0.0, 0.0, 0
    weighted = np.where(inner > 0.3 * inner.max(axis=1, keepdims=True), inner, 0.0)
    centre = (weighted * across).sum(axis=1) / np.maximum(weighted.sum(axis=1), 1e-30)
    place = (np.arange(len(profiles)) - (len(profiles) - 1) / 2.0) * SEGMENT
    weight = np.minimum(total, np.median(total[seen]))
    kept = seen.copy()
    for _ in range(4):
        slope, middle = _line(place[kept], centre[kept], np.maximum(weight[kept], 1e-30))
        rest = np.abs(centre - middle - slope * place)
        near = seen & (rest <= max(2.0, 3.0 * float(np.median(rest[kept]))))
        if near.sum() < 3 or np.array_equal(near, kept):
            break
        kept = near
    return float(middle), float(slope), int(kept.sum())


def _line(x: NDArray[np.float64], y: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, float]:
    """Slope and height at 0 of the line of least squares, by sums, whose bits do not depend on a library of linear algebra."""
    x0, y0 = float((weight * x).sum() / weight.sum()), float((weight * y).sum() / weight.sum())
    slope = float((weight * (x - x0) * (y - y0)).sum() / (weight * (x - x0) ** 2).sum())
    return slope, y0 - slope * x0


def _measured(strip: NDArray[np.float32], along: NDArray[np.float64], noise: float, angle: float, distance: float,
              shortest: float) -> Track | None:
    """Width, height and ends of a track whose course is known."""
    if min(abs(np.degrees(angle)) % 90.0, 90.0 - abs(np.degrees(angle)) % 90.0) < AXIS:
        return None
    profiles = _profiles(strip)
    error = noise * 1.25 / SEGMENT**0.5
    core = profiles[:, REACH - 2:REACH + 3].mean(axis=1)
    seen = _longest(np.flatnonzero(core > 3.0 * error / 5**0.5))
    if len(seen) < 3 or (seen[-1] - seen[0] + 1) * SEGMENT < shortest or len(seen) < 0.9 * (seen[-1] - seen[0] + 1):
        return None
    if not _is_even(core[seen], error / 5**0.5):
        return None
    stacked = np.median(profiles[seen], axis=0)
    limit = max(3.0 * error / len(seen) ** 0.5, 0.02 * float(stacked.max()))
    left = right = REACH
    while left > 0 and stacked[left - 1] > limit:
        left -= 1
    while right < 2 * REACH and stacked[right + 1] > limit:
        right += 1
    if right - left > 1.25 * REACH:
        return None
    length = len(strip) / len(profiles)
    first = 0 if seen[0] <= 1 else int(seen[0] * length - SEGMENT / 2)
    last = len(along) - 1 if seen[-1] >= len(profiles) - 2 else min(len(along) - 1, int((seen[-1] + 1.5) * length))
    cos, sin = np.cos(angle), np.sin(angle)
    middle = distance + (left + right) / 2.0 - REACH
    ends = [(middle * cos - along[at] * sin, middle * sin + along[at] * cos) for at in (first, last)]
    return Track(*ends[0], *ends[1], float(right - left + 3), float(stacked[REACH]))


def _is_even(heights: NDArray[np.float32], error: float) -> bool:
    """Whether a faint track is about as bright all along, as a row of galaxies and of the wings of stars is not; bright ones may flash."""
    median = float(np.median(heights))
    scatter = MAD_TO_SIGMA * float(np.median(np.abs(heights - median)))
    return median > FAINT * error or scatter <= max(0.3 * median, 2.0 * error)


def _stands_out(clean: NDArray[np.float32], noise: float, angle: float, distance: float, track: Track) -> bool:
    """Whether a track rises above all that varies beside it: rows of a detector that drift together, of which no noise of pixels tells."""
    ends = sorted(y * np.cos(angle) - x * np.sin(angle) for x, y in ((track.x0, track.y0), (track.x1, track.y1)))
    beside, peak = [], 0.0
    for away in (0, -4, -2, 2, 4):
        strip, along = _strip(clean, angle, distance + away * REACH)
        part = None if strip is None else strip[(along >= ends[0]) & (along <= ends[1])]
        if part is None or len(part) < 2 * SEGMENT:
            continue
        level = np.convolve(np.median(_profiles(part), axis=0), RUNNING, "valid")
        known = np.convolve(np.isfinite(part).mean(axis=0) > 0.5, RUNNING, "valid") > 0.9
        across = np.abs(np.arange(len(level)) - len(level) // 2)
        if away == 0:
            peak = float(level[across < track.width / 2.0].max())
            known &= across > track.width / 2.0 + 3
        beside.append(level[known])
    if not beside or sum(map(len, beside)) < REACH // 2:
        return False
    error = noise * 1.25 / (5.0 * (ends[1] - ends[0])) ** 0.5
    scatters = [MAD_TO_SIGMA * float(np.median(np.abs(one - np.median(one)))) for one in (beside[0], np.concatenate(beside)) if len(one)]
    return bool(peak - float(np.median(np.concatenate(beside))) > SURE * max(error, *scatters))


def _longest(segments: NDArray[np.intp]) -> NDArray[np.intp]:
    """The longest run of segments in which no two in a row are missing."""
    runs = np.split(segments, np.flatnonzero(np.diff(segments) > 2) + 1)
    return max(runs, key=lambda one: one[-1] - one[0] if len(one) else -1)


def _paint(plane: NDArray[np.uint16], track: Track) -> None:
    """Set the bit along a track."""
    length = float(np.hypot(track.x1 - track.x0, track.y1 - track.y0))
    ux, uy = (track.x1 - track.x0) / length, (track.y1 - track.y0) / length
    half = track.width / 2.0

    low, high = min(track.y0, track.y1) - half - 1, max(track.y0, track.y1) + half + 1
    for y0 in range(max(0, int(low)), min(plane.shape[0], int(high) + 1), _BAND):
        y1 = min(y0 + _BAND, plane.shape[0])
        reach = np.clip([(edge - track.y0) / uy if uy else side for edge, side in ((y0 - half, 0.0), (y1 + half, length))], 0.0, length)
        ends = track.x0 + reach * ux
        x0, x1 = (int(np.clip(edge, 0, plane.shape[1])) for edge in (ends.min() - track.width - 1, ends.max() + track.width + 2))
        y, x = np.mgrid[y0:y1, x0:x1]
        across = np.abs((x - track.x0) * uy - (y - track.y0) * ux)
        place = (x - track.x0) * ux + (y - track.y0) * uy
        plane[y0:y1, x0:x1][(across <= half) & (place >= -half) & (place <= length + half)] |= np.uint16(Bit.SATELLITE)


@njit(cache=True, nogil=True, error_model="numpy")
def _average(data, result):  # type: ignore[no-untyped-def]
    """Mean of the usable pixels of each square; NaN where fewer than half are."""
    for y in range(result.shape[0]):
        for x in range(result.shape[1]):
            total, number = np.float32(0), 0
            for j in range(y * BIN, y * BIN + BIN):
                for i in range(x * BIN, x * BIN + BIN):
                    if np.isfinite(data[j, i]):
                        total += data[j, i]
                        number += 1
            result[y, x] = total / number if 2 * number >= BIN * BIN else np.nan


@njit(cache=True, nogil=True, error_model="numpy")
def _lower(data, sky):  # type: ignore[no-untyped-def]
    """Subtract the level of each square."""
    for y in range(data.shape[0]):
        for x in range(sky.shape[1] * BIN):
            data[y, x] -= sky[y // BIN, x // BIN]


@njit(cache=True, nogil=True, error_model="numpy")
def _vote(points, angles, votes):  # type: ignore[no-untyped-def]
    """Count the points on each line; distances are rounded to squares, 0 in the middle of the axis."""
    middle = votes.shape[1] // 2
    for a in range(angles.size):
        cos, sin = np.cos(angles[a]) / BIN, np.sin(angles[a]) / BIN
        for n in range(points.shape[0]):
            votes[a, int(np.floor(points[n, 0] * cos + points[n, 1] * sin)) + middle] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def _column_medians(lines, result):  # type: ignore[no-untyped-def]
    kept = np.empty(lines.shape[1], np.float32)
    for k in range(lines.shape[0]):
        m = 0
        for n in range(lines.shape[1]):
            if np.isfinite(lines[k, n]):
                kept[m] = lines[k, n]
                m += 1
        if m > 0:
            result[k] = np.median(kept[:m])
