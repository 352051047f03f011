"""A camera: everything that its instrument file says, read strictly."""
from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from awe.errors import InstrumentError
from awe.instruments.calibration import GroupDefinition, ValidityDefinition, read_calibrations
from awe.instruments.chip import QUANTITIES, ChipDefinition, read_chips
from awe.instruments.condition import Condition, read_conditions
from awe.instruments.dates import SCALES
from awe.instruments.filters import FilterDefinition, find_filter, read_filters
from awe.instruments.ghosts import GhostDefinition, read_ghosts
from awe.instruments.masks import MaskDefinition, read_masks
from awe.instruments.recognise import Recognition, read_recognitions
from awe.instruments.reduction import ReducedDefinition, read_reduced
from awe.instruments.rule import Rule, read_rule
from awe.instruments.table import Table

FILE_WORDS = ("instrument", "match", "header", "recognise", "chip", "amplifier", "focal_plane", "filter", "calibration",
              "levels", "parameters", "reduced", "ghost", "mask")
INSTRUMENT_WORDS = ("name", "version", "telescope", "latitude", "longitude", "elevation", "utc_offset", "pixel_scale",
                    "rotation", "parity", "infrared", "dark", "dark_tolerance", "overscan", "date_is", "timescale",
                    "placeholders", "keep", "checksum", "tiling", "crosstalk", "night_sky_flat", "illumination", *QUANTITIES)
HEADER_WORDS = ("date_obs", "exptime", "object", "filter", "ra", "dec", "airmass", "observer", "exposure", "binning",
                "window", "readout_mode", "chip", "purpose", *QUANTITIES)
LEVELS = ("bias", "dark", "domeflat", "twilightflat", "science")
TILING = re.compile(r"rings(:[1-9]\d{0,4})?|healpix:[1-9]\d{0,4}")
CORRECTIONS = ("leave", "correct")
PARITIES = {"normal": -1, "mirrored": 1}
CAMERAS = Path(__file__).parent / "cameras"


@dataclass(frozen=True)
class Definition:
    """One camera at one version.

    `parity` is the sign of the determinant of the WCS matrix: -1 the sky as seen, +1 mirrored, None unknown.
    `pixel_scale` in arcsec per unbinned pixel, `rotation` in degrees, `utc_offset` in hours east of Greenwich.
    """

    name: str
    version: int
    telescope: str | None
    utc_offset: float
    latitude: float | None = None
    longitude: float | None = None
    elevation: float | None = None
    pixel_scale: float | None = None
    rotation: float | None = None
    parity: int | None = None
    infrared: bool = False
    dark: str = "scaled"
    dark_tolerance: float = 0.01
    overscan: str | None = None
    date_is: str = "start"
    timescale: str = "utc"
    checksum: str = "verify"
    tiling: str = "rings"
    crosstalk: str = "leave"
    night_sky_flat: str = "leave"
    illumination: str = "leave"
    placeholders: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    match: tuple[Condition, ...] = ()
    header: Mapping[str, Rule] = field(default_factory=dict)
    recognise: tuple[Recognition, ...] = ()
    chips: tuple[ChipDefinition, ...] = ()
    filters: tuple[FilterDefinition, ...] = ()
    groups: Mapping[str, GroupDefinition] = field(default_factory=dict)
    validity: Mapping[str, ValidityDefinition] = field(default_factory=dict)
    levels: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    parameters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    reduced: ReducedDefinition | None = None
    ghosts: tuple[GhostDefinition, ...] = ()
    masks: MaskDefinition = field(default_factory=MaskDefinition)
    text: str = field(default="", compare=False, repr=False)

    def group(self, kind: str) -> GroupDefinition:
        """Return how raws of a kind are grouped, as stated or by default."""
        return self.groups.get(kind, GroupDefinition())

    def valid_for(self, kind: str) -> ValidityDefinition:
        """Return how long a calibration of a kind is valid, as stated or by default."""
        return self.validity.get(kind, ValidityDefinition())

    def filter_named(self, spelling: str, when: datetime | None = None) -> FilterDefinition:
        """Return the filter that a header spelling means; `HeaderError` where there is none or several."""
        return find_filter(self.filters, spelling, when)

    def chip_names(self) -> list[str]:
        """Return the names of the chips, each once, in the order of the file."""
        return list(dict.fromkeys(chip.name for chip in self.chips))

    def as_dict(self) -> dict[str, Any]:
        """Return the whole content as plain JSON-able data, the same for the same meaning, for hashing and keeping."""
        content: dict[str, Any] = _plain(self)
        del content["text"]
        return content


