"""Frames calibrated elsewhere: which HDU or companion holds image, weight and mask, and what the numbers mean."""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from awe.errors import FitsError, HeaderError
from awe.instruments import attributes
from awe.instruments.chip import ChipDefinition
from awe.instruments.definition import Definition
from awe.instruments.fitsfile import FitsFile, Hdu
from awe.instruments.layout import headers_of, source_of
from awe.instruments.reduction import PlaneDefinition, ReducedDefinition
from awe.instruments.source import COMPRESSIONS, Source, Value
from awe.instruments.transforms import as_number, plain
from awe.instruments.wcscards import wcs_cards


@dataclass(frozen=True)
class Plane:
    """A weight or mask: a file, an HDU in it, and its meaning (see `PlaneDefinition`)."""

    path: str
    hdu: int
    kind: str
    by: str
    meaning: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class ReducedDescription:
    """What one chip of a calibrated frame is.

    True pixel values are ``stored - soft_bias`` in `unit`. `zero_point` is that of one unit per second, or of the
    exposure, as `zero_point_per` says; None where the frame does not tell. `wcs_cards` hold for the image as stored.
    """

    instrument: str
    chip: str
    readout_mode: str
    filter: str
    object: str | None
    exposure: str
    date_obs: datetime
    exptime: float
    airmass: float | None
    ra: float | None
    dec: float | None
    observer: str | None
    path: str
    hdu: int
    shape: tuple[int, int]
    unit: str
    soft_bias: float
    zero_point: float | None
    zero_point_per: str
    zero_point_system: str
    gain: float | None
    read_noise: float | None
    saturation: float | None
    weight: Plane | None
    mask: Plane | None
    wcs_cards: dict[str, Value]
    extra: dict[str, Value]
    warnings: list[str] = field(default_factory=list)
    why: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        content = asdict(self)
        content["date_obs"] = self.date_obs.isoformat()
        content["shape"] = list(self.shape)
        return content


def is_reduced(file: FitsFile, definition: Definition) -> bool:
    """Say whether a file is a frame calibrated elsewhere, by the ``[reduced]`` table of its camera."""
    return definition.reduced is not None and _why(file, definition.reduced, definition) is not None


def describe_reduced(source: str | Path | FitsFile, definition: Definition) -> list[ReducedDescription]:
    """Return what each chip of a calibrated frame is.

    Raises
    ------
    FitsError
        Where the file, or a companion that the camera says it has, cannot be read.
    HeaderError
        Where the file is no calibrated frame of this camera, or what is needed is missing.
    """
    if not isinstance(source, FitsFile):
        with FitsFile(source, checksum=definition.checksum) as file:
            return describe_reduced(file, definition)
    source.checksum = definition.checksum
    why = _why(source, definition.reduced, definition) if definition.reduced else None
    if why is None or definition.reduced is None:
        raise HeaderError(f"{source.name}: is not a frame calibrated elsewhere, as [reduced] of {definition.name} "
                          "tells them")
    try:
        found = [_describe(source, hdu, chip, definition, definition.reduced, why)
                 for hdu, chip in _chips(source, definition, definition.reduced)]
    except HeaderError as error:
        raise HeaderError(f"{source.name}: {error}") from None
    if not found:
        raise HeaderError(f"{source.name}: holds no chip of {definition.name}")
    return found


def _why(file: FitsFile, reduced: ReducedDefinition, definition: Definition) -> str | None:
    """Return which condition holds, in words."""
    images = file.images()
    if not images:
        return None
    source = source_of(file, images[0], definition)
    return next((f"calibrated elsewhere because {c}" for c in reduced.when if c.holds(source)), None)


def _chips(file: FitsFile, definition: Definition, reduced: ReducedDefinition) -> Iterator[tuple[Hdu, ChipDefinition]]:
    """Find the image of each chip: by the rule for `chip`, by the HDU of the chip, or the only image there is."""
    planes = [file.find(plane.hdu) for plane in (reduced.weight, reduced.mask)
              if plane is not None and plane.replace is None and plane.hdu is not None]
    images = [hdu for hdu in file.images() if not any(hdu is plane for plane in planes)]
    if reduced.image is not None:
        wanted = file.find(reduced.image)
        images = [hdu for hdu in images if hdu is wanted]
    rule = definition.header.get("chip")
    for hdu in images:
        named = plain(rule.apply(source_of(file, hdu, definition)) or "") if rule else None
        for chip in definition.chips:
            if named is not None:
                belongs = named.casefold() == chip.name.casefold()
            elif chip.hdu is not None:
                belongs = file.find(chip.hdu) is hdu
            else:
                belongs = len(images) == 1 and len(definition.chip_names()) == 1
            if belongs:
                yield hdu, chip
                break


