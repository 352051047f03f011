"""Which HDUs hold which chip, and its amplifiers as plain dictionaries."""
from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

from awe.errors import HeaderError
from awe.instruments.chip import SECTIONS, AmplifierDefinition, ChipDefinition, Quantity
from awe.instruments.definition import Definition
from awe.instruments.fitsfile import FitsFile, Hdu
from awe.instruments.section import Section, is_section, parse_section
from awe.instruments.source import Source
from awe.instruments.transforms import as_number, plain


def headers_of(file: FitsFile, hdu: Hdu | None) -> tuple[Any, ...]:
    """Return the headers that count for an HDU: its own, then the primary it inherits from."""
    if hdu is None or hdu.index == 0:
        return (file.primary,)
    return (hdu.header, file.primary)


def source_of(file: FitsFile, hdu: Hdu | None, definition: Definition) -> Source:
    """Return the source of attributes of one HDU."""
    return Source(file.name, headers_of(file, hdu), frozenset(definition.placeholders))


def hdus_of_chip(file: FitsFile, chip: ChipDefinition, definition: Definition) -> list[Hdu]:
    """Return the image HDUs that hold a chip, in the order of its amplifiers; fewer than it has where some are "
      "missing."""
    images = _claimed(file, chip, definition)
    wanted = dict.fromkeys(amplifier.hdu if amplifier.hdu is not None else chip.hdu for amplifier in chip.amplifiers)
    if set(wanted) == {None}:
        only = "chip" in definition.header or (len(images) == 1 and len(definition.chip_names()) == 1)
        return images[:1] if only else []
    return [hdu for which in wanted if (hdu := _pick(images, which, file)) is not None]


def _claimed(file: FitsFile, chip: ChipDefinition, definition: Definition) -> list[Hdu]:
    """Return the images that may belong to a chip: all, or where a rule names the chip, those it names."""
    rule = definition.header.get("chip")
    if rule is None:
        return file.images()
    return [hdu for hdu in file.images() if _says(rule.apply(source_of(file, hdu, definition)), chip.name)]


def _says(value: Any, name: str) -> bool:
    return value is not None and plain(value).casefold() == name.casefold()


def _pick(images: list[Hdu], which: int | str | None, file: FitsFile) -> Hdu | None:
    if which is None:
        return images[0] if len(images) == 1 else None
    if isinstance(which, int):
        return next((hdu for hdu in images if hdu.index == which), None)
    named = [hdu for hdu in images if hdu.name.casefold() == which.casefold()]
    if len(named) > 1:
        numbers = ", ".join(str(hdu.index) for hdu in named)
        raise HeaderError(f"HDUs {numbers} are all called {which!r}, so it cannot be told which is meant; "
                          "give them names that differ, or name them by number in the instrument file")
    return named[0] if named else None


def mode_fits(chip: ChipDefinition, readout_mode: str) -> bool:
    """Say whether a chip is laid out so in a readout mode."""
    return not chip.readout_modes or any(fnmatchcase(readout_mode, mode) for mode in chip.readout_modes)


def amplifiers_of(file: FitsFile, chip: ChipDefinition, hdus: list[Hdu],
                  definition: Definition) -> list[dict[str, Any]]:
    """Return the amplifiers of a chip with sections 0-based and half-open, gains and limits as numbers.

    Raises
    ------
    HeaderError
        Where an amplifier has no HDU, or a section does not fit its image.
    """
    found = []
    for amplifier in chip.amplifiers:
        which = amplifier.hdu if amplifier.hdu is not None else chip.hdu
        hdu = _pick(hdus, which, file)
        if hdu is None:
            raise HeaderError(f"amplifier {amplifier.name} should lie in HDU {which!r}, which is not there")
        found.append(_amplifier(file, chip, amplifier, hdu, definition))
    _check_overlap(found)
    return found


def assembled_shape(amplifiers: list[dict[str, Any]]) -> tuple[int, int]:
    """Return (ny, nx) of the chip that the amplifiers make up."""
    return max(a["position"][1] for a in amplifiers), max(a["position"][3] for a in amplifiers)


