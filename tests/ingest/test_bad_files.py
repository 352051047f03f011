"""What is wrong with a file is said in one line, with what to do; the good file beside it comes in, and nothing is half-written."""
from __future__ import annotations

import bz2
import gzip
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from tests.forking import run_forked
from tests.ingest.camera import frame, write

ADVICE = re.compile(r"fetch|leave it out|correct|add |name |unpack|split|take out|say what|give |copy |make their")


def plain(**cards: object) -> Callable[[Path], Path]:
    """A file with some cards changed."""
    return lambda folder: write(folder / "bad.fits", frame("OBJECT", 2, **cards))


def patched(old: str, new: str) -> Callable[[Path], Path]:
    """A file in which some bytes are exchanged."""
    def spoil(folder: Path) -> Path:
        path = write(folder / "bad.fits", frame("OBJECT", 2, EXPTIME=12345.0))
        content = path.read_bytes()
        assert old.encode() in content and len(old) == len(new)
        path.write_bytes(content.replace(old.encode(), new.encode(), 1))
        return path
    return spoil


def content_of(folder: Path) -> bytes:
    """The bytes of a good file."""
    path = write(folder / "good-then-bad.fits", frame("OBJECT", 2))
    content = path.read_bytes()
    path.unlink()
    return content


def with_bytes(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Path]:
    """A file of changed bytes."""
    def spoil(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(change(content_of(folder)))
        return path
    return spoil


def many_cards(content: bytes) -> bytes:
    """A header of a million cards."""
    end = content.index(b"END".ljust(80))
    cards = b"".join(f"K{n:07d}= {n:20d}".ljust(80).encode() for n in range(1_000_000))
    head = content[:end] + cards + b"END".ljust(80)
    return head + b" " * (-len(head) % 2880) + content[2880:]


def link(target: str) -> Callable[[Path], Path]:
    def spoil(folder: Path) -> Path:
        path = folder / "bad.fits"
        path.symlink_to(target)
        return path
    return spoil


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "bad.fits")
    return folder / "bad.fits"


def checked(place: int) -> Callable[[Path], Path]:
    """A file with checksums, and one bit changed."""
    def spoil(folder: Path) -> Path:
        path = write(folder / "bad.fits", frame("OBJECT", 2), checksum=True)
        content = bytearray(path.read_bytes())
        content[place] ^= 1
        path.write_bytes(content)
        return path
    return spoil


def zeros_packed(pack: Callable[[bytes], bytes], name: str) -> Callable[[Path], Path]:
    """A few hundred kilobytes that claim to be, and would become, gigabytes."""
    def spoil(folder: Path) -> Path:
        header = fits.Header([("SIMPLE", True), ("BITPIX", -64), ("NAXIS", 2), ("NAXIS1", 12_000), ("NAXIS2", 12_000)])
        path = folder / name
        path.write_bytes(pack(header.tostring().encode() + bytes(64 << 20)))
        return path
    return spoil


def tiled_bomb(folder: Path) -> Path:
    """A tile-compressed image that says it is a thousand million pixels, in a few kilobytes."""
    path = write(folder / "bad.fits.fz", fits.HDUList([frame("OBJECT", 2)[0], fits.CompImageHDU(np.zeros((48, 64), np.int16), name="ONE")]))
    content = path.read_bytes()
    for word, old, new in (("ZNAXIS1 ", 64, 64000), ("ZNAXIS2 ", 48, 48000)):
        content = content.replace(f"{word}= {old:20d}".encode(), f"{word}= {new:20d}".encode())
    path.write_bytes(content)
    return path


def named(*names: str) -> Callable[[Path], Path]:
    """A file with other extensions."""
    return lambda folder: write(folder / "bad.fits", frame("OBJECT", 2, names=names))


