"""GAstrometric: one astrometric solution for all frames of a field."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from awe.catalogues.column import Column
from awe.catalogues.parquet import SourceFile
from awe.catalogues.table import SourceTable
from awe.dataflow.lifecycle import Content
from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.globalastrometry import GlobalSolution, Plate, solve_global
from awe.science.residuals import binned, spread
from awe.science.wcs import Wcs, read_wcs
from awe.targets.astrometrictemplate import AstrometricTemplate
from awe.targets.astrometryfigures import residual_figure
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.gastromsourcelist import GAstromSourceList
from awe.targets.instrument import Instrument
from awe.targets.raw import RawScienceFrame
from awe.targets.referencecatalogue import plain
from awe.targets.sourcetable import table_bytes

COLUMNS = (
    Column("frame", "", "meta.id", "which frame, in the order of the solutions, from 0", "int32"),
    Column("x", "pix", "pos.cartesian.x;instr.det", "windowed centre along x, 1-based"),
    Column("y", "pix", "pos.cartesian.y;instr.det", "windowed centre along y, 1-based"),
    Column("ra", "deg", "pos.eq.ra;meta.main", "right ascension by this solution, ICRS"),
    Column("dec", "deg", "pos.eq.dec;meta.main", "declination by this solution, ICRS"),
    Column("star", "", "meta.id", "number of the star", "int32"),
    Column("used", "", "meta.code", "1 where it was used, 0 where it was rejected", "int16"),
    Column("dra_overlap", "arcsec", "pos.eq.ra;arith.diff", "minus the mean place of the star, east"),
    Column("ddec_overlap", "arcsec", "pos.eq.dec;arith.diff", "minus the mean place of the star, north"),
    Column("dra", "arcsec", "pos.eq.ra;arith.diff", "minus the reference, east; NaN for none"),
    Column("ddec", "arcsec", "pos.eq.dec;arith.diff", "minus the reference, north; NaN for none"),
)


class GAstrometric(Product):
    """The astrometry of all overlapping frames of a field together: stars have one place, chips one distortion."""

    plan_number = "634"
    version = 2

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    object = key(str, "name of the field")
    mode = key(str, "global")
    lists = depends_on_many(GAstromSourceList, "the sources of the frames", one_per=RawScienceFrame,
                            same=("instrument", "filter", "object"), is_open=True, at_least=1)

    templates = depends_on_many(AstrometricTemplate, "distortions of the chips that were measured before", one_per=Chip,
                                same=("instrument=template_instrument",), also=("filter",), is_open=True, optional=True)

    use_templates = parameter(False, "whether distortions that were measured before are the prior")
    degree = parameter(3, "degree of the distortion", at_least=1, at_most=5)
    distortion_prior = parameter(0.05, "by how much each term of a frame's distortion may depart from its chip's", unit="arcsec",
                                 at_least=0.0)
    match_radius = parameter(1.0, "sources of different frames are one star within", unit="arcsec", at_least=0.01)
    sigma_clip = parameter(4.0, "observations further off are rejected", unit="sigma", at_least=2.0)

    n_frames = attribute(int, "frames solved")
    n_chips = attribute(int, "chips")
    n_stars = attribute(int, "stars")
    rejected_fraction = attribute(float, "part of the observations that was rejected")
    nref = attribute(int, "observations of reference stars")
    mean_dra = attribute(float, "mean of the solution minus the reference, east", unit="arcsec")
    mean_ddec = attribute(float, "mean of the solution minus the reference, north", unit="arcsec")
    sig_dra = attribute(float, "scatter about the reference, east", unit="arcsec")
    sig_ddec = attribute(float, "scatter about the reference, north", unit="arcsec")
    rms = attribute(float, "of both per axis", unit="arcsec")
    n_overlap = attribute(int, "observations of stars that several frames have")
    sig_dra_overlap = attribute(float, "scatter of stars about their mean places, east", unit="arcsec")
    sig_ddec_overlap = attribute(float, "scatter of stars about their mean places, north", unit="arcsec")
    rms_overlap = attribute(float, "of both per axis", unit="arcsec")
    binned_rms = attribute(float, "systematic part of the overlap residuals in 8x8 cells of the chips", unit="arcsec")
    binned_largest = attribute(float, "largest mean overlap residual of a cell, less twice its error", unit="arcsec")

    limits = (Limit("rms", flag=Flag.BAD_ASTROMETRY, at_most=1.0, optional=True),
              Limit("rms_overlap", flag=Flag.BAD_ASTROMETRY, at_most=0.5, optional=True),
              Limit("binned_rms", flag=Flag.BAD_ASTROMETRY, at_most=0.1, optional=True))

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one mode."""
        return {**keys, "mode": keys.get("mode") or "global"}

    @staticmethod
    def key_template_instrument(keys: dict[str, Any], parameters: dict[str, Any]) -> str | None:
        """Templates are asked for only where they are wanted."""
        return keys.get("instrument") if parameters.get("use_templates") else None

    def make(self) -> None:
        plates, names = self.plates()
        found = solve_global(plates, degree=self.degree, distortion_prior=self.distortion_prior, radius=self.match_radius,
                             clip=self.sigma_clip, prior=self.prior())
        self.describe_solution(plates, found)
        self._solutions = [{**name, "cards": wcs.cards()} for name, wcs in zip(names, found.wcs, strict=True)]
        self._table = residual_table(plates, found)
        if any(one.astrometry.mode != "absolute" for one in self.lists):
            self.raise_flag(Flag.RELATIVE_ASTROMETRY)

    def prior(self) -> dict[int, Any]:
        """The templates of frames of the same size and degree, by the number of their chips."""
        chips = sorted({one.chip.name for one in self.lists})
        shapes = {one.chip.name: one.reduced.image.data.shape for one in self.lists}
        return {chips.index(one.chip.name): one.coefficients() for one in self.templates or []
                if shapes.get(one.chip.name) == (one.ny, one.nx) and one.degree == self.degree}

    def plates(self) -> tuple[list[Plate], list[dict[str, str]]]:
        """The frames as the solution takes them, and which exposure and chip each is."""
        tables = [one.sources() for one in self.lists]
        places = np.concatenate([np.column_stack([plain(t["ref_ra"]), plain(t["ref_dec"])]) for t in tables])
        known = np.isfinite(places).all(axis=1)
        star = np.full(len(places), -1, np.intp)
        star[known] = np.unique(places[known], axis=0, return_inverse=True)[1].ravel()
        chips = sorted({one.chip.name for one in self.lists})
        plates, names, start = [], [], 0
        for one, t in zip(self.lists, tables, strict=True):
            column = {name: plain(t[name]) for name in t.names if name != "hpx29"}
            ny, nx = one.reduced.image.data.shape
            one.reduced.let_go()
            plates.append(Plate(one.astrometry.as_wcs(), (ny, nx), chips.index(one.chip.name), column["x"] - 1.0, column["y"] - 1.0,
                                column["error"], star[start:start + len(t)], column["ref_ra"], column["ref_dec"], column["ref_error"],
                                np.column_stack([column["ref_motion_ra"], column["ref_motion_dec"]])))
            names.append({"exposure": one.exposure, "chip": one.chip.name})
            start += len(t)
        return plates, names

    def describe_solution(self, plates: list[Plate], found: GlobalSolution) -> None:
        """What can be asked of the solution afterwards."""
        self.n_frames, self.n_chips = len(plates), len({plate.chip for plate in plates})
        self.n_stars = len(np.unique(found.star[found.used]))
        self.rejected_fraction = float(1.0 - found.used.mean()) if len(found.used) else 0.0
        off = spread(found.reference_residual[found.used])
        self.nref = off.count
        if off.count:
            self.rms, (self.mean_dra, self.mean_ddec), (self.sig_dra, self.sig_ddec) = off.rms, off.mean, off.sigma
        several = found.used & (np.bincount(found.star[found.used], minlength=int(found.star.max(initial=0)) + 1)[found.star] > 1)
        overlap = spread(found.residual[several])
        self.n_overlap = overlap.count
        if overlap.count:
            self.rms_overlap, (self.sig_dra_overlap, self.sig_ddec_overlap) = overlap.rms, overlap.sigma
        chip = np.array([plate.chip for plate in plates], np.intp)[found.frame]
        x, y = pixels(plates, found)
        systematic, largest, cells = binned(x[several], y[several], found.residual[several], chip[several], plates[0].shape)
        if cells:
            self.binned_rms, self.binned_largest = systematic, largest

    def contents(self) -> dict[str, Content]:
        """The WCS of each frame, and the residuals."""
        text = json.dumps(self._solutions, sort_keys=True, separators=(",", ":"))
        return {"solutions": Content(text.encode(), ".json"), "residuals": Content(table_bytes(self._table), ".parquet")}

    def as_wcs(self, exposure: str, chip: str) -> Wcs:
        """The solution of one frame.

        Raises PermanentError where the frame is not among those that were solved.
        """
        for one in json.loads(self.path("solutions").read_text(encoding="utf8")):
            if one["exposure"] == exposure and one["chip"] == chip:
                found = read_wcs(one["cards"])
                assert found is not None
                return found
        raise PermanentError(f"the global solution of {self.object} has no frame {exposure} {chip}; get it again with grow")

    def residuals(self) -> SourceTable:
        """The residuals of all observations."""
        with SourceFile(self.path("residuals")) as file:
            return file.read()

    def inspect(self) -> Any:
        """Five panels of residuals."""
        table = self.residuals()
        used = np.asarray(table["used"]) > 0
        columns = [plain(table[name])[used] for name in ("ra", "dec", "dra", "ddec")]
        if not np.isfinite(columns[2]).any():
            columns[2:] = [plain(table[name])[used] for name in ("dra_overlap", "ddec_overlap")]
        return residual_figure(*columns, title=repr(self))


