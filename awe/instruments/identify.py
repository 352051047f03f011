"""Which known camera a file comes from."""
from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from awe.errors import HeaderError, InstrumentError, did_you_mean
from awe.instruments.definition import Definition
from awe.instruments.fitsfile import FitsFile
from awe.instruments.source import Source, Value, from_mapping
from awe.instruments.transforms import plain

TELLING = ("INSTRUME", "TELESCOP", "DETECTOR", "ORIGIN", "LCAMMOD")


def identify(source: str | Path | FitsFile | Mapping[str, object], definitions: Iterable[Definition]) -> Definition:
    """Return the one camera whose ``[match]`` holds for a file, or for plain headers; of its versions the newest.

    Raises
    ------
    InstrumentError
        Where no camera matches (saying what was seen, with near names), or more than one.
    """
    if isinstance(source, FitsFile):
        return _choose(_source(source), list(definitions))
    if isinstance(source, Mapping):
        return _choose(from_mapping(source), list(definitions))
    with FitsFile(source) as file:
        return _choose(_source(file), list(definitions))


def _source(file: FitsFile) -> Source:
    """Return what a condition may look at: the primary header, then that of the first image."""
    images = file.images()
    headers = (file.primary,) if not images or images[0].index == 0 else (file.primary, images[0].header)
    return Source(file.name, headers)


def _choose(source: Source, definitions: list[Definition]) -> Definition:
    found = [definition for definition in definitions
             if any(condition.holds(source) for condition in definition.match)]
    if found and len({definition.name for definition in found}) == 1:
        return max(found, key=lambda definition: definition.version)
    name = f"{source.name}: " if source.name else ""
    if found:
        raise InstrumentError(f"{name}may be of {' or '.join(f'{d.name} (version {d.version})' for d in found)}; "
                              "make their [match] tables distinct, or say which camera it is")
    seen = {word: value for word in TELLING if (value := _seen(source, word)) is not None}
    text = ", ".join(f"{word} = {plain(value)!r}" for word, value in seen.items()) or f"none of {', '.join(TELLING)}"
    names = [definition.name for definition in definitions]
    near = did_you_mean(plain(next(iter(seen.values()), "")).lower(), names, listed=12)
    raise InstrumentError(f"{name}no known instrument matches; the header has {text}; `awe instrument add FILE` brings a camera in{near}")


def _seen(source: Source, word: str) -> Value | None:
    try:
        return source.raw(word)
    except HeaderError:
        return None
