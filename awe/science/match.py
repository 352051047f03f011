"""Matching two lists of stars, blind to offset, rotation, scale and parity within stated bounds.

Pairs of bright stars vote. A pair of one list and a pair of the other that agree in length (within the bound on scale)
propose a similarity; proposals are counted in cells of offset, rotation and scale, as in the pattern match of SCAMP
(Bertin 2006, ASP 351, 112), and the best cells are tested with many more stars. A match is believed only where chance
would not make so many coincidences: the rate of chance coincidences is measured beside the match, on the same stars
shifted a little, so that clusters of stars do not deceive; and it pays for every hypothesis that could have been tried.
Contaminating or missing stars only dilute the vote.
"""
from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.science.kernel import njit

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
IDENTITY = ((1.0, 0.0), (0.0, 1.0))


@dataclass(frozen=True)
class Bounds:
    """How far the truth may be from what is nominal.

    Parameters
    ----------
    offset : float
        Arcseconds (units of the positions), measured at the middle of the frame.
    rotation : float
        Degrees, either way; 180 for any.
    scale : float
        Relative: 0.05 allows 5 % either way.
    parities : tuple of int
        1 as nominal, -1 mirrored.
    """

    offset: float = 300.0
    rotation: float = 180.0
    scale: float = 0.05
    parities: tuple[int, ...] = (1, -1)


DECISIVE = -20.0
"""log10 of the false matches below which no other arrangement is looked at."""
ANYWHERE = Bounds()
"""The default: 5 arcmin, any rotation, 5 % in scale, either parity."""


@dataclass(frozen=True, eq=False)
class Match:
    """What was found: reference = matrix @ source + shift.

    Parameters
    ----------
    ok : bool
        Whether it is to be believed; where not, `reason` says why and the rest is the best that was tried.
    reason : str
        One line.
    matrix, shift : float64 arrays (2, 2), (2,)
        The similarity.
    pairs : intp array (n, 2)
        Index of the source and of the reference star of each matched pair.
    log_chance : float
        log10 of the number of false matches this good that chance would give over all hypotheses.
    rotation, scale, parity, offset
        Of the similarity: degrees, relative scale, 1 or -1, and the displacement (dx, dy) of the sources' middle.
    """

    ok: bool
    reason: str
    matrix: Floats = field(default_factory=lambda: np.array(IDENTITY))
    shift: Floats = field(default_factory=lambda: np.zeros(2))
    pairs: Indices = field(default_factory=lambda: np.zeros((0, 2), np.intp))
    log_chance: float = 0.0
    rotation: float = 0.0
    scale: float = 1.0
    parity: int = 1
    offset: tuple[float, float] = (0.0, 0.0)


def match(source: Floats, brightness: Floats, reference: Floats, magnitude: Floats, *, bounds: Bounds = ANYWHERE,
          middle: tuple[float, float] | None = None, tolerance: float = 3.0, least: int = 5, chance: float = -5.0) -> Match:
    """Match a list of sources to a reference list.

    Parameters
    ----------
    source, reference : float64 arrays (n, 2), (m, 2)
        Positions on a common plane (east, north), arcseconds; pairs that are not finite are left out.
    brightness : float64 array (n,)
        Fluxes; only their order matters.
    magnitude : float64 array (m,)
        Magnitudes in any band; only their order matters, NaN is last.
    bounds : Bounds
        Of the search.
    middle : (float, float), optional
        Where the offset is measured, about which a mirrored field is mirrored: the middle of the frame. Without it the
        median of the sources.
    tolerance : float
        Largest distance of a matched pair after a similarity (distortion included), arcseconds.
    least : int
        Fewer pairs are never believed.
    chance : float
        log10 of the false matches that are accepted; above it the match is refused.

    Returns
    -------
    Match
        Narrow bounds and few bright stars are tried first, then wider and more.
    """
    si, ri = _usable(source, -np.asarray(brightness, np.float64)), _usable(reference, np.asarray(magnitude, np.float64))
    if len(si) < least or len(ri) < least:
        return Match(False, f"too few stars to match: {len(si)} sources and {len(ri)} reference stars, {least} are due")
    src, ref = source[si], reference[ri]
    centre = np.median(src, axis=0) if middle is None else np.asarray(middle, np.float64)
    near = np.hypot(*(ref - centre).T) <= np.hypot(*(src - centre).T).max() * (1 + bounds.scale) + bounds.offset + tolerance
    if np.count_nonzero(near) < least:
        return Match(False, f"only {np.count_nonzero(near)} reference stars within {bounds.offset:.0f} arcsec of the field")
    ri, ref = ri[near], ref[near]
    best = _as_pointed(src - centre, ref - centre, bounds, tolerance, least)
    for stage, count in _stages(bounds) if best.log_chance > chance - 3.0 else ():
        for spread in (False, True):
            found = _attempt(src - centre, ref - centre, stage, count, spread, tolerance, least)
            if found.log_chance < best.log_chance:
                best = found
            if best.log_chance < chance - 3.0 and len(best.pairs) >= least:
                break
        if best.log_chance < chance - 3.0 and len(best.pairs) >= least:
            break
    return _judged(best, centre, si, ri, least, chance)


