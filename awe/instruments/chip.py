"""Chips and their amplifiers, as an instrument file lays them down."""
from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from typing import Any

from awe.errors import HeaderError, did_you_mean
from awe.instruments.section import is_section, parse_section
from awe.instruments.table import Table

Quantity = float | str | None

FLIPS = ("none", "x", "y", "xy", "transpose", "transpose x", "transpose y", "transpose xy")
SECTIONS = ("data", "overscan", "prescan", "overscan_y")
QUANTITIES = ("gain", "read_noise", "saturation")
AMPLIFIER_WORDS = ("name", "hdu", *SECTIONS, "position", "flip", *QUANTITIES, "linearity")
CHIP_WORDS = ("name", "hdu", "size", "optional", "readout_mode", "origin", "crpix", "amplifier",
              *SECTIONS, "flip", *QUANTITIES, "linearity")

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d+)\.\.(\d+)")
_MOST_CHIPS = 1000


@dataclass(frozen=True)
class AmplifierDefinition:
    """One readout channel: sections and quantities are literal, or the header keyword that holds them."""

    name: str
    hdu: int | str | None = None
    data: str | None = None
    overscan: str | None = None
    prescan: str | None = None
    overscan_y: str | None = None
    position: str | None = None
    flip: str | None = None
    gain: Quantity = None
    read_noise: Quantity = None
    saturation: Quantity = None
    linearity: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ChipDefinition:
    """One detector.

    `shape` is (ny, nx) of the light-sensitive pixels without binning; `crpix` the nominal reference pixel of the
    telescope axis, 1-based (x, y), in the assembled chip; `origin` the section from which positions are counted. Files
    without an `optional` chip are complete all the same.
    """

    name: str
    amplifiers: tuple[AmplifierDefinition, ...]
    hdu: int | str | None = None
    shape: tuple[int, int] | None = None
    readout_modes: tuple[str, ...] = ()
    origin: str | None = None
    crpix: tuple[float, float] | None = None
    optional: bool = False


def expand(text: str) -> list[tuple[str, list[str]]]:
    """Return the names that braces stand for, each with what filled the braces.

    >>> [name for name, _ in expand("ccd{00..02}")]
    ['ccd00', 'ccd01', 'ccd02']
    >>> [name for name, _ in expand("R{01,22}_S{0..1}")]
    ['R01_S0', 'R01_S1', 'R22_S0', 'R22_S1']
    """
    pieces = _BRACES.split(text)
    choices = [_choices(piece) for piece in pieces[1::2]]
    names = []
    for filled in itertools.islice(itertools.product(*choices), _MOST_CHIPS + 1):
        name = pieces[0] + "".join(fill + rest for fill, rest in zip(filled, pieces[2::2], strict=True))
        names.append((name, list(filled)))
    return names


def _choices(piece: str) -> list[str]:
    match = _RANGE.fullmatch(piece.strip())
    if match is None:
        return [item.strip() for item in piece.split(",")]
    first, last = match.groups()
    return [str(n).zfill(len(first)) for n in range(int(first), min(int(last), int(first) + _MOST_CHIPS) + 1)]


def read_chips(tables: list[Table], shared: list[Table], focal_plane: dict[str, tuple[float, float]],
               defaults: dict[str, Any]) -> tuple[ChipDefinition, ...]:
    """Return all chips; `shared` are the amplifiers of chips that bring none of their own."""
    common = [_raw_amplifier(table, n) for n, table in enumerate(shared)]
    chips: list[ChipDefinition] = []
    for table in tables:
        chips += _read_family(table, common, focal_plane, defaults)
    names = {chip.name for chip in chips}
    for name in focal_plane:
        if tables and name not in names:
            raise Table({}, "focal_plane", tables[0].file).error(f"{name!r} is no chip{did_you_mean(name, names)}")
    return tuple(chips)


def _read_family(table: Table, common: list[dict[str, Any]], focal_plane: dict[str, tuple[float, float]],
                 defaults: dict[str, Any]) -> list[ChipDefinition]:
    """Return the chips that one table stands for: one, or as many as the braces in its name say."""
    names = expand(table.required_text("name"))
    if len(names) > _MOST_CHIPS:
        raise table.error(f"stands for more than {_MOST_CHIPS} chips; check the braces in its name")
    own = [_raw_amplifier(inner, n) for n, inner in enumerate(table.tables("amplifier"))]
    sections = {word: _section_word(table, word) for word in SECTIONS}
    flip = _flip(table)
    if own and (any(sections.values()) or flip):
        raise table.error("has sections both of its own and in its amplifiers; keep those in the amplifiers")
    quantities = {word: _per_amplifier(table, word) for word in QUANTITIES}
    linearity = _linearity(table)
    amplifiers = own or ([{"name": "A", "flip": flip, **sections}] if any(sections.values()) or not common else common)
    chip = {"hdu": _hdu(table), "shape": _shape(table), "readout_modes": table.texts("readout_mode"),
            "origin": _section_word(table, "origin"), "crpix": table.pair("crpix"), "optional": table.truth("optional")}
    table.finish(CHIP_WORDS)
    complete = [_with_quantities(amplifier, n, quantities, linearity, defaults, table, len(amplifiers))
                for n, amplifier in enumerate(amplifiers)]
    return [_chip(name, fills, chip, complete, focal_plane, table) for name, fills in names]


