"""Reading the WCS cards of headers as they are: text for numbers, old keywords, TAN with PV cards that mean TPV."""
from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from astropy import units as u
from astropy.io.fits import Header
from numpy.typing import NDArray

from awe.errors import HeaderError
from awe.science import tpv

Floats = NDArray[np.float64]
Tangent = tuple[tuple[float, float], tuple[float, float], Floats, tuple[float, ...], tuple[float, ...]]
Cards = dict[str, float | str]

NUMERIC = re.compile(r"^(CRVAL[12]|CRPIX[12]|CDELT[12]|CROTA[12]|CD[12]_[12]|PC[12]_[12]|PV[12]_\d{1,2}|LONPOLE|LATPOLE"
                     r"|EQUINOX|EPOCH|A_ORDER|B_ORDER|[AB]_\d_\d)$")
TEXT = re.compile(r"^(CTYPE[12]|CUNIT[12]|RADESYS|RADECSYS|WAT[12]_\d{3})$")
TABLES = ("CPDIS1", "CPDIS2", "CQDIS1", "CQDIS2", "D2IMDIS1", "D2IMDIS2", "D2IMARR1", "D2IMARR2")
SYSTEMS = {"J2000": "FK5", "FK5/ICRS": "ICRS", "FK5J2000": "FK5", "B1950": "FK4", "GAIA": "ICRS"}
LONGITUDES, LATITUDES = {"RA", "GLON", "ELON"}, {"DEC", "GLAT", "ELAT"}


def has_celestial_axes(header: Mapping[str, Any]) -> bool:
    """Return whether the first two axes claim to be celestial (RA---xxx and DEC--xxx in either order, or similar)."""
    names = {_axis(header.get(f"CTYPE{i}")) for i in (1, 2)}
    return bool(names & LONGITUDES) and bool(names & LATITUDES)


def celestial_header(header: Mapping[str, Any]) -> Cards:
    """Return the WCS cards alone: numbers as float, contradictions resolved as the standard and custom have it.

    CD wins over PC and CDELT, those over CROTA; TAN with PV cards that a TAN cannot have is TPV; PV wins over SIP.
    Raises `HeaderError` where there is no celestial WCS or a card cannot be used.
    """
    if not has_celestial_axes(header):
        found = [header.get(f"CTYPE{i}") for i in (1, 2)]
        raise HeaderError(f"asked for a celestial WCS: CTYPE1 and CTYPE2 are {found[0]!r} and {found[1]!r}; "
                          "give the frame a nominal WCS in the instrument file")
    present = [k for k in TABLES if header.get(k) not in (None, "")]
    if present:
        raise HeaderError(f"the WCS has a distortion look-up table ({present[0]}), which is not read; use TPV or SIP")
    cards = {k: _number(k, v) for k, v in _items(header) if NUMERIC.match(k)}
    missing = [k for k in ("CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2") if k not in cards]
    if missing:
        raise HeaderError(f"the WCS lacks {', '.join(missing)}")
    text: Cards = {k: str(v).strip() for k, v in _items(header) if TEXT.match(k) and isinstance(v, str) and v.strip()}
    matrix = _matrix(cards)
    if not np.all(np.isfinite(matrix)) or abs(np.linalg.det(matrix)) < 1e-30:
        raise HeaderError(f"the WCS matrix is singular: CD = {matrix.tolist()}")
    out: Cards = {**text, **{k: v for k, v in cards.items() if not re.match(r"^(CD|PC|CROTA)", k)}}
    out.update({f"CD{i + 1}_{j + 1}": float(matrix[i, j]) for i in (0, 1) for j in (0, 1)})
    _settle_units(out)
    _settle_system(out)
    _settle_distortion(out)
    if not abs(float(out[f"CRVAL{_lat(out)}"])) <= 90.0:
        raise HeaderError(f"the declination of the reference point is {out[f'CRVAL{_lat(out)}']} degrees")
    return out


