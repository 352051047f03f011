"""The commands on a small observing run, one after the other as a person would."""
from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from astropy.io import fits


def identity(awe, expression: str) -> str:
    """The object_id of the first object of a query."""
    return awe("query", expression, "--columns", "object_id", "--json").json[0]["object_id"]


def test_ingest_is_a_dry_run_without_commit(awe, run, empty) -> None:
    answer = awe("ingest", run.directory / "raw")
    assert answer.code == 0 and "nothing was written" in answer.out and "bias of simcam" in answer.out
    assert awe("query", "RawBiasFrame", "--json").json == []


def test_ingest_twice_knows_the_files(awe, run, home) -> None:
    answer = awe("ingest", *run.raw_files, "--commit", "--json")
    assert (answer.code, answer.json["counts"]) == (0, {"known": len(run.raw_files)})


def test_instruments(awe, run, home) -> None:
    listed = awe("instrument", "list", "--json").json
    assert [(one["name"], one["chips"], one["filters"]) for one in listed["known"]] == [("simcam", 2, 1)]
    assert "decam" in listed["shipped"]
    assert awe("instrument", "add", run.instrument, "--json").json["new"] == []
    checked = awe("instrument", "check", run.instrument, run.raw_files[0], "--json")
    assert checked.code == 0 and checked.json["counts"] == {"bias": 1}
    assert awe("instrument", "check", "decam", run.raw_files[0]).code == 1


def test_an_instrument_is_there_once(awe, home) -> None:
    assert len(awe("query", "Instrument", "--json").json) == 1
    assert awe("query", "Chip", "--columns", "name,instrument.name", "--order", "name", "--json").json == [
        {"name": name, "instrument.name": "simcam"} for name in ("ccd50", "ccd53")]


def test_plan_get_and_get_again(awe, home) -> None:
    plan = awe("plan", "MasterBias", "chip=ccd50", "--json")
    assert plan.json["counts"]["to be made"] == 2
    first = awe("get", "MasterBias", "chip=ccd50", "--json")
    assert first.code == 0 and first.json["report"]["made"] == 2
    again = awe("get", "MasterBias", "chip=ccd50", "--json")
    assert again.json["report"]["planned"] == 0 and again.json["objects"] == first.json["objects"]
    assert "2 made" not in awe("get", "MasterBias", "chip=ccd50").out


def test_get_all_by_two_workers_and_one_parameter(awe, home) -> None:
    answer = awe("get", "MasterBias", "--all", "--workers", 2, "--pars", "MasterBias.sigma_clip=4.5", "--json")
    assert answer.code == 0 and len(answer.json["objects"]) == 2
    shown = awe("show", answer.json["objects"][0]["object_id"], "--json").json
    assert shown["parameters"]["sigma_clip"] == 4.5


def test_one_is_asked_and_several_fit(awe, home) -> None:
    answer = awe("get", "MasterBias")
    assert answer.code == 2 and "ccd50, ccd53" in answer.complaint


def test_show_and_lineage(awe, home) -> None:
    awe("get", "MasterBias", "chip=ccd50")
    bias = identity(awe, "MasterBias")
    told = awe("show", bias[:8])
    assert told.code == 0 and "RawBiasFrame" in told.out and "sigma_clip" in told.out
    everything = awe("show", bias, "--json").json
    assert [(job["state"], job["user"]) for job in everything["jobs"]] == [("done", "ann")]
    assert everything["code"]["class"] == "awe:MasterBias" and len(everything["raw"]) == 3
    assert everything["files"]["image"]["global_name"] in told.out
    tree = awe("lineage", bias)
    assert "read_noise: ReadNoise" in tree.out and "RawBiasFrame" in tree.out
    up = awe("lineage", bias, "--json").json
    assert {one["class"] for one in up["objects"]} >= {"MasterBias", "ReadNoise", "RawBiasFrame"}
    assert awe("lineage", bias, "--depth", 1, "--json").json["objects"][-1]["depth"] == 1
    raw = identity(awe, "RawBiasFrame.chip.name == 'ccd50'")
    assert "MasterBias" in awe("lineage", raw, "--down").out


def test_query(awe, home) -> None:
    expression = "(RawBiasFrame.chip.name == 'ccd50') & (RawBiasFrame.exptime <= 0)"
    rows = awe("query", expression, "--columns", "exposure,chip.name,imstat.median", "--order", "exposure", "--descending", "--json").json
    assert [row["chip.name"] for row in rows] == ["ccd50"] * 3
    assert rows[0]["exposure"] > rows[1]["exposure"] and rows[0]["imstat.median"] is not None
    assert "the first 1 of 3 objects" in awe("query", expression, "--limit", 1).out


def test_retrieve_adds_where_it_comes_from(awe, home, tmp_path) -> None:
    awe("get", "MasterBias", "chip=ccd50")
    bias = identity(awe, "MasterBias")
    answer = awe("retrieve", bias[:10], "-o", tmp_path, "--json")
    with fits.open(answer.json["path"], checksum=True) as hdus:
        header = hdus[0].header
        assert header["OBJ_ID"] == bias and header["AWECLASS"] == "awe:MasterBias" and header["CREATOR"] == "ann"
        assert any("raws: RawBiasFrame" in line for line in header["HISTORY"])
    name = answer.json["path"].rsplit("/", 1)[1]
    again = awe("retrieve", name, "-o", tmp_path)
    assert again.code == 2 and "not overwritten" in again.complaint
    assert awe("retrieve", name, "-o", tmp_path / "other.fits").code == 0