def _chip(name: str, fills: list[str], chip: dict[str, Any], amplifiers: list[dict[str, Any]],
          focal_plane: dict[str, tuple[float, float]], table: Table) -> ChipDefinition:
    filled = {word: _fill(value, name, fills, table) for word, value in chip.items()}
    filled["crpix"] = focal_plane.get(name, filled["crpix"])
    return ChipDefinition(name=name, amplifiers=tuple(
        AmplifierDefinition(**{word: _fill(value, name, fills, table) for word, value in amplifier.items()})
        for amplifier in amplifiers), **filled)


def _fill(value: Any, name: str, fills: list[str], table: Table) -> Any:
    """Put the chip's name and the pieces of its braces where ``{name}``, ``{1}``, ``{2}`` stand."""
    if not isinstance(value, str) or "{" not in value:
        return value
    places = {"name": name, **{str(n + 1): fill for n, fill in enumerate(fills)}}

    def put(match: re.Match[str]) -> str:
        if match[1] not in places:
            raise table.error(f"{value!r}: {{{match[1]}}} stands for nothing; there are "
                              + ", ".join(f"{{{place}}}" for place in places))
        return places[match[1]]
    return _BRACES.sub(put, value)


def _with_quantities(amplifier: dict[str, Any], n: int, chip: dict[str, Any], linearity: tuple[float, ...] | None,
                     defaults: dict[str, Any], table: Table, count: int) -> dict[str, Any]:
    """Fill what an amplifier does not say itself from its chip, then from the instrument."""
    complete = dict(amplifier)
    for word in QUANTITIES:
        value = chip[word]
        if isinstance(value, tuple) and len(value) != count:
            raise table.error(f"{word} lists {len(value)} values for {count} amplifiers")
        value = value[n] if isinstance(value, tuple) else value
        for fallback in (value, defaults.get(word)):
            if complete.get(word) is None:
                complete[word] = fallback
    if complete.get("linearity") is None:
        complete["linearity"] = linearity
    return complete


def _raw_amplifier(table: Table, n: int) -> dict[str, Any]:
    amplifier: dict[str, Any] = {"name": table.text("name", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[n] if n < 26 else f"A{n}")}
    amplifier["hdu"] = _hdu(table)
    for word in (*SECTIONS, "position"):
        amplifier[word] = _section_word(table, word)
    amplifier["flip"] = _flip(table)
    for word in QUANTITIES:
        amplifier[word] = _quantity(table.take(word), word, table)
    amplifier["linearity"] = _linearity(table)
    table.finish(AMPLIFIER_WORDS)
    return amplifier


def _section_word(table: Table, word: str) -> str | None:
    """Return a literal section, checked, or the keyword that will hold it."""
    text = table.text(word)
    if text is None:
        return None
    if not is_section(text):
        if not text.isupper() and "{" not in text:
            raise table.error(f"{word} = {text!r} is neither a section [x1:x2,y1:y2] nor a header keyword (capitals)")
        return text
    try:
        section = parse_section(text)
    except HeaderError as error:
        raise table.error(f"{word}: {error}") from None
    if section is None or (word != "position" and (section.flip_x or section.flip_y)):
        raise table.error(f"{word} = {text!r} should run from low to high pixels, from 1; only position may run "
                          "backwards")
    return text


def _hdu(table: Table) -> int | str | None:
    value = table.take("hdu")
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "" or (
            isinstance(value, int) and value < 0):
        raise table.error(f"hdu = {value!r} should be a number (0 is the primary) or an EXTNAME")
    return value


def _flip(table: Table) -> str | None:
    return table.choice("flip", FLIPS, "none") if "flip" in table else None


def _shape(table: Table) -> tuple[int, int] | None:
    size = table.pair("size")
    if size is None:
        return None
    if min(size) < 1 or size[0] % 1 or size[1] % 1:
        raise table.error(f"size = {list(size)} should be two whole numbers: columns, rows")
    return int(size[1]), int(size[0])


def _per_amplifier(table: Table, word: str) -> Quantity | tuple[Quantity, ...]:
    value = table.take(word)
    if isinstance(value, list):
        return tuple(_quantity(item, word, table) for item in value)
    return _quantity(value, word, table)


def _quantity(value: Any, word: str, table: Table) -> Quantity:
    if value is None or (isinstance(value, str) and (value.isupper() or "{" in value)):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise table.error(f"{word} should be a positive number or a header keyword (capitals), not {value!r}")
    return float(value)


def _linearity(table: Table) -> tuple[float, ...] | None:
    value = table.take("linearity")
    if value is None:
        return None
    if not isinstance(value, list) or not value or not all(
            isinstance(c, int | float) and not isinstance(c, bool) for c in value):
        raise table.error("linearity should be a list of coefficients c1, c2, ... of c1 m + c2 m^2 + ..., not "
                          f"{value!r}")
    return tuple(float(c) for c in value)