def is_tangent(cards: Cards) -> bool:
    """Return whether `read_tangent` takes these cards over exactly."""
    codes = {str(cards[f"CTYPE{i}"])[5:8] for i in (1, 2)}
    return (codes <= {"TAN", "TPV"} and _axis(cards[f"CTYPE{_lat(cards)}"]) == "DEC"
            and cards["RADESYS"] in ("ICRS", "FK5") and float(cards.get("A_ORDER", 0)) <= tpv.MAX_DEGREE
            and float(cards.get("B_ORDER", 0)) <= tpv.MAX_DEGREE)


def read_tangent(cards: Cards) -> Tangent:
    """Return (crval, 0-based crpix, cd, pv1, pv2) in ICRS of TAN, TAN-SIP or TPV cards in ICRS or FK5."""
    lat = _lat(cards)
    lon = 3 - lat
    cd = np.array([[float(cards[f"CD{axis}_{j}"]) for j in (1, 2)] for axis in (lon, lat)])
    crval = float(cards[f"CRVAL{lon}"]) % 360.0, float(cards[f"CRVAL{lat}"])
    pv1, pv2 = (_coefficients(cards, axis) for axis in (lon, lat))
    if "A_ORDER" in cards or "B_ORDER" in cards:
        pv1, pv2 = _sip_to_tpv(cards, cd)
    angle = _pole_angle(cards)
    if cards["RADESYS"] == "FK5":
        crval, more = _fk5_to_icrs(crval, float(cards.get("EQUINOX", 2000.0)))
        angle += more
    if angle:
        cd = cd if pv1 or pv2 else tpv.turn(angle) @ cd
        pv1, pv2 = tpv.rotate(pv1, pv2, angle)
    return crval, (float(cards["CRPIX1"]) - 1.0, float(cards["CRPIX2"]) - 1.0), cd, pv1, pv2


def fallback_grid(cards: Cards, header: Mapping[str, Any],
                  shape: Sequence[int] | None) -> tuple[Floats, Floats, Floats, Floats]:
    """Return a grid of 0-based pixels over the image and their ICRS degrees, for projections that are not tangent."""
    from astropy.coordinates import ICRS, SkyCoord  # a fifth of a second to load, and few headers need it
    from astropy.wcs import WCS
    from astropy.wcs.utils import wcs_to_celestial_frame

    ny, nx = _shape(cards, header, shape)
    try:
        wcs = WCS(Header(list(cards.items())), naxis=2)
        gx, gy = (g.ravel() for g in np.meshgrid(_chebyshev(nx), _chebyshev(ny)))
        lon, lat = wcs.all_pix2world(gx, gy, 0)
        frame = wcs_to_celestial_frame(wcs)
    except (ValueError, TypeError, MemoryError) as error:  # astropy.wcs raises subclasses of ValueError
        raise HeaderError(f"the WCS ({cards['CTYPE1']}, {cards['CTYPE2']}) cannot be used: "
                          f"{_one_line(error)}") from error
    if _lat(cards) == 1:
        lon, lat = lat, lon
    if np.count_nonzero(np.isfinite(lon) & np.isfinite(lat)) < 100:
        raise HeaderError(f"the WCS ({cards['CTYPE1']}, {cards['CTYPE2']}) gives no sky position over the image")
    good = np.isfinite(lon) & np.isfinite(lat)
    sky = SkyCoord(lon[good] * u.deg, lat[good] * u.deg, frame=frame).transform_to(ICRS())
    return gx[good], gy[good], np.asarray(sky.ra.deg), np.asarray(sky.dec.deg)


def _axis(ctype: Any) -> str:
    return str(ctype or "").strip().upper()[:4].rstrip("-")


def _lat(cards: Cards) -> int:
    """Return which axis, 1 or 2, is the latitude."""
    return 1 if _axis(cards["CTYPE1"]) in LATITUDES else 2


