"""GainLinearity: 523 and 533."""
from __future__ import annotations

import itertools
from collections import defaultdict
from typing import Any

import numpy as np

from awe.dataflow.limits import Limit
from awe.errors import PermanentError
from awe.persist.declare import attribute, depends_on, depends_on_many, key, parameter
from awe.science.gain import linearity, pair_up, photon_transfer
from awe.targets.calibration import Calibration, as_text, differs, listed, stated
from awe.targets.flags import Flag
from awe.targets.masterbias import MasterBias
from awe.targets.raw import RawDomeFlatFrame, RawTwilightFlatFrame
from awe.targets.readnoise import ReadNoise


class GainLinearity(Calibration):
    """Gain of each amplifier from the photon noise of pairs of flats, and how linear it is."""

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
    rejection_threshold = parameter(4.0, "pairs further than this from the fit are left out", unit="sigma", at_least=1.0)

    gain = attribute(float, "gain, mean of the amplifiers", unit="e-/adu")
    gain_error = attribute(float, "largest error of an amplifier", unit="e-/adu")
    gains = attribute(str, "gain of each amplifier in e-/ADU, as JSON; null where it could not be measured")
    n_pairs = attribute(int, "number of pairs")
    nonlinearity = attribute(float, "largest relative residual of level against exposure time, of dome flats at several times")

    limits = (Limit("gain", flag=Flag.GAIN, at_least=1e-3, at_most=1e3),
              Limit("gain", flag=Flag.CHANGED, at_most=1.0, compare=True))

    def make(self) -> None:
        raws: list[Any] = list(self.domes or self.twilights)
        frames = [raw.assembled(self.bias.overscan_used) for raw in raws]
        bias = self.bias.image.data
        levels = [float(np.nanmedian(frame.data - bias)) for frame in frames]
        groups: dict[str, list[int]] = defaultdict(list)
        for number, raw in enumerate(raws):
            groups[raw.filter.name].append(number)
        pairs = list(itertools.chain.from_iterable(
            [(group[a], group[b]) for a, b in pair_up([levels[n] for n in group], self.pair_tolerance)] for group in groups.values()))
        if not pairs:
            raise PermanentError(f"no two of the {len(raws)} flats of {self.chip.name} have levels within {self.pair_tolerance:.0%} "
                                 f"of each other (they are {', '.join(f'{level:.0f}' for level in levels)} ADU)")
        index = frames[0].amplifier_index
        saturation = [level * 0.9 if level else np.inf for level in stated(frames[0], "saturation")]
        found = photon_transfer([(frames[a].data - bias, frames[b].data - bias) for a, b in pairs], index,
                                [value or 0.0 for value in listed(self.read_noise.read_noises)], highest=saturation,
                                rejection_threshold=self.rejection_threshold)
        values = [one.gain if np.isfinite(one.gain) and one.gain > 3 * one.gain_error else None for one in found]
        good = [value for value in values if value is not None]
        if not good:
            raise PermanentError(f"the noise of the flats of {self.chip.name} does not grow with their level, so it gives no gain")
        self.gains, self.n_pairs = as_text(values), len(pairs)
        self.gain, self.gain_error = float(np.mean(good)), float(np.nanmax([one.gain_error for one in found]))
        if differs(values, stated(frames[0], "gain")):
            self.raise_flag(Flag.GAIN_DIFFERS)
        times = [raw.exptime for raw in raws]
        if self.domes and len(groups) == 1 and len(set(times)) > 2:
            residuals = np.asarray(linearity(times, levels).residuals)
            self.nonlinearity = float(np.nanmax(np.abs(residuals)))
