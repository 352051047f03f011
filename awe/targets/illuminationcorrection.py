"""IlluminationCorrection: 548."""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.illumination import illumination
from awe.science.lowpass import lowpass
from awe.science.overlap import associate
from awe.science.tpv import project
from awe.targets.calibration import Calibration
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import BaseFrame
from awe.targets.image import Image
from awe.targets.masterflat import MasterFlat
from awe.targets.photometricparameters import PhotometricParameters
from awe.targets.raw import RawScienceFrame
from awe.targets.referencecatalogue import plain


class IlluminationCorrection(BaseFrame, Calibration):
    """Response to stars that the master flat missed, from the residuals of their magnitudes over one night's exposures of a chip.

    Its median is 1: steps between chips stand in the zero points, which each chip has of its own. Residuals of frames that were made with
    another flat are brought to the one named here by the ratio of the two.
    """

    plan_number = "548"
    validity = (30.0, 30.0)
    unit = ""

    filter = depends_on(Filter, "the filter", key=True)
    readout_mode = key(str, "binning, window, speed")
    method = key(str, "how it is measured: stars")
    photometry = depends_on_many(PhotometricParameters, "stars of the exposures of one night", one_per=RawScienceFrame,
                                 same=("instrument", "chip", "filter", "readout_mode"), within="night", at_least=3, is_open=True)
    flat = depends_on(MasterFlat, "the flat that it is relative to")

    measured_by = parameter("catalogue", "by the magnitudes of a catalogue, or dithers: stars against themselves at other places, which "
                            "leaves a slope over the chip as it is", choices=("catalogue", "dithers"))
    degree = parameter(2, "highest degree of the polynomial over the chip", at_least=1, at_most=6)
    match_radius = parameter(1.0, "sources of different exposures are one star within", unit="arcsec", at_least=0.01)
    sigma_clip = parameter(3.0, "stars further than this from the fit are left out", unit="sigma", at_least=1.0)
    flat_smoothing = parameter(16.0, "sigma of the filter that two flats are compared through", unit="pix", at_least=1.0)

    spread = attribute(float, "largest less smallest correction", unit="mag")
    n_stars = attribute(int, "measurements that were used")
    n_frames = attribute(int, "exposures that had stars")
    n_other_flats = attribute(int, "exposures that had been made with another flat")
    scatter_before = attribute(float, "scatter of the residuals", unit="mag")
    scatter = attribute(float, "scatter that is left", unit="mag")

    limits = (Limit("spread", flag=Flag.RESPONSE, at_most=0.5),)

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "stars"}

    def make(self) -> None:
        members = [one for one in self.photometry if one.has_residuals()]
        if not members:
            raise PermanentError(f"none of the {len(self.photometry)} exposures of {self.chip.name} has residuals of stars: they were "
                                 "reduced elsewhere, or have no stars in common")
        tables = [one.residuals() for one in members]
        x, y, ra, dec, magnitude, error, residual = (np.concatenate([plain(table[name]) for table in tables]) for name in (
            "x", "y", "ra", "dec", "magnitude", "error", "residual"))
        frame = np.repeat(np.arange(len(members)), [len(table) for table in tables])
        is_free = self.measured_by == "dithers"
        star = self.stars(ra, dec, frame) if is_free else None
        shift = np.concatenate([self.between_flats(one, plain(table["x"]), plain(table["y"]))
                                for one, table in zip(members, tables, strict=True)])
        found = illumination(x - 1.0, y - 1.0, (-magnitude if is_free else residual) + shift, error, frame, self.flat.image.data.shape,
                             star, self.degree, self.sigma_clip)
        self.n_stars, self.n_frames = int(found.used.sum()), len(members)
        self.scatter_before, self.scatter = found.before, found.after
        self.spread = float(2.5 * np.log10(found.data.max() / found.data.min()))
        self.image = Image(found.data, variance=found.variance)

    def stars(self, ra: NDArray[Any], dec: NDArray[Any], frame: NDArray[np.intp]) -> NDArray[np.intp]:
        """Which star each measurement is of."""
        position = np.column_stack(project(ra, dec, float(np.median(ra)), float(np.median(dec)))) * 3600.0
        return associate(position, frame, np.full(len(frame), -1, np.intp), self.match_radius)[0]

    def between_flats(self, member: PhotometricParameters, x: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
        """What the flat that a frame was really made with adds to its residuals, relative to the flat named here; magnitudes."""
        used, own = member.reduced.flat, self.flat
        self.n_other_flats = self.n_other_flats or 0
        if used is None or bytes(used.value) == bytes(own.value):
            return np.zeros(len(x))
        self.n_other_flats += 1
        smooth = ratio_of(used, own, self.flat_smoothing)
        row, column = (np.clip(np.rint(pixel - 1.0).astype(np.intp), 0, size - 1)
                       for pixel, size in zip((y, x), smooth.shape, strict=True))
        return np.asarray(2.5 * np.log10(smooth[row, column]), np.float64)

    def of_flat(self, flat: MasterFlat | None) -> NDArray[np.float32]:
        """The correction of frames made with some flat: fluxes are to be divided by it."""
        data = self.image.data
        if flat is None or bytes(flat.value) == bytes(self.flat.value):
            return data
        return np.asarray(data * ratio_of(self.flat, flat, self.flat_smoothing), np.float32)


def ratio_of(first: MasterFlat, second: MasterFlat, smoothing: float) -> NDArray[np.float32]:
    """One flat over another on large scales."""
    one, other = first.image, second.image
    assert one.mask is not None and other.mask is not None
    bad = np.asarray((one.mask | other.mask) != 0)
    return lowpass(np.where(bad, 1.0, one.data / np.where(bad, 1.0, other.data)).astype(np.float32), smoothing, bad)
