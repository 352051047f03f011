"""Whether a frame's statistics agree with what it says it is: a bias labelled as flat is found by its pixels."""
from __future__ import annotations

import math

from awe.instruments.definition import Definition

FLATS = ("domeflat", "twilightflat")
LONGEST_BIAS = 1.0
QUIET = 0.3
NEAR_BIAS = 20.0
NEAR_FULL = 0.95


def plausible(purpose: str, median: float, stdev: float, exptime: float, definition: Definition, *,
              overscan: float | None = None) -> list[str]:
    """Return what speaks against a frame being of its purpose, each as a sentence; empty where nothing does.

    Parameters
    ----------
    purpose : str
        bias, dark, domeflat, twilightflat or science.
    median, stdev : float
        Of the light-sensitive raw pixels, ADU.
    exptime : float
        Exposure time, s.
    definition : Definition
        Its ``[levels]`` are used where it states them; else general rules.
    overscan : float, optional
        Median of the overscan, ADU, where there is one: the level without light.
    """
    if not (math.isfinite(median) and math.isfinite(stdev)):
        return [f"the pixels have no median or spread (median {median}, stdev {stdev})"]
    problems = _by_exposure(purpose, exptime) + _by_saturation(purpose, median, definition)
    level = _bias_level(definition, overscan)
    if stdev == 0.0:
        problems.append(f"all pixels are {median:g}: there is no image")
    elif purpose in FLATS:
        problems += _dark_flat(purpose, median, stdev, level)
    elif purpose == "bias" and level is not None and purpose not in definition.levels:
        low, high = level
        if median > high + max(NEAR_BIAS, 0.1 * abs(high)):
            problems.append(f"a bias of median {median:g} ADU lies far above the level without light ({low:g} to "
                            f"{high:g}): it saw light")
    stated = definition.levels.get(purpose)
    if stated is not None and not stated[0] <= median <= stated[1]:
        problems.append(f"a {purpose} of median {median:g} ADU lies outside {stated[0]:g} to {stated[1]:g}, the levels "
                        f"in the instrument file{_resembles(purpose, median, definition)}")
    return problems


def _bias_level(definition: Definition, overscan: float | None) -> tuple[float, float] | None:
    """Return the range of the level without light, where it is known."""
    if overscan is not None and math.isfinite(overscan):
        return overscan, overscan
    return definition.levels.get("bias")


def _by_exposure(purpose: str, exptime: float) -> list[str]:
    if purpose == "bias" and exptime > LONGEST_BIAS:
        return [f"a bias exposed for {exptime:g} s is a dark or a flat"]
    if purpose in ("dark", *FLATS) and exptime <= 0:
        return [f"a {purpose} exposed for {exptime:g} s is a bias"]
    return []


def _by_saturation(purpose: str, median: float, definition: Definition) -> list[str]:
    limits = [a.saturation for chip in definition.chips for a in chip.amplifiers if isinstance(a.saturation, float)]
    if limits and median >= NEAR_FULL * min(limits):
        return [f"the median, {median:g} ADU, is at the saturation of {min(limits):g} ADU"]
    return []


def _dark_flat(purpose: str, median: float, stdev: float, level: tuple[float, float] | None) -> list[str]:
    """Find flats without light: no higher than the bias, or quieter than photons can be."""
    if level is not None and level[0] - NEAR_BIAS <= median <= level[1] + NEAR_BIAS:
        return [f"a {purpose} of median {median:g} ADU is within {NEAR_BIAS:g} ADU of the level without light "
                f"({level[0]:g} to {level[1]:g}): it looks like a bias"]
    if level is None and stdev < QUIET * math.sqrt(max(median, 0.0)):
        return [f"a {purpose} of median {median:g} ADU with a spread of only {stdev:.2g} ADU is quieter than light: "
                "it looks like a bias"]
    return []


def _resembles(purpose: str, median: float, definition: Definition) -> str:
    others = [name for name, (low, high) in definition.levels.items() if name != purpose and low <= median <= high]
    return f": it looks like a {others[0]}" if others else ""
