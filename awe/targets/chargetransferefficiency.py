"""ChargeTransferEfficiency: 534."""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on_many, key, parameter
from awe.science.amplifier import Amplifier
from awe.science.cte import Deferred, parallel_inefficiency, serial_inefficiency
from awe.targets.calibration import Calibration, listed
from awe.targets.figures import amplifier_figure
from awe.targets.flags import Flag
from awe.targets.raw import RawDomeFlatFrame


class ChargeTransferEfficiency(Calibration):
    """Part of the charge that each transfer leaves behind, from what dome flats leave in the overscan."""

    plan_number = "534"
    validity = (90.0, 90.0)

    readout_mode = key(str, "binning, window, speed")
    raws = depends_on_many(RawDomeFlatFrame, "dome flats of one night, in any filter", same=("instrument", "chip", "readout_mode"),
                           within="night", at_least=1, at_most=10)

    tail = parameter(4, "overscan pixels next to the data that deferred charge is looked for in", unit="pix", at_least=1)

    serial = attribute(float, "serial inefficiency of the worst amplifier, per transfer; not a number where no overscan shows it")
    parallel = attribute(float, "parallel inefficiency of the worst amplifier, per transfer; not a number where no overscan shows it")
    error = attribute(float, "largest standard error of all that were measured")
    serial_by_amplifier = attribute(str, "serial inefficiency of each amplifier, as JSON")
    parallel_by_amplifier = attribute(str, "parallel inefficiency of each amplifier, as JSON")

    limits = (Limit("serial", flag=Flag.TRANSFER, at_least=-1e-4, at_most=1e-4, optional=True),
              Limit("parallel", flag=Flag.TRANSFER, at_least=-1e-4, at_most=1e-4, optional=True))

    def make(self) -> None:
        amplifiers = [Amplifier.from_dict(one) for one in self.raws[0].amplifier_list]
        files = [raw.hdus() for raw in self.raws]
        serial = [serial_inefficiency([hdus[one.hdu] for hdus in files], one, self.tail) for one in amplifiers]
        parallel = [parallel_inefficiency([hdus[one.hdu] for hdus in files], one, self.tail) for one in amplifiers]
        measured = [one for one in (*serial, *parallel) if np.isfinite(one.inefficiency)]
        if not measured:
            raise PermanentError(f"no amplifier of {self.chip.name} has {self.tail + 3} pixels of overscan right behind light, so no "
                                 "charge transfer shows; describe them in the instrument file, or lower ChargeTransferEfficiency.tail")
        self.serial, self.parallel = worst(serial), worst(parallel)
        self.error = max(one.error for one in measured)
        self.serial_by_amplifier, self.parallel_by_amplifier = small(serial), small(parallel)

    def inspect(self) -> object:
        """The inefficiency of each amplifier, in parts in a million."""
        series = {name: [None if value is None else value * 1e6 for value in listed(text)]
                  for name, text in (("serial", self.serial_by_amplifier), ("parallel", self.parallel_by_amplifier))}
        return amplifier_figure(self, series, "ppm per transfer", self.error * 1e6)


def worst(measured: Sequence[Deferred]) -> float | None:
    """The largest inefficiency; None where none was measured."""
    return max((one.inefficiency for one in measured if np.isfinite(one.inefficiency)), default=None)


def small(measured: Sequence[Deferred]) -> str:
    """Inefficiencies as JSON, with seven digits; null where there is none."""
    values = (f"{one.inefficiency:.7g}" if np.isfinite(one.inefficiency) else "null" for one in measured)
    return f"[{', '.join(values)}]"
