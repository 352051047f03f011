"""Sky frames of the infrared: the running median of dithered exposures, in two passes.

The sky of a frame is the median of its neighbours in time, each brought to the frame's own level. In the first
pass stars are rejected by the median alone; the frames minus that sky show the objects, which are masked in the
second pass, so that their faint wings do not bias the sky.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import PermanentError
from awe.science.combine import Combined, combine
from awe.science.imstat import imstat
from awe.science.mask import Bit
from awe.science.objectmask import object_mask

MATCHES: Final = ("offset", "scale", "none")


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Sky:
    """The sky under one frame, (ny, nx).

    Attributes
    ----------
    data : float32
        Sky in the unit of the frames; the frame's level where no neighbour has a value (mask NO_DATA).
    variance : float32
        Variance of `data` from the scatter of the neighbours; 0 where NO_DATA, and where one value made it.
    n_used : uint16
        Number of neighbours used.
    mask : uint16
        NO_DATA bits.
    level : float
        Median level of the frame that this sky is for, objects left out.
    neighbours : tuple of int
        Which frames were used.
    """

    data: NDArray[np.float32]
    variance: NDArray[np.float32]
    n_used: NDArray[np.uint16]
    mask: NDArray[np.uint16]
    level: float
    neighbours: tuple[int, ...]


def neighbours(number: int, which: int, window: int) -> tuple[int, ...]:
    """Return the `window` frames nearest in order to `which`, itself left out (fewer where there are fewer)."""
    others = sorted((k for k in range(number) if k != which), key=lambda k: (abs(k - which), k))
    return tuple(sorted(others[:window]))


def sky_frame(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None] | None = None, window: int = 8,
              match: str = "offset", clip: float = 3.0, threshold: float = 3.0, grow: int = 4,
              which: Sequence[int] | None = None) -> list[Sky]:
    """Return the sky of each frame.

    Parameters
    ----------
    frames : sequence of (ny, nx) arrays
        In order of time, dark-subtracted and flat-fielded, dithered; NaN takes no part. Two or more.
    masks : sequence of (ny, nx) arrays or None, optional
        Pixels where it is not 0 take no part.
    window : int
        Number of neighbours in time that make a sky; 2 or more.
    match : {"offset", "scale", "none"}
        How neighbours are brought to the level of the frame: by adding (after flat-fielding), by a factor
        (before it), or not.
    clip : float
        Rejection threshold of the second pass, sigma of the sample.
    threshold, grow : float, int
        Objects are masked above `threshold` sigma and grown by `grow` pixels.
    which : sequence of int, optional
        Frames whose sky is wanted; all without it.

    Raises
    ------
    PermanentError
        Fewer than two frames, an unknown way to match, or a frame without a good pixel.
    """
    if len(frames) < 2 or window < 1:
        raise PermanentError(f"a sky of {len(frames)} frames and a window of {window} cannot be: give two or more "
                             "dithered frames and a window of at least 1")
    if match not in MATCHES:
        raise PermanentError(f"sky match {match!r} is unknown: there are {', '.join(MATCHES)}")
    hidden = list(masks) if masks is not None else [None] * len(frames)
    levels = _levels(frames, hidden)
    objects: list[NDArray[Any] | None] = []
    for k, (frame, mask) in enumerate(zip(frames, hidden, strict=True)):
        first = _sky(frames, hidden, levels, k, window, match, 0.0)
        found = object_mask(frame - first.data, mask, threshold, grow=grow)
        objects.append(found if mask is None else found | (mask != 0))
    levels = _levels(frames, objects)
    wanted = range(len(frames)) if which is None else which
    return [_wrap(_sky(frames, objects, levels, k, window, match, clip), levels[k],
                  neighbours(len(frames), k, window)) for k in wanted]


def _levels(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None]) -> list[float]:
    """Median of the good pixels of each frame."""
    levels = [imstat(frame, mask).median for frame, mask in zip(frames, masks, strict=True)]
    for number, level in enumerate(levels):
        if not np.isfinite(level):
            raise PermanentError(f"frame {number + 1} of {len(levels)} has no good pixel for a sky: leave it out")
    return levels


def _sky(frames: Sequence[NDArray[Any]], masks: Sequence[NDArray[Any] | None], levels: Sequence[float], which: int,
         window: int, match: str, clip: float) -> Combined:
    """Median of the neighbours of one frame at its level."""
    chosen = neighbours(len(frames), which, window)
    stack = [_matched(frames[k], levels[k], levels[which], match) for k in chosen]
    return combine(stack, clip=clip, masks=[masks[k] for k in chosen], method="median")


def _matched(frame: NDArray[Any], level: float, wanted: float, match: str) -> NDArray[np.float32]:
    if match == "offset":
        return (frame + (wanted - level)).astype(np.float32)
    if match == "scale" and level > 0 and wanted > 0:
        return (frame * (wanted / level)).astype(np.float32)
    return np.asarray(frame, np.float32)


def _wrap(found: Combined, level: float, chosen: tuple[int, ...]) -> Sky:
    empty = found.n_used == 0
    return Sky(np.where(empty, np.float32(level), found.data), np.nan_to_num(found.variance), found.n_used,
               np.where(empty, np.uint16(Bit.NO_DATA), np.uint16(0)).astype(np.uint16), level, chosen)