def _judged(best: Match, middle: Floats, si: Indices, ri: Indices, least: int, chance: float) -> Match:
    """Return the best attempt in the coordinates and indices of the caller, with the verdict."""
    ok = len(best.pairs) >= least and best.log_chance < chance
    reason = (f"{len(best.pairs)} pairs, false-alarm exponent {best.log_chance:.1f}" if ok else
              f"no match: the best arrangement has {len(best.pairs)} pairs and a false-alarm exponent of "
              f"{best.log_chance:.1f}, {least} pairs and {chance:.0f} are due; a wrong pointing, scale or catalogue?")
    pairs = np.column_stack([si[best.pairs[:, 0]], ri[best.pairs[:, 1]]])
    return Match(ok, reason, best.matrix, best.shift + middle - best.matrix @ middle, pairs, best.log_chance, best.rotation,
                 best.scale, best.parity, (float(best.shift[0]), float(best.shift[1])))


def _usable(positions: Floats, key: Floats) -> Indices:
    """Return the indices of finite positions, brightest first; ties keep their order."""
    index = np.flatnonzero(np.isfinite(positions).all(axis=1))
    return index[np.argsort(np.where(np.isfinite(key[index]), key[index], np.inf), kind="stable")]


def _stages(bounds: Bounds) -> list[tuple[Bounds, int]]:
    """Return bounds and numbers of stars to try, the likely and cheap first."""
    narrow = Bounds(min(bounds.offset, 90.0), min(bounds.rotation, 5.0), min(bounds.scale, 0.03), bounds.parities)
    stages = [(narrow, 20), (narrow, 40), (narrow, 100)]
    if narrow != bounds:
        stages += [(bounds, 30), (bounds, 60)]
    return stages


def _as_pointed(src: Floats, ref: Floats, bounds: Bounds, tolerance: float, least: int, count: int = 150) -> Match:
    """Try what is most likely and cheapest first: no rotation, the nominal scale and parity, an offset within the bounds."""
    size = float(np.hypot(*src.T).max())
    tree = scipy.spatial.cKDTree(ref)
    anchors = ref[:int(1.5 * count * min(((size + bounds.offset) / max(size, 1e-9)) ** 2, 5.0))]
    best = Match(False, "no arrangement of stars in common was found")
    for dx, dy in offsets(src[:count], anchors, min(bounds.offset, 300.0 * tolerance), tolerance):
        found = _verify(src[:1000], ref, tree, np.array([0.0, 0.0, dx, dy]), 1, bounds, tolerance, size)
        if len(found.pairs) >= least and found.log_chance < best.log_chance:
            best = found
        if best.log_chance < DECISIVE:
            break
    return best


