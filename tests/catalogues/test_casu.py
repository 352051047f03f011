"""Source tables in the layouts of 32 and of 66 columns."""
import io

import numpy as np
import pytest
from astropy.io import fits

from awe.catalogues.casu import casu_view
from awe.catalogues.table import SourceTable
from awe.errors import CatalogueError


@pytest.fixture
def table():
    return SourceTable.from_arrays({
        "NUMBER": np.array([2, 1, 3], np.int32), "ALPHA_J2000": np.array([10.0, 11.0, 12.0]), "DELTA_J2000": np.array([-5.0, 0.0, 5.0]),
        "XWIN_IMAGE": np.array([1.5, 2.5, 3.5]), "ERRX2WIN_IMAGE": np.array([0.04, 0.09, 0.01]), "A_IMAGE": np.array([2.0, 2.0, 2.0]),
        "B_IMAGE": np.array([2.0, 1.0, 2.0]), "FLUX_AUTO": np.array([50.0, 90.0, 20.0]), "FLUX_APER2": np.array([40.0, 80.0, 10.0]),
        "CLASS_STAR": np.array([0.9, 0.1, 0.5], np.float32), "FLAGS": np.array([0, 2, 4], np.int16)})


def through_a_file(hdu):
    buffer = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(buffer)
    return fits.open(io.BytesIO(buffer.getvalue()))[1]


@pytest.mark.filterwarnings("ignore:.*:astropy.io.fits.verify.VerifyWarning")
def test_32_columns_of_reals(table):
    hdu = through_a_file(casu_view(table, 32))
    assert len(hdu.columns) == 32 and set(hdu.columns.formats) <= {"1E", "E"} and hdu.columns[0].name == "No."
    assert hdu.columns[22].name == "RA" and hdu.columns[22].unit == "rad"
    assert list(hdu.data["No."]) == [1, 2, 3] and hdu.data["RA"][0] == pytest.approx(np.radians(11.0))
    assert list(hdu.data["Classification"]) == [1, -1, -9] and np.isnan(hdu.data["Statistic"]).all()


def test_66_columns_of_their_types(table):
    hdu = through_a_file(casu_view(table, 66))
    assert len(hdu.columns) == 66
    formats = {column.name: column.format.lstrip("1") for column in hdu.columns}
    assert formats["SEQNUM"] == "J" and formats["RA"] == "D" and formats["XCOORD"] == "E"
    assert list(hdu.data["RA"]) == [11.0, 10.0, 12.0] and list(hdu.data["BLENDING"]) == [1, 0, 0]
    assert hdu.data["XCOORERR"][0] == pytest.approx(0.3) and hdu.data["ELLIPTIC"][0] == pytest.approx(0.5)
    assert hdu.data["COREFLUX"][0] == 80.0 and np.isnan(hdu.data["PSFFLUX"]).all()


def test_other_layouts_are_refused(table):
    with pytest.raises(CatalogueError, match="32 and of 66"):
        casu_view(table, 64)