def test_raw_data_come_out_as_they_went_in(awe, run, home, tmp_path) -> None:
    raw = identity(awe, f"RawBiasFrame.exposure == '{run.raw_files[0].stem}'")
    path = awe("retrieve", raw, "-o", tmp_path / "raw.fits", "--json").json["path"]
    assert Path(path).read_bytes() == run.raw_files[0].read_bytes()


def test_invalidate_holds_and_validate_brings_back(awe, home) -> None:
    awe("get", "MasterBias", "chip=ccd50")
    bias = identity(awe, "MasterBias")
    assert awe("invalidate", bias, "--why", "stripes").code == 0
    answer = awe("get", "MasterBias", "chip=ccd50")
    assert answer.code == 2 and "held" in answer.complaint
    assert "stripes" in awe("show", bias).out
    assert awe("validate", bias, "--qualified", "--why", "they are faint").code == 0
    assert awe("get", "MasterBias", "chip=ccd50").code == 0
    assert awe("invalidate", bias, "--why", " ").code == 2


def test_jobs_keep_what_failed(awe, home, monkeypatch) -> None:
    monkeypatch.setattr("awe.targets.masterbias.master_bias", lambda *_: 1 / 0)
    answer = awe("get", "MasterBias", "chip=ccd50")
    assert answer.code == 2 and "ZeroDivisionError" in answer.complaint
    failed = awe("jobs", "--failed", "--json").json
    assert [(job["class"], job["state"]) for job in failed] == [("MasterBias", "failed")]
    assert "division" in awe("jobs", "--failed").out
    monkeypatch.undo()


def test_fsck_finds_what_is_missing_and_what_is_damaged(awe, home) -> None:
    whole = awe("fsck", "--contents", "--json")
    assert whole.code == 0 and whole.json["missing"] == [] and whole.json["candidates"] == {"missing": 0, "wrong": 0}
    first, second, *_ = sorted((home / "store" / "objects").glob("*/*"))
    first.unlink()
    second.chmod(0o644)
    data = bytearray(second.read_bytes())
    data[-1] ^= 1
    second.write_bytes(data)
    found = awe("fsck", "--contents", "--json")
    assert found.code == 1
    assert found.json["missing"] == [first.parent.name + first.name] and found.json["corrupted"] == [second.parent.name + second.name]
    assert awe("fsck").code == 1 and "missing" in awe("fsck").out


def test_fsck_writes_wrong_candidates_anew(awe, home) -> None:
    with sqlite3.connect(home / "awe.db") as connection:
        connection.execute("delete from candidate where oid = (select min(oid) from candidate)")
    assert awe("fsck", "--json").json["candidates"]["missing"] > 0
    assert awe("fsck", "--repair").code == 0
    assert awe("fsck").code == 0


def test_gc_takes_what_nobody_refers_to(awe, home) -> None:
    store = home / "store"
    before = sorted(path.name for path in store.glob("objects/*/*"))
    lost = store / "objects" / "ab" / ("c" * 62)
    lost.parent.mkdir(exist_ok=True)
    lost.write_bytes(b"nobody's")
    os.utime(lost, (0, 0))
    assert awe("fsck", "--json").json["unreferred"] == 1
    assert awe("gc", "--dry-run", "--json").json["trashed"] == 1
    assert awe("gc", "--json").json["trashed"] == 1
    assert sorted(path.name for path in store.glob("objects/*/*")) == before


def test_simulate(awe, tmp_path) -> None:
    answer = awe("simulate", tmp_path / "run", "--small", "--seed", 3, "--set", "exposures=1", "--set", "biases=1", "--set", "darks=0",
                 "--set", "domes=0", "--set", "twilights=0", "--json")
    assert answer.code == 0 and answer.json["seed"] == 3 and len(answer.json["raw_files"]) == 2
    assert "empty directory" in awe("simulate", tmp_path / "run").complaint
    assert "did you mean 'exposures'" in awe("simulate", tmp_path / "other", "--set", "exposure=1").complaint


def test_the_instance_may_be_named_before_or_after_the_command(awe, home, monkeypatch) -> None:
    monkeypatch.delenv("AWE_HOME")
    before, after = awe("--home", home, "jobs", "--json"), awe("jobs", "--json", "--home", home)
    assert (before.code, before.json) == (0, []) and after.json == []
    assert awe("jobs").code == 2


def test_a_script_sees_what_the_prompt_sees(awe, home, tmp_path, capfd) -> None:
    script = tmp_path / "mine.py"
    script.write_text("import sys\nq = RawBiasFrame.chip.name == 'ccd50'\nprint(len(q), sys.argv[1], context.user)\n"
                      "MasterBias.get(chip='ccd99')\n")
    answer = awe(script, "hello")
    assert answer.out == "3 hello ann\n" and answer.code == 2 and "ccd99" in answer.complaint


@pytest.mark.parametrize("command", [["plan", "MasterBias"], ["jobs"], ["query", "RawBiasFrame"], ["instrument", "list"]])
def test_json_is_json(awe, home, command: list[str]) -> None:
    answer = awe(*command, "--json")
    assert answer.code == 0 and isinstance(answer.json, list | dict)
