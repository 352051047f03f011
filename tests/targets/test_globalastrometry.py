"""One solution for all frames of a field, and the frames that are regridded by it."""
from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest

from awe.dataflow.pars import Pars
from awe.errors import MakeError, PermanentError
from awe.targets import AstrometricParameters, AstrometricTemplate, Flag, GAstrometric, PsfAnisotropy, RegriddedFrame
from awe.targets.referencecatalogue import plain
from tests.targets.walk import FIELD

mpl.use("agg")


def test_all_frames_of_the_field_are_solved_together(instance):
    found = GAstrometric.get(object=FIELD)
    assert found.n_frames == len(found.lists) == 6 and found.n_chips == 2
    assert found.n_overlap > 100 and 0 < found.rms_overlap < 0.1 and abs(found.mean_dra) < 0.05 and found.rms < 0.3
    assert not found.quality_flags & Flag.RELATIVE_ASTROMETRY
    local = AstrometricParameters.select_all()[0]
    here, there = (wcs.centre((320, 320)) for wcs in (found.as_wcs(local.exposure, local.chip.name), local.as_wcs()))
    assert np.hypot((here[0] - there[0]) * np.cos(np.radians(here[1])), here[1] - there[1]) * 3600 < 0.2
    with pytest.raises(PermanentError, match="grow"):
        found.as_wcs("never", "ccd53")


def test_residuals_are_kept_and_shown_in_five_panels(instance):
    found = GAstrometric.get(object=FIELD)
    table = found.residuals()
    used = np.asarray(table["used"]) > 0
    assert np.nanstd(plain(table["dra"])[used]) == pytest.approx(found.sig_dra, rel=1e-6)
    assert len(found.inspect().axes) == 5


def test_a_frame_is_regridded_by_either_solution(fresh):
    local = RegriddedFrame.select_all()[0]
    asked = {"exposure": local.exposure, "chip": local.chip.name, "tile": local.tile}
    assert local.gastrometric is None and local.astrometric_solution == "local"
    assert RegriddedFrame.get(**asked) is local, "a parameter that came later has not outdated it"
    wide = RegriddedFrame.get(**asked, pars={"RegriddedFrame": {"astrometric_solution": "global"}})
    assert wide.gastrometric is not None and wide.gastrometric.object == FIELD
    assert not wide.quality_flags & Flag.LOCAL_ASTROMETRY
    assert wide.solution() == wide.gastrometric.as_wcs(local.exposure, local.chip.name)


def test_local_solutions_and_anisotropy_are_shown(instance):
    for cls in (AstrometricParameters, PsfAnisotropy):
        assert cls.select_all()[0].inspect() is not None, cls.__name__
    anisotropy = PsfAnisotropy.select_all()[0]
    assert 0 <= anisotropy.ellipticity < 0.3 and anisotropy.n_stars >= 5


def test_a_template_of_solutions_without_distortion_is_held_and_global_solutions_use_the_others(fresh):
    wanted = Pars(AstrometricParameters, instrument="simcam", chip="ccd53")
    wanted.degree = 1
    wanted.commit(why="a chip whose distortion nobody measures")
    with pytest.raises(MakeError, match="FEW_STARS"):
        AstrometricTemplate.get(chip="ccd53")
    found = GAstrometric.get(object=FIELD, pars={"GAstrometric": {"use_templates": True}})
    assert [one.chip.name for one in found.templates] == ["ccd50"] and found.rms_overlap < 0.1
