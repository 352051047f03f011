"""From raw amplifier sections to one chip image: saturation, overscan, linearity, placement.

A chip is read by one or more amplifiers, each in an HDU of its own or in a section of a shared one.
This module knows where each amplifier's pixels are and where they belong; `assemble` makes of them the
image of the chip in ADU. The saturation mask is made first, from the raw values.
"""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import scipy
from numpy.typing import NDArray

from awe.errors import FitsError, HeaderError, did_you_mean
from awe.science.imstat import clipped

Section = tuple[int, int, int, int]
"""(y0, y1, x0, x1), 0-based and half-open."""

OVERSCAN_OPTIONS: Final = {
    "none": (),
    "constant": ("overscan", "prescan", "overscan_y"),
    "per_row": ("overscan",),
    "per_column": ("overscan_y",),
    "prescan": ("prescan",),
}
"""Option -> the sections it can be measured in; the first that an amplifier has is used."""

NO_AMPLIFIER: Final = 255
"""Value of an amplifier index plane where no amplifier lands."""


@dataclasses.dataclass(frozen=True, slots=True)
class Amplifier:
    """Where the pixels of one amplifier are in a raw file, where they belong, and how it behaves."""

    name: str
    hdu: int
    data: Section
    position: Section
    overscan: Section | None = None
    prescan: Section | None = None
    overscan_y: Section | None = None
    flip_x: bool = False
    flip_y: bool = False
    gain: float | None = None
    read_noise: float | None = None
    saturation: float | None = None
    linearity: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse sections that are empty or do not fit each other."""
        for word in ("data", "position", "overscan", "prescan", "overscan_y"):
            _check_section(self.name, word, getattr(self, word))
        if _size(self.data) != _size(self.position):
            raise HeaderError(
                f"amplifier {self.name!r}: data section {list(self.data)} is {_size(self.data)} pixels (y, x) but its "
                f"position {list(self.position)} is {_size(self.position)}: they must have the same size")

    @classmethod
    def from_dict(cls, description: Mapping[str, Any]) -> Amplifier:
        """Build one from the plain dictionary of an instrument description.

        Raises
        ------
        HeaderError
            A word is unknown or missing, or a section cannot be.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}
        who = description.get("name", "?")
        for word in description:
            if word not in known:
                raise HeaderError(f"amplifier {who!r}: {word!r} is not a word of its description"
                                  + did_you_mean(word, known))
        for word in ("name", "hdu", "data", "position"):
            if description.get(word) is None:
                raise HeaderError(f"amplifier {who!r}: its description lacks {word!r}: add it")
        try:
            return cls(**{word: _coerce(word, value) for word, value in description.items()})
        except (TypeError, ValueError) as error:
            if isinstance(error, HeaderError):
                raise
            raise HeaderError(f"amplifier {who!r}: a value of its description is not a number or section: {error}"
                              ) from error

    def as_dict(self) -> dict[str, Any]:
        """Return the plain dictionary (lists, numbers, None), the inverse of `from_dict`."""
        plain = dataclasses.asdict(self)
        return {word: list(value) if isinstance(value, tuple) else value for word, value in plain.items()}


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class OverscanLevel:
    """What is to be subtracted from one amplifier.

    Attributes
    ----------
    level : float64 array
        ADU; shape (rows, 1), (1, columns) or (1, 1), broadcasts over the data section.
    mean : float
        Mean of `level`, ADU.
    noise : float
        Clipped standard deviation of the overscan pixels about the level, ADU; NaN without overscan.
    option : str
        The option that was applied.
    """

    level: NDArray[np.float64]
    mean: float
    noise: float
    option: str


