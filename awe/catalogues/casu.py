"""Views of a source table in the two layouts of the Cambridge Astronomical Survey Unit: 32 columns as they were, 66 as proposed.

From the interface control document of the WFCAM Science Archive (section 4.2.2, Table 2). What our tables do not hold is NaN, or -1 where
whole numbers are due: areal profiles above the first, Petrosian radii, apertures of other radii. Fluxes are in the unit of the table.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from awe.catalogues.table import SourceTable
from awe.errors import CatalogueError

Values = NDArray[Any]
CORE = 2
"""Which of a table's apertures is the core flux: FLUX_APER2, of one FWHM in source lists. The document numbers the others to 12 and has
room for eleven pairs, so the core's own number is left out among them."""
STAR, GALAXY, BORDERLINE, SATURATED = -1, 1, -2, -9
"""Classes: CLASS_STAR of at least 0.8, below 0.3, between; FLAGS with 4."""

OLD = ("No.", "Isophotal_flux", "Total_flux", "Core_flux", "X_coordinate", "Y_coordinate", "Gaussian_sigma", "Ellipticity",
       "Position_angle", "Peak_height",
       *[f"Areal_{n}_profile" for n in range(1, 9)], "Core1_flux", "Core2_flux", "Core3_flux", "Core4_flux",
       "RA", "DEC", "Classification", "Statistic", *[f"Blank{n}" for n in range(27, 33)])
NEW = ("SEQNUM", "ISOPHFLX", "XCOORD", "XCOORERR", "YCOORD", "YCOORERR", "GAUSIGMA", "ELLIPTIC", "POSANGLE",
       *[f"AREAPRO{n}" for n in range(1, 9)], "PKHEIGHT", "PKHEIERR", "COREFLUX", "COREFERR",
       *[f"{name}{n:02d}" for n in range(1, 13) if n != CORE for name in ("CFL", "CFLERR")],
       "PETRORAD", "KRONRAD", "FWHMRAD", "PETFLUX", "PETFLERR",
       "KROFLUX", "KROFLERR", "FWHFLUX", "FWHFLERR", "PROFLAGS", "SKYLEVEL", "SKYVAR", "BLENDING", "RA", "DEC", "ICLASS", "PROFSTAT",
       "PSFFLUX", "PSFFLERR", "XPSF", "XPSFERR", "YPSF", "YPSFERR")
WHOLE, DOUBLE = ("SEQNUM", "PROFLAGS", "BLENDING", "ICLASS"), ("RA", "DEC")
UNITS = {**dict.fromkeys(("X_coordinate", "Y_coordinate", "XCOORD", "YCOORD", "XCOORERR", "YCOORERR", "GAUSIGMA", "Gaussian_sigma", "XPSF",
                          "YPSF", "XPSFERR", "YPSFERR", "KRONRAD", "FWHMRAD", "PETRORAD"), "pixel"),
         "POSANGLE": "deg", "Position_angle": "deg"}


def casu_view(table: SourceTable, layout: int) -> fits.BinTableHDU:
    """Return a table in the layout of 32 or of 66 columns, rows in the order of NUMBER.

    Positions are single-precision radians in the first, as they were, and double-precision degrees in the second. Raises
    `CatalogueError` for another layout.
    """
    if layout not in (32, 66):
        raise CatalogueError(f"a CASU layout of {layout} columns was asked; there are those of 32 and of 66")
    values = _values(table)
    columns = []
    for name in OLD if layout == 32 else NEW:
        form = "1J" if name in WHOLE and layout == 66 else "1D" if name in DOUBLE and layout == 66 else "1E"
        data = values.get(name, np.full(len(table), -1 if form == "1J" else np.nan))
        unit = ("rad" if layout == 32 else "deg") if name in DOUBLE else UNITS.get(name)
        data = np.radians(data) if name in DOUBLE and layout == 32 else data
        columns.append(fits.Column(name=name, format=form, unit=unit, array=data))
    with_names = fits.ColDefs(columns)
    return fits.BinTableHDU.from_columns(with_names, name="SOURCES")


