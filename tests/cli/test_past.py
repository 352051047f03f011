"""`--as-of`: what was there at an earlier moment."""
from __future__ import annotations

import datetime

from tests.cli.test_walk import identity


def moment() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat()


def test_plan_get_and_query_as_of_a_moment(awe, home) -> None:
    early = moment()
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    bias, then = identity(awe, "(MasterBias.chip.name == 'ccd50')"), moment()
    assert awe("invalidate", bias, "--why", "noise").code == 0
    assert "held" in awe("plan", "MasterBias", "chip=ccd50").out
    assert awe("plan", "MasterBias", "chip=ccd50", "--as-of", then, "--json").json["counts"] == {"up to date": 7}
    assert "to be made" in awe("plan", "MasterBias", "chip=ccd50", "--as-of", early).out
    had = awe("get", "MasterBias", "chip=ccd50", "--as-of", then)
    assert had.code == 0 and had.out.splitlines() == [had.out.strip()] and bias[:8] in had.out
    answer = awe("get", "MasterBias", "chip=ccd50", "--as-of", early)
    assert answer.code == 2 and "was not there as of 20" in answer.complaint and "nothing is made" in answer.complaint
    for time, count in ((then, 1), (early, 0), (moment(), 0)):
        assert len(awe("query", "MasterBias.is_valid > 0", "--as-of", time, "--json").json) == count
    assert "'then' is no moment" in awe("query", "MasterBias", "--as-of", "then").complaint


def test_plan_as_if_something_were_edited(awe, home) -> None:
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    raw = identity(awe, "(RawBiasFrame.chip.name == 'ccd50')")
    assert "removed" in awe("plan", "MasterBias", "chip=ccd50", "--assume", f"{raw[:12]} is_valid=0").out
    assert "removed" in awe("plan", "MasterBias", "chip=ccd50", "--assume", f"{raw} quality_flags=1").out
    assert awe("plan", "MasterBias", "chip=ccd50", "--json").json["counts"] == {"up to date": 7}
    refused = awe("plan", "MasterBias", "chip=ccd50", "--assume", f"{raw} exptime=3")
    assert refused.code == 2 and "'exptime' cannot be assumed" in refused.complaint
    assert "write 'ID field=value'" in awe("plan", "MasterBias", "chip=ccd50", "--assume", raw).complaint


def test_releases(awe, home) -> None:
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    bias = identity(awe, "(MasterBias.chip.name == 'ccd50')")
    made = awe("release", "create", "DR1", bias, "--why", "the first", "--json").json
    assert made[0]["name"] == "DR1" and made[0]["objects"] >= 6
    raw = identity(awe, "(RawBiasFrame.chip.name == 'ccd50')")
    assert awe("invalidate", raw, "--why", "noise").code == 0
    assert awe("plan", "MasterBias", "chip=ccd50", "--release", "DR1", "--json").json["counts"] == {"up to date": 7}
    assert bias[:8] in awe("get", "MasterBias", "chip=ccd50", "--release", "DR1").out
    assert len(awe("query", "MasterBias", "--release", "DR1", "--json").json) == 1
    assert awe("release", "create", "DR2", "MasterBias.chip.name == 'ccd50'", "--why", "the same").code == 0
    assert "1 RawBiasFrame" not in awe("release", "show", "DR1").out and "MasterBias" in awe("release", "show", "DR1").out
    assert [one["name"] for one in awe("release", "list", "--json").json] == ["DR1", "DR2"]
    assert awe("release", "compare", "DR1", "DR2").out.startswith("DR1 and DR2: 7 objects in both, 0 of the same keys")
    assert awe("release", "compare", "DR1", "DR2", "--json").json["causes"] == []
    assert "already" in awe("release", "create", "DR1", bias, "--why", "again").complaint
    assert "no release 'DR3'" in awe("plan", "MasterBias", "chip=ccd50", "--release", "DR3").complaint
    assert "give one of them" in awe("plan", "MasterBias", "--release", "DR1", "--as-of", "2026-01-01").complaint


def test_show_lineage_and_jobs_as_of_a_moment(awe, home) -> None:
    early = moment()
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    bias = identity(awe, "(MasterBias.chip.name == 'ccd50')")
    raw, then = identity(awe, "(RawBiasFrame.chip.name == 'ccd50')"), moment()
    assert awe("invalidate", bias, "--why", "noise").code == 0
    now, before = awe("show", bias, "--json").json, awe("show", bias, "--as-of", then, "--json").json
    assert len(now["changes"]) == 1 and before["changes"] == []
    assert "(noise)" in awe("show", bias).out and "(noise)" not in awe("show", bias, "--as-of", then).out
    assert awe("show", bias, "--as-of", early).code == 2
    assert bias[:8] in awe("lineage", raw, "--down", "--as-of", then).out
    assert bias[:8] not in awe("lineage", raw, "--down", "--as-of", early).out
    assert bias[:8] in awe("lineage", bias, "--as-of", then).out
    assert awe("jobs", "--json", "--as-of", early).json == []
    assert {row["state"] for row in awe("jobs", "--json", "--as-of", then).json} == {"done"}
    told = awe("jobs", "MasterBias", "chip=ccd50", "--as-of", then)
    assert told.code == 0 and "held" not in told.out and "held" in awe("jobs").out


def test_effects_of_an_edit(awe, home) -> None:
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    bias, raw = identity(awe, "(MasterBias.chip.name == 'ccd50')"), identity(awe, "(RawBiasFrame.chip.name == 'ccd50')")
    told = awe("effects", raw[:12], "is_valid=0", "--json").json
    assert {(one["class"], one["object"]) for one in told} >= {("MasterBias", bias)}
    text = awe("effects", raw, "is_valid=0").out
    assert "removed" in text and "would not be up to date" in text
    assert awe("effects", raw, "is_valid=1").out.startswith("0 products")
    assert awe("plan", "MasterBias", "chip=ccd50", "--json").json["counts"] == {"up to date": 7}
    assert "'exptime' cannot be assumed" in awe("effects", raw, "exptime=3").complaint
    assert "write FIELD=VALUE" in awe("effects", raw, "is_valid").complaint
