"""The same content comes in once, however it is packed; a wrong translation is redone; nobody's place is taken unasked."""
from __future__ import annotations

import bz2
import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import StoreFullError
from awe.fileserver import Store
from awe.ingest import frames
from tests.ingest.camera import TOML, frame, write


def rows(awe, cls, columns="exposure,chip.name,is_valid"):
    return awe("query", cls, "--columns", columns, "--json").json


def states(answer):
    return {Path(row["path"]).name: row["state"] for row in answer.json["files"]}


def packed(folder: Path, hdus: fits.HDUList, how: str) -> Path:
    """The same exposure in one of the ways that files are packed."""
    if how == ".fits.fz":
        return write(folder / "frame.fits.fz", fits.HDUList([hdus[0], *(fits.CompImageHDU(one.data, one.header) for one in hdus[1:])]))
    path = write(folder / "frame.fits", hdus)
    pack = {".fits": None, ".fits.gz": gzip.compress, ".fits.bz2": bz2.compress, ".FIT": None}[how]
    target = folder / f"frame{how}"
    content = path.read_bytes()
    path.unlink()
    target.write_bytes(pack(content) if pack else content)
    return target


PACKINGS = (".fits", ".fits.gz", ".fits.bz2", ".fits.fz", ".FIT")


@pytest.mark.parametrize("how", PACKINGS)
def test_every_packing_is_the_same_frame(awe, home, night, how):
    packed(night, frame("OBJECT"), how)
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 0 and list(states(answer).values()) == ["ingested"], answer
    found = rows(awe, "RawScienceFrame", "exposure,chip.name,imstat.median,imstat.stdev")
    expected = frame("OBJECT")
    for row in found:
        pixels = expected[row["chip.name"].upper()].data
        assert row["imstat.median"] == np.median(pixels)
    assert len(found) == 2


def test_a_copy_that_is_packed_otherwise_is_known(awe, home, night):
    for number, how in enumerate(PACKINGS):
        folder = night / str(number)
        folder.mkdir()
        packed(folder, frame("OBJECT"), how)
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 0 and answer.json["counts"] == {"ingested": 1, "known": 4}, answer
    assert "the same pixels as frame.fits" in answer.json["files"][1]["why"]
    assert len(rows(awe, "RawScienceFrame")) == 2
    assert awe("ingest", night, "--commit", "--json").json["counts"] == {"known": 5}
    assert awe("fsck", "--contents", "--json").json["files"] == 1


def test_another_content_under_the_same_name_is_refused_unless_it_is_to_replace(awe, home, night):
    write(night / "a.fits", frame("BIAS", 1))
    write(night / "b.fits", frame("BIAS", 2, OBSID="BIAS0001", DATE_OBS="2021-03-04T02:01:00"))
    write(night / "c.fits", frame("OBJECT", 3, OBSID="BIAS0001"))
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 2 and states(answer) == {"a.fits": "ingested", "b.fits": "rejected", "c.fits": "rejected"}
    for row in answer.json["files"][1:]:
        assert "BIAS0001 of chip one is there already, from a.fits" in row["why"] and "--again" in row["why"]
    assert all(row["is_valid"] == 1 for row in rows(awe, "RawBiasFrame")) and rows(awe, "RawScienceFrame") == []
    assert awe("ingest", night / "c.fits", "--commit", "--again").code == 0
    assert [row["is_valid"] for row in rows(awe, "RawBiasFrame")] == [0, 0]
    assert [row["is_valid"] for row in rows(awe, "RawScienceFrame")] == [1, 1]
    assert awe("ingest", night / "a.fits", "--commit", "--json").json["files"][0]["state"] == "known"
    assert [row["is_valid"] for row in rows(awe, "RawBiasFrame")] == [0, 0]


def test_what_was_invalidated_stays_so(awe, home, night):
    write(night / "a.fits", frame("BIAS", 1))
    first = awe("ingest", night, "--commit", "--json").json["files"][0]["object_ids"]
    for one in first:
        assert awe("invalidate", one, "--why", "clouds").code == 0
    for words in ((), ("--again",)):
        row = awe("ingest", night, "--commit", "--json", *words).json["files"][0]
        assert row["state"] == "known" and sorted(row["object_ids"]) == sorted(first) and "it was invalidated" in row["why"]
    assert [row["is_valid"] for row in rows(awe, "RawBiasFrame")] == [0, 0]


def corrected(awe, tmp_path, old, new):
    """Bring in another version of the camera."""
    assert old in TOML
    path = tmp_path / "corrected.toml"
    path.write_text(TOML.replace(old, new).replace('name = "mini"', 'name = "mini"\nversion = 2', 1))
    assert awe("instrument", "add", path).code == 0


def test_again_redoes_a_wrong_translation(awe, home, night, tmp_path):
    """What was taken for a dome flat becomes a dark; what was right is left alone."""
    write(night / "a.fits", frame("DARK", 1, OBSTYPE="FLAT", level=1010.0))
    write(night / "b.fits", frame("BIAS", 2))
    assert awe("ingest", night, "--commit").code == 2
    assert len(rows(awe, "RawDomeFlatFrame")) == 2
    corrected(awe, tmp_path, '{OBSTYPE = "DARK"}', '[{OBSTYPE = "DARK"}, {OBSTYPE = "FLAT"}]')
    assert awe("ingest", night, "--commit", "--json").json["counts"] == {"known": 2}
    dry = awe("ingest", night, "--again", "--json")
    assert dry.json["counts"] == {"would be ingested": 1, "known": 1} and rows(awe, "RawDarkFrame") == []
    assert states(awe("ingest", night, "--commit", "--again", "--json")) == {"a.fits": "ingested", "b.fits": "known"}
    assert [row["is_valid"] for row in rows(awe, "RawDomeFlatFrame")] == [0, 0]
    assert [row["is_valid"] for row in rows(awe, "RawDarkFrame")] == [1, 1]
    assert awe("ingest", night, "--commit", "--again", "--json").json["counts"] == {"known": 2}
    assert len(rows(awe, "RawBiasFrame")) == 2 and len(rows(awe, "RawDarkFrame")) == 2


