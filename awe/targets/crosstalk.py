"""CrossTalk: 525."""
from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.crosstalk import crosstalk
from awe.targets.calibration import Calibration
from awe.targets.figures import matrix_figure
from awe.targets.flags import Flag
from awe.targets.masterbias import MasterBias
from awe.targets.raw import RawScienceFrame


class CrossTalk(Calibration):
    """Cross talk between the amplifiers of a chip, from the bright stars of one night's exposures."""

    plan_number = "525"
    validity = (90.0, 90.0)

    readout_mode = key(str, "binning, window, speed")
    method = key(str, "how it is measured: measured, from bright stars")
    raws = depends_on_many(RawScienceFrame, "exposures of one night", same=("instrument", "chip", "readout_mode"), within="night",
                           at_least=1, at_most=12)
    bias = depends_on(MasterBias, "subtracted")

    threshold = parameter(2000.0, "signal above the sky from which a pixel of an aggressor counts", unit="adu", at_least=1.0)
    sigma_clip = parameter(4.0, "victims further than this from the line are left out", unit="sigma", at_least=1.0)

    n_amplifiers = attribute(int, "number of amplifiers")
    largest = attribute(float, "largest coefficient that is five times its error, either way; 0 where none is")
    coefficients = attribute(str, "rows of victims, columns of aggressors, as JSON; null where nothing bright enough was seen")
    errors = attribute(str, "their standard errors, as JSON")

    limits = (Limit("largest", flag=Flag.CROSSTALK, at_least=-0.01, at_most=0.01),)

    def make(self) -> None:
        frames = [raw.assembled(self.bias.overscan_used) for raw in self.raws]
        amplifiers = frames[0].amplifiers
        self.n_amplifiers = len(amplifiers)
        if self.n_amplifiers < 2:
            raise PermanentError(f"{self.chip.name} has one amplifier, and so no cross talk; ask for a chip with two or more")
        found = crosstalk([frame.data - self.bias.image.data for frame in frames], [frame.saturated for frame in frames], amplifiers,
                          self.threshold, self.sigma_clip)
        if not np.isfinite(found.coefficients[~np.eye(self.n_amplifiers, dtype=bool)]).any():
            raise PermanentError(f"nothing on the {len(frames)} exposures of {self.chip.name} is {self.threshold:g} ADU above the sky; "
                                 "lower CrossTalk.threshold, or take exposures with brighter stars")
        sure = certain(found.coefficients, found.errors).ravel()
        self.largest = float(sure[np.argmax(np.abs(sure))])
        self.coefficients, self.errors = as_rows(found.coefficients), as_rows(found.errors)

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """There is one method."""
        return {**keys, "method": keys.get("method") or "measured"}

    @property
    def matrix(self) -> NDArray[np.float64]:
        """The coefficients, [victim, aggressor]; NaN where nothing bright enough was seen."""
        return np.array(json.loads(self.coefficients), np.float64)

    @property
    def correction(self) -> NDArray[np.float64]:
        """The coefficients that are taken off frames: those that are five times their error; a lesser one would add more than it takes."""
        return certain(self.matrix, np.array(json.loads(self.errors), np.float64))

    def inspect(self) -> object:
        """The coefficients as a picture, in parts in a million."""
        return matrix_figure(self, self.matrix * 1e6, "aggressor", "victim", "ppm")


def certain(coefficients: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.float64]:
    """The coefficients that are five times their error, either way; 0 where they are not, or are unknown."""
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(np.where(np.abs(coefficients) > 5 * errors, coefficients, 0.0)))


def as_rows(matrix: NDArray[np.float64]) -> str:
    """A matrix as JSON, rows first; null where it is not a number."""
    return json.dumps([[None if not np.isfinite(value) else float(f"{value:.7g}") for value in row] for row in matrix])