SPOILT: dict[str, tuple[Callable[[Path], Path], str]] = {
    "truncated": (with_bytes("bad.fits", lambda content: content[:-4000]), "cut short: HDU 2 should have 6144 bytes"),
    "truncated in its header": (with_bytes("bad.fits", lambda content: content[:2000]), "cut short inside a header"),
    "empty": (with_bytes("bad.fits", lambda content: b""), "empty"),
    "text": (with_bytes("bad.fits", lambda content: b"a log, no frame\n" * 500), "not a FITS file"),
    "an image of another kind": (with_bytes("bad.fits", lambda content: b"\xff\xd8\xff\xe0" + bytes(20000)), "not a FITS file"),
    "zeros": (with_bytes("bad.fits", lambda content: bytes(28800)), "not a FITS file"),
    "gzip in gzip": (with_bytes("bad.fits.gz", lambda content: gzip.compress(gzip.compress(content))), "not a FITS file"),
    "cut gzip": (with_bytes("bad.fits.gz", lambda content: gzip.compress(content)[:-2000]), "damaged or cut short"),
    "cut bzip2": (with_bytes("bad.fits.bz2", lambda content: bz2.compress(content)[:-2000]), "damaged or cut short"),
    "wrong DATASUM": (checked(-3000), "wrong checksum: the data of HDU 2"),
    "wrong CHECKSUM of a header": (checked(800), "wrong checksum: header and data of HDU 0"),
    "a million cards": (with_bytes("bad.fits", many_cards), "header of more than"),
    "huge axes": (patched("NAXIS1  =                   64", "NAXIS1  =            900000000"), "more than the limit"),
    "axes beyond 64 bits": (patched("NAXIS1  =                   64", "NAXIS1  =  9223372036854775807"), "more than the limit"),
    "more data than there is": (patched("NAXIS1  =                   64", "NAXIS1  =                 6400"), "cut short"),
    "a negative axis": (patched("NAXIS1  =                   64", "NAXIS1  =                  -64"), "axis of negative length"),
    "text for an axis": (patched("NAXIS1  =                   64", "NAXIS1  =                 'ab'"), "NAXIS1 = 'ab'"),
    "a BITPIX that cannot be": (patched("BITPIX  =                   16", "BITPIX  =                   17"), "BITPIX = 17"),
    "gzip bomb": (zeros_packed(gzip.compress, "bad.fits.gz"), "decompression bomb"),
    "bzip2 bomb": (zeros_packed(bz2.compress, "bad.fits.bz2"), "decompression bomb"),
    "tiled bomb": (tiled_bomb, "more than the limit|bomb|cannot be"),
    "no image": (named(), "has no image"),
    "other EXTNAMEs": (named("UNO", "DOS"), "no HDU 'ONE'; there are UNO, DOS"),
    "one EXTNAME twice": (named("ONE", "ONE"), "HDUs 1, 2 are all called 'ONE'"),
    "no date": (plain(DATE_OBS=None), "date_obs is missing \\(DATE-OBS\\)"),
    "a blank date": (plain(DATE_OBS=""), "date_obs is missing \\(DATE-OBS\\)"),
    "a day without a time": (plain(DATE_OBS="2021-03-04"), "has no time of day"),
    "an hour that cannot be": (plain(DATE_OBS="2021-03-04T25:00:00"), "'25:00:00' is not a time of day"),
    "a day that cannot be": (plain(DATE_OBS="2021-02-30T02:00:00"), "2021-02-30"),
    "a year that cannot be": (plain(DATE_OBS="9999-02-03T02:00:00"), "not a plausible date"),
    "no exposure time": (plain(EXPTIME=None), "exptime is missing \\(EXPTIME\\)"),
    "text for a number": (plain(EXPTIME="long"), "exptime \\(EXPTIME\\): 'long' is not a number"),
    "NaN as text": (plain(EXPTIME="NaN"), "'NaN' is not a finite number"),
    "NaN as a number": (patched("             12345.0", "                 NaN"), "'NaN' is not a finite number"),
    "a number with garbage": (patched("             12345.0", "             1#&45.0"), "EXPTIME"),
    "a logical for a number": (plain(EXPTIME=True), "True is not a number"),
    "a negative exposure": (plain(EXPTIME=-3.0), "-3 should lie between"),
    "an endless exposure": (plain(EXPTIME=1e300), "should lie between"),
    "no instrument": (plain(INSTRUME=None), "no known instrument matches"),
    "another instrument": (plain(INSTRUME="MIMI"), "INSTRUME = 'MIMI'.*did you mean 'mini'"),
    "a kind nobody knows": (plain(OBSTYPE="PICNIC"), "OBSTYPE = 'PICNIC'"),
    "no filter": (plain(FILTER=None), "filter is missing \\(FILTER\\)"),
    "a filter nobody knows": (plain(FILTER=5), "filter '5' is not known; the instrument file has"),
    "a link to nothing": (link("nothing.fits"), "No such file.*it is a link to nothing.fits"),
    "a link to itself": (link("bad.fits"), "symbolic links"),
    "a pipe": (pipe, "no regular file"),
}


def assert_whole(awe, files: int) -> None:
    """Nothing is half-written."""
    found = awe("fsck", "--contents", "--json")
    assert found.code == 0, found.out
    assert (found.json["files"], found.json["unreferred"], found.json["half_written"], found.json["dead_pins"]) == (files, 0, 0, 0)


