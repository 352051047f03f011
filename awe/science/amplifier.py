"""What is known of the amplifiers of a chip: where their pixels are in a raw file, where they belong, how they behave."""
from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from awe.errors import HeaderError, did_you_mean

Section = tuple[int, int, int, int]
"""(y0, y1, x0, x1), 0-based and half-open."""

NO_AMPLIFIER: Final = 255
"""Value of an amplifier index plane where no amplifier lands."""


@dataclasses.dataclass(frozen=True, slots=True)
class Amplifier:
    """Where the pixels of one amplifier are in a raw file, where they belong, and how it behaves.

    A chip that stands on its side has `transpose`: rows of the file are columns of the chip. Flips come after it, along the axes of
    the chip.
    """

    name: str
    hdu: int
    data: Section
    position: Section
    overscan: Section | None = None
    prescan: Section | None = None
    overscan_y: Section | None = None
    flip_x: bool = False
    flip_y: bool = False
    transpose: bool = False
    gain: float | None = None
    read_noise: float | None = None
    saturation: float | None = None
    linearity: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse sections that are empty or do not fit each other."""
        for word in ("data", "position", "overscan", "prescan", "overscan_y"):
            _check_section(self.name, word, getattr(self, word))
        there = _size(self.data)[::-1] if self.transpose else _size(self.data)
        if there != _size(self.position):
            turned = ", turned by transpose," if self.transpose else ""
            raise HeaderError(
                f"amplifier {self.name!r}: data section {list(self.data)} is {there} pixels (y, x){turned} but its "
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
class Spread:
    """One number per amplifier, spread over the pixels of a chip as rows are asked for: ``spread[y0:y1]`` is (n, nx) float32.

    NaN where no amplifier lands. Serves wherever a plane is read by rows.
    """

    values: tuple[float, ...]
    amplifiers: tuple[Amplifier, ...]
    shape: tuple[int, int]
    ndim: int = 2

    def __getitem__(self, rows: slice) -> NDArray[np.float32]:
        y0, y1, _ = rows.indices(self.shape[0])
        result = np.full((max(0, y1 - y0), self.shape[1]), np.nan, np.float32)
        for one, value in zip(self.amplifiers, self.values, strict=True):
            v0, v1, x0, x1 = one.position
            result[max(v0 - y0, 0):max(v1 - y0, 0), x0:x1] = value
        return result


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
    if word in ("flip_x", "flip_y", "transpose"):
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
