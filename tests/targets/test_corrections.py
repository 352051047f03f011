"""Corrections are dependencies only where the instrument file asks for them, and are then made and applied."""
from __future__ import annotations

import shutil

import numpy as np

from awe.ingest import add_instrument
from awe.targets import CoaddFrame, Filter, Flag, IlluminationCorrection, Instrument, ReducedScienceFrame
from tests.targets import walk

CLASSES = ("CrossTalk", "NightSkyFlat", "FringeFrame")


def asking(text: str) -> str:
    """The instrument file with all corrections asked for."""
    words = "".join(f'\n{word} = "correct"' for word in ("crosstalk", "night_sky_flat", "illumination"))
    changed = text.replace('dark = "scaled"', f'dark = "scaled"{words}')
    return changed.replace('[[filter]]\n', '[[filter]]\nfringes = "correct"\n')


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
        frame = ReducedScienceFrame.get(chip="ccd53", exposure=exposure)
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
