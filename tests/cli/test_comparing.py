"""`awe compare` and `awe reproduce`."""
from __future__ import annotations

from tests.cli.test_walk import identity


def test_an_object_comes_out_identical_and_two_are_compared(awe, home) -> None:
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    first = identity(awe, "(MasterBias.chip.name == 'ccd50')")
    again = awe("reproduce", first)
    assert (again.code, again.err) == (0, "") and "comes out identical" in again.out
    assert awe("reproduce", first, "--json").json["identical"] is True
    assert awe("get", "MasterBias", "chip=ccd50", "--pars", "MasterBias.sigma_clip=5").code == 0
    second = next(one["object_id"] for one in awe("query", "(MasterBias.chip.name == 'ccd50')", "--json").json if one["object_id"] != first)
    found = awe("compare", first, second)
    assert "sigma_clip" in found.out and found.code == 0
    assert any("sigma_clip" in cause for cause in awe("compare", first, second, "--json").json["causes"])


def test_what_cannot_be_compared_or_made_again_is_told(awe, home) -> None:
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    bias, raw = identity(awe, "(MasterBias.chip.name == 'ccd50')"), identity(awe, "(RawBiasFrame.chip.name == 'ccd50')")
    refused = awe("compare", bias, raw)
    assert refused.code == 2 and "different classes" in refused.complaint
    refused = awe("reproduce", raw)
    assert refused.code == 2 and "brought in" in refused.complaint
