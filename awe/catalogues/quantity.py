"""Numbers of a foreign table in units of ours: angles, motions, epochs, magnitudes from magnitudes or fluxes."""
from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from astropy import units
from astropy.coordinates import FK4, FK5, ICRS, Angle, BarycentricMeanEcliptic, Galactic, SkyCoord
from astropy.table import Table

from awe.catalogues.mapping import Band, Source
from awe.errors import CatalogueError

Floats = npt.NDArray[np.float64]

_FRAMES = {"FK5": FK5(), "FK4": FK4(), "galactic": Galactic(), "ecliptic": BarycentricMeanEcliptic()}
_AB_ZERO = 3631.0  # Jy
_FLUXES = {"maggy": 3631.0, "maggie": 3631.0, "nanomaggy": 3.631e-6, "nanomaggie": 3.631e-6}  # Jy; SDSS spells it both ways
_SEXAGESIMAL = ("hms", "dms", "hourangle", "sexagesimal")


def numbers(raw: Table, name: str, where: str) -> Floats:
    """Return a column as float64, missing values as NaN; raises `CatalogueError` that names the first row of text."""
    values = raw[name]
    if values.ndim != 1:
        raise CatalogueError(f"{where}: column {name!r} holds {values.shape[1:]} values per row where one number is due")
    if values.dtype.kind in "fiub":
        return np.ma.filled(np.ma.asarray(values).astype(np.float64), np.nan)
    plain = np.ma.filled(np.ma.asarray(values).astype(object), "")
    result = np.full(len(values), np.nan)
    for row, value in enumerate(plain):
        text = value.decode() if isinstance(value, bytes) else str(value)
        try:
            result[row] = float(text) if text.strip() else np.nan
        except ValueError as error:
            raise CatalogueError(
                f"{where}: column {name!r} of row {row + 1} is {text!r} where a number is due; correct or drop the row"
            ) from error
    return result


def angle(raw: Table, source: Source, part: str, where: str) -> Floats:
    """Return an angle in degrees, from numbers with a unit or from sexagesimal text (hours for ra)."""
    written = source.unit or str(raw[source.column].unit or "")
    if raw[source.column].dtype.kind in "OSU" and (source.unit in _SEXAGESIMAL or _looks_sexagesimal(raw, source.column)):
        values = _sexagesimal(raw, source, part, where)
        return values * source.scale + source.offset
    unit = _unit(written or ("deg" if part in ("ra", "dec") else ""), units.deg, part, source.column, where)
    values = numbers(raw, source.column, where) * source.scale
    return np.asarray(values * unit.to(units.deg) + source.offset)


def per_year(raw: Table, source: Source, part: str, where: str) -> Floats:
    """Return a proper motion, or its error, in mas/yr."""
    unit = _unit(source.unit or str(raw[source.column].unit or ""), units.mas / units.yr, part, source.column, where)
    values = numbers(raw, source.column, where) * source.scale + source.offset
    return np.asarray(values * unit.to(units.mas / units.yr))


def epoch_years(raw: Table, source: Source, where: str) -> Floats:
    """Return epochs as Julian years, from years (yr), mjd, jd or unix seconds."""
    values = numbers(raw, source.column, where) * source.scale + source.offset
    unit = (source.unit or str(raw[source.column].unit or "") or "yr").lower()
    if unit in ("mjd", "d", "day"):
        return np.asarray(2000.0 + (values - 51544.5) / 365.25)
    if unit == "jd":
        return np.asarray(2000.0 + (values - 2451545.0) / 365.25)
    if unit in ("unix", "s"):
        return np.asarray(2000.0 + (values / 86400 + 40587.0 - 51544.5) / 365.25)
    if unit in ("yr", "year", "a"):
        return values
    raise CatalogueError(f"{where}: epochs in column {source.column!r} have the unit {unit!r}; say yr, mjd, jd or unix")


def magnitudes(raw: Table, band: Band, missing: tuple[float, ...], where: str) -> tuple[Floats, Floats | None]:
    """Return magnitudes and their errors (None without a column); what is missing, or no magnitude, is NaN."""
    values = _present(numbers(raw, band.column, where), missing)
    errors = _present(numbers(raw, band.error, where), missing) if band.error else None
    flux = _flux_unit(band.unit or str(raw[band.column].unit or ""), band.column, where)
    if flux is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = None if errors is None else 2.5 / np.log(10) * errors / values
            values = -2.5 * np.log10(values * flux / _AB_ZERO)
    values = np.where(np.isfinite(values) & (np.abs(values - 10) < 40), values, np.nan) + band.offset
    if errors is not None:
        errors = np.where(np.isfinite(values) & np.isfinite(errors) & (errors > 0), errors, np.nan)
    return values, errors


def to_icrs(ra: Floats, dec: Floats, frame: str) -> tuple[Floats, Floats]:
    """Return ICRS degrees of positions in one of the frames of a mapping."""
    if frame == "ICRS":
        return ra, dec
    sky = SkyCoord(ra, dec, unit="deg", frame=_FRAMES[frame]).transform_to(ICRS())
    return np.asarray(sky.ra.deg % 360.0), np.asarray(sky.dec.deg)


def _present(values: Floats, missing: tuple[float, ...]) -> Floats:
    for number in missing:
        values = np.where(np.isclose(values, number, rtol=1e-6, atol=1e-9), np.nan, values)
    return values


def _unit(written: str, like: Any, part: str, column: str, where: str) -> Any:
    try:
        unit = units.Unit(written.replace("**-1", "-1") if written else "")
        unit.to(like)
    except (ValueError, TypeError, units.UnitConversionError) as error:
        state = f"the unit {written!r}" if written else "no unit"
        raise CatalogueError(f"{where}: {part} in column {column!r} has {state}; say one like {like} in the mapping") from error
    return unit


def _flux_unit(written: str, column: str, where: str) -> float | None:
    """Return what one unit of flux is in Jy, or None where the column holds magnitudes."""
    if not written or written.lower().startswith("mag"):
        return _FLUXES.get(written.lower().rstrip("s"))
    if written.lower().rstrip("s") in _FLUXES:
        return _FLUXES[written.lower().rstrip("s")]
    try:
        unit = units.Unit(written)
        if unit.is_equivalent(units.mag):
            return None
        return float(unit.to(units.Jy))
    except (ValueError, TypeError, units.UnitConversionError) as error:
        raise CatalogueError(f"{where}: column {column!r} has the unit {written!r}; say mag, nJy or another flux") from error


def _looks_sexagesimal(raw: Table, name: str) -> bool:
    first = next((str(v) for v in np.ma.compressed(np.ma.asarray(raw[name]))), "")
    return ":" in first or len(first.split()) == 3


def _sexagesimal(raw: Table, source: Source, part: str, where: str) -> Floats:
    degrees = source.unit == "dms" or (part == "dec" and source.unit != "hourangle")
    texts = [v.decode() if isinstance(v, bytes) else str(v) for v in np.ma.filled(np.ma.asarray(raw[source.column]), "")]
    result = np.full(len(texts), np.nan)
    for row, text in enumerate(texts):
        try:
            result[row] = Angle(text, units.deg if degrees else units.hourangle).deg
        except (ValueError, TypeError, units.UnitsError) as error:
            raise CatalogueError(
                f"{where}: column {source.column!r} of row {row + 1} is {text!r} where an angle is due; correct or drop it"
            ) from error
    return result
