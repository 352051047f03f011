"""GAstromSourceList: the sources of one frame that go into a global solution."""
from __future__ import annotations

from typing import Any

import numpy as np

from awe.catalogues.column import Column
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, key, parameter
from awe.science.astrometry import field_radius
from awe.science.match import mutual_pairs
from awe.science.tpv import project
from awe.targets.astrometricparameters import AstrometricParameters, is_doubtful, julian_year
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.reduced import ReducedScienceFrame
from awe.targets.referencecatalogue import ReferenceCatalogue, plain
from awe.targets.sourcetable import table_bytes

COLUMNS = (
    Column("x", "pix", "pos.cartesian.x;instr.det", "windowed centre along x, 1-based"),
    Column("y", "pix", "pos.cartesian.y;instr.det", "windowed centre along y, 1-based"),
    Column("error", "pix", "stat.error;pos", "standard error of the position per axis"),
    Column("flux", "electron", "phot.flux", "FLUX_AUTO"),
    Column("ra", "deg", "pos.eq.ra;meta.main", "right ascension by the local solution, ICRS"),
    Column("dec", "deg", "pos.eq.dec;meta.main", "declination by the local solution, ICRS"),
    Column("ref_ra", "deg", "pos.eq.ra", "right ascension of the reference star at the epoch of the catalogue; NaN for none"),
    Column("ref_dec", "deg", "pos.eq.dec", "declination of the reference star at the epoch of the catalogue; NaN for none"),
    Column("ref_error", "arcsec", "stat.error;pos.eq", "standard error of the reference star's position per axis"),
    Column("ref_motion_ra", "arcsec", "pos.pm;pos.eq.ra", "by how much the star moved east since, on the sky; 0 where unknown"),
    Column("ref_motion_dec", "arcsec", "pos.pm;pos.eq.dec", "by how much the star moved north since; 0 where unknown"),
)


class GAstromSourceList(Product):
    """Clean bright sources of one frame, with the reference stars that they are by its local solution."""

    plan_number = "634"

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    exposure = key(str, "name of the exposure")
    astrometry = depends_on(AstrometricParameters, "its local solution")
    reduced = depends_on(ReducedScienceFrame, "the frame")
    catalogue = depends_on(ReferenceCatalogue, "stars with known positions", same=("name=astrometry.refcat",), optional=True)

    signal_to_noise = parameter(10.0, "fainter sources are left out", at_least=1.0)
    most = parameter(5000, "so many of the brightest are kept", at_least=10)
    match_radius = parameter(3.0, "reference stars are within so many rms of the local solution", unit="sigma", at_least=1.0)

    n_sources = attribute(int, "sources kept")
    n_reference = attribute(int, "those that are reference stars")

    limits = (Limit("n_sources", flag=Flag.FEW_STARS, at_least=5),)

    def make(self) -> None:
        found = self.astrometry.sources()
        column = {name: plain(found[name]) for name in ("XWIN_IMAGE", "YWIN_IMAGE", "FLUX_AUTO", "FLUXERR_AUTO", "ERRX2WIN_IMAGE",
                                                        "ERRY2WIN_IMAGE", "ALPHA_J2000", "DELTA_J2000")}
        good = ~is_doubtful(found) & (column["FLUX_AUTO"] > self.signal_to_noise * column["FLUXERR_AUTO"])
        index = np.flatnonzero(good)
        index = np.sort(index[np.argsort(-column["FLUX_AUTO"][index], kind="stable")[:self.most]])
        column = {name: values[index] for name, values in column.items()}
        error = np.sqrt(0.5 * (column["ERRX2WIN_IMAGE"] + column["ERRY2WIN_IMAGE"]))
        arrays = {"x": column["XWIN_IMAGE"], "y": column["YWIN_IMAGE"], "error": error, "flux": column["FLUX_AUTO"],
                  "ra": column["ALPHA_J2000"], "dec": column["DELTA_J2000"], **self.reference(column["ALPHA_J2000"], column["DELTA_J2000"])}
        self.n_sources, self.n_reference = len(index), int(np.isfinite(arrays["ref_ra"]).sum())
        self._table = SourceTable.from_arrays(arrays, COLUMNS, ra="ra", dec="dec")

    def reference(self, ra: Any, dec: Any) -> dict[str, Any]:
        """The reference star of each source; NaN where there is none."""
        nan, zero = np.full(len(ra), np.nan), np.zeros(len(ra))
        if self.catalogue is None or not len(ra):
            return {"ref_ra": nan, "ref_dec": nan, "ref_error": nan, "ref_motion_ra": zero, "ref_motion_dec": zero}
        wcs, shape = self.astrometry.as_wcs(), self.reduced.image.data.shape
        centre = wcs.centre(shape)
        known, _ = self.catalogue.near(*centre, field_radius(wcs, shape) + 0.01, self.filter.band)
        there = known.at(julian_year(self.reduced))
        a, b = (np.column_stack(project(sky[0], sky[1], *centre)) * 3600.0 for sky in ((ra, dec), there))
        source, star = mutual_pairs(a, b, max(self.match_radius * float(self.astrometry.rms), 0.5 * wcs.pixel_scale)).T
        error = np.zeros(len(known.ra)) if known.error is None else known.error
        moved = {"ref_motion_ra": ((there[0] - known.ra + 180.0) % 360.0 - 180.0) * np.cos(np.radians(known.dec)) * 3600.0,
                 "ref_motion_dec": (there[1] - known.dec) * 3600.0}
        found = {}
        for name, values in {"ref_ra": known.ra, "ref_dec": known.dec, "ref_error": error, **moved}.items():
            found[name] = np.full(len(ra), 0.0 if name in moved else np.nan)
            found[name][source] = values[star]
        return found

    def contents(self) -> dict[str, Content]:
        """The table."""
        return {"catalogue": Content(table_bytes(self._table), ".parquet")}

    def sources(self) -> SourceTable:
        """The sources."""
        with SourceFile(self.path("catalogue")) as file:
            return file.read()