def _values(table: SourceTable) -> dict[str, Values]:
    """Return what the table holds under the names of both layouts."""
    names = set(table.names)
    order = np.argsort(np.asarray(table["NUMBER"]), kind="stable") if "NUMBER" in names else np.arange(len(table))

    def of(name: str) -> Values | None:
        return np.ma.filled(np.ma.asarray(table[name], np.float64), np.nan)[order] if name in names else None

    found: dict[str, Values] = {}

    def put(sources: tuple[str, ...], *targets: str, by: Callable[..., Values] = lambda value: value) -> None:
        given = [of(source) for source in sources]
        if all(value is not None for value in given):
            for target in targets:
                found[target] = by(*given)

    put(("NUMBER",), "No.", "SEQNUM")
    put(("FLUX_ISO",), "Isophotal_flux", "ISOPHFLX")
    put(("FLUX_AUTO",), "Total_flux", "KROFLUX")
    put(("FLUXERR_AUTO",), "KROFLERR")
    put(("XWIN_IMAGE",), "X_coordinate", "XCOORD")
    put(("YWIN_IMAGE",), "Y_coordinate", "YCOORD")
    put(("ERRX2WIN_IMAGE",), "XCOORERR", by=np.sqrt)
    put(("ERRY2WIN_IMAGE",), "YCOORERR", by=np.sqrt)
    put(("A_IMAGE", "B_IMAGE"), "Gaussian_sigma", "GAUSIGMA", by=lambda a, b: np.sqrt(0.5 * (a * a + b * b)))
    put(("A_IMAGE", "B_IMAGE"), "Ellipticity", "ELLIPTIC", by=lambda a, b: 1.0 - b / a)
    put(("THETA_IMAGE",), "Position_angle", "POSANGLE")
    put(("FLUX_MAX",), "Peak_height", "PKHEIGHT")
    put(("ISOAREA_IMAGE",), "Areal_1_profile", "AREAPRO1")
    put((f"FLUX_APER{CORE}",), "Core_flux", "COREFLUX", "FWHFLUX")
    put((f"FLUXERR_APER{CORE}",), "COREFERR", "FWHFLERR")
    for n in range(1, 13):
        put((f"FLUX_APER{n}",), f"CFL{n:02d}")
        put((f"FLUXERR_APER{n}",), f"CFLERR{n:02d}")
    put(("KRON_RADIUS", "A_IMAGE"), "KRONRAD", by=lambda kron, a: kron * a)
    put(("FWHM_IMAGE",), "FWHMRAD")
    put(("FLAGS",), "PROFLAGS")
    put(("FLAGS",), "BLENDING", by=lambda flags: np.where(flags.astype(int) & 2, 1.0, 0.0))
    put(("BACKGROUND",), "SKYLEVEL")
    found["RA"], found["DEC"] = (np.asarray(table[name], np.float64)[order] for name in (table.ra, table.dec))
    put(("CLASS_STAR", "FLAGS"), "Classification", "ICLASS", by=_class_of)
    put(("FLUX_PSF",), "PSFFLUX")
    put(("FLUXERR_PSF",), "PSFFLERR")
    put(("XPSF_IMAGE",), "XPSF")
    put(("YPSF_IMAGE",), "YPSF")
    put(("ERRX2PSF_IMAGE",), "XPSFERR", by=np.sqrt)
    put(("ERRY2PSF_IMAGE",), "YPSFERR", by=np.sqrt)
    return found


def _class_of(star: Values, flags: Values) -> Values:
    """Return the class of each source."""
    shape = np.where(star >= 0.8, STAR, np.where(star < 0.3, GALAXY, BORDERLINE))
    return np.where(flags.astype(int) & 4, SATURATED, shape).astype(np.float64)
