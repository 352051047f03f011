import dataclasses

import pytest

from awe.errors import FitsError, InstrumentError
from awe.instruments import identify, load
from tests.instruments.conftest import MINIMAL


def test_by_file_and_by_headers(camera, minimal, write, write_mini):
    assert identify(write(), [camera, minimal]) is camera
    assert identify(write_mini(), [camera, minimal]) is minimal
    assert identify({"INSTRUME": "mini "}, [camera, minimal]) is minimal


def test_unknown_says_what_was_seen(camera, minimal, write):
    with pytest.raises(InstrumentError) as caught:
        identify(write(INSTRUME="TWOCHPI"), [camera, minimal])
    message = str(caught.value)
    assert (
        message == "raw.fits: no known instrument matches; the header has INSTRUME = 'TWOCHPI'; "
        "`awe instrument add FILE` brings a camera in; did you mean 'twochip'?"
    )
    with pytest.raises(InstrumentError, match="none of INSTRUME"):
        identify(write(INSTRUME=None), [camera])
    with pytest.raises(InstrumentError, match="no known instrument"):
        identify(write(), [])


def test_ambiguous(camera, write):
    twin = dataclasses.replace(camera, name="other")
    with pytest.raises(InstrumentError, match=r"twochip \(version 1\) or other \(version 1\)"):
        identify(write(), [camera, twin])


def test_the_newest_version_counts(camera, write):
    newer = dataclasses.replace(camera, version=2)
    assert identify(write(), [newer, camera]) is newer


def test_a_camera_without_match_matches_nothing(write_mini):
    text = MINIMAL.replace('[match]\nINSTRUME = "MINI"\n', "")
    with pytest.raises(InstrumentError, match="no known instrument"):
        identify(write_mini(), [load(text)])


def test_files_that_cannot_be_read(camera, tmp_path):
    path = tmp_path / "x.fits"
    path.write_bytes(b"")
    with pytest.raises(FitsError, match="empty"):
        identify(path, [camera])
