"""Galaxies of NTT/EMMI, SExtractor's own regression image: what SExtractor finds and measures is found and measured."""
import shutil
import subprocess

import numpy as np
import pytest
from astropy.io import fits
from scipy.spatial import cKDTree

from awe.science.sources import extract
from tests.real.house import real_data

SEXTRACTOR = shutil.which("source-extractor") or shutil.which("sextractor") or shutil.which("sex")


@pytest.mark.skipif(SEXTRACTOR is None, reason="SExtractor is not installed: apt-get install sextractor")
@pytest.mark.filterwarnings("ignore:The following header keyword is invalid")
def test_as_sextractor(tmp_path):
    with fits.open(real_data() / "emmi_galaxies" / "galaxies.fits.bz2") as hdus:
        data = hdus[0].data.astype(np.float32)
    fits.writeto(tmp_path / "image.fits", data)
    (tmp_path / "default.sex").write_text(subprocess.run([SEXTRACTOR, "-d"], capture_output=True, text=True, check=True).stdout)
    (tmp_path / "default.param").write_text("X_IMAGE\nY_IMAGE\nFLUX_AUTO\nFLUXERR_AUTO\n")
    (tmp_path / "default.conv").write_text("CONV NORM\n1 2 1\n2 4 2\n1 2 1\n")
    subprocess.run([SEXTRACTOR, "image.fits", "-c", "default.sex", "-CATALOG_TYPE", "FITS_1.0", "-CATALOG_NAME", "out.fits", "-GAIN", "1",
                    "-SATUR_LEVEL", "1e9", "-VERBOSE_TYPE", "QUIET"], cwd=tmp_path, check=True)
    theirs = fits.getdata(tmp_path / "out.fits")
    mine = extract(data, gain=1.0, filter_type="conv", passes=1)
    distance, nearest = cKDTree(np.column_stack([mine["X_IMAGE"], mine["Y_IMAGE"]])).query(
        np.column_stack([theirs["X_IMAGE"], theirs["Y_IMAGE"]]), distance_upper_bound=1.0)
    sure = theirs["FLUX_AUTO"] > 10 * theirs["FLUXERR_AUTO"]
    there = np.isfinite(distance)
    assert np.count_nonzero(sure) > 300
    assert np.mean(~there[sure]) <= 0.01 and abs(len(mine) - len(theirs)) <= 0.02 * len(theirs)
    use = sure & there
    difference = 2.5 * np.log10(mine["FLUX_AUTO"][nearest[use]] / theirs["FLUX_AUTO"][use])
    assert abs(np.median(difference)) <= 0.01 and np.median(np.abs(difference)) < 0.01
