"""FITS files in one pass: the very bytes that astropy writes, checksums included."""
import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from awe.science.fitsform import CHECKSUM_COMMENT, encoded, file_of


def by_astropy(pixels, cards):
    hdus = fits.HDUList([fits.PrimaryHDU(pixels[0]), *(fits.ImageHDU(each, name=f"P{k}") for k, each in enumerate(pixels[1:]))])
    hdus[0].header.update(cards)
    for hdu in hdus:
        hdu.add_checksum(when=CHECKSUM_COMMENT)
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def by_us(pixels, cards):
    hdus = [fits.PrimaryHDU(pixels[0]), *(fits.ImageHDU(each, name=f"P{k}") for k, each in enumerate(pixels[1:]))]
    hdus[0].header.update(cards)
    if len(hdus) > 1:
        hdus[0].header.set("EXTEND", True, after="NAXIS2")
    return bytes(file_of(list(zip(hdus, pixels, strict=True))))


@pytest.mark.parametrize("shape", [(1, 1), (7, 5), (64, 33), (300, 401)])
def test_same_bytes_as_astropy(shape):
    rng = np.random.default_rng(shape[0])
    data, mask = rng.normal(0, 1e3, shape).astype(np.float32), rng.integers(0, 65536, shape).astype(np.uint16)
    data[0, 0] = np.nan
    cards = {"BUNIT": "adu", "CRVAL1": 1 / 3, "N": 3, "TEXT": "x" * 90}
    for pixels in ([data], [mask], [data, mask, data * data]):
        written = by_us(pixels, cards)
        assert written == by_astropy(pixels, cards)
    with fits.open(io.BytesIO(written), checksum=True) as hdus:  # astropy warns where a checksum is wrong, and warnings are errors here
        np.testing.assert_array_equal(hdus[0].data, data)
        np.testing.assert_array_equal(hdus[1].data, mask)


@given(st.integers(1, 0xFFFFFFFF))
def test_checksums_are_printable_and_undo_the_sum(total):
    text = encoded(total)
    assert len(text) == 16 and text.isalnum()
    shifted = text[1:] + text[0]
    words = sum(int.from_bytes(shifted[k:k + 4].encode(), "big") - 0x30303030 for k in range(0, 16, 4))
    assert (words + total) % 0xFFFFFFFF == 0
