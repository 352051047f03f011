"""Pixels of files that never change are those that careful opening gives."""
import gzip
import os

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import FitsError
from awe.instruments import kept_pixels, open_fits
from awe.instruments.keptfile import places


@pytest.fixture
def mosaic(tmp_path):
    rng = np.random.default_rng(1)
    planes = [rng.integers(0, 65535, (7, 9)).astype(np.uint16), rng.normal(0, 1, (5, 6)).astype(np.float32),
              rng.integers(-9, 9, (8, 4)).astype(np.int16)]
    path = tmp_path / "mosaic.fits"
    hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(plane) for plane in planes), fits.CompImageHDU(planes[0], compression_type="RICE_1")]
    fits.HDUList(hdus).writeto(path)
    return path


def test_all_hdus_are_as_careful_opening_gives_them(mosaic):
    found = kept_pixels(mosaic, [4, 1, 3, 2], "mosaic.fits")
    with open_fits(mosaic) as file:
        for index, pixels in found.items():
            expected = file.pixels(index)
            assert pixels.dtype == expected.dtype and np.array_equal(pixels, expected), index


def test_a_file_is_scanned_once(mosaic):
    places.cache_clear()
    for index in (1, 2, 3):
        kept_pixels(mosaic, [index], "mosaic.fits")
    assert places.cache_info().misses == 1 and places.cache_info().hits == 2


def test_one_that_is_compressed_as_a_whole_is_read_from_its_beginning(mosaic, tmp_path):
    packed = tmp_path / "mosaic.fits.gz"
    packed.write_bytes(gzip.compress(mosaic.read_bytes()))
    assert np.array_equal(kept_pixels(packed, [2], "x")[2], kept_pixels(mosaic, [2], "x")[2])


@pytest.mark.parametrize("index", [0, 9])
def test_no_image_there(mosaic, index):
    with pytest.raises(FitsError, match="has no image in HDU"):
        kept_pixels(mosaic, [index], "night1.fits")


def test_one_that_was_cut_short_afterwards_is_told(mosaic):
    places.cache_clear()
    kept_pixels(mosaic, [1], "night1.fits")
    os.truncate(mosaic, 3000)
    with pytest.raises(FitsError, match=r"night1.fits: became shorter"):
        kept_pixels(mosaic, [4], "night1.fits")
