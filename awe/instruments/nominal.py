"""The WCS that a camera has on paper: from pointing, pixel scale, rotation and parity of the instrument file."""
from __future__ import annotations

from math import cos, radians, sin

from awe.errors import InstrumentError
from awe.instruments.chip import ChipDefinition
from awe.instruments.definition import Definition
from awe.instruments.source import Value


def nominal_cards(definition: Definition, chip: str, ra: float, dec: float, *, binning: str = "1x1",
                  shape: tuple[int, int] | None = None) -> dict[str, Value]:
    """Return the cards of a TAN projection for an assembled chip, pixels counted from 1.

    Parameters
    ----------
    definition : Definition
        Its pixel scale, rotation (taken as 0 where unknown) and parity (as seen where unknown) are used.
    chip : str
        Name of the chip; its `crpix` is the reference pixel, or the centre of the chip where it has none.
    ra, dec : float
        Pointing, degrees, ICRS.
    binning : str
        Such as ``2x2``: pixels of the frame against those of the instrument file.
    shape : (ny, nx), optional
        Of the frame as binned; needed for chips whose size the instrument file does not state.

    Raises
    ------
    InstrumentError
        Where the pixel scale, the chip or its size is not known.
    """
    if definition.pixel_scale is None:
        raise InstrumentError(f"{definition.name}: has no pixel_scale, so there is no nominal WCS; add it under [instrument]")
    bin_x, bin_y = (int(n) for n in binning.split("x"))
    x, y = _reference_pixel(definition, chip, bin_x, bin_y, shape)
    scale = definition.pixel_scale / 3600.0
    angle = radians(definition.rotation or 0.0)
    side = float(definition.parity or -1)
    return {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
        "CRVAL1": ra, "CRVAL2": dec, "CRPIX1": x, "CRPIX2": y,
        "CD1_1": side * cos(angle) * scale * bin_x, "CD1_2": sin(angle) * scale * bin_y,
        "CD2_1": -side * sin(angle) * scale * bin_x, "CD2_2": cos(angle) * scale * bin_y}


def _reference_pixel(definition: Definition, name: str, bin_x: int, bin_y: int,
                     shape: tuple[int, int] | None) -> tuple[float, float]:
    chip = _chip(definition, name)
    if chip.crpix is not None:
        return (chip.crpix[0] - 0.5) / bin_x + 0.5, (chip.crpix[1] - 0.5) / bin_y + 0.5
    if shape is None and chip.shape is not None:
        shape = chip.shape[0] // bin_y, chip.shape[1] // bin_x
    if shape is None:
        raise InstrumentError(f"{definition.name}: chip {name} has neither crpix nor size; add one of them")
    return (shape[1] + 1) / 2, (shape[0] + 1) / 2


def _chip(definition: Definition, name: str) -> ChipDefinition:
    for chip in definition.chips:
        if chip.name == name:
            return chip
    raise InstrumentError(f"{definition.name}: has no chip {name!r}; there are {', '.join(definition.chip_names()[:8])}")
