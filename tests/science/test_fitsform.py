"""FITS files in one pass: the very bytes that astropy writes, checksums included."""
import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import FitsError
from awe.science.fitsform import CHECKSUM_COMMENT, encoded, file_of, read_file


def by_astropy(pixels, cards):
    hdus = fits.HDUList([fits.PrimaryHDU(pixels[0]), *(fits.ImageHDU(each, name=f"P{k}") for k, each in enumerate(pixels[1:]))])
    hdus[0].header.update(cards)
    for hdu in hdus:
        hdu.add_checksum(when=CHECKSUM_COMMENT)
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def by_us(pixels, cards):
    return bytes(file_of([(f"P{k - 1}", each, {} if k else cards) for k, each in enumerate(pixels)]))


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33), (300, 401)])
def test_same_bytes_as_astropy(shape):
    rng = np.random.default_rng(shape[0])
    data, mask = rng.normal(0, 1e3, shape).astype(np.float32), rng.integers(0, 65536, shape).astype(np.uint16)
    data[0, 0] = np.nan
    cards = {"BUNIT": "adu", "CRVAL1": 1 / 3, "N": 3, "TEXT": "x" * 90, "NAME": "M 13's", "EMPTY": "", "TINY": -1.25e-17,
             "YES": True, "HIERARCH LONGER": 7, "CELL": (8, "pixels for each value")}
    for pixels in ([data], [mask], [data, mask, data * data]):
        written = by_us(pixels, cards)
        assert written == by_astropy(pixels, cards)
    with fits.open(io.BytesIO(written), checksum=True) as hdus:  # astropy warns where a checksum is wrong, and warnings are errors here
        np.testing.assert_array_equal(hdus[0].data, data)
        np.testing.assert_array_equal(hdus[1].data, mask)


@pytest.mark.parametrize("first", [np.float32, np.uint16])
def test_pixels_and_names_come_back(first):
    rng = np.random.default_rng(5)
    pixels = [rng.integers(0, 65536, (31, 257)).astype(dtype) for dtype in (first, np.uint16, np.float32)]
    (_, header, data), *others = read_file(by_astropy(pixels, {"OBJECT": "M 13"}), "a frame")
    assert fits.Header.fromstring(header)["OBJECT"] == "M 13" and [name for name, _, _ in others] == ["P0", "P1"]
    for found, given_ in zip([data, *(plane for _, _, plane in others)], pixels, strict=True):
        np.testing.assert_array_equal(found, given_)
        assert found.dtype == given_.dtype and found.flags.writeable


@pytest.mark.parametrize("size", [0, 100, 2880, 2881, 9000])
def test_what_was_cut_short_is_told(size):
    pixels = [np.ones((40, 48), np.float32), np.ones((40, 48), np.uint16)]
    with pytest.raises(FitsError, match="a frame: "):
        list(read_file(by_us(pixels, {})[:size], "a frame"))


def test_other_kinds_of_pixels_are_told():
    with pytest.raises(FitsError, match="no image as awe writes them"):
        list(read_file(by_astropy([np.zeros((4, 4))], {}), "a frame"))


@given(st.integers(1, 0xFFFFFFFF))
def test_checksums_are_printable_and_undo_the_sum(total):
    text = encoded(total)
    assert len(text) == 16 and text.isalnum()
    shifted = text[1:] + text[0]
    words = sum(int.from_bytes(shifted[k:k + 4].encode(), "big") - 0x30303030 for k in range(0, 16, 4))
    assert (words + total) % 0xFFFFFFFF == 0
