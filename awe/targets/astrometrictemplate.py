"""AstrometricTemplate: the distortion that an instrument has on a chip."""
from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, depends_on_many, parameter
from awe.science.platebasis import basis, nodes
from awe.science.template import template
from awe.targets.astrometricparameters import AstrometricParameters
from awe.targets.astrometryfigures import distortion_figure
from awe.targets.chip import Chip
from awe.targets.filter import Filter
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument
from awe.targets.raw import RawScienceFrame


class AstrometricTemplate(Product):
    """The mean distortion of the local solutions of a chip: what global solutions may start from where stars are few."""

    plan_number = "555"
    is_calibration = True

    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)
    filter = depends_on(Filter, "the filter", key=True)
    solutions = depends_on_many(AstrometricParameters, "local solutions", one_per=RawScienceFrame,
                                same=("instrument", "chip", "filter"), within=30.0, at_least=3)

    degree = parameter(3, "degree of the distortion", at_least=2, at_most=5)

    distortion = attribute(str, "coefficients in pixels, along x and along y, of the terms beyond the linear, as JSON")
    nx = attribute(int, "columns of the frames", unit="pix")
    ny = attribute(int, "rows of the frames", unit="pix")
    n_solutions = attribute(int, "solutions that were averaged: those that stars supported beyond degree 1")
    largest = attribute(float, "largest distortion on the chip", unit="pix")
    scatter = attribute(float, "scatter of single solutions about the mean, rms over the chip", unit="pix")

    limits = (Limit("n_solutions", flag=Flag.FEW_STARS, at_least=1), Limit("scatter", flag=Flag.BAD_ASTROMETRY, at_most=1.0, optional=True))

    def make(self) -> None:
        shapes = [tuple(one.reduced.image.data.shape) for one in self.solutions]
        self.ny, self.nx = max(sorted(set(shapes)), key=shapes.count)
        used = [one for one, shape in zip(self.solutions, shapes, strict=True)
                if shape == (self.ny, self.nx) and one.mode == "absolute" and (one.fitted_degree or 1) > 1]
        found = template([one.as_wcs() for one in used], [one.nref for one in used], (self.ny, self.nx), self.degree)
        self.distortion, self.n_solutions = json.dumps(found.distortion.tolist()), len(used)
        self.largest = found.largest
        self.scatter = found.scatter if math.isfinite(found.scatter) else None  # type: ignore[assignment]

    def coefficients(self) -> NDArray[np.float64]:
        """The distortion as an array (terms, 2)."""
        return np.array(json.loads(self.distortion), np.float64).reshape(-1, 2)

    def inspect(self) -> Any:
        """The distortion as arrows."""
        x, y = nodes((self.ny, self.nx), 8)
        moved = basis(x, y, (self.ny, self.nx), self.degree)[:, 3:] @ self.coefficients()
        return distortion_figure(x, y, *moved.T, title=repr(self))
