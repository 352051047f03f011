"""ReferenceCatalogue: stars with positions and magnitudes that others have measured."""
from __future__ import annotations

import json

import numpy as np

from awe.catalogues.cone import cone_search
from awe.catalogues.footprint import Footprint
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Stored
from awe.errors import PermanentError, did_you_mean
from awe.persist.declare import attribute, key
from awe.science.referencestars import Reference
from awe.targets.flags import BLOCKING, Flag
from awe.targets.globalname import global_name


class ReferenceCatalogue(Stored):
    """A reference catalogue: ICRS positions at an epoch, magnitudes by band, coverage; also of standard stars."""

    plan_number = "569"
    flags = Flag
    blocking_flags = BLOCKING

    name = key(str, "name of the catalogue")
    version = attribute(str, "its version")
    epoch = attribute(float, "Julian year of the positions, where no column holds it", unit="yr")
    n_sources = attribute(int, "number of sources")
    bands = attribute(str, "bands with their system and limits, as JSON")
    coverage = attribute(str, "HEALPix cells that it covers, as JSON")
    mapping = attribute(str, "what was taken from which column, as JSON")
    notes = attribute(str, "what was guessed or noticed when it was read", science=False)
    original_name = attribute(str, "name of the file when it was ingested", science=False)

    def cone(self, ra: float, dec: float, radius: float) -> SourceTable:
        """The sources within `radius` degrees."""
        with SourceFile(self.path("catalogue")) as file:
            return cone_search(file, ra, dec, radius)

    def table(self) -> SourceTable:
        """All sources."""
        with SourceFile(self.path("catalogue")) as file:
            return file.read()

    def covers(self, ra: float, dec: float, radius: float) -> bool:
        """Whether any of it is near a position."""
        footprint = Footprint.from_json(json.loads(self.coverage))
        return footprint.overlaps(Footprint.of_cone(ra, dec, radius, footprint.order))

    def band_named(self, band: str) -> str:
        """The band, where the catalogue has it.

        Raises PermanentError with the bands it has, where it has not.
        """
        known = json.loads(self.bands)
        if band not in known:
            raise PermanentError(f"reference catalogue {self.name} has no band {band!r}{did_you_mean(band, known)}")
        return band

    def near(self, ra: float, dec: float, radius: float, band: str | None) -> tuple[Reference, np.ndarray]:
        """The stars around a position for astrometry, and the errors of their magnitudes; without a band, the first."""
        return self.reference_of(self.cone(ra, dec, radius), band)

    def reference_of(self, found: SourceTable, band: str | None) -> tuple[Reference, np.ndarray]:
        """Some of its sources as stars for astrometry, and the errors of their magnitudes; without a band, the first."""
        known = list(json.loads(self.bands))
        named = band if band in known else next(iter(known), None)
        nan = np.full(len(found), np.nan)
        columns = {name: plain(found[name]) for name in found.names if found.column(name).dtype != "str"}
        magnitude = columns.get(f"mag_{named}", nan)
        errors = [columns[name] for name in ("ra_error", "dec_error") if name in columns]
        epoch = float(np.nanmedian(columns["epoch"])) if "epoch" in columns and len(found) else self.epoch
        reference = Reference(plain(found["ra"]), plain(found["dec"]), magnitude, np.nanmean(errors, axis=0) / 1000.0 if errors else None,
                              columns.get("pmra"), columns.get("pmdec"), float(epoch) if epoch else 2000.0)
        return reference, columns.get(f"mag_{named}_error", nan)

    def colours_of(self, found: SourceTable, colour: str) -> np.ndarray:
        """The colours of some of its sources, as in g-r; NaN where a magnitude is missing.

        Raises PermanentError where it is no colour, or of bands that the catalogue has not.
        """
        bluer, minus, redder = colour.partition("-")
        if not (bluer and minus and redder):
            raise PermanentError(f"a colour is two bands of the catalogue, as in g-r; {colour!r} was given")
        blue, red = (plain(found[f"mag_{self.band_named(band)}"]) for band in (bluer, redder))
        return np.asarray(blue - red, np.float64)

    def global_name(self, role: str, ext: str) -> str:
        """The name of its file."""
        return global_name(self, role, ext)


def plain(values: np.ndarray) -> np.ndarray:
    """Numbers as float64, NaN where one is missing."""
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