def _amplifier(file: FitsFile, chip: ChipDefinition, amplifier: AmplifierDefinition, hdu: Hdu,
               definition: Definition) -> dict[str, Any]:
    source = source_of(file, hdu, definition)
    shape = (hdu.shape[0], hdu.shape[1])
    sections = {word: _section(getattr(amplifier, word), word, source) for word in SECTIONS}
    for word, section in sections.items():
        if section is not None and not section.within(shape):
            raise HeaderError(f"amplifier {amplifier.name}: {word} {section} reaches beyond the image of "
                              f"{shape[1]}x{shape[0]} pixels in HDU {hdu.index}")
    data = sections["data"] or _remaining(amplifier, shape)
    flip = amplifier.flip
    turned = flip is not None and flip.startswith("transpose")
    light = Section(data.x0, data.x1, data.y0, data.y1) if turned else data
    position = _position(amplifier, chip, source, light)
    if position.shape != light.shape:
        raise HeaderError(f"amplifier {amplifier.name}: data {data} does not have the size of its position {position}"
                          + (", turned by transpose" if turned else ""))
    return {
        "name": amplifier.name, "hdu": hdu.index, "data": data.as_list(),
        **{word: None if (s := sections[word]) is None else s.as_list() for word in SECTIONS[1:]},
        "position": position.as_list(),
        "flip_x": position.flip_x if flip is None else "x" in flip,
        "flip_y": position.flip_y if flip is None else "y" in flip,
        **({"transpose": True} if turned else {}),
        **{word: _quantity(getattr(amplifier, word), word, source, definition)
           for word in ("gain", "read_noise", "saturation")},
        "linearity": None if amplifier.linearity is None else list(amplifier.linearity)}


def _remaining(amplifier: AmplifierDefinition, shape: tuple[int, int]) -> Section:
    """Return the whole image, for a chip without overscan; with overscan, data has to be stated."""
    if amplifier.data is not None or any(getattr(amplifier, word) for word in SECTIONS):
        raise HeaderError(f"amplifier {amplifier.name}: data is missing ({amplifier.data or 'not stated'}), "
                          "so the light-sensitive pixels are not known")
    return Section(0, shape[0], 0, shape[1])


def _position(amplifier: AmplifierDefinition, chip: ChipDefinition, source: Source, data: Section) -> Section:
    position = _section(amplifier.position, "position", source)
    if position is None:
        if amplifier.position is not None:
            raise HeaderError(f"amplifier {amplifier.name}: position is missing ({amplifier.position})")
        return Section(0, data.shape[0], 0, data.shape[1])
    origin = _section(chip.origin, "origin", source)
    if chip.origin is not None and origin is None:
        raise HeaderError(f"chip {chip.name}: origin is missing ({chip.origin})")
    return position if origin is None else position.shifted(-origin.y0, -origin.x0)


def _section(text: str | None, word: str, source: Source) -> Section | None:
    """Return a section, literal or from its keyword; None where it is not stated or empty."""
    if text is None:
        return None
    value = text if is_section(text) else source.keyword(text)
    if value is None:
        return None
    try:
        return parse_section(str(value))
    except HeaderError as error:
        raise HeaderError(f"{word} ({text}): {error}") from None


def _quantity(stated: Quantity, word: str, source: Source, definition: Definition) -> float | None:
    """Return gain, read noise or saturation: the amplifier's word, else the rule under [header], else unknown."""
    value: Any = source.keyword(stated) if isinstance(stated, str) else stated
    if value is None and word in definition.header:
        value, stated = definition.header[word].apply(source), definition.header[word].label()
    if value is None:
        return None
    try:
        number = as_number(value)
    except HeaderError as error:
        raise HeaderError(f"{word} ({stated}): {error}") from None
    return number if number > 0 else None


def _check_overlap(amplifiers: Iterable[dict[str, Any]]) -> None:
    placed: list[dict[str, Any]] = []
    for amplifier in amplifiers:
        y0, y1, x0, x1 = amplifier["position"]
        if y0 < 0 or x0 < 0:
            raise HeaderError(f"amplifier {amplifier['name']} lies before the first pixel of its chip; check origin")
        for other in placed:
            v0, v1, u0, u1 = other["position"]
            if y0 < v1 and v0 < y1 and x0 < u1 and u0 < x1:
                raise HeaderError(f"amplifiers {other['name']} and {amplifier['name']} overlap in the assembled chip")
        placed.append(amplifier)