def test_again_with_other_names_of_exposures_leaves_none_behind(awe, home, night, tmp_path):
    write(night / "a.fits", frame("BIAS", 7))
    awe("ingest", night, "--commit")
    corrected(awe, tmp_path, 'exposure = "OBSID"', 'exposure = {keyword = "OBSID", lower = true}')
    assert awe("ingest", night, "--commit", "--again", "--json").json["counts"] == {"ingested": 1}
    found = {(row["exposure"], row["is_valid"]) for row in rows(awe, "RawBiasFrame")}
    assert found == {("BIAS0007", 0), ("bias0007", 1)}


def test_again_with_another_filter_is_a_new_object(awe, home, night, tmp_path):
    """The filter is no part of the value of a raw frame; it is looked at all the same."""
    write(night / "a.fits", frame("OBJECT", 1))
    awe("ingest", night, "--commit")
    corrected(awe, tmp_path, 'filter = "FILTER"', 'filter = {value = "g"}')
    assert awe("ingest", night, "--commit", "--again", "--json").json["counts"] == {"ingested": 1}
    newest = awe("query", "RawScienceFrame.chip.name == 'one'", "--columns", "filter.name,creation_date", "--json").json
    assert max(newest, key=lambda row: row["creation_date"])["filter.name"] == "g"


def test_parallel_equals_serial(awe, home, template, night, tmp_path):
    for number in range(1, 6):
        write(night / f"bias{number}.fits", frame("BIAS", number))
        write(night / f"flat{number}.fits", frame("FLAT", number))
    (night / "broken.fits").write_bytes(b"")
    write(night / "odd.fits", frame("FLAT", 9, level=1000.0))
    shutil.copytree(template, tmp_path / "other")
    serial, parallel = awe("ingest", night, "--commit", "--json"), awe("ingest", night, "--commit", "--json", "--workers", 3, "--home",
                                                                       tmp_path / "other")
    assert serial.code == parallel.code == 2
    told = [each.json["files"] for each in (serial, parallel)]
    for row in [*told[0], *told[1]]:
        del row["object_ids"]
    assert told[0] == told[1]
    columns = "exposure,chip.name,date_obs,exptime,imstat.median,imstat.stdev,quality_flags,amplifiers"
    for cls in ("RawBiasFrame", "RawDomeFlatFrame"):
        here, there = (awe("query", cls, "--columns", columns, "--json", "--home", each).json for each in (home, tmp_path / "other"))
        assert sorted(map(str, here)) == sorted(map(str, there)) and len(here) == 10 + 2 * (cls == "RawDomeFlatFrame")


def test_a_dry_run_writes_nothing(awe, home, night):
    write(night / "a.fits", frame("BIAS", 1))
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.suffix != ".db-shm"}
    answer = awe("ingest", night, "--again")
    assert answer.code == 0 and "nothing was written; --commit writes" in answer.out
    assert awe("fsck", "--contents", "--json").json["files"] == 0
    after = [path for path in home.rglob("*") if path.is_file() and "objects" in path.parts]
    assert not [path for path in after if path not in before]


def test_a_file_that_changes_while_it_is_read_is_refused(awe, home, night, monkeypatch):
    """Between the look and the store, one file is replaced, and one is removed."""
    for number in (1, 2, 3):
        write(night / f"{number}.fits", frame("BIAS", number))
    looked = frames.look_at_all

    def then_changed(*arguments):
        found = list(looked(*arguments))
        shutil.copy(night / "3.fits", night / "1.fits")
        (night / "2.fits").unlink()
        return iter(found)
    monkeypatch.setattr(frames, "look_at_all", then_changed)
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 2 and states(answer) == {"1.fits": "rejected", "2.fits": "rejected", "3.fits": "ingested"}
    assert "changed while it was read" in answer.json["files"][0]["why"] and "2.fits" in answer.json["files"][1]["why"]
    found = awe("fsck", "--contents", "--json")
    assert found.code == 0 and (found.json["dead_pins"], found.json["half_written"]) == (0, 0)
    assert [row["exposure"] for row in rows(awe, "RawBiasFrame")] == ["BIAS0003", "BIAS0003"]


def test_a_store_that_gets_full_in_the_middle(awe, home, night, monkeypatch):
    """What was committed before stays; the rest comes in when there is room."""
    for number in range(1, 8):
        write(night / f"{number}.fits", frame("BIAS", number))
    monkeypatch.setattr(frames, "BATCH", 3)
    put_many, calls = Store.put_many, []

    def full(self, sources, **how):
        calls.append(sources)
        if len(calls) == 2:
            raise StoreFullError("a file was to be put into the store, but there is no room; make room, or run `awe gc`")
        return put_many(self, sources, **how)
    monkeypatch.setattr(Store, "put_many", full)
    answer = awe("ingest", night, "--commit")
    assert answer.code == 2 and "no room" in answer.complaint
    assert len(rows(awe, "RawBiasFrame")) == 6
    assert awe("ingest", night, "--commit", "--json").json["counts"] == {"known": 3, "ingested": 4}
    assert awe("fsck", "--contents", "--json").json["unreferred"] == 0
