"""From a raw file to what it is: one description per chip, every refusal with its reason."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from awe.errors import HeaderError
from awe.instruments import attributes
from awe.instruments.chip import ChipDefinition
from awe.instruments.definition import Definition
from awe.instruments.fitsfile import FitsFile, Hdu
from awe.instruments.layout import (
    amplifiers_of,
    assembled_shape,
    hdus_of_chip,
    headers_of,
    mode_fits,
    source_of,
)
from awe.instruments.recognise import PURPOSES, recognise
from awe.instruments.source import Source, Value
from awe.instruments.transforms import plain
from awe.instruments.wcscards import wcs_cards

FILTERED = ("domeflat", "twilightflat", "science")
LONGEST_EXPOSURE = 1.0e6


@dataclass(frozen=True)
class RawDescription:
    """What one chip of one raw file is.

    `date_obs` is mid-exposure, UTC; `exptime` in s; `ra` and `dec` in degrees; `shape` is (ny, nx) of the assembled
    chip; `amplifiers` are plain dictionaries with 0-based half-open sections; `wcs_cards` are those of the HDU of the
    first amplifier, untrimmed, in FITS's own pixel counting; `why` says which rule told the purpose.
    """

    purpose: str
    instrument: str
    chip: str
    readout_mode: str
    filter: str | None
    object: str | None
    exposure: str
    date_obs: datetime
    exptime: float
    airmass: float | None
    ra: float | None
    dec: float | None
    observer: str | None
    amplifiers: list[dict[str, Any]]
    shape: tuple[int, int]
    wcs_cards: dict[str, Value]
    extra: dict[str, Value]
    warnings: list[str]
    why: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        content = asdict(self)
        content["date_obs"] = self.date_obs.isoformat()
        content["shape"] = list(self.shape)
        return content


@dataclass
class Translation:
    """The descriptions of one file, and the problems of chips that have none. Iterates over the descriptions."""

    purpose: str
    why: str
    raws: list[RawDescription] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[RawDescription]:
        return iter(self.raws)

    def __len__(self) -> int:
        return len(self.raws)

    def __getitem__(self, n: int) -> RawDescription:
        return self.raws[n]


def translate(source: str | Path | FitsFile, definition: Definition) -> Translation:
    """Return what each chip in a raw file is, by the rules of its camera.

    A chip that is missing, or whose sections do not fit, is a problem of its own; the others are described. A file
    whose purpose is ``skip`` has no descriptions.

    Raises
    ------
    FitsError
        Where the file cannot be read safely.
    HeaderError
        Where what is needed is missing or cannot be, for the file as a whole.
    """
    if isinstance(source, FitsFile):
        source.checksum = definition.checksum
        return _translate(source, definition)
    with FitsFile(source, checksum=definition.checksum) as file:
        return _translate(file, definition)


@dataclass(frozen=True)
class _Common:
    """What the chips of an exposure share."""

    purpose: str
    why: str
    start: datetime
    middle: datetime
    exptime: float


def _translate(file: FitsFile, definition: Definition) -> Translation:
    if not file.images():
        raise HeaderError(f"{file.name}: has no image; there is nothing to ingest in it, leave it out")
    try:
        common = _common(file, definition)
        translation = Translation(common.purpose, common.why)
        if common.purpose != "skip":
            _add_chips(file, definition, common, translation)
    except HeaderError as error:
        raise HeaderError(_prefixed(file.name, error)) from None
    if common.purpose != "skip" and not translation.raws:
        raise HeaderError(_prefixed(file.name, [*translation.problems, "holds no known chip"][0]))
    return translation


def _prefixed(name: str, message: object) -> str:
    return str(message) if str(message).startswith(f"{name}: ") else f"{name}: {message}"


def _common(file: FitsFile, definition: Definition) -> _Common:
    """Translate what holds for the exposure, from the first image and the primary header."""
    source = source_of(file, file.images()[0], definition)
    _fill_attributes(source, definition)
    purpose, why = _purpose(source, definition)
    if purpose == "skip":
        epoch = datetime.min
        return _Common(purpose, why, epoch, epoch, 0.0)
    low = 0.0
    if purpose == "bias" and attributes.find(definition, "exptime", source) is None:
        exptime = 0.0
    else:
        exptime = attributes.required_number(definition, "exptime", source, low, LONGEST_EXPOSURE)
    start, middle = attributes.mid_exposure(definition, source, exptime)
    return _Common(purpose, why, start, middle, exptime)


def _fill_attributes(source: Source, definition: Definition) -> None:
    """Translate the attributes that conditions may ask for; what cannot be had is simply absent."""
    for word in ("object", "exptime", "filter", "observer", "binning", "window", "exposure", "chip"):
        source.attributes[word] = attributes.optional(definition, word, source, lambda value: value, [])


def _purpose(source: Source, definition: Definition) -> tuple[str, str]:
    rule = definition.header.get("purpose")
    if rule is not None:
        value = rule.apply(source)
        if value in PURPOSES:
            return str(value), f"{value} because {rule.label()} says so"
        if value is not None:
            raise HeaderError(f"purpose ({rule.label()}) = {value!r} is none of {', '.join(PURPOSES)}")
    return recognise(definition.recognise, source)


def _add_chips(file: FitsFile, definition: Definition, common: _Common, translation: Translation) -> None:
    names = _expected(file, definition)
    for name in names:
        layouts = [chip for chip in definition.chips if chip.name == name]
        try:
            raw = _describe(file, layouts, definition, common)
        except HeaderError as error:
            translation.problems.append(_prefixed(file.name, f"chip {name}: {error}"))
            continue
        if raw is not None:
            translation.raws.append(raw)
        elif not layouts[0].optional:
            translation.problems.append(f"{file.name}: chip {name} is missing: {_lacks(layouts[0])}; "
                                        f"there are {_inventory(file)}; correct hdu in the instrument file, or fetch the file again")


def _expected(file: FitsFile, definition: Definition) -> list[str]:
    """Return the chips that should be in a file: all, or those that the rule for `chip` finds in it."""
    rule = definition.header.get("chip")
    if rule is None:
        return definition.chip_names()
    found: dict[str, None] = {}
    for hdu in file.images():
        value = rule.apply(source_of(file, hdu, definition))
        if value is not None:
            found[plain(value)] = None
    known = {name.casefold(): name for name in definition.chip_names()}
    unknown = [name for name in found if name.casefold() not in known]
    if not found:
        raise HeaderError(f"chip is missing ({rule.label()}), so it cannot be told which detector this is")
    if unknown:
        raise HeaderError(f"chip {unknown[0]!r} ({rule.label()}) is not one of the {len(known)} chips of "
                          f"{definition.name}")
    return [known[name.casefold()] for name in found]


def _lacks(chip: ChipDefinition) -> str:
    wanted = dict.fromkeys(a.hdu if a.hdu is not None else chip.hdu for a in chip.amplifiers)
    return "no HDU " + " or ".join(repr(which) for which in wanted if which is not None) if any(
        which is not None for which in wanted) else "which HDU it lies in cannot be told"


def _inventory(file: FitsFile) -> str:
    names = [hdu.name or str(hdu.index) for hdu in file.images()]
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return ", ".join(names[:8]) + more


def _describe(file: FitsFile, layouts: list[ChipDefinition], definition: Definition,
              common: _Common) -> RawDescription | None:
    """Return the description of one chip in the layout of its readout mode; None where the chip is not there."""
    for chip in layouts:
        hdus = hdus_of_chip(file, chip, definition)
        if not hdus:
            continue
        source = source_of(file, hdus[0], definition)
        _fill_attributes(source, definition)
        mode = attributes.readout_mode(definition, source)
        if mode_fits(chip, mode):
            return _description(file, chip, hdus, definition, common, source)
    if any(hdus_of_chip(file, chip, definition) for chip in layouts):
        raise HeaderError(f"has no layout for readout mode {mode!r}; the instrument file has "
                          f"{', '.join(m for chip in layouts for m in chip.readout_modes)}")
    return None


def _description(file: FitsFile, chip: ChipDefinition, hdus: list[Hdu], definition: Definition, common: _Common,
                 source: Source) -> RawDescription:
    warnings: list[str] = []
    amplifiers = amplifiers_of(file, chip, hdus, definition)
    shape = assembled_shape(amplifiers)
    _check_shape(shape, chip, source, definition)
    cards, wrong = wcs_cards(headers_of(file, hdus[0])) if common.purpose == "science" else ({}, None)
    if wrong:
        warnings.append(wrong)
    return RawDescription(
        purpose=common.purpose, instrument=definition.name, chip=chip.name, filter=_filter(definition, source, common),
        exposure=attributes.exposure_name(definition, source, common.start), date_obs=common.middle,
        exptime=common.exptime, amplifiers=amplifiers, shape=shape, wcs_cards=cards,
        extra=attributes.extra(definition, source), warnings=warnings, why=common.why,
        **attributes.common(definition, source, warnings))


def _filter(definition: Definition, source: Source, common: _Common) -> str | None:
    """Return the name of the filter of a frame that saw light; None for bias and dark."""
    if common.purpose not in FILTERED:
        return None
    value = attributes.find(definition, "filter", source)
    rule = definition.header.get("filter")
    if value is None:
        if rule is None and len(definition.filters) == 1:
            return definition.filters[0].name
        raise HeaderError(f"filter is missing ({rule.label() if rule else 'no rule under [header]'}); a "
                          f"{common.purpose} frame needs one: name another card, or a default, under [header]")
    return definition.filter_named(plain(value), common.middle).name


def _check_shape(shape: tuple[int, int], chip: ChipDefinition, source: Source, definition: Definition) -> None:
    """Refuse a chip of the wrong shape; binning divides, and a window may cut."""
    if chip.shape is None:
        return
    value = attributes.find(definition, "binning", source)
    x, y = (int(n) for n in (attributes.binning(value) if value is not None else "1x1").split("x"))
    expected = (chip.shape[0] // y, chip.shape[1] // x)
    windowed = attributes.find(definition, "window", source) is not None
    if shape == expected or (windowed and shape[0] <= expected[0] and shape[1] <= expected[1]):
        return
    raise HeaderError(f"has {shape[1]}x{shape[0]} light-sensitive pixels, and the instrument file says "
                      f"{expected[1]}x{expected[0]}" + (f" with binning {x}x{y}" if x * y > 1 else "")
                      + "; correct size there, or say what binning and window are")
