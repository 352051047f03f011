"""SDSS frames that were reduced elsewhere, against the stars of Stripe 82: absolute astrometry and zero points."""
from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from awe.catalogues.matching import match
from awe.ingest import ingest_catalogue
from awe.persist.lineage import made_from
from awe.targets import (
    AstrometricParameters,
    CoaddFrame,
    Flag,
    PhotometricParameters,
    RawScienceFrame,
    ReducedScienceFrame,
    SourceList,
)
from tests.real import house

RUNS = {"004192": "0300", "006377": "0399"}
EXPTIME = 53.907456
#: Zero points of an aperture of 12 pixels, of data numbers in one exposure, as measured independently.
APERTURE_12 = {"g4 004192": 28.63, "g4 006377": 28.60, "r4 004192": 28.26, "r4 006377": 28.20, "i4 004192": 28.02, "i4 006377": 28.01}


@pytest.fixture(scope="module")
def stars(data):
    """The reference stars; the right ascension in the file is counted from -180 degrees."""
    table = Table.read(data / "sdss_stripe82_gri" / "stars.fits.bz2")
    assert table["ra"].min() > -11 and table["ra"].max() < -5
    table["ra"] = table["ra"] % 360
    return table


@pytest.fixture(scope="module")
def made(data, stars, tmp_path_factory):
    """Coadds of both runs in three bands, solved with every second star of the catalogue."""
    folder = tmp_path_factory.mktemp("sdss")
    instance = house.create(folder / "home", "sdss")
    assert house.bring_in(*sorted((data / "sdss_stripe82_gri").glob("fpC*"))).counts() == {"ingested": 6}
    half = folder / "half.fits"
    table = Table.read(data / "sdss_stripe82_gri" / "stars.fits.bz2")
    table[::2].write(half)
    catalogue = ingest_catalogue(half, "stripe82", use_for="sdss")
    assert catalogue.n_sources == len(table[::2])
    coadds = {one.filter.name: one for one in CoaddFrame.get_all(workers=2)}
    yield coadds, {one.filter.name: one for one in SourceList.get_all()}
    instance.close()


def test_frames_keep_their_unit_and_lose_their_soft_bias(made):
    raws = house.by_exposure(RawScienceFrame)
    frames = house.by_exposure(ReducedScienceFrame)
    assert set(raws) == set(frames) and len(frames) == 6
    for one in frames.values():
        assert 60 < one.sky_level < 220 and one.exptime == pytest.approx(EXPTIME, abs=1e-4)
        assert one.quality_flags & Flag.GAIN_UNKNOWN and one.effective_gain is None
        assert one.image.cards["BUNIT"] == "adu" and "fpC" in one.origin
        assert one.raw.header()["SOFTBIAS"] == 1000 and isinstance(one.raw.header()["EXPTIME"], str)
        assert {name: [each.exposure for each in used] for name, used in made_from(one).items()} == {"raw": [one.exposure]}


def test_they_take_part_in_everything_downstream(made):
    coadds, lists = made
    assert sorted(coadds) == ["g", "i", "r"] and all(one.depth == 2 for one in coadds.values())
    for name, one in lists.items():
        # SExtractor at this threshold finds 642 in g, all but 6 of them among ours
        assert 600 < one.n_sources < 1100 and one.zero_point == 30.0 and one.error_scale < 1.3, name
        assert not one.frame.quality_flags & (Flag.RELATIVE_ASTROMETRY | Flag.NO_ZEROPOINT)
    assert all(one.is_up_to_date() for one in lists.values())


def held_out(stars):
    """The stars that no fit has seen, that are stars."""
    unseen = stars[1::2]
    return unseen[np.asarray(unseen["starnotgal"]) == 1]


@pytest.mark.parametrize("exposure", [f"{run}-{band}4-{field}" for run, field in RUNS.items() for band in "gri"])
def test_astrometry_on_stars_that_were_not_used(made, stars, exposure):
    solution = house.by_exposure(AstrometricParameters)[exposure]
    assert solution.mode == "absolute" and solution.nref > 30 and solution.rms < 0.06 and not solution.is_mirrored
    unseen, table = held_out(stars), solution.sources()
    good = (np.asarray(table["SNR_WIN"]) > 20) & ((np.asarray(table["FLAGS"]) & 30) == 0)
    ra, dec = np.asarray(table["ALPHA_J2000"])[good], np.asarray(table["DELTA_J2000"])[good]
    pairs = match(ra, dec, np.asarray(unseen["ra"]), np.asarray(unseen["dec"]), 1.0, mutual=True)
    east, north = house.separations(ra[pairs.first], dec[pairs.first], np.asarray(unseen["ra"])[pairs.second],
                                    np.asarray(unseen["dec"])[pairs.second])
    distance = np.hypot(east, north)
    assert len(distance) > 20
    assert np.sqrt(np.median(distance**2)) < 0.06 and np.hypot(east.mean(), north.mean()) < 0.04
    assert np.sqrt(np.mean(distance**2)) < 0.1, "rms about zero of all that lie within an arcsecond, mean offset included"


def test_zero_points(made):
    """Ours are of the total flux (normalised at 5 FWHM, 11 to 15 pixels) per second; the others of 12 pixels per exposure."""
    for exposure, one in house.by_exposure(PhotometricParameters).items():
        run, chip, _ = exposure.split("-")
        expected = APERTURE_12[f"{chip} {run}"] - 2.5 * np.log10(EXPTIME)
        assert one.mode == "absolute" and one.system == "AB" and one.n_stars > 15
        assert one.zero_point == pytest.approx(expected, abs=0.05) and one.error < 0.01 and one.scatter < 0.06


def test_magnitudes_on_the_coadd_are_those_of_stars_that_were_not_used(made, stars):
    _, lists = made
    for band, one in lists.items():
        unseen, table = held_out(stars), one.sources
        good = (np.asarray(table["MAGERR_TOTAL"]) < 0.03) & ((np.asarray(table["FLAGS"]) & 31) == 0)
        pairs = match(np.asarray(table["ALPHA_J2000"])[good], np.asarray(table["DELTA_J2000"])[good], np.asarray(unseen["ra"]),
                      np.asarray(unseen["dec"]), 0.5, mutual=True)
        difference = np.asarray(table["MAG_TOTAL"])[good][pairs.first] - np.asarray(unseen[band])[pairs.second]
        assert len(difference) > 15 and abs(np.median(difference)) < 0.03
        assert 1.4826 * np.median(np.abs(difference - np.median(difference))) < 0.06
