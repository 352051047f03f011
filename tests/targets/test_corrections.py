"""Corrections are dependencies only where the instrument file asks for them, and are then made and applied."""
from __future__ import annotations

import datetime
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import IngestError
from awe.ingest import add_instrument
from awe.ingest.masks import ingest_mask
from awe.science.mask import Bit
from awe.targets import CoaddFrame, Filter, Flag, GhostMap, IlluminationCorrection, Instrument, ReducedScienceFrame, RegriddedFrame
from tests.targets import walk

CLASSES = ("CrossTalk", "NightSkyFlat", "FringeFrame")


def asking(text: str) -> str:
    """The instrument file with all corrections asked for."""
    words = "".join(f'\n{word} = "correct"' for word in ("crosstalk", "night_sky_flat", "illumination"))
    changed = text.replace('dark = "scaled"', f'dark = "scaled"{words}')
    ghost = "\n[[ghost]]\nradius = 4\nhole = 1\nflux_ratio = 1e-3\nplace = -1\n"
    return changed.replace('[[filter]]\n', '[[filter]]\nfringes = "correct"\n') + ghost + '\n[mask]\nvalues = {1 = "BAD", 2 = "HOT"}\n'


def marked(folder: Path, shape: tuple[int, int]) -> Path:
    """A mask of one bad column and one hot pixel."""
    pixels = np.zeros(shape, np.uint8)
    pixels[:, 7], pixels[40, 60] = 1, 2
    fits.writeto(folder / "marked.fits", pixels)
    return folder / "marked.fits"


def test_corrections_are_made_where_they_are_asked_for(ingested, tmp_path):
    shutil.copytree(ingested, tmp_path / "home")
    instance = walk.reopen(tmp_path / "home")
    try:
        (camera,) = list(Instrument.select_all())
        exposure = sorted(raw.exposure for raw in walk.RawScienceFrame.select_all())[0]
        told = str(ReducedScienceFrame.plan(chip="ccd53", exposure=exposure))
        assert not any(name in told for name in CLASSES)
        add_instrument(asking(camera.text))
        assert {one.fringes_method for one in Filter.select_all()} == {None, "pattern"}
        told = str(ReducedScienceFrame.plan(chip="ccd53", exposure=exposure))
        assert all(name in told for name in CLASSES), told
        shape = next(iter(walk.RawScienceFrame.chip.name == "ccd53")).assembled("none").data.shape
        with pytest.raises(IngestError, match="trim it"):
            ingest_mask(marked(tmp_path, (shape[0] + 1, shape[1])), "simcam", "ccd53")
        (tmp_path / "marked.fits").unlink()
        (mask,) = ingest_mask(marked(tmp_path, shape), "simcam", "ccd53", start=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        ingest_mask(tmp_path / "marked.fits", "simcam", "ccd53", start=datetime.datetime(1999, 1, 1, tzinfo=datetime.UTC),
                    end=datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC))
        frame = ReducedScienceFrame.get(chip="ccd53", exposure=exposure)
        assert mask.bits == "BAD HOT" and frame.static.object_id == mask.object_id, "the newer one is not valid at its time"
        assert (frame.image.mask[:, 7] & Bit.BAD).all() and frame.image.mask[40, 60] & Bit.HOT and not frame.image.weight[:, 7].any()
        seen = GhostMap.get(chip="ccd53", exposure=exposure, pars={"GhostMap": {"threshold": 5e-4}})
        assert seen.n_ghosts == len(json.loads(seen.ghosts)) > 0 and 0 < seen.fraction < 1
        without = RegriddedFrame(ghosts=seen).without_ghosts(frame.image)
        assert ((without.mask & Bit.GHOST) != 0).mean() == pytest.approx(seen.fraction) and not without.weight[seen.image.data > 0].any()
        assert frame.night_sky is not None and frame.fringes is not None
        assert np.isfinite(frame.fringe_scale) and frame.fringe_scale_error > 0
        assert bool(frame.quality_flags & Flag.NOT_CORRECTED) == (frame.crosstalk is None)
        again = frame.calibrated(frame.raw).data / frame.night_sky.image.data - np.float32(frame.fringe_scale) * frame.fringes.image.data
        good = frame.image.mask == 0
        assert np.allclose(frame.image.data[good], again[good], rtol=1e-5)
        seen = IlluminationCorrection.get(chip="ccd53")
        assert seen.n_frames == 3 and seen.n_other_flats == 0 and seen.n_stars > 30
        assert seen.spread < 6 * 2.2 * float(np.sqrt(seen.image.variance.max())), "the simulated flats miss nothing"
        table = seen.photometry[0].residuals()
        assert np.nanstd(np.asarray(table["residual"])[np.asarray(table["used"]) > 0]) < 0.2 and len(table) > 20
        assert "IlluminationCorrection" in str(CoaddFrame.plan(object=walk.FIELD))
    finally:
        instance.close()
