"""IC 310 in the infrared, almost starless and with poor headers: sky frames, and shifts or a reason in words."""
from __future__ import annotations

import numpy as np
import pytest

from awe.errors import HeldError
from awe.targets import (
    AstrometricParameters,
    CoaddFrame,
    ColdPixelMap,
    FieldReference,
    Flag,
    MasterFlat,
    RawScienceFrame,
    ReducedScienceFrame,
    SkyFrame,
)
from tests.real import house

#: Where the nucleus lies on the raw frames (0-based), measured by hand as a centroid of its brightest part.
NUCLEUS = {"IC310_1": (268.2, 318.9), "IC310_2": (267.0, 317.8), "IC310_3": (266.2, 315.7), "IC310_4": (266.8, 314.8),
           "IC310_5": (265.4, 313.9)}


@pytest.fixture(scope="module")
def made(data, tmp_path_factory):
    instance = house.create(tmp_path_factory.mktemp("tircam2"), "tircam2")
    assert house.bring_in(data / "tircam2_ic310").counts() == {"ingested": 13}
    yield CoaddFrame.get(object="IC310"), instance
    instance.close()


def test_placeholders_in_headers_are_no_values(made):
    for raw in RawScienceFrame.select_all():
        assert (raw.ra, raw.dec, raw.airmass, raw.wcs) == (None, None, None, "") and raw.exptime == 40.0 and raw.object == "IC310"


def test_every_exposure_has_a_sky_of_the_dithers_around_it(made):
    skies = house.by_exposure(SkyFrame)
    assert len(skies) == 5
    for one in skies.values():
        assert one.n_frames == 4 and 370 < one.level < 420
        assert one.quality_flags & Flag.NO_DARK and one.quality_flags & Flag.GAIN_UNKNOWN
    for one in ReducedScienceFrame.select_all():
        assert one.sky.exposure == one.exposure
        assert abs(one.imstat.median) < 5 and one.bad_fraction < 0.03 and one.n_tracks == 0


def test_rows_read_by_two_outputs_are_not_cold(made):
    (flat,), (cold,) = list(MasterFlat.select_all()), list(ColdPixelMap.select_all())
    rows = np.median(flat.image.data, axis=1)[256:384]
    assert np.median(rows[::2]) / np.median(rows[1::2]) > 1.5, "the outputs differ in gain"
    assert 300 < cold.count < 5000 and not cold.quality_flags


def test_a_shift_is_right_or_there_is_a_reason_in_words(made):
    coadd, instance = made
    solutions, (reference,) = house.by_exposure(AstrometricParameters), list(FieldReference.select_all())
    reasons = house.failures(instance, AstrometricParameters)
    assert reference.origin == "arbitrary" and coadd.depth == len(solutions) >= 1
    assert len(solutions) + len(reasons) == 5
    home = reference.frames[0].exposure
    x0, y0 = NUCLEUS[home.split("-")[-1]]
    ra0, dec0 = solutions[home].as_wcs().pixel_to_sky(x0, y0)
    for exposure, one in solutions.items():
        east, north = house.separations(*one.as_wcs().pixel_to_sky(*NUCLEUS[exposure.split("-")[-1]]), ra0, dec0)
        assert np.hypot(east, north) < 0.167, "one pixel"
    for reason in reasons:
        assert "could not be registered to" in reason and "by stars: " in reason and "by pixels: " in reason


def test_the_plan_says_why_not(made):
    assert CoaddFrame.plan(object="IC310").todo == []
    solutions = house.by_exposure(AstrometricParameters)
    told = str(AstrometricParameters.plan(object="IC310"))
    assert told.count("could not be registered") >= 5 - len(solutions)
    with pytest.raises(HeldError, match="could not be registered"):
        AstrometricParameters.get(exposure=next(one.exposure for one in RawScienceFrame.select_all() if one.exposure not in solutions))