@dataclasses.dataclass(frozen=True, slots=True, eq=False)
class Assembled:
    """One chip in ADU, overscan-subtracted and linearised, with what was learnt on the way.

    Attributes
    ----------
    data : (ny, nx) float32
        ADU; NaN where the raw pixel is NaN or infinite, and where no amplifier lands.
    saturated : (ny, nx) bool
        True where the raw value is at or above the amplifier's saturation (without one: at the highest
        value that an integer file can hold).
    amplifier_index : (ny, nx) uint8
        Index into `amplifiers`; `NO_AMPLIFIER` where none lands.
    amplifiers : tuple of Amplifier
        In the order given.
    overscan : str
        The option that was asked.
    overscan_applied : tuple of str
        The option that was applied to each amplifier: ``"none"`` where it has no such section.
    overscan_levels : tuple of float
        Mean level that was subtracted, ADU, per amplifier; 0 where nothing was.
    overscan_noise : tuple of float
        Standard deviation of the overscan pixels about that level, ADU, clipped; NaN where there are none.
    """

    data: NDArray[np.float32]
    saturated: NDArray[np.bool_]
    amplifier_index: NDArray[np.uint8]
    amplifiers: tuple[Amplifier, ...]
    overscan: str
    overscan_applied: tuple[str, ...]
    overscan_levels: tuple[float, ...]
    overscan_noise: tuple[float, ...]

    @property
    def without_overscan(self) -> tuple[str, ...]:
        """Names of the amplifiers that fell back to no overscan correction although one was asked."""
        if self.overscan == "none":
            return ()
        return tuple(amplifier.name for amplifier, applied in zip(self.amplifiers, self.overscan_applied, strict=True)
                     if applied == "none")


