"""What all calibrations share: keys, and the use of measured and stated detector constants."""
from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from awe.persist.declare import depends_on
from awe.science.assemble import Assembled
from awe.targets.chip import Chip
from awe.targets.flags import Flag
from awe.targets.frame import Product
from awe.targets.instrument import Instrument

#: How far a measured gain or read noise may be from the stated one before it is flagged.
DISAGREEMENT = 0.2


class Calibration(Product):
    """A calibration of one detector, valid for some time."""

    __abstract__ = True
    is_calibration: ClassVar[bool] = True
    instrument = depends_on(Instrument, "the camera", key=True)
    chip = depends_on(Chip, "the detector", key=True)


def listed(text: str | None) -> list[float | None]:
    """The numbers, one an amplifier, that an attribute holds as JSON."""
    found: list[float | None] = json.loads(text) if text else []
    return found


def as_text(numbers: Sequence[float | None]) -> str:
    """Numbers, one an amplifier, as an attribute holds them; what is not finite is null."""
    return json.dumps([None if number is None or not np.isfinite(number) else round(float(number), 6) for number in numbers])


def stated(assembled: Assembled, name: str) -> list[float | None]:
    """What the instrument file or the header states, amplifier by amplifier."""
    return [getattr(one, name) for one in assembled.amplifiers]


def gains(target: Any, assembled: Assembled, measured: Any) -> list[float]:
    """The gain of each amplifier in e-/ADU: measured, else stated, else 1 with a flag; an uncertain measurement comes second."""
    known = stated(assembled, "gain")
    found: list[float | None] = listed(measured.gains) if measured is not None else [None] * len(known)
    if measured is not None and measured.quality_flags & Flag.GAIN_UNCERTAIN:
        known, found = found, known
    chosen = [one if one is not None else other for one, other in zip(found, known, strict=True)]
    if any(one is None for one in chosen):
        target.raise_flag(Flag.GAIN_UNKNOWN)
    return [1.0 if one is None else one for one in chosen]


def read_noises(assembled: Assembled, measured: Any, gain: Sequence[float]) -> list[float]:
    """The read noise of each amplifier in electrons: measured in ADU times gain, else stated, else 0."""
    if measured is not None:
        return [float(noise or 0.0) * factor for noise, factor in zip(listed(measured.read_noises), gain, strict=True)]
    return [float(noise or 0.0) for noise in stated(assembled, "read_noise")]


def per_pixel(values: Sequence[float], assembled: Assembled) -> NDArray[np.float32]:
    """Numbers, one an amplifier, spread over the chip."""
    table = np.array([*values, *([np.nan] * (256 - len(values)))], np.float32)
    return table[assembled.amplifier_index]


def differs(measured: Sequence[float | None], known: Sequence[float | None]) -> bool:
    """Whether measured values are further than they may from the stated ones, where both are known."""
    return any(abs(one / other - 1) > DISAGREEMENT for one, other in zip(measured, known, strict=True) if one and other)