@pytest.mark.parametrize("name", SPOILT)
def test_refused_with_its_reason(awe, home, night, name):
    spoil, expected = SPOILT[name]
    write(night / "agood.fits", frame("BIAS", 1))
    bad = spoil(night)
    for commit, state in ((), "would be ingested"), (("--commit",), "ingested"), (("--commit",), "known"):
        answer = awe("ingest", night, *commit, "--json")
        assert answer.code == 2 and answer.complaint.startswith("awe: 1 of 2 files rejected"), answer
        rows = {Path(row["path"]).name: row for row in answer.json["files"]}
        assert rows["agood.fits"]["state"] == state
        row = rows[bad.name]
        assert row["state"] == "rejected" and re.search(expected, row["why"]), row["why"]
        assert "bad.fits" in row["why"] and "\n" not in row["why"] and ADVICE.search(row["why"]), row["why"]
        assert row["why"] in answer.complaint
    assert len(awe("query", "RawBiasFrame", "--columns", "exposure", "--json").json) == 2
    assert awe("query", "RawScienceFrame", "--columns", "exposure", "--json").json == []
    assert_whole(awe, 1)


def test_a_file_that_may_not_be_read(awe, home, night):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    write(night / "bad.fits", frame()).chmod(0)
    answer = awe("ingest", night, "--commit")
    assert answer.code == 2 and "Permission denied" in answer.complaint


def reshaped(folder, shape):
    hdus = frame("OBJECT")
    hdus[1] = fits.ImageHDU(np.full(shape, 1500, np.uint16), name="ONE")
    return write(folder / "odd.fits", hdus)


def tabled(folder):
    hdus = frame("OBJECT")
    hdus[1] = fits.BinTableHDU.from_columns([fits.Column("a", "J", array=[1, 2])], name="ONE")
    return write(folder / "odd.fits", hdus)


def uniform(folder):
    hdus = frame("BIAS")
    for hdu in hdus[1:]:
        hdu.data[:] = 1000
    return write(folder / "odd.fits", hdus)


def odd(*what: object, **how: object) -> Callable[[Path], Path]:
    return lambda folder: write(folder / "odd.fits", frame(*what, **how))


BOTH = ("one", "two")
ODD: dict[str, tuple[Callable[[Path], Path], str, tuple[str, ...]]] = {
    "a chip of another shape": (lambda folder: reshaped(folder, (40, 64)), "chip one: has 64x40 light-sensitive.*says 64x48", ("two",)),
    "a cube for a chip": (lambda folder: reshaped(folder, (3, 48, 64)), "chip one is missing", ("two",)),
    "no pixels in a chip": (lambda folder: reshaped(folder, (0, 64)), "chip one is missing", ("two",)),
    "a missing chip": (odd("OBJECT", names=("TWO",)), "chip one is missing: no HDU 'ONE'", ("two",)),
    "a chip that is there twice": (odd("OBJECT", names=("ONE", "TWO", "ONE")), "HDUs 1, 3 are all called 'ONE'", ("two",)),
    "a table for a chip": (tabled, "chip one is missing", ("two",)),
    "a bias labelled as flat": (odd("FLAT", level=1000.0), "looks like a bias", BOTH),
    "a flat labelled as bias": (odd("BIAS", level=20000.0), "lies outside 900 to 1100", BOTH),
    "a flat that is saturated": (odd("FLAT", level=65000.0), "at the saturation", BOTH),
    "nothing but NaN": (odd("BIAS", level=np.nan, dtype=np.float32), "no median", BOTH),
    "all pixels alike": (uniform, "there is no image", BOTH),
    "a bias that was exposed": (odd("BIAS", EXPTIME=30.0), "is a dark or a flat", BOTH),
}


@pytest.mark.parametrize("name", ODD)
def test_taken_as_far_as_it_goes_and_told(awe, home, night, name):
    make, expected, chips = ODD[name]
    make(night)
    answer = awe("ingest", night, "--commit", "--json")
    (row,) = answer.json["files"]
    assert answer.code == 2 and answer.complaint.startswith("awe: 1 of 1 files with problems, the rest done; ")
    assert row["state"] == "ingested" and any(re.search(expected, problem) for problem in row["problems"]), row
    assert re.search(expected, answer.complaint)
    assert row["what"].endswith(f"({', '.join(chips)})")
    flagged = "MISLABELLED" in awe("show", row["object_ids"][0]).out
    assert flagged == (len(chips) == 2)
    assert_whole(awe, 1)


GOOD: dict[str, Callable[[Path], object]] = {
    "midnight as 24:00:00": lambda folder: write(folder / "fine.fits", frame(DATE_OBS="2021-03-04T24:00:00")),
    "a leap second": lambda folder: write(folder / "fine.fits", frame(DATE_OBS="2016-12-31T23:59:60.5")),
    "names in lower case": lambda folder: write(folder / "fine.fits", frame(names=("one", "two"))),
    "an extension too many": lambda folder: write(folder / "fine.fits", frame(names=("ONE", "TWO", "GUIDER"))),
    "floats": lambda folder: write(folder / "fine.fits", frame(dtype=np.float32)),
    "signed integers": lambda folder: write(folder / "fine.fits", frame(dtype=np.int32)),
    "a third axis of one": lambda folder: write(folder / "fine.fits", with_axis()),
    "letters beyond ASCII": lambda folder: beyond_ascii(folder),
    "a name that is a path": lambda folder: write(folder / "fine.fits", frame(OBSID="../../etc/passwd")),
    "a name that is no SQL": lambda folder: write(folder / "fine.fits", frame("OBJECT", OBJECT="M'13; DROP TABLE object; --")),
}


