"""The truth of a simulated run, read from its files, beside what was made from its raw frames."""
from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from numpy.typing import NDArray

from awe.quickstart.comparison import (
    Figure,
    Floats,
    Pixels,
    isolated,
    magnitude_figures,
    matched,
    near,
    offsets,
    pixels,
    position_figures,
)
from awe.science.mask import NO_WEIGHT
from awe.simulate import Run
from awe.targets import CoaddFrame, ReducedScienceFrame, SourceList

#: Sources are compared where their flux is so many times its error.
SNR = 100.0
#: Arcsec within which a measured source is a true one, neighbours count, and saturated pixels spoil a star.
MATCH, NEIGHBOURS, SPOILT = 1.0, 4.0, 2.5
#: A star is left out where its neighbours add more than this part of its light.
BLENDED = 0.005
#: FLAGS of sources that are saturated, cut off by the border of the image, or whose position was given up.
CUT = 4 | 8 | 16 | 32


@dataclass(frozen=True)
class Verdict:
    """All figures, and how many stars they rest on."""

    figures: list[Figure]
    n_stars: int
    n_blended: int
    n_frames: int

    @property
    def is_good(self) -> bool:
        """Whether every figure is in its range."""
        return all(figure.is_good for figure in self.figures)


def compare(run: Run, coadd: CoaddFrame, sources: SourceList, frames: list[ReducedScienceFrame]) -> Verdict:
    """Compare a coadd, its source list and the frames below it with the truth."""
    figures, n_stars, n_blended = compare_sources(run, coadd, sources)
    counted = Pixels()
    for frame in frames:
        counted += compare_pixels(run, frame)
    return Verdict([*figures, *counted.figures()], n_stars, n_blended, len(frames))


def compare_sources(run: Run, coadd: CoaddFrame, sources: SourceList) -> tuple[list[Figure], int, int]:
    """Positions and magnitudes of unsaturated, unblended stars that lie on the image as a whole, with a signal of `SNR` times the noise."""
    true = true_sources(run)
    magnitude = np.asarray(true[f"mag_{coadd.filter.name}"], np.float64)
    names = ["ALPHA_J2000", "DELTA_J2000", "MAG_TOTAL", "MAGERR_TOTAL", "FLAGS", "NEXP_MIN"]
    table = sources.table(names).to_astropy()
    ra, dec, measured, error, flags, exposures = (np.ma.filled(np.ma.asarray(table[name], np.float64), np.nan) for name in names)
    whole = (flags.astype(int) & CUT == 0) & (exposures > 0)
    ours, theirs = matched(ra, dec, true["ra"], true["dec"], MATCH)
    with np.errstate(invalid="ignore"):
        bright = error[ours] < 2.5 / np.log(10.0) / SNR
    candidates = (true["type"] == b"star") & ~spoilt(run, true["ra"], true["dec"])
    kept = bright & whole[ours] & candidates[theirs]
    alone = isolated(true["ra"], true["dec"], magnitude, candidates, within=NEIGHBOURS, part=BLENDED)
    n_blended = int((kept & ~alone[theirs]).sum())
    kept &= alone[theirs]
    ours, theirs = ours[kept], theirs[kept]
    east, north = offsets(ra[ours], dec[ours], true["ra"][theirs], true["dec"][theirs])
    figures = [*position_figures(east, north, coadd.pixel_scale), *magnitude_figures(measured[ours], error[ours], magnitude[theirs])]
    return figures, len(ours), n_blended


def true_sources(run: Run) -> NDArray[Any]:
    """The true sources: ICRS positions, magnitudes, kinds."""
    rows = np.asarray(fits.getdata(run.truth_sources, 1))
    return rows.astype(rows.dtype.newbyteorder("="))


def spoilt(run: Run, ra: Floats, dec: Floats) -> NDArray[np.bool_]:
    """Which true sources have a saturated pixel nearby in some exposure."""
    found = np.zeros(len(ra), bool)
    for record in json.loads(run.truth_exposures.read_text()):
        for chip, cards in record["wcs"].items():
            with np.load(run.truth_pixels[record["file"].removesuffix(".fits"), chip]) as arrays:
                index, (_, nx) = arrays["saturated_index"], arrays["shape"]
            if not len(index):
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FITSFixedWarning)
                world = WCS(fits.Header(cards)).pixel_to_world_values(index % nx, index // nx)
            found |= near(ra, dec, *world, within=SPOILT)
    return found


def compare_pixels(run: Run, frame: ReducedScienceFrame) -> Pixels:
    """Which deviating pixels of one frame are masked, and which are masked without need."""
    with np.load(run.truth_pixels[frame.exposure, frame.chip.name]) as arrays:
        shape = tuple(arrays["shape"])
        deviation, saturated = np.zeros(shape).ravel(), np.zeros(shape, bool).ravel()
        for kind in ("cosmic", "hot", "cold"):
            np.add.at(deviation, arrays[f"{kind}_index"], arrays[f"{kind}_electrons"] / arrays[f"{kind}_sigma"])
        saturated[arrays["saturated_index"]] = True
    mask = frame.image.mask
    assert mask is not None
    return pixels(((mask & np.uint16(NO_WEIGHT)) != 0).ravel(), deviation, saturated)
