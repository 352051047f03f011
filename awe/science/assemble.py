"""From raw amplifier sections to one chip image: saturation, overscan, cross talk, linearity, placement.

A chip is read by one or more amplifiers, each in an HDU of its own or in a section of a shared one. `assemble`
measures the overscan at once, and gives the image of the chip in ADU band by band, as it is asked for: a stack of frames is
never in memory as a whole. The saturation mask is made from the raw values.
"""
from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import FitsError, HeaderError, did_you_mean
from awe.science.amplifier import NO_AMPLIFIER, Amplifier, Section, Spread
from awe.science.bands import run, together
from awe.science.crosstalk import without_crosstalk
from awe.science.kernel import njit
from awe.science.overscan import OVERSCAN_OPTIONS, OverscanLevel, overscan_level

_BAND: Final = 256


@dataclasses.dataclass(frozen=True, eq=False)
class Assembled:
    """One chip in ADU, overscan-subtracted and linearised, with what was learnt on the way.

    Rows of the image are had by ``frame[y0:y1]``, and are not kept; `data` keeps the whole.

    Attributes
    ----------
    shape : (ny, nx)
    amplifiers : tuple of Amplifier
        In the order given.
    overscan : str
        The option that was asked.
    raws : tuple
        The raw HDU of each amplifier.
    levels : tuple of OverscanLevel
        What is subtracted from each amplifier.
    crosstalk : (n, n) array, optional
        Coefficients, ``[victim, aggressor]``, of the cross talk that is subtracted before linearity is corrected; the whole chip is
        then kept, since what was read at the same moment lies anywhere on it.
    """

    shape: tuple[int, int]
    amplifiers: tuple[Amplifier, ...]
    overscan: str
    raws: tuple[Any, ...]
    levels: tuple[OverscanLevel, ...]
    crosstalk: NDArray[np.float64] | None = None

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        """Rows of `data`, (n, nx) float32."""
        if self.crosstalk is not None or "_planes" in self.__dict__:
            return self._planes[0][rows]
        y0, y1, _ = rows.indices(self.shape[0])
        data = np.empty((max(0, y1 - y0), self.shape[1]), np.float32)
        self._fill(y0, y1, data, None)
        return data

    @property
    def data(self) -> NDArray[np.float32]:
        """The image, (ny, nx) float32: ADU; NaN where the raw pixel is NaN or infinite, and where no amplifier lands."""
        return self._planes[0]

    @property
    def saturated(self) -> NDArray[np.bool_]:
        """Where the raw value is at or above the amplifier's saturation, (ny, nx).

        Without a stated level that is the highest value that an integer file can hold.
        """
        return self._planes[1]

    @functools.cached_property
    def amplifier_index(self) -> NDArray[np.uint8]:
        """Index into `amplifiers`, (ny, nx) uint8; `NO_AMPLIFIER` where none lands."""
        index = np.full(self.shape, NO_AMPLIFIER, np.uint8)
        for number, one in enumerate(self.amplifiers):
            index[_slices(one.position)] = number
        return index

    @functools.cached_property
    def _planes(self) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        data, saturated = np.empty(self.shape, np.float32), np.empty(self.shape, np.bool_)

        def fill(y0: int, y1: int) -> None:
            self._fill(y0, y1, data[y0:y1], saturated[y0:y1])

        run(fill, self.shape[0], _BAND)
        if self.crosstalk is not None:
            data = without_crosstalk(data, self.amplifiers, self.crosstalk)
            for one in self.amplifiers:
                place = _slices(one.position)
                data[place] = linearise(data[place], one.linearity)
        return data, saturated

    def without_crosstalk(self, coefficients: NDArray[np.float64]) -> Assembled:
        """The same chip with its cross talk subtracted, before linearity is corrected."""
        return dataclasses.replace(self, crosstalk=coefficients)

    def band(self, y0: int, y1: int) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Rows of `data` and of `saturated`, made anew."""
        if self.crosstalk is not None:
            return self._planes[0][y0:y1], self._planes[1][y0:y1]
        shape = max(0, y1 - y0), self.shape[1]
        data, saturated = np.empty(shape, np.float32), np.empty(shape, np.bool_)
        self._fill(y0, y1, data, saturated)
        return data, saturated

    def _fill(self, y0: int, y1: int, data: NDArray[np.float32], saturated: NDArray[np.bool_] | None) -> None:
        if sum(_area(one.position) for one in self.amplifiers) < math.prod(self.shape):
            data[:] = np.nan
            if saturated is not None:
                saturated[:] = False
        for one, raw, level in zip(self.amplifiers, self.raws, self.levels, strict=True):
            first, last = max(y0, one.position[0]), min(y1, one.position[1])
            if first < last:
                place = slice(first - y0, last - y0), slice(*one.position[2:])
                unchanged = one if self.crosstalk is None else dataclasses.replace(one, linearity=None)
                _read(unchanged, raw, level, first - one.position[0], last - one.position[0], data[place],
                      None if saturated is None else saturated[place])

    def spread(self, values: Sequence[float]) -> Spread:
        """One number per amplifier, for all pixels of the chip."""
        return Spread(tuple(float(value) for value in values), self.amplifiers, self.shape)

    @property
    def overscan_applied(self) -> tuple[str, ...]:
        """The option that was applied to each amplifier: ``"none"`` where it has no such section."""
        return tuple(level.option for level in self.levels)

    @property
    def overscan_levels(self) -> tuple[float, ...]:
        """Mean level that was subtracted, ADU, per amplifier; 0 where nothing was."""
        return tuple(level.mean for level in self.levels)

    @property
    def overscan_noise(self) -> tuple[float, ...]:
        """Standard deviation of the overscan pixels about that level, ADU, clipped; NaN where there are none."""
        return tuple(level.noise for level in self.levels)

    @property
    def without_overscan(self) -> tuple[str, ...]:
        """Names of the amplifiers that fell back to no overscan correction although one was asked."""
        if self.overscan == "none":
            return ()
        return tuple(amplifier.name for amplifier, applied in zip(self.amplifiers, self.overscan_applied, strict=True)
                     if applied == "none")


def assemble(hdus: Mapping[int, Any], amplifiers: Sequence[Amplifier | Mapping[str, Any]],
             overscan: str = "per_row", smooth_rows: float = 10.0) -> Assembled:
    """Make the image of a chip from the raw pixels of its amplifiers.

    Parameters
    ----------
    hdus : mapping of int to (ny, nx) array
        The raw pixels by HDU index: any integer or float type, either byte order; NaN allowed. Anything with
        `shape` and `dtype` that gives rectangles by slices serves, such as pixels that are still in their file.
    amplifiers : sequence of Amplifier, or of their dictionaries
        At least one; their positions must not overlap.
    overscan : one of `awe.science.overscan.OVERSCAN_OPTIONS`
        What is subtracted (see `overscan_level`). An amplifier without the section is left as it is,
        and the result says so.
    smooth_rows : float
        Scale in rows over which levels per row or column are smoothed; 0 turns it off.

    Raises
    ------
    HeaderError
        No amplifier, positions that overlap, or an unknown overscan option.
    FitsError
        An HDU is missing or too small, or not an image of numbers.
    """
    if overscan not in OVERSCAN_OPTIONS:
        raise HeaderError(f"overscan option {overscan!r} is unknown" + did_you_mean(overscan, OVERSCAN_OPTIONS))
    known = tuple(one if isinstance(one, Amplifier) else Amplifier.from_dict(one) for one in amplifiers)
    if not 0 < len(known) < NO_AMPLIFIER:
        raise HeaderError(f"a chip has 1 to {NO_AMPLIFIER - 1} amplifiers, {len(known)} were given: describe them")
    _check_overlap(known)
    shape = (max(one.position[1] for one in known), max(one.position[3] for one in known))
    raws = tuple(_raw(hdus, one) for one in known)
    levels = tuple(overscan_level(raw, one, overscan, smooth_rows) for raw, one in zip(raws, known, strict=True))
    return Assembled(shape, known, overscan, raws, levels)


def assemble_all(raws: Sequence[tuple[Mapping[int, Any], Sequence[Amplifier | Mapping[str, Any]]]], overscan: str) -> list[Assembled]:
    """Make the images of several exposures, their overscan measured by several threads; see `assemble`.

    Parameters
    ----------
    raws : sequence of (hdus, amplifiers)
        As `assemble` takes them.
    overscan : one of `awe.science.overscan.OVERSCAN_OPTIONS`
    """
    return together(lambda one: assemble(one[0], one[1], overscan), raws)


def linearise(data: NDArray[np.float32], coefficients: Sequence[float] | None) -> NDArray[np.float32]:
    """Return true = sum of c_k measured^(k+1), in ADU above the overscan; `data` itself without coefficients."""
    if not coefficients:
        return data
    result = np.zeros(data.shape, np.float64)
    for coefficient in reversed(coefficients):
        result += coefficient
        result *= data
    return result.astype(np.float32)


def gain_list(assembled: Assembled, gain: Sequence[float | None] | None = None) -> tuple[float, ...]:
    """Return the gain of each amplifier, e-/ADU.

    Parameters
    ----------
    assembled : Assembled
    gain : sequence of float or None, optional
        Measured gain per amplifier; where it is missing or None the description's is used.

    Raises
    ------
    HeaderError
        An amplifier has neither.
    """
    measured = gain if gain is not None else (None,) * len(assembled.amplifiers)
    values = []
    for one, value in zip(assembled.amplifiers, measured, strict=True):
        chosen = value if value is not None else one.gain
        if chosen is None:
            raise HeaderError(f"amplifier {one.name!r}: its gain is unknown: measure it from pairs of flats "
                              "or add it to the instrument description")
        values.append(float(chosen))
    return tuple(values)


def _area(section: Section) -> int:
    return (section[1] - section[0]) * (section[3] - section[2])


def _slices(section: Section) -> tuple[slice, slice]:
    return slice(section[0], section[1]), slice(section[2], section[3])


def _check_overlap(amplifiers: Sequence[Amplifier]) -> None:
    """Raise HeaderError where two amplifiers land on the same pixels."""
    for number, one in enumerate(amplifiers):
        y0, y1, x0, x1 = one.position
        for other in amplifiers[:number]:
            v0, v1, u0, u1 = other.position
            if y0 < v1 and v0 < y1 and x0 < u1 and u0 < x1:
                raise HeaderError(f"amplifier {one.name!r}: position {list(one.position)} overlaps that of another one: "
                                  "correct the instrument description")


def _raw(hdus: Mapping[int, Any], one: Amplifier) -> Any:
    """Return the pixels of the HDU of an amplifier after checking that all its sections are inside."""
    if one.hdu not in hdus:
        there = ", ".join(str(number) for number in sorted(hdus)) or "none"
        raise FitsError(f"amplifier {one.name!r} is in HDU {one.hdu}, but the file has pixels in HDU {there}: "
                        "the file is incomplete or of another detector")
    raw = hdus[one.hdu]
    if len(raw.shape) != 2 or raw.dtype.kind not in "iuf":
        raise FitsError(f"amplifier {one.name!r}: HDU {one.hdu} holds {len(raw.shape)} axes of type {raw.dtype}, "
                        "not an image of numbers")
    for word in ("data", "overscan", "prescan", "overscan_y"):
        section = getattr(one, word)
        if section is not None and (section[1] > raw.shape[0] or section[3] > raw.shape[1]):
            raise FitsError(f"amplifier {one.name!r}: section {word} = {list(section)} reaches outside HDU {one.hdu}, "
                            f"which is {raw.shape[0]} rows by {raw.shape[1]} columns: wrong binning or window")
    return raw


def _read(one: Amplifier, raw: Any, level: OverscanLevel, first: int, last: int, data: NDArray[np.float32],
          saturated: NDArray[np.bool_] | None) -> None:
    """Write rows `first` to `last` of one amplifier, as they lie in the chip, to `data` and `saturated`."""
    y0, y1, x0, x1 = one.data
    if one.flip_y:
        number = one.position[1] - one.position[0]
        first, last = number - last, number - first
    part = (y0, y1, x0 + first, x0 + last) if one.transpose else (y0 + first, y0 + last, x0, x1)
    pixels = np.asarray(raw[part[0]:part[1], part[2]:part[3]])
    pixels = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    rows = level.rows if level.rows.size == 1 else level.rows[part[0] - y0:part[1] - y0]
    columns = level.columns if level.columns.size == 1 else level.columns[part[2] - x0:part[3] - x0]
    if one.linearity or one.flip_x or one.flip_y or one.transpose or not data.flags.c_contiguous:
        data[:] = _turn(linearise(_subtract(pixels, rows, columns), one.linearity), one)
    else:
        _subtract(pixels, rows, columns, data)
    if saturated is not None:
        saturated[:] = _turn(_saturated(pixels, one.saturation), one)


def _saturated(pixels: NDArray[Any], saturation: float | None) -> NDArray[np.bool_]:
    """True where a raw value is at or above saturation."""
    if pixels.dtype.kind == "f":
        return np.isposinf(pixels) if saturation is None else np.asarray(pixels >= saturation)
    highest = np.iinfo(pixels.dtype).max
    limit = highest if saturation is None else math.ceil(min(saturation, 1e18))
    if limit > highest:
        return np.zeros(pixels.shape, np.bool_)
    return np.asarray(pixels >= pixels.dtype.type(max(limit, np.iinfo(pixels.dtype).min)))


def _subtract(pixels: NDArray[Any], rows: NDArray[np.float64], columns: NDArray[np.float64],
              result: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return float32 pixels minus the overscan level, in `result` where it is given; NaN for what is not finite."""
    result = np.empty(pixels.shape, np.float32) if result is None else result
    if pixels.dtype.itemsize <= 2 and pixels.dtype.kind in "iu":
        _subtract_level(np.ascontiguousarray(pixels), rows.astype(np.float32), columns.astype(np.float32), result)
        return result
    wide: NDArray[np.float64] = np.subtract(pixels, rows[:, None] + columns[None, :], dtype=np.float64)
    wide[~np.isfinite(wide)] = np.nan
    result[:] = wide
    return result


def _turn(pixels: NDArray[Any], one: Amplifier) -> NDArray[Any]:
    """The pixels as they lie in the chip."""
    turned = pixels.T if one.transpose else pixels
    return turned[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]


@njit(cache=True, nogil=True, error_model="numpy")
def _subtract_level(pixels, rows, columns, result):  # type: ignore[no-untyped-def]
    """Whole numbers less a level for each row and each column; both may have one for all."""
    for y in range(pixels.shape[0]):
        row = rows[y if rows.size > 1 else 0]
        if columns.size == 1:
            level = row + columns[0]
            for x in range(pixels.shape[1]):
                result[y, x] = np.float32(pixels[y, x]) - level
        else:
            for x in range(pixels.shape[1]):
                result[y, x] = np.float32(pixels[y, x]) - row - columns[x]
