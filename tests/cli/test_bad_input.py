"""Bad input gets one line that says what was asked, what was there and what to do; exit code 2; nothing half-written; the rest done."""
from __future__ import annotations

import bz2
import gzip
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from astropy.io import fits

from tests.cli.conftest import Answer


def cards(changes: dict[str, object], *, hdu: int = 0) -> Callable[[Path], Path]:
    """A change of header cards; None removes one."""
    def spoil(path: Path) -> Path:
        with fits.open(path, mode="update", output_verify="ignore") as hdus:
            for keyword, value in changes.items():
                if value is None:
                    del hdus[hdu].header[keyword]
                else:
                    hdus[hdu].header[keyword] = value
        return path
    return spoil


def truncated(path: Path) -> Path:
    path.write_bytes(path.read_bytes()[:-9000])
    return path


def emptied(path: Path) -> Path:
    path.write_bytes(b"")
    return path


def no_fits(path: Path) -> Path:
    path.write_bytes(b"this is no FITS file\n" * 1000)
    return path


def wrong_checksum(path: Path) -> Path:
    with fits.open(path) as hdus:
        hdus.writeto(path, overwrite=True, checksum=True)
    data = bytearray(path.read_bytes())
    data[-4000] ^= 0xFF
    path.write_bytes(data)
    return path


def wrong_shape(path: Path) -> Path:
    with fits.open(path) as hdus:
        data = hdus[1].data[:-10, :-10].copy()
        spoilt = fits.HDUList([hdus[0].copy(), fits.ImageHDU(data, hdus[1].header.copy()), *(hdu.copy() for hdu in hdus[2:])])
    spoilt.writeto(path, overwrite=True)
    return path


def bomb(path: Path) -> Path:
    """A few kilobytes that claim to be, and would become, gigabytes."""
    header = fits.Header([("SIMPLE", True), ("BITPIX", -64), ("NAXIS", 2), ("NAXIS1", 60_000), ("NAXIS2", 60_000), ("INSTRUME", "simcam")])
    target = path.with_suffix(".fits.gz")
    with gzip.open(target, "wb", compresslevel=9) as file:
        file.write(header.tostring().encode())
        for _ in range(40):
            file.write(bytes(1 << 22))
    path.unlink()
    return target


def no_bzip(path: Path) -> Path:
    target = path.with_suffix(".fits.bz2")
    target.write_bytes(bz2.compress(path.read_bytes())[:5000])
    path.unlink()
    return target


