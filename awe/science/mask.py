"""The bits of a mask plane: why a pixel is not to be trusted.

A mask plane is a uint16 array of the shape of its image; 0 means good. The bits are defined here, once.
"""
from __future__ import annotations

import enum
import operator
from typing import Final, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Bit(enum.IntFlag):
    """One reason to distrust a pixel; reasons add up.

    The numbers are part of the stored format: a bit is never given another meaning, new ones are added.
    """

    BAD = 1
    """Bad in a static mask, in the header, or without a usable value."""
    HOT = 2
    """More charge than its neighbours without light (hot-pixel map)."""
    COLD = 4
    """Response to light outside the limits, too low or too high (cold-pixel map)."""
    SATURATED = 8
    """At or above the saturation level in the raw frame."""
    COSMIC = 16
    """Hit by a cosmic ray."""
    SATELLITE = 32
    """In the track of a satellite or an aircraft."""
    NO_DATA = 64
    """No detector pixel here: a gap, a dead amplifier, outside the chip, NaN in the raw frame."""
    CROSSTALK = 128
    """Corrected for, or polluted by, a signal in another amplifier."""
    NOISY = 256
    """Scatters more than the noise of its amplifier explains."""
    EXTRAPOLATED = 512
    """A value was reached outside the range where the correction was measured."""
    BLEEDING = 1024
    """Charge of saturated pixels ran here along the read-out direction."""
    GHOST = 2048
    """In the ghost of a bright star, by the model of the instrument file."""


DESCRIPTIONS: Final[dict[Bit, str]] = {
    Bit.BAD: "bad in a static mask or without a usable value",
    Bit.HOT: "hot: charge without light",
    Bit.COLD: "response to light outside the limits",
    Bit.SATURATED: "saturated in the raw frame",
    Bit.COSMIC: "hit by a cosmic ray",
    Bit.SATELLITE: "in a satellite or aircraft track",
    Bit.NO_DATA: "no data",
    Bit.CROSSTALK: "polluted by another amplifier",
    Bit.NOISY: "noisier than its amplifier",
    Bit.EXTRAPOLATED: "correction extrapolated",
    Bit.BLEEDING: "charge of saturated pixels bled into it",
    Bit.GHOST: "in the ghost of a bright star",
}
"""One line per bit, for headers, pages and reports."""

NO_WEIGHT: Final[Bit] = Bit.BAD | Bit.HOT | Bit.COLD | Bit.SATURATED | Bit.COSMIC | Bit.SATELLITE | Bit.NO_DATA | Bit.BLEEDING | Bit.GHOST
"""The bits that give a pixel weight 0; the others warn only."""

CALIBRATION: Final[Bit] = Bit.BAD | Bit.HOT | Bit.COLD | Bit.NO_DATA
"""The bits that belong to the detector, not to one exposure."""


def describe(value: SupportsIndex) -> list[str]:
    """Return the names of the bits that are set in `value`, lowest bit first.

    Parameters
    ----------
    value : int
        One pixel of a mask plane (a numpy integer serves as well).

    Returns
    -------
    list of str
        ``[]`` for a good pixel. A bit without a name comes as ``"BIT_<n>"``.

    Examples
    --------
    >>> describe(24)
    ['SATURATED', 'COSMIC']
    """
    number = operator.index(value)
    known = {int(bit): bit.name or "" for bit in DESCRIPTIONS}
    places = (place for place in range(number.bit_length()) if number >> place & 1)
    return [known.get(1 << place, f"BIT_{place}") for place in places]


def plane(shape: tuple[int, ...], *parts: tuple[Bit, ArrayLike]) -> NDArray[np.uint16]:
    """Return a uint16 mask plane of `shape` with each bit set where its array is not 0.

    Parameters
    ----------
    shape : tuple of int
        Shape of the plane.
    *parts : (Bit, array)
        A bit, and an array of `shape` (or one that broadcasts to it) that is true where the bit belongs.
    """
    result = np.zeros(shape, np.uint16)
    for bit, where in parts:
        result[np.broadcast_to(np.asarray(where) != 0, shape)] |= np.uint16(bit)
    return result


def counts(mask: NDArray[np.uint16]) -> dict[str, int]:
    """Return how many pixels of `mask` carry each bit that occurs, by name."""
    occurring = np.bincount(mask.ravel(), minlength=1)
    values = np.flatnonzero(occurring)
    found: dict[str, int] = {}
    for bit in DESCRIPTIONS:
        total = int(occurring[values[(values & int(bit)) != 0]].sum())
        if total:
            found[bit.name or ""] = total
    return found
