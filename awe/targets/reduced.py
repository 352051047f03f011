"""ReducedScienceFrame: an exposure in electrons, with its weight and its mask."""
from __future__ import annotations

import json
from typing import Any

import numpy as np

from awe.dataflow.limits import Limit
from awe.persist.declare import attribute, depends_on, parameter
from awe.persist.types import to_microseconds
from awe.science.bleeding import bleeding
from awe.science.calibrate import Calibrated, reweigh
from awe.science.cosmic import cosmic_rays
from awe.science.mask import NO_WEIGHT, Bit
from awe.science.tracks import tracks
from awe.targets.coldpixelmap import ColdPixelMap
from awe.targets.correctedframe import CorrectedFrame
from awe.targets.flags import DEAD, Flag
from awe.targets.gainlinearity import GainLinearity
from awe.targets.hotpixelmap import HotPixelMap
from awe.targets.image import Image
from awe.targets.masterbias import MasterBias
from awe.targets.masterdark import MasterDark
from awe.targets.masterflat import MasterFlat
from awe.targets.skyframe import SkyFrame
from awe.targets.staticmask import StaticMask


class ReducedScienceFrame(CorrectedFrame):
    """One chip of one exposure, calibrated: electrons, inverse-variance weight, variance, mask."""

    version = 4
    plan_number = "632"

    bias = depends_on(MasterBias, "subtracted", same=("instrument", "chip", "raw.readout_mode"))
    gain = depends_on(GainLinearity, "measured gain", same=("instrument", "chip", "raw.readout_mode"), optional=True)
    dark = depends_on(MasterDark, "subtracted", same=("instrument", "chip", "raw.readout_mode"), optional=True)
    flat = depends_on(MasterFlat, "divided out", same=("instrument", "chip", "filter", "raw.readout_mode"))
    hot = depends_on(HotPixelMap, "masked", same=("instrument", "chip", "raw.readout_mode"), optional=True)
    cold = depends_on(ColdPixelMap, "masked", same=("instrument", "chip", "filter", "raw.readout_mode"), optional=True)
    static = depends_on(StaticMask, "bad pixels that users marked", optional=True, same=("instrument", "chip", "raw.readout_mode"))
    sky = depends_on(SkyFrame, "subtracted in the infrared", optional=True,
                     same=("instrument", "chip", "filter", "exposure", "method=instrument.sky_method"))

    cosmic_rays = parameter(True, "whether cosmic rays are looked for")
    cosmic_threshold = parameter(4.5, "Laplacian significance of a cosmic ray", unit="sigma", at_least=1.0)
    cosmic_object_limit = parameter(3.0, "contrast between a cosmic ray and the star below it", at_least=0.1)
    cosmic_neighbour_fraction = parameter(0.55, "part of the threshold that counts next to a cosmic ray", at_least=0.0, at_most=1.0)
    bleeding = parameter(True, "whether bleeding of saturated pixels is looked for")
    tracks = parameter(True, "whether tracks of satellites and aircraft are looked for")
    track_threshold = parameter(8.0, "excess of squares along a track over those beside it", unit="sigma", at_least=3.0)
    star_fwhm = parameter(2.0, "narrowest stars that are to be expected", unit="pix", at_least=0.5)

    object = attribute(str, "what the observer said it is of")
    exptime = attribute(float, "exposure time", unit="s")
    airmass = attribute(float, "airmass")
    sky_level = attribute(float, "level of the sky", unit="electron")
    effective_gain = attribute(float, "photo-electrons per unit of the image")
    read_noise = attribute(float, "read noise, mean of the amplifiers", unit="electron")
    saturation = attribute(float, "lowest saturation level of the amplifiers", unit="electron")
    n_cosmic = attribute(int, "pixels hit by cosmic rays", unit="pix")
    n_saturated = attribute(int, "saturated pixels", unit="pix")
    n_bleeding = attribute(int, "pixels into which saturated ones bled", unit="pix")
    n_tracks = attribute(int, "tracks of satellites and aircraft")
    bad_fraction = attribute(float, "part of the pixels without weight")
    wcs = attribute(str, "the celestial cards it came with, trimmed with the image, as JSON")
    zero_point = attribute(float, "zero point it came with, of frames reduced elsewhere", unit="mag")
    origin = attribute(str, "where it was reduced, if elsewhere")

    limits = (Limit("bad_fraction", flag=Flag.TOO_MANY_BAD_PIXELS, at_most=0.9),)

    def make(self) -> None:
        frame = self.corrected()
        self.sky_level = frame.sky
        if self.bleeding:
            frame = self.without_bleeding(frame)
        if self.cosmic_rays:
            frame = self.without_cosmics(frame)
        if self.tracks:
            frame = self.without_tracks(frame)
        self.describe_frame(frame)
        self.image = Image(frame.data, frame.variance, frame.weight, frame.mask, cards=self.cards())

    def without_cosmics(self, frame: Calibrated) -> Calibrated:
        """The frame with cosmic rays masked; they are judged by all noise there is, that of the dark charge included."""
        flat = self.flat.image.data if self.night_sky is None else self.flat.image.data * self.night_sky.image.data
        found = cosmic_rays(frame.data, mask=frame.mask, flat=flat, unlit=frame.unlit,
                            background=frame.sky if self.sky is not None else 0.0, threshold=self.cosmic_threshold,
                            object_limit=self.cosmic_object_limit, neighbour_fraction=self.cosmic_neighbour_fraction,
                            star_fwhm=self.star_fwhm)
        return reweigh(frame, found.mask)

    def without_bleeding(self, frame: Calibrated) -> Calibrated:
        """The frame with the trails of saturated pixels masked."""
        full, sky = frame.mask & np.uint16(Bit.SATURATED) != 0, 0.0 if self.sky is not None else frame.sky
        found = bleeding(frame.data, full, frame.variance, sky, along_rows=bool(self.raw.amplifier_list[0].get("transpose")))
        return reweigh(frame, found) if found.any() else frame

    def without_tracks(self, frame: Calibrated) -> Calibrated:
        """The frame with tracks masked; they are looked for where nothing else is wrong."""
        found = tracks(frame.data, frame.mask & np.uint16(NO_WEIGHT), line_threshold=self.track_threshold)
        self.n_tracks = len(found.tracks)
        return reweigh(frame, found.mask) if found.tracks else frame

    def describe_frame(self, frame: Calibrated) -> None:
        """What can be asked of the frame afterwards."""
        raw = self.raw
        self.object, self.exptime, self.airmass = raw.object, raw.exptime, raw.airmass
        self.effective_gain, self.read_noise = 1.0, float(np.mean(frame.read_noise))
        levels = [one["saturation"] * gain for one, gain in zip(raw.amplifier_list, frame.gain, strict=True) if one.get("saturation")]
        self.saturation = float(min(levels)) if levels else None  # type: ignore[assignment]
        self.n_cosmic = int(np.count_nonzero(frame.mask & Bit.COSMIC))
        self.n_saturated = int(np.count_nonzero(frame.mask & Bit.SATURATED))
        self.n_bleeding = int(np.count_nonzero(frame.mask & Bit.BLEEDING))
        self.bad_fraction = float(np.mean(frame.weight <= 0))
        if self.bad_fraction > DEAD:
            self.raise_flag(Flag.PARTLY_DEAD)
        self.wcs = json.dumps(raw.trimmed_wcs())

    def cards(self) -> dict[str, Any]:
        """The header of the frame."""
        mjd = to_microseconds(self.raw.date_obs) / 86_400_000_000 + 40587.0
        return {"INSTRUME": self.instrument.name, "CHIP": self.chip.name, "FILTER": self.filter.name, "OBJECT": self.object,
                "EXPTIME": self.exptime, "AIRMASS": self.airmass, "MJD-OBS": round(mjd, 8), "GAIN": self.effective_gain,
                "RDNOISE": self.read_noise, "SATURATE": self.saturation, "SKYLEVEL": self.sky_level, **json.loads(self.wcs or "{}")}
