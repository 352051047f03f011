"""The cards of a header that say where the pixels lie on the sky."""
from __future__ import annotations

import re

from astropy.io.fits import Header

from awe.errors import HeaderError
from awe.instruments.source import Value, card_value
from awe.instruments.transforms import as_number

_NUMBERS = re.compile(
    r"(CRVAL|CRPIX|CDELT|CROTA)[12]|(CD|PC)[12]_[12]|PV[12]_\d{1,2}|PROJP\d|LONPOLE|LATPOLE|EQUINOX|WCSAXES"
    r"|(A|B|AP|BP)_(ORDER|\d_\d)|[AB]_DMAX")
_TEXTS = re.compile(r"CTYPE[12]|CUNIT[12]|RADESYS|RADECSYS")
_WHOLE = re.compile(r"WCSAXES|(A|B|AP|BP)_ORDER")
_SKY = re.compile(r"(RA--|DEC-|[GEHS]LON|[GEHS]LAT)-?[-A-Z]*")


def wcs_cards(headers: tuple[Header, ...]) -> tuple[dict[str, Value], str | None]:
    """Return the WCS cards that hold for the first of `headers`, and what is wrong with them, if anything.

    The first header counts before the others, which it inherits from. Numbers written as text become numbers;
    nothing else is changed: pixels are those of the HDU, untrimmed. Where there is no sky projection, or the
    numbers cannot be, the cards are left out.
    """
    cards: dict[str, Value] = {}
    for header in reversed(headers):
        for keyword in header:
            if _NUMBERS.fullmatch(keyword) or _TEXTS.fullmatch(keyword):
                value = card_value(header, keyword)
                if value is not None:
                    cards[keyword] = value
    if not _is_sky(cards):
        return {}, None
    try:
        cards = {keyword: _number(keyword, value) for keyword, value in cards.items()}
    except HeaderError as error:
        return {}, f"WCS left out: {error}"
    problem = _problem(cards)
    return ({}, f"WCS left out: {problem}") if problem else (cards, None)


def _is_sky(cards: dict[str, Value]) -> bool:
    return all(_SKY.fullmatch(str(cards.get(f"CTYPE{n}", "")).strip()) for n in (1, 2))


def _number(keyword: str, value: Value) -> Value:
    if _TEXTS.fullmatch(keyword):
        return value
    try:
        number = as_number(value)
    except HeaderError as error:
        raise HeaderError(f"{keyword}: {error}") from None
    return int(number) if _WHOLE.fullmatch(keyword) else number


def _problem(cards: dict[str, Value]) -> str | None:
    """Return why the numbers cannot be a WCS, or None."""
    for keyword in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"):
        if keyword not in cards:
            return f"{keyword} is missing"
    latitude = 2 if "LAT" in str(cards["CTYPE2"]) or "DEC" in str(cards["CTYPE2"]) else 1
    if abs(float(str(cards[f"CRVAL{latitude}"]))) > 90:
        return f"CRVAL{latitude} = {cards[f'CRVAL{latitude}']} is not a latitude"
    if not any(f"CD{n}_{m}" in cards for n in (1, 2) for m in (1, 2)) and "CDELT1" not in cards:
        return "neither CD1_1 nor CDELT1 is there"
    return None
