"""Which sources of overlapping frames are one star."""
from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def associate(position: Floats, frame: Indices, reference: Indices, radius: float) -> tuple[Indices, int]:
    """Number the stars that sources of several frames belong to.

    Parameters
    ----------
    position : float64 array (n, 2)
        On one plane for all frames, in any unit; sources that are not finite belong to none.
    frame : intp array (n,)
        Which frame a source is of.
    reference : intp array (n,)
        The reference star that it was matched with, -1 for none.
    radius : float
        Sources closer than this are one star, in the unit of `position`.

    Returns
    -------
    star : intp array (n,)
        From 0; -1 where it is ambiguous (two sources of one frame, or two reference stars, in one group), or where the
        source is of no other frame and no reference star either.
    count : int
        Number of stars.
    """
    star = np.full(len(position), -1, np.intp)
    good = np.flatnonzero(np.isfinite(position).all(axis=1))
    if not len(good):
        return star, 0
    pairs = scipy.spatial.cKDTree(position[good]).query_pairs(radius, output_type="ndarray")
    pairs = pairs[frame[good[pairs[:, 0]]] != frame[good[pairs[:, 1]]]]
    links = scipy.sparse.coo_array((np.ones(len(pairs), np.int8), (pairs[:, 0], pairs[:, 1])), shape=(len(good), len(good)))
    group = scipy.sparse.csgraph.connected_components(links, directed=False)[1].astype(np.intp)
    order = np.lexsort((frame[good], group))
    g, f = group[order], frame[good][order]
    spoilt = np.zeros(int(group.max()) + 1, bool)
    spoilt[g[1:][(g[1:] == g[:-1]) & (f[1:] == f[:-1])]] = True
    known = reference[good]
    low, high = np.full(len(spoilt), np.iinfo(np.intp).max), np.full(len(spoilt), -1)
    np.minimum.at(low, group[known >= 0], known[known >= 0])
    np.maximum.at(high, group[known >= 0], known[known >= 0])
    size = np.bincount(group, minlength=len(spoilt))
    keep = ~spoilt & ((size > 1) | (high >= 0)) & ((high < 0) | (low == high))
    number = np.where(keep, np.cumsum(keep) - 1, -1)
    star[good] = number[group]
    return star, int(keep.sum())