def load(source: str | Path, *, name: str | None = None) -> Definition:
    """Read a camera from a TOML file, or from the text of one.

    Parameters
    ----------
    source : str or Path
        A path; a string with a line break counts as the TOML text itself.
    name : str, optional
        What to call the file in messages.

    Raises
    ------
    InstrumentError
        With file, table and word, and near names for words that are not known.
    """
    text, file = _read(source)
    file = name or file
    try:
        content = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InstrumentError(f"{file}: not a TOML file: {error}") from None
    return dataclasses.replace(_read_file(Table(content, "file", file)), text=text)


def shipped() -> dict[str, Path]:
    """Return the cameras that come with `awe`: name to instrument file."""
    return {path.stem: path for path in sorted(CAMERAS.glob("*.toml"))}


def _read(source: str | Path) -> tuple[str, str]:
    if isinstance(source, str) and "\n" in source:
        return source, "instrument file"
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8"), path.name
    except OSError as error:
        raise InstrumentError(f"instrument file {path} cannot be read: {error.strerror}; name a TOML file") from None
    except UnicodeDecodeError as error:
        raise InstrumentError(f"instrument file {path} is no text: byte {error.start} cannot be; write TOML in UTF-8") from None


def _read_file(table: Table) -> Definition:
    if "instrument" not in table:
        table.finish(FILE_WORDS)
        raise table.error("needs the table [instrument]")
    head = table.table("instrument")
    values = _read_instrument(head)
    groups, validity = read_calibrations(table.table("calibration"))
    match = read_conditions(table.take("match"), "match", table.file) if "match" in table else ()
    definition = Definition(
        **values, match=match, header=_read_header(table.table("header")),
        recognise=read_recognitions(table.table("recognise")),
        chips=read_chips(table.tables("chip"), table.tables("amplifier"), _read_focal_plane(table.table("focal_plane")),
                         _defaults(head)),
        filters=read_filters(table.tables("filter")), groups=groups, validity=validity,
        levels=_read_levels(table.table("levels")), parameters=_read_parameters(table.table("parameters")),
        reduced=read_reduced(table.table("reduced")) if "reduced" in table else None,
        ghosts=read_ghosts(table.tables("ghost")), masks=read_masks(table.table("mask")))
    head.finish(INSTRUMENT_WORDS)
    table.finish(FILE_WORDS)
    _validate(definition, table)
    return definition


def _read_instrument(head: Table) -> dict[str, Any]:
    infrared = head.truth("infrared")
    parity = head.choice("parity", PARITIES, "normal") if "parity" in head else None
    offset = head.number("utc_offset", low=-12.0, high=14.0)
    if offset is None:
        raise head.error("needs utc_offset, the hours that local time is ahead of UTC (negative in the Americas)")
    return {
        "name": head.required_text("name"), "version": head.integer("version", 1, low=1),
        "telescope": head.text("telescope"),
        "utc_offset": offset, "latitude": head.number("latitude", low=-90.0, high=90.0),
        "longitude": head.number("longitude", low=-180.0, high=360.0),
        "elevation": head.number("elevation", low=-500.0),
        "pixel_scale": head.number("pixel_scale", low=1e-4, high=3600.0),
        "rotation": head.number("rotation", low=-360.0, high=360.0), "parity": PARITIES[parity] if parity else None,
        "infrared": infrared, "dark": head.choice("dark", ("exact", "scaled"), "exact" if infrared else "scaled"),
        "dark_tolerance": head.number("dark_tolerance", 0.01, low=0.0, high=1.0), "overscan": head.text("overscan"),
        "date_is": head.choice("date_is", ("start", "mid", "end"), "start"),
        "timescale": head.choice("timescale", SCALES, "utc"),
        "checksum": head.choice("checksum", ("verify", "data", "ignore"), "verify"),
        "placeholders": tuple(text.strip().casefold() for text in head.texts("placeholders")),
        "keep": head.texts("keep"), "tiling": _read_tiling(head),
        "crosstalk": head.choice("crosstalk", CORRECTIONS, "leave"),
        "night_sky_flat": head.choice("night_sky_flat", CORRECTIONS, "leave"),
        "illumination": head.choice("illumination", CORRECTIONS, "leave")}