def with_axis():
    hdus = frame()
    hdus[1] = fits.ImageHDU(hdus[1].data[None], name="ONE")
    return hdus


def beyond_ascii(folder):
    path = write(folder / "fine.fits", frame("OBJECT", OBJECT="M13 by Zoe"))
    path.write_bytes(path.read_bytes().replace(b"Zoe", b"Zo\xeb", 1))


@pytest.mark.parametrize("name", GOOD)
def test_what_looks_odd_and_is_fine(awe, home, night, name):
    GOOD[name](night)
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 0, answer
    (row,) = answer.json["files"]
    assert row["state"] == "ingested" and row["warnings"] == [] and len(row["object_ids"]) == 2
    for role in ("RawBiasFrame", "RawScienceFrame"):
        for found in awe("query", role, "--columns", "exposure,date_obs,imstat.median", "--json").json:
            assert "/" not in found["exposure"] and 990 < found["imstat.median"] < 1510
            if name == "midnight as 24:00:00":
                assert found["date_obs"].startswith("2021-03-05T00:00:00")


def test_scaled_integers_are_what_they_stand_for(awe, home, night):
    hdus = frame()
    stored = hdus[1].data.astype(np.int16)
    path = write(night / "scaled.fits", fits.HDUList([hdus[0], fits.ImageHDU(stored, name="ONE"), hdus[2]]))
    with fits.open(path, mode="update", do_not_scale_image_data=True) as opened:
        opened[1].header["BSCALE"], opened[1].header["BZERO"] = 0.5, 500.0
    assert awe("ingest", path, "--commit").code == 0
    rows = awe("query", "RawBiasFrame.chip.name == 'one'", "--columns", "imstat.median", "--json").json
    assert rows[0]["imstat.median"] == pytest.approx(0.5 * np.median(stored) + 500.0, abs=0.6)


def test_a_date_in_the_future_is_told(awe, home, night):
    write(night / "late.fits", frame(DATE_OBS="2150-01-01T02:00:00"))
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 0 and "lies in the future" in answer.json["files"][0]["warnings"][0]


def test_paths_that_are_not_there_are_told_and_the_rest_is_done(awe, home, night):
    good = write(night / "good.fits", frame())
    answer = awe("ingest", "/no/such/folder", good, "/no/such/file.fits", "--commit", "--json")
    assert answer.code == 2 and "2 of 3 files rejected" in answer.complaint and "/no/such/folder" in answer.complaint
    assert [row["state"] for row in answer.json["files"]] == ["rejected", "ingested", "rejected"]
    assert_whole(awe, 1)


def test_a_folder_without_frames(awe, home, night):
    (night / "notes.txt").write_text("clouds")
    answer = awe("ingest", night)
    assert answer.code == 2 and str(night) in answer.complaint and "holds no FITS file" in answer.complaint
    assert awe("ingest", night / "notes.txt").complaint.count("is not a FITS file") == 1


def test_folders_that_are_linked_are_followed_once(awe, home, night, tmp_path):
    (tmp_path / "archive").mkdir()
    write(tmp_path / "archive" / "good.fits", frame())
    (night / "here").symlink_to(tmp_path / "archive")
    (tmp_path / "archive" / "back").symlink_to(night)
    (night / "notes.txt").write_text("clouds")
    (night / "folder.fits").mkdir()
    answer = awe("ingest", night, "--commit", "--json")
    assert answer.code == 0 and [row["state"] for row in answer.json["files"]] == ["ingested"]


def test_a_process_says_one_line_on_stderr(home, night):
    for name, (spoil, _) in SPOILT.items():
        if name in ("NaN as a number", "a number with garbage", "text for an axis", "tiled bomb", "a negative axis"):
            path = spoil(night)
            path.rename(night / f"{name.replace(' ', '_')}{path.name}")
    write(night / "cards.fits", frame("OBJECT", OBJECT="x" * 200, FILTER="r", COMMENT="\x7f"[:0]))
    done = run_forked("-m", "awe", "ingest", night, "--commit")
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1 and "5 of 6 files rejected" in done.stderr, done.stderr
    assert "Traceback" not in done.stdout and done.stdout.count("rejected  ") == 5
