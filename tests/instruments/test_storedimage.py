"""Images that stay in their file: the pixels of `FitsFile`, whatever rectangle is asked for."""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import FitsError
from awe.instruments import StoredImage, open_fits, stored_images


@pytest.fixture(scope="module")
def mosaic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored") / "mosaic.fits"
    rng = np.random.default_rng(2)
    scaled = fits.ImageHDU(rng.integers(0, 100, (40, 30)).astype(np.int16))
    scaled.header["BSCALE"], scaled.header["BZERO"] = 0.5, 10.0
    blank = fits.ImageHDU(np.arange(12, dtype=np.int16).reshape(3, 4))
    blank.header["BLANK"] = 5
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(rng.integers(0, 65536, (50, 40)).astype(np.uint16)),
                  fits.ImageHDU(rng.normal(0, 1, (20, 30)).astype(np.float32)), scaled, blank,
                  fits.CompImageHDU(rng.integers(0, 99, (20, 30)).astype(np.int16))]).writeto(path)
    return path


@pytest.mark.parametrize("where", [slice(None), slice(3, 9), slice(0, 0), (slice(5, 17), slice(2, 30)), (slice(None), slice(0, 1))])
def test_any_rectangle(mosaic: Path, where: Any) -> None:
    found = stored_images(mosaic, [1, 2, 3, 4, 5], "mosaic.fits")
    assert [isinstance(one, StoredImage) for one in found.values()] == [True, True, True, False, False]
    with open_fits(mosaic) as file:
        for index, one in found.items():
            whole = file.pixels(index)
            assert one.shape == whole.shape and one.dtype == whole.dtype
            assert np.array_equal(one[where], whole[where], equal_nan=True)
            assert np.array_equal(np.asarray(one), whole, equal_nan=True)


def test_a_file_that_lost_its_end(mosaic: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.fits"
    path.write_bytes(mosaic.read_bytes())
    found = stored_images(path, [2], "night1.fits")[2]
    path.open("r+b").truncate(9000)
    with pytest.raises(FitsError, match=r"night1\.fits: became shorter"):
        found[:]