def _read_tiling(head: Table) -> str:
    tiling = head.text("tiling", "rings") or ""
    if not TILING.fullmatch(tiling):
        raise head.error(f"tiling = {tiling!r} should be rings, rings:NUMBER (of rings from pole to pole) or healpix:NSIDE")
    return tiling


def _defaults(head: Table) -> dict[str, Any]:
    values = {word: head.take(word) for word in QUANTITIES}
    for word, value in values.items():
        if value is not None and not (isinstance(value, str) and value.isupper()) and (
                isinstance(value, bool | str) or not isinstance(value, int | float) or not 0 < value < float("inf")):
            raise head.error(f"{word} should be a positive number or a header keyword (capitals), not {value!r}")
    return {word: float(value) if isinstance(value, int) else value for word, value in values.items()}


def _read_header(table: Table) -> dict[str, Rule]:
    rules = {word: read_rule(table.take(word), table.inside(word), table.file)
             for word in HEADER_WORDS if word in table}
    table.finish(HEADER_WORDS)
    return rules


def _read_focal_plane(table: Table) -> dict[str, tuple[float, float]]:
    places = {}
    for name in table.words():
        pair = table.pair(name)
        if pair is not None:
            places[name] = pair
    return places


def _read_levels(table: Table) -> dict[str, tuple[float, float]]:
    levels = {}
    for purpose in LEVELS:
        pair = table.pair(purpose)
        if pair is not None:
            if pair[0] >= pair[1]:
                raise table.error(f"{purpose} = {list(pair)} should run from the lowest to the highest plausible "
                                  "median")
            levels[purpose] = pair
    table.finish(LEVELS)
    return levels


def _read_parameters(table: Table) -> dict[str, dict[str, Any]]:
    parameters: dict[str, dict[str, Any]] = {}
    for target in table.words():
        inner = table.table(target)
        if not target.isidentifier() or not target[0].isupper():
            raise table.error(f"{target!r} is not the name of a target class such as MasterBias")
        parameters[target] = {word: inner.take(word) for word in inner.words()}
    return parameters


def _validate(definition: Definition, table: Table) -> None:
    """Refuse what is written well but cannot be meant."""
    if not definition.chips:
        raise table.error("has no [[chip]]; a camera has at least one")
    seen: set[tuple[str, tuple[str, ...]]] = set()
    for chip in definition.chips:
        if (chip.name, chip.readout_modes) in seen:
            raise InstrumentError(f"{table.file}: [chip] {chip.name!r} appears twice; give each its name or "
                                  "readout_mode")
        seen.add((chip.name, chip.readout_modes))
        names = [amplifier.name for amplifier in chip.amplifiers]
        if len(set(names)) != len(names):
            raise InstrumentError(f"{table.file}: [chip] {chip.name!r} has two amplifiers of one name: "
                                  f"{', '.join(names)}")
        if len(names) > 1 and any(amplifier.position is None for amplifier in chip.amplifiers):
            raise InstrumentError(f"{table.file}: [chip] {chip.name!r} has {len(names)} amplifiers; each needs "
                                  "position, where its data go in the assembled chip")
    filters = [(f.name, f.valid_from) for f in definition.filters]
    for name in {name for name in filters if filters.count(name) > 1}:
        raise InstrumentError(f"{table.file}: [filter] {name[0]!r} appears twice")
    if definition.reduced is None and not definition.recognise and "purpose" not in definition.header:
        raise table.error("needs [recognise] (what is bias, dark, flat, science) or [reduced] (frames calibrated "
                          "elsewhere)")
    if "date_obs" not in definition.header:
        raise table.error("needs date_obs under [header], the card that holds the time of the exposure")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return value