SPOILT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated": (truncated, "truncated|ends|short|missing|bytes"),
    "empty": (emptied, "empty|no bytes|0 bytes"),
    "no FITS": (no_fits, "FITS"),
    "wrong checksum": (wrong_checksum, "CHECKSUM|checksum|DATASUM"),
    "missing keyword": (cards({"DATE-OBS": None}), "DATE-OBS"),
    "text for a number": (cards({"EXPTIME": "long"}), "EXPTIME|exptime"),
    "unknown kind": (cards({"IMAGETYP": "picnic"}), "picnic|recognis|IMAGETYP"),
    "unknown instrument": (cards({"INSTRUME": "kodak"}), "kodak"),
    "unknown filter": (cards({"IMAGETYP": "object", "FILTER": "purple"}), "purple"),
    "decompression bomb": (bomb, "limit|too large|at most|more than|allowed"),
    "damaged compression": (no_bzip, "bz2|compress|ends|truncated|stream|damaged"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_a_bad_file_is_rejected_with_its_reason_and_the_rest_is_done(awe, run, empty: Path, tmp_path: Path, name: str) -> None:
    spoil, expected = SPOILT[name]
    folder = tmp_path / "night"
    folder.mkdir()
    good = shutil.copy(run.raw_files[0], folder / "good.fits")
    bad = spoil(Path(shutil.copy(run.raw_files[1], folder / "bad.fits")))
    answer = awe("ingest", folder, "--commit", "--json")
    assert answer.code == 2
    states = {Path(row["path"]).name: row for row in answer.json["files"]}
    assert states["good.fits"]["state"] == "ingested", states["good.fits"]
    rejected = states[bad.name]
    assert rejected["state"] == "rejected"
    assert re.search(expected, rejected["why"]), rejected["why"]
    assert "\n" not in rejected["why"] and "1 of 2 files rejected" in answer.complaint
    assert_whole(awe, 1)
    assert Path(good).exists()


def assert_whole(awe, files: int) -> None:
    """Nothing is half-written."""
    found = awe("fsck", "--contents", "--json")
    assert found.code == 0, found.out
    assert (found.json["files"], found.json["unreferred"], found.json["half_written"], found.json["dead_pins"]) == (files, 0, 0, 0)


def test_a_chip_of_the_wrong_shape(awe, run, empty, tmp_path) -> None:
    path = wrong_shape(Path(shutil.copy(run.raw_files[0], tmp_path / "bad.fits")))
    answer = awe("ingest", path, "--commit", "--json")
    row = answer.json["files"][0]
    assert answer.code == 2 and "1 of 1 files with problems" in answer.complaint and "ccd50" in answer.complaint
    assert "ccd53" in row["what"] and "ccd50" not in row["what"], row
    assert any("ccd50" in text and "beyond the image" in text for text in row["warnings"]), row


def test_a_missing_chip(awe, run, empty, tmp_path) -> None:
    """The chip that is there is taken, and what is missing is said."""
    with fits.open(run.raw_files[0]) as hdus:
        fits.HDUList([hdu.copy() for hdu in hdus[:2]]).writeto(tmp_path / "half.fits")
    row = awe("ingest", tmp_path / "half.fits", "--commit", "--json").json["files"][0]
    assert any("ccd" in text for text in [*row["warnings"], row["why"]]), row
    assert_whole(awe, 1 if row["state"] == "ingested" else 0)


def test_a_bias_labelled_as_flat_is_found_and_flagged(awe, run, empty, tmp_path) -> None:
    path = cards({"IMAGETYP": "dome flat", "FILTER": "r"})(Path(shutil.copy(run.raw_files[0], tmp_path / "mislabelled.fits")))
    answer = awe("ingest", path, "--commit", "--json")
    row = answer.json["files"][0]
    assert row["state"] == "ingested" and row["warnings"]
    assert "MISLABELLED" in awe("show", row["object_ids"][0]).out
    wanted = awe("get", "DomeFlat", "chip=ccd50")
    assert wanted.code == 2 and "RawDomeFlatFrame" in wanted.complaint and "1 within reach is invalid or flagged" in wanted.complaint


def test_the_same_file_twice(awe, run, empty, tmp_path) -> None:
    first, second = (shutil.copy(run.raw_files[0], tmp_path / name) for name in ("one.fits", "two.fits"))
    answer = awe("ingest", first, second, "--commit", "--json")
    assert sorted(row["state"] for row in answer.json["files"]) == ["ingested", "known"]
    assert awe("ingest", second, "--commit", "--json").json["counts"] == {"known": 1}
    assert_whole(awe, 1)


def test_no_such_file(awe, empty) -> None:
    answer = awe("ingest", "/no/such/file.fits", "--commit")
    assert answer.code == 2 and "/no/such/file.fits" in answer.complaint


def test_no_instrument_is_known(awe, run, tmp_path) -> None:
    awe("init", tmp_path / "home")
    answer = awe("ingest", run.raw_files[0], "--home", tmp_path / "home")
    assert answer.code == 2 and "awe instrument add" in answer.complaint


FULL_DISK = """
import resource, sys
from awe.cli import main
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
sys.exit(main(sys.argv[1:]))
"""


def test_a_disk_without_room(awe, run, empty) -> None:
    """A real refusal by the kernel: no file may grow beyond 64 KiB."""
    done = subprocess.run([sys.executable, "-c", FULL_DISK, "ingest", str(run.raw_files[0]), "--commit"], capture_output=True, text=True)
    answer = Answer(done.returncode, done.stdout, done.stderr)
    assert answer.code == 2, answer
    assert "room" in answer.complaint
    assert_whole(awe, 0)
    assert awe("ingest", run.raw_files[0], "--commit").code == 0


def test_no_instance(awe, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("AWE_HOME", str(tmp_path / "nowhere"))
    for words in (["jobs"], ["get", "MasterBias"], []):
        answer = awe(*words)
        assert answer.code == 2 and "awe init" in answer.complaint


def test_a_store_that_is_not_there(awe, home) -> None:
    shutil.rmtree(home / "store")
    answer = awe("get", "MasterBias", "chip=ccd50")
    assert answer.code == 2 and "a file store was expected" in answer.complaint


def test_a_database_that_is_not_there(awe, home) -> None:
    (home / "awe.db").unlink()
    answer = awe("query", "RawBiasFrame")
    assert answer.code == 2 and "there is no database" in answer.complaint
    assert not (home / "awe.db").exists()


def test_a_database_server_that_is_not_there(awe, home, monkeypatch) -> None:
    monkeypatch.setenv("AWE_DATABASE", "postgresql://nobody:secret@127.0.0.1:1/nothing")
    answer = awe("query", "RawBiasFrame")
    assert answer.code == 2 and "cannot open" in answer.complaint and "secret" not in answer.complaint


def test_a_database_that_is_damaged(awe, home) -> None:
    (home / "awe.db").write_bytes(b"this is no database" * 1000)
    answer = awe("query", "RawBiasFrame")
    assert answer.code == 2 and "database" in answer.complaint


def test_a_database_without_tables(awe, home) -> None:
    (home / "awe.db").unlink()
    sqlite3.connect(home / "awe.db").close()
    answer = awe("query", "RawBiasFrame")
    assert answer.code == 2 and "awe db upgrade" in answer.complaint


@pytest.mark.parametrize(("expression", "expected"), [
    ("RawBiasFrame.exptime >", "is not a query"),
    ("__import__('os').system('true')", "no place in a query"),
    ("RawBiasFrame.exptime.__class__", "no place in a query"),
    ("[x for x in RawBiasFrame]", "no place in a query"),
    ("RawBiasFrame.exptime > 'long'", "long"),
    ("RawBiasFrame.exptme > 1", "did you mean 'exptime'"),
    ("RawBiasFram.exptime > 1", "did you mean 'RawBiasFrame'"),
    ("1 + 1", "no place in a query"),
    ("", "is not a query"),
])
def test_an_expression_that_is_not_a_query(awe, home, expression: str, expected: str) -> None:
    answer = awe("query", expression)
    assert answer.code == 2 and expected in answer.complaint, answer.err


@pytest.mark.parametrize(("words", "expected"), [
    (["MasterBias", "chp=ccd50"], "did you mean 'chip'"),
    (["MasterBais", "chip=ccd50"], "did you mean 'MasterBias'"),
    (["MasterBias", "chip=ccd51"], "or 'ccd50'"),
    (["MasterBias", "chip=ccd50", "chip=ccd53"], "given twice"),
    (["MasterBias", "chip"], "key=value"),
    (["MasterBias", "chip=ccd50", "date=yesterday"], "is no time"),
    (["MasterBias", "chip=ccd50", "date=1999-01-01"], "needs at least 3"),
    (["MasterBias", "chip=ccd50", "--pars", "MasterBias.sigma_clp=4"], "did you mean 'sigma_clip'"),
    (["MasterBias", "chip=ccd50", "--pars", "MasterBias.sigma_clip=lots"], "a float is wanted"),
    (["MasterBias", "chip=ccd50", "--pars", "MasterBias.sigma_clip=-1"], "at least"),
    (["MasterBias", "chip=ccd50", "--pars", "sigma_clip=4"], "CLASS.name=value"),
    (["RawBiasFrame"], "is no class of targets"),
])
def test_what_is_asked_wrongly(awe, home, words: list[str], expected: str) -> None:
    answer = awe("get", *words)
    assert answer.code == 2 and expected in answer.complaint, answer.err


def test_no_raw_data_for_what_is_asked(awe, run, empty) -> None:
    answer = awe("get", "MasterBias", "chip=ccd50")
    assert answer.code == 2 and "awe ingest" in answer.complaint
    awe("ingest", run.raw_files[0], "--commit")
    answer = awe("get", "MasterBias", "chip=ccd50")
    assert answer.code == 2 and "needs at least 3" in answer.complaint


@pytest.mark.parametrize(("words", "expected"), [
    (["show", "zz"], "neither"),
    (["show", "ab"], "too short"),
    (["show", "ffffffff"], "neither"),
    (["lineage", "ffffffff"], "neither"),
    (["retrieve", "Cal-nobody.fits"], "neither"),
    (["validate", "ffffffff", "--why", "x"], "neither"),
    (["query", "RawBiasFrame", "--columns", "chip.nme"], "did you mean 'name'"),
    (["query", "RawBiasFrame", "--columns", "chip"], "ends at a Chip"),
    (["query", "RawBiasFrame", "--limit", "-1"], "--limit"),
    (["instrument", "add", "megacm"], "did you mean 'megacam'"),
    (["ingest-catalog", "/no/such/catalogue.fits"], "/no/such/catalogue.fits"),
    (["serve", "files", "--port", "99999"], "1 to 65535"),
    (["get", "MasterBias", "chip=ccd50", "--workers", "-3"], "'-3' should be a whole number"),
    (["get", "MasterBias", "chip=ccd50", "--workers", "many"], "'many' should be a whole number"),
    (["plan", "MasterBias", "chip=ccd50", "--depth", "-1"], "'-1' should be a whole number"),
    (["jobs", "--limit", "-5"], "'-5' should be a whole number"),
    (["ingest", ""], "empty"),
    (["ingest", "/no/such/folder", "--workers", "-2"], "'-2' should be a whole number"),
    (["instrument", "check", "arcsat", "/no/such/frame.fits"], "/no/such/frame.fits: there is no such file"),
    (["instrument", "check", "arcsta"], "did you mean 'arcsat'"),
    (["instrument", "add", "/"], "Is a directory"),
])
def test_other_things_that_are_not_there(awe, home, words: list[str], expected: str) -> None:
    answer = awe(*words)
    assert answer.code == 2 and expected in answer.complaint, answer.err


def test_an_instrument_file_that_is_wrong_writes_nothing(awe, run, tmp_path) -> None:
    awe("init", tmp_path / "home")
    bad = tmp_path / "bad.toml"
    bad.write_text(run.instrument.read_text().replace("exptime = ", "exptme = "))
    answer = awe("instrument", "add", bad, "--home", tmp_path / "home")
    assert answer.code == 2 and "exptme" in answer.complaint
    bad.write_bytes(b"\xff\xfe[instrument]\n")
    assert "write TOML in UTF-8" in awe("instrument", "add", bad, "--home", tmp_path / "home").complaint
    bad.write_text("[instrument\n")
    assert awe("instrument", "add", bad, "--home", tmp_path / "home").code == 2
    assert awe("instrument", "list", "--json", "--home", tmp_path / "home").json["known"] == []
