"""The named bits of `quality_flags`: one meaning each, the same in all target classes."""
from __future__ import annotations

import enum


class Flag(enum.IntFlag):
    """What the system found wrong, or remarkable, with a product."""

    NOISY = 1 << 0
    """The scatter of the pixels is above its limit."""
    LEVEL = 1 << 1
    """The level of the pixels is outside its limits."""
    NOT_FLAT = 1 << 2
    """Sub-windows differ by more than their limit."""
    TOO_MANY_BAD_PIXELS = 1 << 3
    """More bad pixels than the limit."""
    CHANGED = 1 << 4
    """Differs from the previous version by more than its limit."""
    READ_NOISE = 1 << 5
    """The read noise is outside its limits."""
    GAIN = 1 << 6
    """The gain is outside its limits."""
    FEW_STARS = 1 << 7
    """Too few stars were matched."""
    BAD_ASTROMETRY = 1 << 8
    """Astrometric residuals are above their limit."""
    BAD_ZEROPOINT = 1 << 9
    """The error of the zero point is above its limit."""
    SHALLOW = 1 << 10
    """Too few frames were averaged."""
    MISLABELLED = 1 << 11
    """Its statistics do not fit what it says it is."""
    NO_SOURCES = 1 << 12
    """Nothing was found."""
    CROSSTALK = 1 << 16
    """Cross talk between amplifiers is outside its limits."""
    TRANSFER = 1 << 17
    """Transfers leave more charge behind than the limit."""
    PARTICLES = 1 << 18
    """The rate of particle events is outside its limits."""
    SHUTTER = 1 << 19
    """The shutter error is outside its limits."""
    RESPONSE = 1 << 20
    """The detector responds otherwise than the flat in use says."""
    FRINGES = 1 << 21
    """The fringe pattern is stronger than its limit."""
    PSF_ANISOTROPY = 1 << 26
    """Stars are elongated by more than the limit."""
    EXTINCTION = 1 << 27
    """The extinction of the atmosphere, or its error, is outside its limits."""
    COLOUR_TERM = 1 << 28
    """The colour term, or its error, is outside its limits."""
    GHOSTS = 1 << 29
    """Ghosts of bright stars are not as bright as the instrument file says."""

    RELATIVE_ASTROMETRY = 1 << 32
    """Positions are relative to one frame whose own solution is its header's or nominal."""
    NO_ZEROPOINT = 1 << 33
    """Fluxes are relative to one frame; the zero point is arbitrary."""
    GAIN_UNKNOWN = 1 << 34
    """Neither measured nor stated: a gain of 1 was used."""
    GAIN_DIFFERS = 1 << 35
    """The measured gain differs from the stated one by more than 20 %."""
    READ_NOISE_DIFFERS = 1 << 36
    """The measured read noise differs from the stated one by more than 20 %."""
    NO_DARK = 1 << 37
    """There was no dark to subtract."""
    DARK_EXTRAPOLATED = 1 << 38
    """The dark was scaled by more than its limit."""
    NO_OVERSCAN = 1 << 39
    """An overscan correction was asked, and an amplifier has no overscan."""
    SHAPE_ONLY = 1 << 40
    """One of dome and twilight was missing, so the flat is the other alone."""
    GAIN_UNCERTAIN = 1 << 41
    """The noise of the flats is not that of photons alone; a stated gain is used rather than the measured one."""
    PARTLY_DEAD = 1 << 42
    """More than a quarter of the pixels is of no use: a dead amplifier, a chip half covered, most of it saturated."""
    NOT_CORRECTED = 1 << 43
    """Cross talk, fringes, ghosts or the flat on large scales should be corrected by the instrument file, and could not be."""
    PARITY_DIFFERS = 1 << 48
    """The sky is mirrored where the instrument file says it is not, or the other way round."""
    UNCLIPPED = 1 << 52
    """Too few frames to tell outliers from signal: what cosmic rays and tracks left is still there."""
    INPUTS_LEFT_OUT = 1 << 53
    """Some frames were not good enough by what was asked, and were left out."""
    STANDING_EXTINCTION = 1 << 50
    """The frames of the night span too little airmass: the standing coefficient of extinction was used."""
    LOCAL_ASTROMETRY = 1 << 49
    """A global solution was wanted and could not be had, so the frame's own was used."""


#: The part of the pixels without use from which on a product is PARTLY_DEAD.
DEAD = 0.25

#: Flags from here on tell, and do not keep an object from being used.
INFORMATIVE = 1 << 32

#: The mask of the flags that keep an object from being used.
BLOCKING = INFORMATIVE - 1
