"""Catalogues that are known by the names of their columns, so that nobody has to declare them again.

What is guessed is always told: `guess` returns the sentences to print beside the mapping.
"""
from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Mapping as Words
from dataclasses import dataclass, field
from pathlib import Path

from astropy.table import Table

from awe.catalogues.mapping import Band, Mapping, Source
from awe.catalogues.table import find_positions
from awe.errors import CatalogueError


@dataclass(frozen=True)
class Survey:
    """A catalogue known by its columns; names are matched in any case of letters.

    `positions` and `others` list alternatives, (column, unit) each, of which the first that is there is taken. `bands`
    lists patterns of magnitudes and errors in which ``{}`` stands for the name of the band.
    """

    name: str
    needs: tuple[str, ...]
    system: str
    positions: tuple[tuple[str, str], ...]
    others: Words[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    bands: Words[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    unit: str = "mag"
    epoch: float | None = None


def _each(names: str, *patterns: tuple[str, str]) -> dict[str, tuple[tuple[str, str], ...]]:
    return {name: tuple((mag.format(name), error.format(name)) for mag, error in patterns) for name in names}


_J2000 = ("RAJ2000", "DEJ2000")
_MOTION = {
    "pmra": (("pmra", "mas/yr"), ("pmRA", "mas/yr")), "pmdec": (("pmdec", "mas/yr"), ("pmDE", "mas/yr")),
    "pmra_error": (("pmra_error", "mas/yr"), ("e_pmRA", "mas/yr")),
    "pmdec_error": (("pmdec_error", "mas/yr"), ("e_pmDE", "mas/yr")),
}

SURVEYS: tuple[Survey, ...] = (
    Survey(
        "Gaia", ("phot_g_mean_mag",), "Vega", (("ra", "dec"),),
        {"ra_error": (("ra_error", "mas"),), "dec_error": (("dec_error", "mas"),), **_MOTION,
         "epoch": (("ref_epoch", "yr"),), "id": (("source_id", ""),)},
        {"G": (("phot_g_mean_mag", "phot_g_mean_mag_error"),), "BP": (("phot_bp_mean_mag", "phot_bp_mean_mag_error"),),
         "RP": (("phot_rp_mean_mag", "phot_rp_mean_mag_error"),)},
    ),
    Survey(
        "Gaia (VizieR)", ("RA_ICRS", "Gmag", "Source"), "Vega", (("RA_ICRS", "DE_ICRS"),),
        {"ra_error": (("e_RA_ICRS", "mas"),), "dec_error": (("e_DE_ICRS", "mas"),), **_MOTION,
         "epoch": (("Epoch", "yr"),), "id": (("Source", ""),)},
        {"G": (("Gmag", "e_Gmag"),), "BP": (("BPmag", "e_BPmag"),), "RP": (("RPmag", "e_RPmag"),)}, epoch=2016.0,
    ),
    Survey(
        "PS1", ("rMeanPSFMag",), "AB", (("raMean", "decMean"), ("raStack", "decStack"), ("ra", "dec")),
        {"ra_error": (("raMeanErr", "arcsec"),), "dec_error": (("decMeanErr", "arcsec"),),
         "epoch": (("epochMean", "mjd"),), "id": (("objID", ""),)},
        _each("grizy", ("{}MeanPSFMag", "{}MeanPSFMagErr")),
    ),
    Survey("PS1 (VizieR)", ("RAJ2000", "gmag", "rmag", "ymag"), "AB", (_J2000,),
           {"ra_error": (("e_RAJ2000", "arcsec"),), "dec_error": (("e_DEJ2000", "arcsec"),), "epoch": (("Epoch", "mjd"),),
            "id": (("objID", ""),)},
           _each("grizy", ("{}mag", "e_{}mag"))),
    Survey(
        "2MASS PSC", ("j_m", "h_m", "k_m"), "Vega", (("ra", "dec"), ("ra", "decl")),
        {"ra_error": (("err_maj", "arcsec"),), "dec_error": (("err_maj", "arcsec"),), "epoch": (("jdate", "jd"),),
         "id": (("designation", ""),)},
        {"J": (("j_m", "j_msigcom"), ("j_m", "j_cmsig")), "H": (("h_m", "h_msigcom"), ("h_m", "h_cmsig")),
         "Ks": (("k_m", "k_msigcom"), ("k_m", "k_cmsig"))}, epoch=2000.0,
    ),
    Survey("2MASS PSC (VizieR)", ("RAJ2000", "Jmag", "Hmag", "Kmag"), "Vega", (_J2000,),
           {"ra_error": (("errMaj", "arcsec"),), "dec_error": (("errMaj", "arcsec"),), "epoch": (("_JD", "jd"), ("JD", "jd")),
            "id": (("_2MASS", ""), ("2MASS", ""))},
           {"J": (("Jmag", "e_Jmag"),), "H": (("Hmag", "e_Hmag"),), "Ks": (("Kmag", "e_Kmag"),)}, epoch=2000.0),
    Survey("USNO-B1.0", ("RAJ2000", "B1mag", "R1mag"), "Vega", (_J2000,),
           {**_MOTION, "ra_error": (("e_RAJ2000", "mas"),), "dec_error": (("e_DEJ2000", "mas"),),
            "id": (("USNO-B1.0", ""),)},
           {"B": (("B2mag", ""), ("B1mag", "")), "R": (("R2mag", ""), ("R1mag", "")), "I": (("Imag", ""),)}, epoch=2000.0),
    Survey("SDSS (VizieR)", ("umag", "gmag", "rmag"), "AB", (("RA_ICRS", "DE_ICRS"), _J2000),
           {"ra_error": (("e_RA_ICRS", "arcsec"),), "dec_error": (("e_DE_ICRS", "arcsec"),), "epoch": (("ObsDate", "yr"),),
            "id": (("objID", ""),)},
           _each("ugriz", ("{}pmag", "e_{}pmag"), ("{}mag", "e_{}mag"))),
    Survey("SDSS", ("psfMag_r",), "AB", (("ra", "dec"),),
           {"ra_error": (("raErr", "arcsec"),), "dec_error": (("decErr", "arcsec"),), "id": (("objID", ""),)},
           _each("ugriz", ("psfMag_{}", "psfMagErr_{}"))),
    Survey("AllWISE", ("w1mpro", "w2mpro"), "Vega", (("ra", "dec"),),
           {"ra_error": (("sigra", "arcsec"),), "dec_error": (("sigdec", "arcsec"),), "id": (("designation", ""),)},
           {f"W{n}": ((f"w{n}mpro", f"w{n}sigmpro"),) for n in range(1, 5)}, epoch=2010.5589),
    Survey("UKIDSS", ("JAperMag3",), "Vega", (("ra", "dec"),), {"id": (("sourceID", ""),)},
           {**_each("ZYJHK", ("{}AperMag3", "{}AperMag3Err")), "K": (("KAperMag3", "KAperMag3Err"),
                                                                     ("K_1AperMag3", "K_1AperMag3Err"))}),
    Survey("SDSS", ("ra", "dec", "u", "g", "r", "i", "z"), "AB", (("ra", "dec"),),
           {"id": (("sdssid", ""), ("objID", ""), ("id", ""))},
           _each("ugriz", ("{}", "{}_err"), ("{}", "err_{}"), ("{}", "{}err"))),
    Survey("UBVRI standards", ("ra", "dec", "U", "B", "V", "R", "I"), "Vega", (("ra", "dec"),), {"id": (("id", ""),)},
           _each("UBVRI", ("{}", "{}err"), ("{}", "{}_err"))),
)


def guess(table: Table, where: str) -> tuple[Mapping, list[str]]:
    """Return a mapping for a table whose columns are well known, and what was guessed, in sentences.

    Raises `CatalogueError` where not even the positions are found.
    """
    names = _Names(table.colnames)
    if "coord_ra" in names and "coord_dec" in names:
        mapping = _refcat(table, names)
    else:
        survey = next((s for s in SURVEYS if all(need in names for need in s.needs) and _position(s, names)), None)
        mapping = _by_pattern(table, names, where) if survey is None else _from_survey(survey, names)
    used = [f"{part} from {source.column}" + (f" [{source.unit}]" if source.unit else "")
            for part, source in mapping.columns.items()]
    bands = [f"{name} from {band.column} ({band.system})" for name, band in mapping.bands.items()]
    notes = [f"{where}: no mapping was given; taken for {mapping.name}", "columns: " + ", ".join(used),
             "bands: " + (", ".join(bands) or "none found; give a mapping to have magnitudes")]
    epoch = "from a column" if "epoch" in mapping.columns else mapping.epoch
    notes.append(f"epoch: {epoch if epoch is not None else 'unknown, proper motions cannot be applied'}")
    return mapping, notes


class _Names:
    """Names of columns, found as written or else in any case of letters."""

    def __init__(self, names: Iterable[str]) -> None:
        self.exact = list(names)
        self.lower = {name.lower(): name for name in reversed(self.exact)}

    def __contains__(self, name: str) -> bool:
        return self.find(name) is not None

    def find(self, name: str) -> str | None:
        if name in self.exact:
            return name
        return None if len(name) == 1 else self.lower.get(name.lower())


def _position(survey: Survey, names: _Names) -> tuple[str, str] | None:
    for ra, dec in survey.positions:
        found = names.find(ra), names.find(dec)
        if found[0] is not None and found[1] is not None:
            return found[0], found[1]
    return None


def _from_survey(survey: Survey, names: _Names) -> Mapping:
    ra, dec = _position(survey, names) or ("", "")
    columns = {"ra": Source(ra, wrap=True), "dec": Source(dec)}
    for part, options in survey.others.items():
        for name, unit in options:
            found = names.find(name)
            if found is not None and part not in columns:
                columns[part] = Source(found, unit)
    bands = {}
    for band, patterns in survey.bands.items():
        present = [(m, e) for m, e in patterns if m in names]
        best = next((p for p in present if p[1] in names), present[0] if present else None)
        if best is not None:
            bands[band] = Band(names.find(best[0]) or "", names.find(best[1]) or "", survey.unit, survey.system)
    return Mapping(survey.name, columns, bands, epoch=None if "epoch" in columns else survey.epoch)


def _refcat(table: Table, names: _Names) -> Mapping:
    """A shard of an LSST reference catalogue: radians, fluxes in nJy, motions per year whatever their unit says."""
    columns = {"ra": Source("coord_ra", "rad"), "dec": Source("coord_dec", "rad")}
    optional = (("ra_error", ("coord_raErr", "coord_ra_err"), "rad"), ("dec_error", ("coord_decErr", "coord_dec_err"), "rad"),
                ("pmra", ("pm_ra",), "rad/yr"), ("pmdec", ("pm_dec",), "rad/yr"), ("id", ("id",), ""),
                ("pmra_error", ("pm_raErr", "pm_ra_err"), "rad/yr"), ("pmdec_error", ("pm_decErr", "pm_dec_err"), "rad/yr"))
    for part, options, unit in optional:
        found = next((o for o in options if o in names), None)
        # without units the older shards hold nothing that can be trusted in these columns
        if found is not None and (table[found].unit is not None or part == "id"):
            columns[part] = Source(found, unit)
    if "epoch" in names and str(table["epoch"].unit or "") in ("d", "day"):
        columns["epoch"] = Source("epoch", "mjd")
    bands = {}
    for name in table.colnames:
        found_band = re.fullmatch(r"(?:phot_)?(?P<band>\w+?)(?:_mean)?_flux", name)
        if found_band:
            error = f"{name}Err"
            bands[found_band["band"]] = Band(name, error if error in names else "", "nJy", "AB")
    gaia = any(name.startswith("phot_g") for name in table.colnames)
    return Mapping("LSST reference catalogue of " + ("Gaia" if gaia else "a survey"), columns, bands)


def _by_pattern(table: Table, names: _Names, where: str) -> Mapping:
    """Positions by UCD or usual name; magnitudes ``mag_r`` with errors ``mag_r_error``, AB or Vega as the header says."""
    by_ucd = {str((table[n].info.meta or {}).get("ucd", "")).lower(): n for n in reversed(table.colnames)}
    ra, dec = by_ucd.get("pos.eq.ra;meta.main"), by_ucd.get("pos.eq.dec;meta.main")
    if ra is None or dec is None:
        try:
            ra, dec = find_positions(table.colnames)
        except CatalogueError as error:
            raise CatalogueError(f"{where}: {error}, in a mapping") from error
    columns = {"ra": Source(ra, wrap=True), "dec": Source(dec)}
    for part in ("ra_error", "dec_error", "pmra", "pmdec", "pmra_error", "pmdec_error"):
        if part in names and table[names.find(part)].unit is not None:
            columns[part] = Source(names.find(part) or "")
    for part in ("epoch", "id"):
        if part in names:
            columns[part] = Source(names.find(part) or "", "yr" if part == "epoch" else "")
    system = str(table.meta.get("MAGSYS", "")).strip()
    bands = {}
    for name in table.colnames:
        found = re.fullmatch(r"mag_(?P<band>[A-Za-z]\w*?)", name)
        if found and not name.endswith("_error") and system in ("AB", "Vega"):
            spread = f"{name}_error"
            bands[found["band"]] = Band(name, spread if spread in names else "", "mag", system)
    return Mapping(str(table.meta.get("CATALOG", "")) or Path(where).name, columns, bands)
