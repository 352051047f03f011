"""Coadds of a simulated field: what goes in, how it is averaged, on which grid, and what is said of it."""
import json
import math
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import AweError, PermanentError
from awe.science.coadd import CELL
from awe.targets import CoaddFrame, RegriddedFrame
from awe.targets.coadd import scale_of, tiling_of_instrument
from awe.targets.flags import Flag
from awe.targets.sections import Sections
from tests.targets.walk import FIELD


def test_what_a_coadd_says_of_itself(instance):
    coadd = CoaddFrame.find(object=FIELD)
    widths = [frame.seeing for frame in coadd.frames]
    assert min(widths) * 0.9999 <= coadd.seeing_best <= coadd.seeing <= coadd.seeing_worst <= max(widths) * 1.0001
    assert coadd.depth == len(coadd.frames) and coadd.n_left_out == 0 and json.loads(coadd.left_out) == []
    single = coadd.zero_point - 2.5 * math.log10(5 / math.sqrt(float(np.median(coadd.image.weight[coadd.image.weight > 0]))))
    assert single - 3 < coadd.limiting_magnitude < single  # a star has more than one pixel
    with fits.open(coadd.path()) as hdus:
        assert hdus["FWHM"].header["CELL"] == CELL
        assert hdus["FWHM"].shape == tuple(-(-n // CELL) for n in hdus[0].shape)
        assert np.nanmax(hdus["FWHM"].data) == pytest.approx(coadd.seeing_worst)
    assert not coadd.quality_flags & (Flag.UNCLIPPED | Flag.INPUTS_LEFT_OUT)


def test_parts_of_files_are_what_the_whole_is(instance):
    frame = CoaddFrame.find(object=FIELD).frames[0]
    sections, whole = Sections.of(frame.path()), frame.image
    planes = sections.planes(slice(5, 40), slice(7, 90))
    for name in ("data", "weight", "variance", "mask"):
        part = getattr(planes, name)
        np.testing.assert_array_equal(part, getattr(whole, name)[5:40, 7:90])
        assert part.dtype.isnative and part.flags.c_contiguous
    assert sections.plane("COVERAGE", slice(0, 1), slice(0, 1)) is None


@pytest.mark.parametrize("pars", [{"combine_type": "trimmed"}, {"combine_type": "median"}, {"combine_type": "weighted"},
                                  {"background_matching": "constant"}, {"background_matching": "plane"}])
def test_averages_agree_but_for_noise(fresh, pars):
    usual = CoaddFrame.find(object=FIELD)
    other = CoaddFrame.get(object=FIELD, pars={"CoaddFrame": pars})
    assert other.object_id != usual.object_id and (other.x0, other.y0) == (usual.x0, usual.y0)
    both = (usual.image.coverage >= 3) & (other.image.weight > 0)
    pull = (other.image.data - usual.image.data)[both] * np.sqrt(usual.image.weight[both])
    assert abs(np.median(pull)) < 0.3 and 1.4826 * np.median(np.abs(pull)) < 1.0


def test_frames_that_are_not_good_enough_are_left_out_with_the_reason(fresh):
    widths = sorted({frame.seeing for frame in CoaddFrame.find(object=FIELD).frames})
    limit = round((widths[0] + widths[-1]) / 2, 3)
    coadd = CoaddFrame.get(object=FIELD, pars={"CoaddFrame": {"maximum_seeing": limit}})
    left = json.loads(coadd.left_out)
    assert len(left) == coadd.n_left_out == sum(frame.seeing > limit for frame in coadd.frames) > 0
    assert coadd.depth + coadd.n_left_out == len(coadd.frames) and coadd.quality_flags & Flag.INPUTS_LEFT_OUT
    assert all(one["exposure"] and one["chip"] and f"above {limit:g}" in one["reason"] for one in left)
    with pytest.raises(AweError, match=r"are good enough for a coadd of at least 1: .*seeing"):
        CoaddFrame.get(object=FIELD, pars={"CoaddFrame": {"maximum_seeing": 0.01}})


def test_frames_are_left_out_by_name_and_the_coadd_says_so(fresh):
    usual = CoaddFrame.find(object=FIELD)
    first = usual.frames[0]
    pars = {"CoaddFrame": {"exclude": f"nonesuch; {first.exposure}:{first.chip.name}"}}
    assert [node.cls for node in CoaddFrame.plan(object=FIELD, pars=pars).todo] == [CoaddFrame]
    coadd = CoaddFrame.get(object=FIELD, pars=pars)
    assert json.loads(coadd.left_out) == [{"exposure": first.exposure, "chip": first.chip.name, "reason": "excluded by who asked"}]
    assert coadd.depth == usual.depth - 1 and coadd.exclude == pars["CoaddFrame"]["exclude"] and first in coadd.frames
    assert CoaddFrame.get(object=FIELD, pars=pars).oid == coadd.oid and CoaddFrame.find(object=FIELD).oid == usual.oid


def test_a_grid_of_ones_own_and_shares_of_pixels(fresh):
    usual = CoaddFrame.find(object=FIELD)
    ra, dec = (float(v) for v in usual.as_wcs().centre(usual.image.data.shape))
    tile = f"p{ra:.4f}{dec:+.4f}"
    coadd = CoaddFrame.get(object=FIELD, tile=tile, pars={"RegriddedFrame": {"resample_type": "exact"}})
    assert coadd.tile == tile and {frame.tile for frame in coadd.frames} == {tile}
    assert abs(coadd.x0 + coadd.image.data.shape[1] / 2) < 12  # the tangent point is in the middle
    assert coadd.as_wcs().crval == pytest.approx((round(ra, 4), round(dec, 4)))
    assert {frame.resample_type for frame in coadd.frames} == {"exact"}
    bright = [np.nansum(np.where(c.image.coverage > 0, c.image.data, 0), dtype=float) for c in (usual, coadd)]
    assert bright[1] == pytest.approx(bright[0], rel=0.02)


def test_pixels_of_two_sizes_are_refused():
    frames = [SimpleNamespace(scale=0.3), SimpleNamespace(scale=0.4)]
    with pytest.raises(PermanentError, match=r"0\.3 and 0\.4 arcsec; set RegriddedFrame\.pixel_scale"):
        scale_of(frames, "M13")
    assert scale_of(frames[:1], "M13") == 0.3


def test_tiling_of_an_instrument(instance):
    assert tiling_of_instrument(None) == tiling_of_instrument("simcam") == tiling_of_instrument("nobody's") == "rings"
    assert RegriddedFrame.version >= 2


def test_the_sky_can_be_that_of_its_own_target(fresh):
    usual = RegriddedFrame.select_all()[:1][0]
    keys = {"exposure": usual.exposure, "chip": usual.chip.name, "tile": usual.tile}
    other = RegriddedFrame.get(**keys, pars={"RegriddedFrame": {"background_type": "target"}})
    model = other.sky_model
    level, noise = model.planes()
    assert level.shape == noise.shape == usual.reduced.image.data.shape and other.sky == model.level == pytest.approx(usual.sky, rel=1e-6)
    np.testing.assert_allclose(other.image.data, usual.image.data, rtol=1e-4, atol=1e-4 * float(np.nanstd(usual.image.data)))
    assert model.residual < 0.5 and 0 < model.object_fraction < 0.6 and model.noise == pytest.approx(float(np.median(noise)), rel=0.1)
