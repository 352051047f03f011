"""Every set of real data at the door: a camera of ours takes it, or a message teaches what to do; dry and committed say the same."""
from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from awe.instruments import shipped
from tests.cli.conftest import call

#: Set, what becomes of its files, and the words that are heard.
SETS = {
    "emmi_galaxies": ({"ingested": 1, "skipped": 1}, ()),
    "neowise_l1b_a": ({"ingested": 1}, ()),
    "wfcam_wsa_votables": ({"ingested": 1}, ()),
    "mef_lsst_zeroed_a": ({"ingested": 2}, ("2 of 2 files with problems", "all pixels are 0: there is no image")),
    "refcat_gaia_ps1_deep_a": ({"rejected": 6}, ("6 of 6 files rejected", "holds tables and no image", "awe ingest-catalog")),
    "twomass_m31_ipac": ({"rejected": 1}, ("exptime is missing (EXPTIME)", "[header]")),
    "headers_megacam_a": ({}, ("holds no FITS file",)),
    "standards_iraf": ({}, ("holds no FITS file",)),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """An instance with all cameras that come with awe."""
    home = tmp_path_factory.mktemp("doors") / "home"
    assert call("init", home, "--user", "ann").code == 0
    for name in shipped():
        assert call("instrument", "add", name, "--home", home).code == 0
    return home


@pytest.mark.parametrize("name", SETS)
def test_a_set(data, home, name):
    counts, words = SETS[name]
    dry, committed, again = (call("ingest", data / name, *more, "--json", "--home", home) for more in ((), ("--commit",), ("--commit",)))
    assert dry.code == committed.code == (2 if words else 0)
    assert all(word in each.complaint for word in words for each in (dry, committed)), committed.err
    if counts:
        assert committed.json["counts"] == counts
        assert {state.replace("would be ", ""): count for state, count in dry.json["counts"].items()} == counts
        assert again.json["counts"] == {state.replace("ingested", "known"): count for state, count in counts.items()}
    found = call("fsck", "--contents", "--json", "--home", home)
    assert found.code == 0 and (found.json["unreferred"], found.json["dead_pins"], found.json["half_written"]) == (0, 0, 0)


def test_frames_reduced_elsewhere_leave_nothing_behind_when_they_are_only_looked_at(data, home):
    folder = data / "decals_testcase4" / "images"
    before = call("fsck", "--json", "--home", home).json["files"]
    assert call("ingest", folder, "--home", home).code == 0
    after = call("fsck", "--json", "--home", home).json
    assert (after["files"], after["unreferred"]) == (before, 0)
    first = sorted(folder.rglob("*_ooi_*"))[:2]
    assert call("ingest", *first, "--commit", "--json", "--home", home).json["counts"] == {"ingested": 2}
    assert call("ingest", *first, "--commit", "--again", "--json", "--home", home).json["counts"] == {"known": 2}
    assert call("fsck", "--json", "--home", home).json["files"] == before + 4


@pytest.mark.parametrize("name", sorted(shipped()))
def test_every_camera_that_comes_with_awe_is_right(data, name):
    assert call("instrument", "check", name).code == 0
    files = FILES.get(name, [])
    if files:
        answer = call("instrument", "check", name, *(data / path for path in files), "--json")
        counts = Counter(answer.json["counts"])
        assert answer.code == 0 and counts["refused"] == 0 and counts.total() == len(files), answer.out


FILES = {
    "arcsat": ["arcsat_m13/M13_sdss_r_20190503_085306.fits.bz2"],
    "comcam": ["mef_lsst_zeroed_a/3019053000001-R22-S00-det000.fits.gz"],
    "lsstcam": ["mef_lsst_zeroed_a/3019032200002-R10-S22-det035.fits.gz"],
    "nasa42": ["nasa42_5945_a/5945/20190326.0126.fits.bz2"],
}


def test_a_folder_is_found_by_a_path_relative_to_here(data, home, monkeypatch):
    monkeypatch.chdir(data)
    answer = call("ingest", Path("emmi_galaxies"), "--json", "--home", home)
    assert answer.code == 0 and answer.json["counts"]["known"] == 1
