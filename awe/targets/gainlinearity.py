"""GainLinearity: 523 and 533."""
from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.assemble import Assembled
from awe.science.gain import PhotonTransfer, linearity, pair_up, photon_transfer
from awe.targets.calibration import Calibration, as_text, differs, listed, stated
from awe.targets.figures import amplifier_figure
from awe.targets.flags import Flag
from awe.targets.masterbias import MasterBias
from awe.targets.raw import RawDomeFlatFrame, RawTwilightFlatFrame
from awe.targets.readnoise import ReadNoise


class GainLinearity(Calibration):
    """Gain of each amplifier from the photon noise of pairs of flats, and how linear it is.

    Only pairs whose noise grows with the light as that of photons does are used; saturated or unsteady ones do not.  Where none
    of the pairs of like level does, neighbours in level are tried.
    """

    plan_number = "523"
    validity = (30.0, 30.0)

    readout_mode = key(str, "binning, window, speed")
    domes = depends_on_many(RawDomeFlatFrame, "dome flats of one night, in any filter", same=("instrument", "chip", "readout_mode"),
                            within="night", at_least=2, optional=True)
    twilights = depends_on_many(RawTwilightFlatFrame, "twilight flats of one night, where there are no dome flats",
                                same=("instrument", "chip", "readout_mode"), within="night", at_least=2, optional=True)
    bias = depends_on(MasterBias, "subtracted from the flats")
    read_noise = depends_on(ReadNoise, "part of the noise that is not the photons'")

    pair_tolerance = parameter(0.04, "levels of a pair differ at most by this part", at_least=0.0, at_most=1.0)
    maximum_scatter = parameter(1.5, "pairs whose noise strays further from that of photons are left out", unit="sigma", at_least=1.0)
    rejection_threshold = parameter(4.0, "boxes of pixels further than this from the fit are left out", unit="sigma", at_least=1.0)

    gain = attribute(float, "gain, mean of the amplifiers", unit="e-/adu")
    gain_error = attribute(float, "largest error of an amplifier", unit="e-/adu")
    gains = attribute(str, "gain of each amplifier in e-/ADU, as JSON; null where it could not be measured")
    n_pairs = attribute(int, "number of pairs used")
    scatter = attribute(float, "largest scatter of an amplifier about photon noise, in its own errors; about 1 where photons explain all")
    nonlinearity = attribute(float, "largest relative residual of level against exposure time, of dome flats at several times")

    limits = (Limit("gain", flag=Flag.GAIN, at_least=1e-3, at_most=1e3),
              Limit("gain", flag=Flag.CHANGED, at_most=1.0, compare=True))

    def make(self) -> None:
        raws: list[Any] = self.domes or self.twilights
        frames = [raw.assembled(self.bias.overscan_used) for raw in raws]
        bias = self.bias.image.data
        flats = [frame.data - bias for frame in frames]
        levels = [float(np.nanmedian(flat)) for flat in flats]
        groups: dict[str, list[int]] = defaultdict(list)
        for number, raw in enumerate(raws):
            groups[raw.filter.name].append(number)
        found = self.transfer(flats, frames[0], self.pairs(groups, levels))
        values = [value if np.isfinite(value) and value > 3 * error else None for value, error in found]
        good = [value for value in values if value is not None]
        if not good:
            raise PermanentError(f"the noise of the flats of {self.chip.name} does not grow with their level, so it gives no gain")
        self.gains = as_text(values)
        self.gain, self.gain_error = float(np.mean(good)), float(np.nanmax([error for _, error in found]))
        if differs(values, stated(frames[0], "gain")):
            self.raise_flag(Flag.GAIN_DIFFERS)
        times = [raw.exptime for raw in raws]
        if self.domes and len(groups) == 1 and len(set(times)) > 2:
            residuals = np.asarray(linearity(times, levels).residuals)
            self.nonlinearity = float(np.nanmax(np.abs(residuals)))

    def pairs(self, groups: dict[str, list[int]], levels: list[float]) -> list[list[tuple[int, int]]]:
        """The pairs to be tried: those of like level, then neighbours in level; all within a filter."""
        alike, neighbours = ([(group[a], group[b]) for group in groups.values() for a, b in pair_up([levels[n] for n in group], tolerance)]
                             for tolerance in (self.pair_tolerance, 1.0))
        if not neighbours:
            raise PermanentError(f"no two of the {len(levels)} flats of {self.chip.name} are in one filter and within a factor of two "
                                 f"(they are {', '.join(f'{level:.0f}' for level in levels)} ADU)")
        return [alike, neighbours]

    def transfer(self, flats: list[NDArray[Any]], frame: Assembled, tries: list[list[tuple[int, int]]]) -> list[tuple[float, float]]:
        """Gain and error of each amplifier: the average of the pairs whose noise photons explain, else of the best pair."""
        saturation = [level * 0.9 if level else np.inf for level in stated(frame, "saturation")]
        noise = [value or 0.0 for value in listed(self.read_noise.read_noises)]
        best: list[PhotonTransfer] = []
        for pairs in tries:
            measured = [photon_transfer([(flats[a], flats[b])], frame.amplifier_index, noise, highest=saturation,
                                        rejection_threshold=self.rejection_threshold) for a, b in pairs]
            used = [one for one in measured if worst(one) <= self.maximum_scatter]
            if used:
                self.n_pairs, self.scatter = len(used), max(map(worst, used))
                return [average([(one[k].gain, one[k].gain_error) for one in used]) for k in range(len(noise))]
            best = min([best, *measured] if best else measured, key=worst, default=best)
        self.raise_flag(Flag.GAIN_UNCERTAIN)
        self.n_pairs, self.scatter = 1, worst(best)
        return [(one.gain, one.gain_error) for one in best]

    def inspect(self) -> object:
        """The gain of each amplifier, beside what the instrument file states."""
        known = [one.get("gain") for one in (self.domes or self.twilights)[0].amplifier_list]
        return amplifier_figure(self, {"measured": listed(self.gains), "stated": known}, "e-/ADU", self.gain_error)


def worst(transfer: list[PhotonTransfer]) -> float:
    """The largest scatter of an amplifier about its line; infinite where none has one."""
    return max((one.scatter for one in transfer if np.isfinite(one.scatter)), default=np.inf)


def average(measured: list[tuple[float, float]]) -> tuple[float, float]:
    """The mean of values weighted by their errors, and its error; NaN where there is none."""
    good = [(value, error) for value, error in measured if np.isfinite(value) and error > 0]
    if not good:
        return float("nan"), float("nan")
    weights = [1.0 / error**2 for _, error in good]
    return float(np.average([value for value, _ in good], weights=weights)), float(sum(weights) ** -0.5)