def assemble(hdus: Mapping[int, NDArray[Any]], amplifiers: Sequence[Amplifier | Mapping[str, Any]],
             overscan: str = "per_row", smooth_rows: float = 10.0) -> Assembled:
    """Make the image of a chip from the raw pixels of its amplifiers.

    Parameters
    ----------
    hdus : mapping of int to (ny, nx) array
        The raw pixels by HDU index: any integer or float type, either byte order; NaN allowed.
    amplifiers : sequence of Amplifier, or of their dictionaries
        At least one; their positions must not overlap.
    overscan : {"per_row", "constant", "per_column", "prescan", "none"}
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
    shape = (max(one.position[1] for one in known), max(one.position[3] for one in known))
    data = np.full(shape, np.nan, np.float32)
    saturated = np.zeros(shape, np.bool_)
    index = np.full(shape, NO_AMPLIFIER, np.uint8)
    levels = []
    for number, one in enumerate(known):
        raw = _raw(hdus, one)
        level = overscan_level(raw, one, overscan, smooth_rows)
        levels.append(level)
        place = _slices(one.position)
        if (index[place] != NO_AMPLIFIER).any():
            raise HeaderError(f"amplifier {one.name!r}: position {list(one.position)} overlaps that of another one: "
                              "correct the instrument description")
        index[place] = number
        pixels = raw[_slices(one.data)]
        saturated[place] = _flip(_saturated(pixels, one.saturation), one)
        data[place] = _flip(linearise(_subtract(pixels, level), one.linearity), one)
    return Assembled(data, saturated, index, known, overscan, tuple(level.option for level in levels),
                     tuple(level.mean for level in levels), tuple(level.noise for level in levels))


def overscan_level(raw: NDArray[Any], amplifier: Amplifier, option: str, smooth_rows: float = 10.0) -> OverscanLevel:
    """Measure the level under the pixels of one amplifier.

    ``constant`` is the clipped mean of the section. ``per_row`` (and ``prescan``; ``per_column`` with the axes
    exchanged) takes for each row the mean of its overscan pixels after a 3 sigma clip about their median,
    which keeps out trailed charge and cosmic rays and is finer than the median of whole numbers. That level
    carries noise of sigma / sqrt(columns), which would be the same along a row of the image. So it is drawn
    towards a Gaussian-smoothed run of the levels, by as much as the scatter of levels about the smooth run is
    explained by noise alone (a Wiener weight): steady amplifiers get the smooth level, banded ones keep their
    rows. A row that is off by more than 5 sigma (a jump) always keeps its own. Rows without a usable pixel are
    interpolated.

    Parameters
    ----------
    raw : (ny, nx) array
        The HDU of the amplifier.
    amplifier : Amplifier
    option : one of `OVERSCAN_OPTIONS`
        An amplifier without the section gets level 0 and option ``"none"``.
    smooth_rows : float
        Sigma of the smoothing, rows; 0: each row keeps its own level.
    """
    name = next((word for word in OVERSCAN_OPTIONS[option] if getattr(amplifier, word) is not None), None)
    if name is None:
        return OverscanLevel(np.zeros((1, 1)), 0.0, float("nan"), "none")
    section: Section = getattr(amplifier, name)
    values = raw[_slices(section)].astype(np.float64)
    if not np.isfinite(values).any():
        return OverscanLevel(np.zeros((1, 1)), 0.0, float("nan"), "none")
    if option == "constant":
        mean, noise, _ = clipped(values, step=1.0)
        return OverscanLevel(np.full((1, 1), mean), mean, noise, option)
    lines, first, wanted = values, section[0], amplifier.data[:2]
    if option == "per_column":
        lines, first, wanted = values.T, section[2], amplifier.data[2:]
    level, noise = _line_levels(lines, smooth_rows)
    level = np.interp(np.arange(*wanted), first + np.arange(level.size), level)
    column = level[None, :] if option == "per_column" else level[:, None]
    return OverscanLevel(column, float(level.mean()), noise, option)


def _line_levels(lines: NDArray[np.float64], smooth: float) -> tuple[NDArray[np.float64], float]:
    """Level of each line (n, pixels) and the noise of a pixel about it; smoothed as `overscan_level` says."""
    known = np.isfinite(lines)
    filled = np.where(known, lines, np.nan)
    alive = known.any(axis=1)
    middle = np.full(len(lines), np.nan)
    middle[alive] = np.nanmedian(filled[alive], axis=1) if not known[alive].all() else np.median(lines[alive], axis=1)
    _, noise, _ = clipped(filled - middle[:, None], step=1.0)
    kept = np.abs(filled - middle[:, None]) <= 3.0 * noise + 0.5
    number = kept.sum(axis=1)
    usable = number > 0
    level = np.where(kept, filled, 0.0).sum(axis=1)[usable] / number[usable]
    error = noise / np.sqrt(number[usable])
    if smooth > 0 and level.size > 4:
        level = _shrink(level, error, smooth)
    at = np.flatnonzero(usable)
    full = np.interp(np.arange(len(lines)), at, level)
    return full, clipped(filled - full[:, None], step=1.0)[1]


def _shrink(level: NDArray[np.float64], error: NDArray[np.float64], smooth: float) -> NDArray[np.float64]:
    """Draw `level` towards its smooth run as far as `error` explains the scatter."""
    run = scipy.ndimage.gaussian_filter1d(level, smooth, mode="nearest")
    rest = level - run
    jump = np.abs(rest) > 5.0 * np.maximum(error, clipped(rest)[1])
    noise = float(np.mean(error**2))
    excess = max(0.0, clipped(rest)[1] ** 2 - noise)
    weight = excess / (excess + noise) if noise > 0 else 1.0
    drawn: NDArray[np.float64] = np.where(jump, level, run + weight * rest)
    return drawn


def linearise(data: NDArray[np.float32], coefficients: Sequence[float] | None) -> NDArray[np.float32]:
    """Return true = sum of c_k measured^(k+1), in ADU above the overscan; `data` itself without coefficients."""
    if not coefficients:
        return data
    result = np.zeros(data.shape, np.float64)
    for coefficient in reversed(coefficients):
        result += coefficient
        result *= data
    return result.astype(np.float32)


def per_amplifier(values: Sequence[float], index: NDArray[np.uint8], fill: float = np.nan) -> NDArray[np.float32]:
    """Spread one number per amplifier over the pixels: (ny, nx) float32, `fill` where no amplifier lands.

    Raises
    ------
    HeaderError
        When `values` has fewer numbers than there are amplifiers in `index`.
    """
    table = np.full(NO_AMPLIFIER + 1, fill, np.float32)
    table[:len(values)] = values
    present = index[index != NO_AMPLIFIER]
    if present.size and int(present.max()) >= len(values):
        raise HeaderError(f"{len(values)} values were given for a chip with {int(present.max()) + 1} amplifiers: "
                          "give one per amplifier")
    result: NDArray[np.float32] = table[index]
    return result


def gain_map(assembled: Assembled, gain: Sequence[float | None] | None = None) -> NDArray[np.float32]:
    """Return the gain of each pixel, e-/ADU (ny, nx) float32.

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
    return per_amplifier(values, assembled.amplifier_index)


