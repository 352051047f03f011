"""The instrument file of the simulated camera: everything about it that is not in the truth."""
from __future__ import annotations

from awe.simulate.camera import Amplifier, Camera, Chip
from awe.simulate.config import RunConfig
from awe.simulate.header import INSTRUMENT, fits_section
from awe.simulate.schedule import LATITUDE, LONGITUDE, UTC_OFFSET

WAVELENGTHS = {"u": 355, "g": 475, "r": 625, "i": 755, "z": 870, "y": 960}

HEAD = """\
# Instrument file of the simulated camera; made together with its raw files.
[instrument]
name = "{name}"
version = 1
telescope = "SIM 2.6-m"
latitude = {latitude}
longitude = {longitude}
elevation = 2635
utc_offset = {utc_offset:g}
pixel_scale = {pixel_scale}
rotation = 0.0
parity = "normal"
dark = "scaled"

[match]
INSTRUME = "{name}"

[header]
date_obs = "DATE-OBS"
exptime = "EXPTIME"
object = "OBJECT"
filter = "FILTER"
ra = "RA"
dec = "DEC"
airmass = "AIRMASS"
observer = "OBSERVER"
exposure = "FILENAME"
readout_mode = "READMODE"

[recognise]
bias = {{IMAGETYP = "bias"}}
dark = {{IMAGETYP = "dark"}}
domeflat = {{IMAGETYP = "dome flat"}}
twilightflat = {{IMAGETYP = "twilight flat"}}
science = {{IMAGETYP = "object"}}
"""

TAIL = """
[calibration.bias]
within = "night"
at_least = 3
window = 5
validity = 1

[calibration.dark]
within = "night"
at_least = 3
window = 10
validity = 5

[calibration.domeflat]
within = "night"
at_least = 3
window = 10
validity = 5

[calibration.twilightflat]
within = "night"
at_least = 3
window = 10
validity = 5

[levels]
bias = [800, 1700]
dark = [800, 3000]
domeflat = [5000, 60000]
twilightflat = [5000, 60000]
"""


def instrument_toml(config: RunConfig, camera: Camera) -> str:
    """Return the text of the instrument file; sections and gains as nominal, not as in the truth.

    Chips in one HDU have their sections spelled out, those in two HDUs name the header keywords that hold them.
    """
    parts = [HEAD.format(
        name=INSTRUMENT, latitude=LATITUDE, longitude=LONGITUDE, utc_offset=UTC_OFFSET, pixel_scale=config.pixel_scale)]
    parts += [_chip(chip) for chip in camera.chips]
    parts += [
        f'\n[[filter]]\nname = "{name}"\nband = "{name}"\nsystem = "AB"\nserial = "SIM-{name}-01"\n'
        f"wavelength = {WAVELENGTHS[name]}\n"
        for name in config.filters
    ]
    return "".join([*parts, TAIL])


def _chip(chip: Chip) -> str:
    ny, nx = chip.shape
    one_hdu = len(chip.hdus) == 1
    lines = ["", "[[chip]]", f'name = "{chip.name}"']
    if one_hdu:
        lines.append(f'hdu = "{chip.name}"')
    lines += [f"size = [{nx}, {ny}]", f"crpix = [{chip.x_axis + 1}, {chip.y_axis + 1}]"]
    for amplifier in chip.amplifiers:
        lines += ["[[chip.amplifier]]", f'name = "{amplifier.name}"']
        lines += _spelled_out(amplifier) if one_hdu else _by_keyword(chip, amplifier)
    return "\n".join(lines) + "\n"


def _spelled_out(amplifier: Amplifier) -> list[str]:
    return [
        f'data = "{fits_section(amplifier.data)}"',
        f'prescan = "{fits_section(amplifier.prescan)}"',
        f'overscan = "{fits_section(amplifier.overscan)}"',
        f'position = "{fits_section(amplifier.position, flip_x=amplifier.flip_x)}"',
        f"gain = {round(amplifier.gain, 2)}",
        f"read_noise = {round(amplifier.read_noise, 1)}",
        f"saturation = {amplifier.saturation}",
    ]


def _by_keyword(chip: Chip, amplifier: Amplifier) -> list[str]:
    return [
        f'hdu = "{chip.name}{amplifier.name}"', 'data = "DATASEC"', 'prescan = "PRESEC"', 'overscan = "BIASSEC"',
        'position = "CCDSEC"', 'gain = "GAIN"', 'read_noise = "RDNOISE"', 'saturation = "SATURATE"',
    ]
