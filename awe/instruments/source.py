"""Where attributes come from: the headers of one chip, its file name, and what was translated already."""
from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePath

from astropy.io.fits import Card, Header
from astropy.io.fits.card import Undefined
from astropy.io.fits.verify import VerifyError
from astropy.utils.exceptions import AstropyWarning

from awe.errors import HeaderError

Value = str | int | float | bool | datetime
COMPRESSIONS = (".gz", ".bz2", ".fz")
ENDINGS = (".fits", ".fit", ".fts")


def stem(path: str | PurePath) -> str:
    """Return the file name without folders, compression and FITS endings.

    >>> stem("night1/flat_001.FITS.bz2")
    'flat_001'
    """
    name = PurePath(path).name
    for endings in (COMPRESSIONS, ENDINGS):
        for ending in endings:
            if name.lower().endswith(ending):
                name = name[:-len(ending)]
                break
    return name


def card_value(header: Header, keyword: str | tuple[str, int]) -> Value | None:
    """Return the value of a keyword (or of its n-th card) as a plain Python value.

    ``None`` where it is absent, undefined or blank.

    Raises
    ------
    HeaderError
        Where the card cannot be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AstropyWarning)  # what is odd in a card is told by its value
        try:
            value = header.get(keyword)
        except (VerifyError, ValueError):
            raise HeaderError(f"card {header.cards[keyword].image.strip()!r} cannot be read; correct it") from None
    if value is None or isinstance(value, Undefined | Card):
        return None
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, complex):
        return str(value)
    text = str(value).strip()
    return text or None


@dataclass
class Source:
    """Looks a word up: KEYWORDS in the headers, lower-case words among the attributes, `file` in the name."""

    name: str
    headers: tuple[Header, ...]
    placeholders: frozenset[str] = frozenset()
    attributes: dict[str, Value | None] = field(default_factory=dict)

    def keyword(self, word: str, *, hdu: str | None = None) -> Value | None:
        """Return the first value of a header keyword that says something (no blank, no placeholder).

        `hdu` narrows the search to the chip's ``own`` header or to the ``primary``.
        """
        headers = {"own": self.headers[:1], "primary": self.headers[-1:]}
        for header in headers.get(hdu or "", self.headers):
            value = card_value(header, word)
            if value is not None and str(value).casefold() not in self.placeholders:
                return value
        return None

    def raw(self, word: str) -> Value | None:
        """Return what a condition looks at: `file`, an attribute, or a keyword with its placeholders."""
        if word == "file":
            return stem(self.name)
        if not word.isupper():
            return self.attributes.get(word)
        for header in self.headers:
            value = card_value(header, word)
            if value is not None:
                return value
        return None


def from_mapping(cards: Mapping[str, object], name: str = "") -> Source:
    """Return a source over plain keyword-value pairs, for headers that come from elsewhere."""
    header = Header()
    for keyword, value in cards.items():
        if keyword and isinstance(value, str | int | float | bool):
            header[keyword] = value
    return Source(name, (header,))