def _coerce(word: str, value: Any) -> Any:
    """Bring one value of a description to the type of its field."""
    if value is None:
        return None
    if word in ("data", "position", "overscan", "prescan", "overscan_y"):
        section = tuple(int(edge) for edge in value)
        if len(section) != 4 or any(int(edge) != edge for edge in value):
            raise ValueError(f"{word} = {value!r} is not [y0, y1, x0, x1]")
        return section
    if word == "linearity":
        return tuple(float(coefficient) for coefficient in value) or None
    if word in ("flip_x", "flip_y"):
        return bool(value)
    if word == "name":
        return str(value)
    return int(value) if word == "hdu" else float(value)


def _check_section(name: str, word: str, section: Section | None) -> None:
    """Raise HeaderError for a section that is empty or begins before the first pixel."""
    if section is None:
        return
    y0, y1, x0, x1 = section
    if not (0 <= y0 < y1 and 0 <= x0 < x1):
        raise HeaderError(f"amplifier {name!r}: section {word} = {list(section)} is empty or negative: "
                          "give [y0, y1, x0, x1], 0-based, half-open")


def _size(section: Section) -> tuple[int, int]:
    return section[1] - section[0], section[3] - section[2]


def _slices(section: Section) -> tuple[slice, slice]:
    return slice(section[0], section[1]), slice(section[2], section[3])


def _raw(hdus: Mapping[int, NDArray[Any]], one: Amplifier) -> NDArray[Any]:
    """Return the pixels of the HDU of an amplifier after checking that all its sections are inside."""
    if one.hdu not in hdus:
        there = ", ".join(str(number) for number in sorted(hdus)) or "none"
        raise FitsError(f"amplifier {one.name!r} is in HDU {one.hdu}, but the file has pixels in HDU {there}: "
                        "the file is incomplete or of another detector")
    raw = np.asarray(hdus[one.hdu])
    if raw.ndim != 2 or raw.dtype.kind not in "iuf":
        raise FitsError(f"amplifier {one.name!r}: HDU {one.hdu} holds {raw.ndim} axes of type {raw.dtype}, "
                        "not an image of numbers")
    for word in ("data", "overscan", "prescan", "overscan_y"):
        section = getattr(one, word)
        if section is not None and (section[1] > raw.shape[0] or section[3] > raw.shape[1]):
            raise FitsError(f"amplifier {one.name!r}: section {word} = {list(section)} reaches outside HDU {one.hdu}, "
                            f"which is {raw.shape[0]} rows by {raw.shape[1]} columns: wrong binning or window")
    return raw


def _saturated(pixels: NDArray[Any], saturation: float | None) -> NDArray[np.bool_]:
    """True where a raw value is at or above saturation."""
    if saturation is None:
        if pixels.dtype.kind == "f":
            return np.isposinf(pixels)
        return np.asarray(pixels == np.iinfo(pixels.dtype).max)
    return np.asarray(pixels >= saturation)


def _subtract(pixels: NDArray[Any], level: OverscanLevel) -> NDArray[np.float32]:
    """Return float32 pixels minus the overscan level; NaN for what is not finite."""
    if pixels.dtype.itemsize <= 2:
        whole: NDArray[np.float32] = np.subtract(pixels, level.level.astype(np.float32), dtype=np.float32)
        return whole
    result: NDArray[np.float64] = np.subtract(pixels, level.level, dtype=np.float64)
    result[~np.isfinite(result)] = np.nan
    return result.astype(np.float32)


def _flip(pixels: NDArray[Any], one: Amplifier) -> NDArray[Any]:
    return pixels[:: -1 if one.flip_y else 1, :: -1 if one.flip_x else 1]