def _items(header: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the first card of each keyword; headers may hold a keyword twice."""
    seen: dict[str, Any] = {}
    for key in header:
        if isinstance(key, str) and key not in ("COMMENT", "HISTORY", ""):
            seen.setdefault(key.upper(), header[key])
    return list(seen.items())


def _number(key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise HeaderError(f"the WCS card {key} is {value!r} where a number is due") from None
    if not math.isfinite(number):
        raise HeaderError(f"the WCS card {key} is {value!r} where a finite number is due")
    return number


def _matrix(cards: dict[str, float]) -> Floats:
    cd = [[cards.get(f"CD{i}_{j}", 0.0) for j in (1, 2)] for i in (1, 2)]
    if np.any(cd):
        return np.array(cd)
    step = np.array([cards.get("CDELT1", 1.0), cards.get("CDELT2", 1.0)])
    if any(k.startswith("PC") for k in cards):
        pc = np.array([[cards.get(f"PC{i}_{j}", float(i == j)) for j in (1, 2)] for i in (1, 2)])
        return np.asarray(step[:, None] * pc)
    angle = math.radians(cards.get("CROTA2", cards.get("CROTA1", 0.0)))
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[step[0] * c, -step[1] * s], [step[0] * s, step[1] * c]])


def _settle_units(cards: Cards) -> None:
    for axis in (1, 2):
        name = str(cards.pop(f"CUNIT{axis}", "deg")).lower().rstrip(".")
        try:
            factor = float(u.Unit({"degree": "deg", "degrees": "deg", "degs": "deg"}.get(name, name)).to(u.deg))
        except (ValueError, u.UnitConversionError):
            raise HeaderError(f"the WCS card CUNIT{axis} is {name!r}, which is not an angle") from None
        for key in (f"CRVAL{axis}", f"CD{axis}_1", f"CD{axis}_2"):
            cards[key] = float(cards[key]) * factor
    cards.pop("CDELT1", None)
    cards.pop("CDELT2", None)


def _settle_system(cards: Cards) -> None:
    named = cards.pop("RADECSYS", "")
    epoch = cards.pop("EPOCH", None)
    if epoch is not None and float(epoch) > 1800.0:
        cards.setdefault("EQUINOX", epoch)
    if float(cards.get("EQUINOX", 2000.0)) < 1800.0:
        cards.pop("EQUINOX")
    system = str(cards.get("RADESYS", named)).upper().replace(" ", "")
    system = SYSTEMS.get(system, system)
    if not system:
        system = "ICRS" if "EQUINOX" not in cards else "FK5" if float(cards["EQUINOX"]) >= 1984.0 else "FK4"
    if system not in ("ICRS", "FK5", "FK4", "FK4-NO-E"):
        raise HeaderError(f"the WCS is in the system RADESYS={system!r}; ICRS, FK5 and FK4 are read")
    cards["RADESYS"] = system


def _settle_distortion(cards: Cards) -> None:
    lat = _lat(cards)
    pv = [k for k in cards if re.match(r"^PV\d_\d+$", k)]
    code = str(cards["CTYPE1"])[5:8].upper()
    beyond = [k for k in pv if k.startswith(f"PV{lat}_") or int(k.split("_")[1]) > 4]
    if code == "TPV" or (code == "TAN" and beyond):
        cards["CTYPE1"], cards["CTYPE2"] = (str(cards[f"CTYPE{i}"])[:5] + "TPV" for i in (1, 2))
    elif code == "TAN":
        for key in pv:
            cards.pop(key)
        pv = []
    if code in ("TPV", "TAN") and pv:
        for key in [k for k in cards if re.match(r"^[AB]_", k)]:
            cards.pop(key)
    if any(k.startswith(("A_", "B_")) for k in cards):
        for i in (1, 2):
            cards[f"CTYPE{i}"] = str(cards[f"CTYPE{i}"])[:8] + "-SIP"
            cards.setdefault(f"{'AB'[i - 1]}_ORDER", _order(cards, "AB"[i - 1]))


def _order(cards: Cards, letter: str) -> float:
    return float(max([int(k[2]) + int(k[4]) for k in cards if re.match(rf"^{letter}_\d_\d$", k)], default=2))


def _coefficients(cards: Cards, axis: int) -> tuple[float, ...]:
    pv = {int(k.split("_")[1]): float(v) for k, v in cards.items() if k.startswith(f"PV{axis}_")}
    if not pv:
        return ()
    if max(pv) >= len(tpv.TERMS):
        raise HeaderError(f"the WCS has the card PV{axis}_{max(pv)}; TPV ends at PV{axis}_{len(tpv.TERMS) - 1}")
    pv.setdefault(1, 1.0)
    return tpv.trim([pv.get(m, 0.0) for m in range(len(tpv.TERMS))])


def _sip_to_tpv(cards: Cards, cd: Floats) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the polynomial in tangent-plane coordinates that is the SIP polynomial in pixels; exact but for rounding.

    A polynomial of degree n in pixels is one of degree n in their linear image (Shupe et al. 2012), found by solving
    for its coefficients on more points than it has.
    """
    degree = max(int(float(cards.get("A_ORDER", 0))), int(float(cards.get("B_ORDER", 0))), 1)
    reach = max(abs(float(cards["CRPIX1"])), abs(float(cards["CRPIX2"])), 500.0)
    x, y = (g.ravel() for g in np.meshgrid(*[2.0 * _chebyshev(1.0) * reach] * 2))
    f, g = x.copy(), y.copy()
    for key, value in cards.items():
        if re.match(r"^[AB]_\d_\d$", key):
            term = float(value) * x ** int(key[2]) * y ** int(key[4])
            f, g = (f + term, g) if key[0] == "A" else (f, g + term)
    plane, target = cd @ np.vstack([x, y]), cd @ np.vstack([f, g])
    return tpv.fit(plane[0], plane[1], target[0], target[1], degree)


def _pole_angle(cards: Cards) -> float:
    """Return the rotation, degrees, that a LONPOLE other than 180 means for a zenithal projection."""
    angle = float(cards.get("LONPOLE", 180.0)) - 180.0
    return angle if abs(angle) > 1e-12 else 0.0


def _fk5_to_icrs(crval: tuple[float, float], equinox: float) -> tuple[tuple[float, float], float]:
    """Return the tangent point in ICRS and the position angle there, degrees, of the old north."""
    from astropy.coordinates import FK5, ICRS, SkyCoord  # a fifth of a second to load, and few headers need it

    frame = FK5(equinox=f"J{equinox:.4f}")
    point = SkyCoord(crval[0] * u.deg, crval[1] * u.deg, frame=frame).transform_to(ICRS())
    step = min(1.0, 89.9 - crval[1]) if crval[1] < 89.0 else 0.5
    north = SkyCoord(crval[0] * u.deg, min(crval[1] + step, 89.9999) * u.deg, frame=frame).transform_to(ICRS())
    angle = float(point.position_angle(north).wrap_at(180.0 * u.deg).deg)
    return (float(point.ra.deg), float(point.dec.deg)), angle


def _shape(cards: Cards, header: Mapping[str, Any], shape: Sequence[int] | None) -> tuple[int, int]:
    if shape is not None:
        return int(shape[0]), int(shape[1])
    for prefix in ("ZNAXIS", "NAXIS"):
        if header.get(f"{prefix}1") and header.get(f"{prefix}2"):
            return int(header[f"{prefix}2"]), int(header[f"{prefix}1"])
    return max(int(2 * float(cards["CRPIX2"])), 100), max(int(2 * float(cards["CRPIX1"])), 100)


def _chebyshev(n: float, count: int = 24) -> Floats:
    """Return points between -0.5 and n - 0.5, dense at the ends, where polynomials would swing."""
    t = 0.5 - 0.5 * np.cos(np.pi * np.arange(count) / (count - 1))
    return np.asarray(t * n - 0.5)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
