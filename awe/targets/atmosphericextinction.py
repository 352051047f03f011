"""AtmosphericExtinction: 562."""
from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, parameter
from awe.science.atmosphere import WAVELENGTHS, clear_sky
from awe.science.extinction import Extinction, from_fields, from_known_zero_point, from_report, standing
from awe.targets.figures import line_figure
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.photometricparameters import PhotometricParameters
from awe.targets.raw import RawScienceFrame

#: Errors of zero points are no smaller: flat fields, clouds too thin to be seen.
LEAST_ERROR = 0.002
#: Relative error of a clear sky of no night in particular.
CLEAR_SKY_ERROR = 0.1
#: Wavelengths of the curve that a report scales, nm.
CURVE = np.arange(320.0, 2500.0, 1.0)


class AtmosphericExtinction(Product):
    """What an airmass takes of the light in one night and filter, by one of four methods, and zero points above the atmosphere.

    Zero points of frames include the atmosphere; this tells what they are at another airmass: `zero_point_at`.
    """

    version = 2
    plan_number = "562"
    is_calibration = True
    validity = (0.5, 0.5)

    instrument = depends_on(Instrument, "the camera", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    zero_points = depends_on_many(PhotometricParameters, "zero points of the frames of one night", one_per=RawScienceFrame,
                                  same=("instrument", "filter"), within="night", at_least=1)

    method = parameter("fields", "fields: frames at different airmass, or where they span too little the standing coefficient; standing; "
                       "known: a zero point above the atmosphere is known; report: a clear sky, scaled by what the night's report says",
                       choices=("fields", "standing", "known", "report"))
    sigma_clip = parameter(4.0, "zero points further than this from the line are left out", unit="sigma", at_least=2.0)
    coefficient = parameter(0.0, "the standing coefficient; 0 takes that of a clear sky at the wavelength of the filter", unit="mag",
                            at_least=0.0)
    coefficient_error = parameter(0.03, "its standard error; a tenth of a clear sky's comes on top", unit="mag", at_least=0.0)
    pressure = parameter(750.0, "pressure of the air at the site, for a clear sky", unit="hPa", at_least=0.0, at_most=1100.0)
    aerosol = parameter(0.04, "what aerosols take of a clear sky at 550 nm", unit="mag", at_least=0.0)
    known_zero_point = parameter(0.0, "for method known: the zero point above the atmosphere", unit="mag")
    known_error = parameter(0.01, "its standard error", unit="mag", at_least=0.0)
    reported = parameter(0.0, "for method report: extinction by the night's report", unit="mag", at_least=0.0)
    reported_error = parameter(0.01, "its standard error", unit="mag", at_least=0.0)
    reported_wavelength = parameter(550.0, "the wavelength that the report is for", unit="nm", at_least=320.0, at_most=2500.0)

    extinction = attribute(float, "extinction in one airmass", unit="mag")
    error = attribute(float, "its standard error", unit="mag")
    zero_point = attribute(float, "zero point above the atmosphere, mean of the detectors", unit="mag")
    scatter = attribute(float, "scatter of zero points above the atmosphere about those of their detectors", unit="mag")
    by_detector = attribute(str, "zero points above the atmosphere by detector, as JSON")
    airmass_span = attribute(float, "largest less smallest airmass of the night's frames")
    n_frames = attribute(int, "zero points used; 0 where the coefficient is not from them")
    how = attribute(str, "how it was come by")

    limits = (Limit("extinction", flag=Flag.EXTINCTION, at_least=-0.02, at_most=2.0), Limit("error", flag=Flag.EXTINCTION, at_most=0.15),
              Limit("extinction", flag=Flag.CHANGED, at_least=-0.2, at_most=0.2, compare=True, optional=True))

    def make(self) -> None:
        found = self.coefficient_by_method()
        if not found.ok and self.method == "fields":
            self.raise_flag(Flag.STANDING_EXTINCTION)
            found = self.standing()
        if not found.ok:
            raise PermanentError(f"extinction of {self.filter.name} by method {self.method}: {found.reason}")
        self.extinction, self.error, self.n_frames, self.how = found.value, found.error, found.n, found.reason
        self.describe_zero_points()

    def coefficient_by_method(self) -> Extinction:
        """The coefficient, as the method says."""
        raw, error, airmass, group, exposure = self.measured()
        self.airmass_span = float(np.ptp(airmass)) if len(airmass) else 0.0
        if self.method == "fields":
            return from_fields(raw, error, airmass, group=group, exposure=exposure, clip=self.sigma_clip)
        if self.method == "known":
            mean = [float(np.mean(values)) if len(values) else math.nan for values in (raw, airmass)]
            own = float(np.std(raw)) / math.sqrt(max(len(np.unique(exposure)) - 1, 1)) if len(raw) else math.nan
            return from_known_zero_point(mean[0], own, mean[1], self.known_zero_point, self.known_error)
        if self.method == "report":
            sky = clear_sky(CURVE, self.pressure, self.aerosol)
            return from_report(CURVE, sky, self.wavelength(), self.reported_wavelength, self.reported, self.reported_error)
        return self.standing()

    def standing(self) -> Extinction:
        """The coefficient that is taken where the night tells none."""
        if self.coefficient > 0:
            return standing(self.coefficient, self.coefficient_error)
        clear = float(clear_sky(self.wavelength(), self.pressure, self.aerosol))
        return standing(clear, math.hypot(self.coefficient_error, CLEAR_SKY_ERROR * clear))

    def wavelength(self) -> float:
        """Where the filter is, nm.

        Raises PermanentError where neither the instrument file nor the name of the band tells.
        """
        found = self.filter.central_wavelength or WAVELENGTHS.get(self.filter.band or "")
        if found is None:
            raise PermanentError(f"the wavelength of {self.filter.name} is not known; state `wavelength` of the filter in the instrument "
                                 "file, or set AtmosphericExtinction.coefficient")
        return float(found)

    def measured(self) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[np.intp], NDArray[np.intp]]:
        """Zero points of frames whose airmass is known, errors, airmasses; which share a detector and a standard, which an exposure."""
        usable = [one for one in self.zero_points if one.reduced.airmass and math.isfinite(one.reduced.airmass) and one.error is not None]
        labels = [(one.chip.name, one.mode, one.reduced.object if one.mode == "relative" else "") for one in usable]
        order = sorted(set(labels))
        exposures = sorted({one.exposure for one in usable})
        return (np.array([one.zero_point for one in usable], np.float64),
                np.maximum(np.array([one.error for one in usable], np.float64), LEAST_ERROR),
                np.array([one.reduced.airmass for one in usable], np.float64), np.array([order.index(one) for one in labels], np.intp),
                np.array([exposures.index(one.exposure) for one in usable], np.intp))

    def describe_zero_points(self) -> None:
        """The zero points above the atmosphere, detector by detector, of frames that were compared with a catalogue."""
        above: dict[str, list[float]] = {}
        for one in self.zero_points:
            if one.mode == "absolute" and one.reduced.airmass:
                above.setdefault(one.chip.name, []).append(one.zero_point + self.extinction * one.reduced.airmass)
        medians = {chip: float(np.median(values)) for chip, values in sorted(above.items())}
        self.by_detector = json.dumps({chip: round(value, 5) for chip, value in medians.items()})
        if medians:
            self.zero_point = float(np.mean(list(medians.values())))
            left = np.concatenate([np.array(above[chip]) - medians[chip] for chip in medians])
            self.scatter = 1.4826 * float(np.median(np.abs(left)))

    def zero_point_at(self, chip: str, airmass: float) -> float:
        """The zero point of a detector at an airmass.

        Raises PermanentError where no frame of the detector was compared with a catalogue.
        """
        known = json.loads(self.by_detector)
        if chip not in known:
            raise PermanentError(f"no frame of {chip} was compared with a catalogue that night; there are {', '.join(known) or 'none'}")
        return float(known[chip]) - self.extinction * airmass

    def inspect(self) -> Any:
        """Zero points against airmass, and the line."""
        raw, error, airmass, group, _ = self.measured()
        return line_figure(self, airmass, raw, error, group, -self.extinction, ("airmass", "zero point [mag]"), self.how)