def offsets(src: Floats, ref: Floats, largest: float, tolerance: float, proposals: int = 3) -> Floats:
    """Return the most popular differences (n, 2) between reference stars and sources, within `largest` along each axis."""
    difference = (ref[None, :, :] - src[:, None, :]).reshape(-1, 2)
    difference = difference[(np.abs(difference) < largest).all(axis=1)]
    side = max(int(2.0 * largest / tolerance), 1)
    cell = np.minimum(((difference + largest) * (side / (2.0 * largest))).astype(np.int64), side - 1)
    votes = np.bincount(cell[:, 0] * side + cell[:, 1], minlength=side * side).reshape(side, side)
    votes = np.pad(votes, ((0, 1), (0, 1)))
    votes = votes[:-1, :-1] + votes[1:, :-1] + votes[:-1, 1:] + votes[1:, 1:]
    most = np.flatnonzero(votes >= max(int(votes.max()) - 2, 1))
    best = most[np.argsort(-votes.ravel()[most], kind="stable")[:proposals]]
    return np.column_stack(np.unravel_index(best, votes.shape)).astype(np.float64) * (2.0 * largest / side) + tolerance - largest


def _attempt(src: Floats, ref: Floats, bounds: Bounds, count: int, spread: bool, tolerance: float, least: int) -> Match:
    """Vote with `count` bright sources and as deep a reference list over its larger area; test the best cells."""
    size = float(np.hypot(*src.T).max())
    chosen = _bright(src, count, size, spread)
    inside = np.flatnonzero(np.hypot(*ref.T) <= size * (1 + bounds.scale) + bounds.offset)
    factor = min(((size + bounds.offset) / max(size, 1e-9)) ** 2, 5.0)
    anchors = inside[_bright(ref[inside], int(1.5 * count * factor), size, spread)]
    trees = scipy.spatial.cKDTree(ref)
    # sources in excess of what the reference list can hold only add chance coincidences
    test = src[:max(4 * count, min(len(src), 2 * len(ref), 1000))]
    best = Match(False, "")
    for parity in bounds.parities:
        mirrored = src[chosen] * np.array([parity, 1.0])
        for proposal in _vote(mirrored, ref[anchors], bounds, tolerance, size):
            found = _verify(test, ref, trees, proposal, parity, bounds, tolerance, size)
            if len(found.pairs) >= least and found.log_chance < best.log_chance:
                best = found
            if best.log_chance < DECISIVE:
                return best
    return best


def _bright(positions: Floats, count: int, size: float, spread: bool) -> Indices:
    """Return the first `count` positions (they come brightest first), or the first of each cell of the field in turn."""
    if not spread or len(positions) <= count:
        return np.arange(min(count, len(positions)))
    cell = np.floor(positions / (size / 2.5)).astype(np.int64)
    _, group = np.unique(cell, axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(group, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(group[order])) + 1]
    rank = np.empty(len(positions), np.int64)
    rank[order] = np.arange(len(positions)) - np.repeat(starts, np.diff(np.r_[starts, len(positions)]))
    return np.sort(np.argsort(rank, kind="stable")[:count])


def _vote(src: Floats, ref: Floats, bounds: Bounds, tolerance: float, size: float, proposals: int = 24) -> Floats:
    """Return the most popular (rotation rad, log scale, dx, dy), best first."""
    i, j = np.triu_indices(len(ref), 1)
    length = np.hypot(*(ref[j] - ref[i]).T)
    shortest = max(0.12 * size, 4.0 * tolerance)
    keep = (length > shortest * (1 - bounds.scale)) & (length < 2.0 * size * (1 + bounds.scale) + tolerance)
    i, j, length = i[keep], j[keep], length[keep]
    order = np.argsort(length, kind="stable")
    i, j = i[order], j[order]
    angle = np.arctan2(ref[j, 1] - ref[i, 1], ref[j, 0] - ref[i, 0])
    cells = np.array([2.0 * tolerance, tolerance / (0.35 * size), tolerance / (0.35 * size)])
    votes = _proposals(np.ascontiguousarray(src), np.ascontiguousarray(ref), i, j, length[order], angle, shortest,
                       math.radians(bounds.rotation), math.log1p(bounds.scale), bounds.offset, tolerance, 1_500_000)
    if not len(votes):
        return np.zeros((0, 4))
    grid = np.floor(votes / np.array([cells[1], cells[2], cells[0], cells[0]])).astype(np.int64)
    grid -= grid.min(axis=0)
    extent = grid.max(axis=0) + 1
    key = ((grid[:, 0] * extent[1] + grid[:, 1]) * extent[2] + grid[:, 2]) * extent[3] + grid[:, 3]
    order = np.argsort(key, kind="stable")
    starts = np.r_[0, np.flatnonzero(np.diff(key[order])) + 1]
    counts = np.diff(np.r_[starts, len(key)])
    top = np.argsort(-counts, kind="stable")[:proposals]
    return np.array([np.median(votes[order[starts[t]:starts[t] + counts[t]]], axis=0) for t in top])