def _describe(file: FitsFile, hdu: Hdu, chip: ChipDefinition, definition: Definition, reduced: ReducedDefinition,
              why: str) -> ReducedDescription:
    source = source_of(file, hdu, definition)
    warnings: list[str] = []
    exptime = attributes.required_number(definition, "exptime", source, 0.0, 1.0e7)
    start, middle = attributes.mid_exposure(definition, source, exptime)
    constants = {word: _constant(word, rule.apply(source), rule.label(), warnings) for word, rule in reduced.rules}
    cards, wrong = wcs_cards(headers_of(file, hdu))
    if wrong:
        warnings.append(wrong)
    return ReducedDescription(
        instrument=definition.name, chip=chip.name, **attributes.common(definition, source, warnings),
        filter=_filter(definition, source, middle), exposure=attributes.exposure_name(definition, source, start),
        date_obs=middle, exptime=exptime, path=str(file.path), hdu=hdu.index, shape=(hdu.shape[0], hdu.shape[1]),
        unit=reduced.unit, soft_bias=constants.get("soft_bias") or 0.0, zero_point=constants.get("zero_point"),
        zero_point_per=reduced.zero_point_per, zero_point_system=reduced.zero_point_system, gain=constants.get("gain"),
        read_noise=constants.get("read_noise"), saturation=constants.get("saturation"),
        weight=_plane(file, hdu, reduced.weight, "weight", warnings),
        mask=_plane(file, hdu, reduced.mask, "mask", warnings),
        wcs_cards=cards, extra=attributes.extra(definition, source), warnings=warnings, why=why)


def _filter(definition: Definition, source: Source, when: datetime) -> str:
    value = attributes.find(definition, "filter", source)
    if value is None:
        raise HeaderError("filter is missing; a calibrated frame needs one: name another card, or a default, under [header]")
    return definition.filter_named(plain(value), when).name


def _constant(word: str, value: Value | None, label: str, warnings: list[str]) -> float | None:
    """Return a number; gain, read noise and saturation that are not above 0 mean that nobody knows."""
    if value is None:
        return None
    try:
        number = as_number(value)
    except HeaderError as error:
        raise HeaderError(f"{word} ({label}): {error}; {attributes.CORRECT}") from None
    if word in ("gain", "read_noise", "saturation") and number <= 0:
        warnings.append(f"{word} left out: {label} = {number:g} is not above 0")
        return None
    return number


def _plane(file: FitsFile, image: Hdu, plane: PlaneDefinition | None, word: str, warnings: list[str]) -> Plane | None:
    """Find a weight or mask of the shape of the image; one that is not there is a warning."""
    if plane is None:
        return None
    if plane.replace is None:
        hdu = file.find(plane.hdu if plane.hdu is not None else image.index)
        if hdu is None or hdu.shape != image.shape:
            warnings.append(f"{word} left out: no HDU {plane.hdu!r} of the image's shape")
            return None
        return Plane(str(file.path), hdu.index, plane.kind, plane.by, plane.meaning)
    path = companion(file.path, *plane.replace)
    if path is None:
        warnings.append(f"{word} left out: beside {file.name} there is no file with {plane.replace[1]!r} for "
                        f"{plane.replace[0]!r}")
        return None
    with FitsFile(path, checksum=file.checksum) as other:
        found = other.find(plane.hdu) if plane.hdu is not None else _same(other, image)
        if found is None or found.shape != image.shape:
            raise FitsError(f"{other.name}: has no {word} of {image.shape[1]}x{image.shape[0]} pixels for HDU "
                            f"{image.index} of {file.name}")
        return Plane(str(path), found.index, plane.kind, plane.by, plane.meaning)


def _same(other: FitsFile, image: Hdu) -> Hdu | None:
    """Return the HDU of the image's name, or else of its index."""
    named = other.find(image.name) if image.name else None
    return named if named is not None else other.find(image.index)


def companion(path: Path, look_for: str, put: str) -> Path | None:
    """Return the file beside `path` with some text of its name replaced, compressed in any way, or None."""
    if look_for not in path.name:
        return None
    name = path.name.replace(look_for, put)
    bare = next((name[:-len(ending)] for ending in COMPRESSIONS if name.endswith(ending)), name)
    candidates = [path.with_name(option) for option in (name, bare, *(bare + ending for ending in COMPRESSIONS))]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
