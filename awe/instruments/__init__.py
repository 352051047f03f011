"""Cameras as data: one TOML file each, and no code of their own.

An instrument file says what the detectors look like, how header cards become attributes, what is a bias and what is
a flat, which filters there are, and how raws are grouped. This package reads such files strictly, opens FITS files
with care, and describes what is in them; it knows no database and no science.
"""
from awe.instruments.calibration import GroupDefinition, ValidityDefinition
from awe.instruments.check import Checked, CheckReport, check
from awe.instruments.chip import AmplifierDefinition, ChipDefinition
from awe.instruments.definition import Definition, load, shipped
from awe.instruments.filters import FilterDefinition
from awe.instruments.fitsfile import FitsFile, Hdu, Limits, open_fits
from awe.instruments.identify import identify
from awe.instruments.keptfile import kept_pixels
from awe.instruments.night import midnight_of, night_of, night_window
from awe.instruments.nominal import nominal_cards
from awe.instruments.reduced import Plane, ReducedDescription, describe_reduced, is_reduced
from awe.instruments.storedimage import StoredImage, stored_images
from awe.instruments.translate import RawDescription, Translation, translate
from awe.instruments.validation import plausible

__all__ = [
    "AmplifierDefinition",
    "CheckReport",
    "Checked",
    "ChipDefinition",
    "Definition",
    "FilterDefinition",
    "FitsFile",
    "GroupDefinition",
    "Hdu",
    "Limits",
    "Plane",
    "RawDescription",
    "ReducedDescription",
    "StoredImage",
    "Translation",
    "ValidityDefinition",
    "check",
    "describe_reduced",
    "identify",
    "is_reduced",
    "kept_pixels",
    "load",
    "midnight_of",
    "night_of",
    "night_window",
    "nominal_cards",
    "open_fits",
    "plausible",
    "shipped",
    "stored_images",
    "translate",
]