@njit(cache=True)
def _proposals(src: Any, ref: Any, first: Any, second: Any, length: Any, angles: Any, shortest: float, rotation: float, scale: float,
               offset: float, slack: float, most: int) -> Any:
    """Return the similarity of every pair of pairs within bounds: rotation, log scale, displacement of the origin."""
    out, n = np.empty((most, 4)), 0
    for a in range(len(src)):
        for b in range(a + 1, len(src)):
            dx, dy = src[b, 0] - src[a, 0], src[b, 1] - src[a, 1]
            here = math.hypot(dx, dy)
            if here < shortest:
                continue
            lower, upper = here * math.exp(-scale) - 2.0 * slack, here * math.exp(scale) + 2.0 * slack
            angle = math.atan2(dy, dx)
            for k in range(np.searchsorted(length, lower), np.searchsorted(length, upper)):
                forward = angles[k] - angle
                for turn in range(2):
                    theta = forward + turn * math.pi
                    theta -= 2.0 * math.pi * math.floor((theta + math.pi) / (2.0 * math.pi))
                    if abs(theta) > rotation + 2.0 * slack / here:
                        continue
                    star = first[k] if turn == 0 else second[k]
                    ratio = length[k] / here
                    c, s = ratio * math.cos(theta), ratio * math.sin(theta)
                    tx = ref[star, 0] - (c * src[a, 0] - s * src[a, 1])
                    ty = ref[star, 1] - (s * src[a, 0] + c * src[a, 1])
                    if math.hypot(tx, ty) > offset + slack or n >= most:
                        continue
                    out[n, 0], out[n, 1], out[n, 2], out[n, 3] = theta, math.log(ratio), tx, ty
                    n += 1
    return out[:n]


def _verify(src: Floats, ref: Floats, tree: Any, proposal: Floats, parity: int, bounds: Bounds, tolerance: float,
            size: float) -> Match:
    """Refine one proposal with all stars, measure how many coincidences chance gives, and judge it."""
    theta, log_scale, dx, dy = proposal
    c, s = math.exp(log_scale) * math.cos(theta), math.exp(log_scale) * math.sin(theta)
    matrix, shift = np.array([[parity * c, -s], [parity * s, c]]), np.array([dx, dy])
    pairs = np.zeros((0, 2), np.intp)
    density = len(ref) / (math.pi * (size + bounds.offset) ** 2)
    for part, radius in ((150, 2.0), (400, 1.5), (len(src), 1.0), (len(src), 1.0)):
        pairs = mutual_pairs(src[:part] @ matrix.T + shift, ref, radius * tolerance, tree)
        if len(pairs) < 3 or log10_poisson_tail(len(pairs), min(part, len(src)) * density * math.pi * (radius * tolerance) ** 2) > -1.0:
            return Match(False, "")
        matrix, shift = similarity(src[pairs[:, 0]], ref[pairs[:, 1]], parity)
    expected = max(_inside(src @ matrix.T + shift, tree, size), 1) * density * math.pi * tolerance ** 2
    trials = _trials(bounds, tolerance, size)
    moved = src @ matrix.T + shift
    pairs = mutual_pairs(moved, ref, tolerance, tree)
    if len(pairs) < 3 or trials + log10_poisson_tail(len(pairs), max(expected, 0.5 / 12.0)) > -1.0:
        return Match(False, "")
    angles = np.arange(12) * (2.0 * np.pi / 12.0)
    some = moved[:400]
    beside = [len(mutual_pairs(some + r * tolerance * np.array([math.cos(t), math.sin(t)]), ref, tolerance, tree))
              for t, r in zip(angles, (4.0, 6.0, 9.0) * 4, strict=True)]
    chance = max((sum(beside) + 0.5) / len(beside) * len(moved) / len(some), expected)
    log_chance = trials + log10_poisson_tail(len(pairs), chance)
    rotation = math.degrees(math.atan2(matrix[1, 1], matrix[0, 1]) - math.pi / 2.0)
    rotation = (rotation + 180.0) % 360.0 - 180.0
    scale = math.sqrt(abs(float(np.linalg.det(matrix))))
    if abs(rotation) > bounds.rotation + 1.0 or abs(math.log(scale)) > math.log1p(bounds.scale) + 0.01:
        return Match(False, "")
    return Match(False, "", matrix, shift, pairs, log_chance, rotation, scale, parity, (float(shift[0]), float(shift[1])))