def pixels(plates: list[Plate], found: GlobalSolution) -> tuple[Any, Any]:
    """The 0-based pixels of the observations."""
    x, y = (np.zeros(len(found.frame)) for _ in range(2))
    for number, plate in enumerate(plates):
        mine = found.frame == number
        x[mine], y[mine] = plate.x[found.source[mine]], plate.y[found.source[mine]]
    return x, y


def residual_table(plates: list[Plate], found: GlobalSolution) -> SourceTable:
    """The observations with their residuals."""
    x, y = pixels(plates, found)
    ra, dec = (np.zeros(len(x)) for _ in range(2))
    for number, wcs in enumerate(found.wcs):
        mine = found.frame == number
        ra[mine], dec[mine] = wcs.pixel_to_sky(x[mine], y[mine])
    arrays = {"frame": found.frame.astype(np.int32), "x": x + 1.0, "y": y + 1.0, "ra": ra, "dec": dec, "star": found.star.astype(np.int32),
              "used": found.used.astype(np.int16), "dra_overlap": found.residual[:, 0], "ddec_overlap": found.residual[:, 1],
              "dra": found.reference_residual[:, 0], "ddec": found.reference_residual[:, 1]}
    return SourceTable.from_arrays(arrays, COLUMNS, ra="ra", dec="dec")
