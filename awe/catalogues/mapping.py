"""What a reference catalogue is: which columns hold what, in which units, frame, epoch and magnitude system."""
from __future__ import annotations

import tomllib
from collections.abc import Mapping as Words
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from awe.errors import CatalogueError, MissingFileError, did_you_mean

FRAMES = ("ICRS", "FK5", "FK4", "galactic", "ecliptic")
SYSTEMS = ("AB", "Vega")
PARTS = ("ra", "dec", "ra_error", "dec_error", "pmra", "pmdec", "pmra_error", "pmdec_error", "epoch", "id")
"""Words of the table ``[columns]``."""


@dataclass(frozen=True)
class Source:
    """Where one quantity comes from: value = column * scale + offset, in `unit`.

    Without `unit` the file's own is used. `wrap` allows right ascensions from -180 to 180 degrees.
    """

    column: str
    unit: str = ""
    scale: float = 1.0
    offset: float = 0.0
    wrap: bool = False


@dataclass(frozen=True)
class Band:
    """The magnitudes (or fluxes, by their unit) of one band, and the limits between which they can be trusted."""

    column: str
    error: str = ""
    unit: str = ""
    system: str = "AB"
    offset: float = 0.0
    bright: float | None = None
    faint: float | None = None


@dataclass(frozen=True)
class Mapping:
    """A whole declaration; `epoch` is the Julian year of the positions where no column holds it.

    `cosdec` says that proper motions and errors in RA are those on the sky (times cos Dec), as usual.
    `missing` are numbers that stand for nothing; magnitudes outside -30 to 50 never stand for anything.
    """

    name: str
    columns: Words[str, Source]
    bands: Words[str, Band] = field(default_factory=dict)
    version: str = ""
    epoch: float | None = None
    frame: str = "ICRS"
    cosdec: bool = True
    missing: tuple[float, ...] = ()
    keep: tuple[str, ...] = ()
    hdu: int | str | None = None

    def renamed(self, name: str) -> Mapping:
        """Return the same declaration under another name."""
        return replace(self, name=name)


def load_mapping(source: Mapping | Words[str, Any] | Path | str) -> Mapping:
    """Return the declaration in a TOML file, in TOML text (with a line break), or in a dict of its words.

    ::

        [catalogue]
        name = "STRIPE82"          # required
        version = "1"
        epoch = 2000.0             # or a column, below
        frame = "ICRS"             # ICRS, FK5, FK4, galactic, ecliptic
        system = "AB"              # for all bands; or Vega
        cosdec = true              # proper motions and errors in RA are on the sky
        missing = [-999.0]         # numbers that stand for nothing
        keep = ["starnotgal"]      # other columns to keep as they are
        hdu = 1                    # of a FITS file; or its name

        [columns]                  # a name, or a table with unit, scale, offset, wrap
        ra = {column = "ra", wrap = true}
        dec = "dec"                # also: ra_error, dec_error, pmra, pmdec, pmra_error, pmdec_error, epoch, id

        [bands]                    # a name, or a table with error, unit, system, offset, bright, faint
        r = {column = "r", error = "r_err", bright = 14, faint = 22}

    Raises `CatalogueError` with near names for a word that is not known.
    """
    if isinstance(source, Mapping):
        return source
    words, where = _words(source)
    _only(words, ("catalogue", "columns", "bands"), where)
    head = _table(words, "catalogue", where)
    _only(head, ("name", "version", "epoch", "frame", "system", "cosdec", "missing", "keep", "hdu"), f"{where} [catalogue]")
    columns = {part: _source(value, f"{where} [columns] {part}")
               for part, value in _only(_table(words, "columns", where), PARTS, f"{where} [columns]").items()}
    for part in ("ra", "dec"):
        if part not in columns:
            raise CatalogueError(f"{where}: [columns] lacks {part}; say which column holds it")
    system = _choice(head.get("system", "AB"), SYSTEMS, f"{where} [catalogue] system")
    bands = {name: _band(value, system, f"{where} [bands] {name}") for name, value in words.get("bands", {}).items()}
    return Mapping(
        name=_text(head.get("name"), f"{where} [catalogue] name"), columns=columns, bands=bands,
        version=str(head.get("version", "")), epoch=_number(head.get("epoch"), f"{where} [catalogue] epoch"),
        frame=_choice(head.get("frame", "ICRS"), FRAMES, f"{where} [catalogue] frame"),
        cosdec=bool(head.get("cosdec", True)), keep=tuple(head.get("keep", ())), hdu=head.get("hdu"),
        missing=tuple(_number(value, f"{where} [catalogue] missing") or 0.0 for value in head.get("missing", ())),
    )


def _words(source: Words[str, Any] | Path | str) -> tuple[Words[str, Any], str]:
    if isinstance(source, Words):
        return source, "mapping"
    try:
        if isinstance(source, str) and "\n" in source:
            return tomllib.loads(source), "mapping"
        return tomllib.loads(Path(source).read_text()), str(source)
    except FileNotFoundError as error:
        raise MissingFileError(f"mapping {source}: there is no such file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        where = "mapping" if isinstance(source, str) and "\n" in source else str(source)
        raise CatalogueError(f"{where}: not TOML: {error}") from error


def _source(value: object, where: str) -> Source:
    if isinstance(value, str):
        return Source(value)
    words = _only(value, ("column", "unit", "scale", "offset", "wrap"), where)
    return Source(
        _text(words.get("column"), f"{where} column"), str(words.get("unit", "")),
        _number(words.get("scale", 1.0), f"{where} scale") or 1.0, _number(words.get("offset", 0.0), f"{where} offset") or 0.0,
        bool(words.get("wrap", False)),
    )


def _band(value: object, system: str, where: str) -> Band:
    if isinstance(value, str):
        return Band(value, system=system)
    words = _only(value, ("column", "error", "unit", "system", "offset", "bright", "faint"), where)
    return Band(
        _text(words.get("column"), f"{where} column"), str(words.get("error", "")), str(words.get("unit", "")),
        _choice(words.get("system", system), SYSTEMS, f"{where} system"),
        _number(words.get("offset", 0.0), f"{where} offset") or 0.0,
        _number(words.get("bright"), f"{where} bright"), _number(words.get("faint"), f"{where} faint"),
    )


def _only(words: object, known: tuple[str, ...], where: str) -> Words[str, Any]:
    if not isinstance(words, Words):
        raise CatalogueError(f"{where}: is {words!r}; give a name or a table of {', '.join(known)}")
    for word in words:
        if word not in known:
            raise CatalogueError(f"{where}: does not know the word {word!r}{did_you_mean(str(word), known)}")
    return words


def _table(words: Words[str, Any], name: str, where: str) -> Words[str, Any]:
    table = words.get(name)
    if not isinstance(table, Words):
        raise CatalogueError(f"{where}: lacks the table [{name}]")
    return table


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value:
        raise CatalogueError(f"{where}: is {value!r}; give a text")
    return value


def _number(value: object, where: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CatalogueError(f"{where}: is {value!r}; give a number")
    return float(value)


def _choice(value: object, known: tuple[str, ...], where: str) -> str:
    for word in known:
        if str(value).lower() == word.lower():
            return word
    raise CatalogueError(f"{where}: is {value!r}{did_you_mean(str(value), known)}")