def _inside(moved: Floats, tree: Any, size: float) -> int:
    """Return how many sources lie anywhere near reference stars."""
    return int(np.count_nonzero(tree.query(moved, distance_upper_bound=size)[0] < np.inf))


def _trials(bounds: Bounds, tolerance: float, size: float) -> float:
    """Return log10 of the number of independent hypotheses within the bounds."""
    turn = tolerance / max(size, tolerance)
    return math.log10(len(bounds.parities) * max((bounds.offset / tolerance) ** 2, 1.0)
                      * max(math.radians(2.0 * bounds.rotation) / turn, 1.0) * max(2.0 * bounds.scale / turn, 1.0))


def log10_poisson_tail(count: int, mean: float) -> float:
    """Return log10 of the chance of at least `count` where `mean` is expected."""
    tail = float(scipy.special.gammainc(count, mean)) if count else 1.0
    if tail > 1e-280:
        return math.log10(tail)
    return (count * math.log(mean) - mean - float(scipy.special.gammaln(count + 1))) / math.log(10.0)


def mutual_pairs(a: Floats, b: Floats, radius: float, tree: Any = None) -> Indices:
    """Return (index in a, index in b) of stars that are each other's nearest within `radius`; order of a.

    Parameters
    ----------
    a, b : float64 arrays (n, 2), (m, 2)
        Positions; NaN in `a` matches nothing.
    radius : float
        Largest distance.
    tree : cKDTree, optional
        Of `b`, where it is at hand.
    """
    if not len(a) or not len(b):
        return np.zeros((0, 2), np.intp)
    good = np.flatnonzero(np.isfinite(a).all(axis=1))
    if tree is None:
        tree = scipy.spatial.cKDTree(b)
    distance, nearest = tree.query(a[good], distance_upper_bound=radius)
    hit = np.isfinite(distance)
    good, nearest, distance = good[hit], nearest[hit], distance[hit]
    order = np.lexsort((good, distance))
    first = np.unique(nearest[order], return_index=True)[1]
    keep = np.sort(order[first])
    return np.column_stack([good[keep], nearest[keep]]).astype(np.intp)


def similarity(a: Floats, b: Floats, parity: int = 1) -> tuple[Floats, Floats]:
    """Return (matrix, shift) of the similarity of given parity that carries `a` to `b` best, least squares.

    One pass of rejection beyond 3 sigma (of the median distance) is made where five pairs or more are given.
    """
    for step in range(2):
        flip = np.array([parity, 1.0])
        ca, cb = (a * flip).mean(axis=0), b.mean(axis=0)
        p, q = a * flip - ca, b - cb
        norm = max(float(np.sum(p * p)), 1e-30)
        c, s = float(np.sum(p * q)) / norm, float(np.sum(p[:, 0] * q[:, 1] - p[:, 1] * q[:, 0])) / norm
        matrix = np.array([[c, -s], [s, c]]) * flip
        shift = cb - np.array([[c, -s], [s, c]]) @ ca
        if step or len(a) < 5:
            break
        distance = np.hypot(*(a @ matrix.T + shift - b).T)
        keep = distance <= 3.0 * np.median(distance) + 1e-12
        a, b = a[keep], b[keep]
    return matrix, shift
