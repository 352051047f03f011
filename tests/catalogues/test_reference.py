"""Real reference catalogues in their usual forms, and files that are none."""
from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.table import Table

from awe.catalogues import Mapping, load_mapping, match, read_catalogue
from awe.catalogues.landolt import is_landolt, read_landolt
from awe.errors import CatalogueError, MissingFileError
from awe.simulate import RunConfig, simulate_run

STRIPE = """
[catalogue]
name = "STRIPE82"
version = "2007"
epoch = 2003.0
[columns]
ra = {column = "ra", offset = 360}
dec = "dec"
id = "sdssid"
[bands]
g = {column = "g", error = "g_err", bright = 14, faint = 22}
r = {column = "r", error = "r_err"}
"""


def test_stripe82_with_a_mapping(real_data: Path) -> None:
    path = real_data / "sdss_stripe82_gri" / "stars.fits.bz2"
    found = read_catalogue(path, STRIPE)
    raw = Table.read(path)
    assert len(found.table) == 28196 and found.notes == ()
    assert found.table["ra"].min() >= 350 and found.table["ra"].max() <= 354
    assert found.table.meta["name"] == "STRIPE82" and found.table.meta["epoch"] == 2003.0
    assert found.table.meta["bands"]["g"]["faint"] == 22 and found.table.meta["bands"]["r"]["system"] == "AB"
    order = np.argsort(found.table["id"]), np.argsort(raw["sdssid"])
    assert np.array_equal(found.table["ra"][order[0]], raw["ra"][order[1]] + 360)
    assert found.table.column("mag_g").unit == "mag"
    assert found.footprint.contains(351.65, 0.1) and not found.footprint.contains(10.0, 0.1)


def test_ra_below_zero_needs_a_word(real_data: Path) -> None:
    path = real_data / "sdss_stripe82_gri" / "stars.fits.bz2"
    with pytest.raises(CatalogueError, match=r"outside 0 to 360 degrees \(28196 of 28196 rows\).*wrap = true or offset = 360"):
        read_catalogue(path, STRIPE.replace("offset = 360", 'unit = "deg"'))
    wrapped = read_catalogue(path, STRIPE.replace("offset = 360", "wrap = true"))
    assert wrapped.table["ra"].min() >= 350 and "is wrapped" in wrapped.notes[0]
    guessed = read_catalogue(path)
    assert "taken for SDSS" in guessed.notes[0] and any("is wrapped" in note for note in guessed.notes)


@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")  # the old shards write 'rad/year'
def test_lsst_shards_of_gaia(real_data: Path) -> None:
    folder = real_data / "refcat_gaia_ps1_deep_a"
    paths = sorted(folder.glob("gaia_dr2*.fits.bz2"))
    found = read_catalogue(paths, name="Gaia DR2")
    raws = [Table.read(path) for path in paths]
    assert len(found.table) == sum(len(raw) for raw in raws) and found.table.meta["name"] == "Gaia DR2"
    assert np.allclose(found.table["epoch"], 2015.5, atol=1e-4)
    row, raw = int(np.flatnonzero(found.table["id"] == raws[0]["id"][1])[0]), raws[0][1]
    assert found.table["ra"][row] == pytest.approx(np.degrees(raw["coord_ra"]))
    assert found.table["mag_g"][row] == pytest.approx(31.4 - 2.5 * np.log10(raw["phot_g_mean_flux"]), abs=1e-3)
    assert found.table["pmra"][row] == pytest.approx(np.degrees(raw["pm_ra"]) * 3.6e6)
    assert abs(found.table["pmra"][row]) > 1
    unmeasured = np.isnan(found.table["pmra"])
    assert 0 < unmeasured.sum() < len(unmeasured) and np.array_equal(unmeasured, np.isnan(found.table["pmra_error"]))


def test_lsst_shards_of_ps1_agree_with_those_of_gaia(real_data: Path) -> None:
    folder = real_data / "refcat_gaia_ps1_deep_a"
    ps1 = read_catalogue([folder / "231812.fits.bz2", folder / "231832.fits.bz2"]).table
    gaia = read_catalogue(sorted(folder.glob("gaia_dr2*.fits.bz2"))).table
    assert {"mag_g", "mag_r", "mag_i", "mag_z", "mag_y", "mag_y_error"} <= set(ps1.names)
    pairs = match(gaia["ra"], gaia["dec"], ps1["ra"], ps1["dec"], 1.0, mutual=True)
    assert len(pairs) > 1500 and np.median(pairs.separation) < 0.1
    colour = gaia["mag_rp"][pairs.first] - ps1["mag_i"][pairs.second]
    assert abs(np.nanmedian(colour)) < 0.3


def test_2mass_ipac_table(real_data: Path) -> None:
    found = read_catalogue(real_data / "twomass_m31_ipac" / "2mass-m31-2412rows.tbl.bz2")
    assert len(found.table) == 2412 and found.mapping.name == "2MASS PSC"
    assert {band.system for band in found.mapping.bands.values()} == {"Vega"}
    centre = SkyCoord(10.68479, 41.26906, unit="deg")
    assert SkyCoord(found.table["ra"], found.table["dec"], unit="deg").separation(centre).arcsec.max() <= 500.0
    raw = Table.read(real_data / "twomass_m31_ipac" / "2mass-m31-2412rows.tbl.bz2", format="ascii.ipac")
    assert np.isnan(found.table["mag_J_error"]).sum() == np.ma.count_masked(raw["j_msigcom"]) > 0
    assert found.table["ra_error"].min() == pytest.approx(1000 * raw["err_maj"].min())
    assert "J from j_m (Vega)" in found.notes[2]


def test_sdss_csv(real_data: Path) -> None:
    found = read_catalogue(real_data / "refcat_sdss_m67" / "M67PHOT.csv.bz2")
    assert len(found.table) == 10304 and set(found.mapping.bands) == set("ugriz")


def test_megapipe_source_list_needs_a_band(real_data: Path) -> None:
    path = real_data / "megapipe_cat" / "MegaPipe.080.156.Z.MP9801.cat.bz2"
    guessed = read_catalogue(path)
    assert len(guessed.table) == 11703 and "none found; give a mapping" in guessed.notes[2]
    found = read_catalogue(path, {
        "catalogue": {"name": "MegaPipe", "keep": ["FLAGS", "FLUX_RADIUS"]},
        "columns": {"ra": "ALPHA_J2000", "dec": "DELTA_J2000", "ra_error": {"column": "ERRA_WORLD", "unit": "deg"}, "id": "NUMBER"},
        "bands": {"z": {"column": "MAG_APER", "error": "MAGERR_APER"}}})
    table = found.table
    assert np.isnan(table["mag_z"]).sum() > 100 and np.nanmax(table["mag_z"]) < 32  # 99 is no magnitude
    assert table["ra_error"][table["id"] == 1] == pytest.approx([3.326604e-07 * 3.6e6])
    assert table.column("FLUX_RADIUS").unit in ("pix", "pixel") and table["FLAGS"].dtype.kind == "i"


def test_gaia_chunks_and_votable(real_data: Path) -> None:
    chunk = read_catalogue(real_data / "decals_testcase4" / "gaia" / "chunk-03586.fits.bz2")
    assert chunk.mapping.name == "Gaia" and len(chunk.table) == 148 and np.all(chunk.table["epoch"] == 2015.5)
    archive = read_catalogue(real_data / "wfcam_wsa_votables" / "1710099405832VAL-result.vot.bz2")
    assert set(archive.table["id"]) == {4583627001381815936, 5348723816842275584} and np.all(archive.table["epoch"] == 2016.0)
    wsa = read_catalogue(real_data / "wfcam_wsa_votables" / "votable.xml")
    assert wsa.mapping.bands["K"].column == "K_1AperMag3" and 16 < np.nanmedian(wsa.table["mag_J"]) < 19


def test_standards_in_iraf_text(real_data: Path) -> None:
    landolt = read_catalogue(real_data / "standards_lcogtsnpipe_a" / "landolt.cat")
    row = int(np.flatnonzero(landolt.table["id"] == "pg0231051A")[0])
    assert landolt.table["mag_V"][row] == pytest.approx(12.77) and landolt.table["ra"][row] == pytest.approx(38.4171494)
    l92 = read_catalogue(real_data / "standards_lcogtsnpipe_a" / "L92_landolt_stetson.cat.bz2")
    assert np.isnan(l92.table["mag_U"]).any() and np.nanmax(l92.table["mag_U"]) < 30


def test_standards_as_photcal_has_them(real_data: Path) -> None:
    """Each star is where the same star is in another table, and as bright."""
    found = read_catalogue(real_data / "standards_iraf" / "nlandolt.dat.bz2").table
    assert len(found) == 526 and read_catalogue(real_data / "standards_iraf" / "onlandolt.dat.bz2").mapping.bands.keys() == set("UBVRI")
    row = int(np.flatnonzero(found["id"] == "TPHE_A")[0])
    assert (found["ra"][row], found["dec"][row]) == pytest.approx((7.5375, -46.52278), abs=1e-4)
    assert [found[f"mag_{band}"][row] for band in "UBVRI"] == pytest.approx([15.824, 15.444, 14.651, 14.216, 13.810], abs=1e-6)
    other = read_catalogue(real_data / "standards_lcogtsnpipe_a" / "landolt.cat").table
    pairs = match(found["ra"], found["dec"], other["ra"], other["dec"], 20.0, mutual=True)
    offset = found["mag_V"][pairs.first] - other["mag_V"][pairs.second]
    assert len(pairs) > 20 and abs(np.median(offset)) < 0.01


def test_real_files_that_are_no_catalogue(real_data: Path) -> None:
    folder = real_data / "wfcam_wsa_votables"
    for name, words in (("vo_results.html", "a web page"), ("image.fits.bz2", "without a table; it has: 0 PRIMARY"),
                        ("most_full_metadata.tbl", "say which they are"), ("mpc_obs.dat.bz2", "JSON")):
        with pytest.raises(CatalogueError, match=words) as caught:
            read_catalogue(folder / name)
        assert "\n" not in str(caught.value) and name in str(caught.value)


WORDS = {"catalogue": {"name": "T"}, "columns": {"ra": "ra", "dec": "dec"}, "bands": {"r": "r"}}


@pytest.mark.parametrize("text", [
    "ra,dec,r\n10.5,-3,20\n11,-2.5,21\n", "ra\tdec\tr\n10.5\t-3\t20\n11\t-2.5\t21\n", "ra;dec;r\n10.5;-3;20\n11;-2.5;21\n",
    "# a star list\n# ra dec r\n10.5 -3 20\n11 -2.5 21\n", "ra dec r\n10.5 -3 20\n11 -2.5 21\n", "#ra,dec,r\n10.5,-3,20\n11,-2.5,21\n",
    "  ra   dec   r  \n\n10.5  -3   20  \n# between\n11 -2.5  21\n", "ra|dec|r\n10.5|-3|20\n11|-2.5|21\n",
    "ra,dec,r\r\n10.5,-3,20\r\n11,-2.5,21\r\n",
    '"ra","dec","r"\n"10.5","-3","20"\n11,-2.5,21\n', "ra,dec,r,name\n10.5,-3,20,\"a, b\"\n11,-2.5,21,c\n",
])
def test_texts_of_many_kinds(tmp_path: Path, text: str) -> None:
    (tmp_path / "t").write_text(text)
    table = read_catalogue(tmp_path / "t", WORDS).table
    assert sorted(table["ra"]) == [10.5, 11.0] and sorted(table["dec"]) == [-3.0, -2.5] and sorted(table["mag_r"]) == [20.0, 21.0]


def test_text_without_names_by_place(tmp_path: Path) -> None:
    (tmp_path / "t.dat").write_text("star1 10.5 -3 20\nstar2 11 -2.5 null\n")
    words = {"catalogue": {"name": "T"}, "columns": {"ra": "col2", "dec": "col3", "id": "col1"}, "bands": {"r": "col4"}}
    table = read_catalogue(tmp_path / "t.dat", words).table
    assert sorted(table["id"]) == ["star1", "star2"] and np.isnan(table["mag_r"]).sum() == 1


def test_units_frames_and_sexagesimal(tmp_path: Path) -> None:
    sky = SkyCoord([10.0, 200.0], [20.0, -60.0], unit="deg")
    Table({"ra": sky.ra.to_string("hour", sep=":", precision=6), "dec": sky.dec.to_string("deg", sep=":", precision=6),
           "l": sky.galactic.l.deg, "b": sky.galactic.b.deg, "ra_rad": sky.ra.rad, "dec_rad": sky.dec.rad,
           "ra4": sky.fk4.ra.hourangle, "dec4": sky.fk4.dec.deg, "mjd": [51544.5, 51544.5 + 365.25]}).write(tmp_path / "t.fits")

    def read(ra: object, dec: object, frame: str = "ICRS") -> np.ndarray:
        words = {"catalogue": {"name": "T", "frame": frame}, "columns": {"ra": ra, "dec": dec, "epoch": {"column": "mjd", "unit": "mjd"}}}
        table = read_catalogue(tmp_path / "t.fits", words).table
        assert sorted(table["epoch"]) == [2000.0, 2001.0]
        order = np.argsort(table["ra"])
        return np.array([table["ra"][order], table["dec"][order]])

    for found in (read("ra", "dec"), read("l", "b", "galactic"), read({"column": "ra4", "unit": "hourangle"}, "dec4", "fk4"),
                  read({"column": "ra_rad", "unit": "rad"}, {"column": "dec_rad", "unit": "rad"})):
        assert np.allclose(found, [[10.0, 200.0], [20.0, -60.0]], atol=1e-7)


def test_fluxes_errors_and_motions(tmp_path: Path) -> None:
    Table({"ra": [1.0, 2.0, 3.0], "dec": [60.0, 60.0, 60.0], "f": [3631e9, 3.631e6, -5.0], "e": [3631e8, 0.0, 1.0],
           "n": [1.0, 1e9, 0.0], "pm": [10.0, 20.0, 0.0], "m": [-999.0, 20.0, 99.0]}).write(tmp_path / "t.fits")
    words = {
        "catalogue": {"name": "T", "cosdec": False, "missing": [-999]},
        "columns": {"ra": "ra", "dec": "dec", "pmra": {"column": "pm", "unit": "mas/yr"}, "pmdec": {"column": "pm", "unit": "arcsec/yr"}},
        "bands": {"r": {"column": "f", "error": "e", "unit": "nJy"}, "g": {"column": "n", "unit": "nanomaggy", "system": "AB"},
                  "v": {"column": "m", "system": "Vega", "offset": 0.5}}}
    table = read_catalogue(tmp_path / "t.fits", words).table
    by_ra = np.argsort(table["ra"])
    assert np.allclose(table["mag_r"][by_ra], [0.0, 15.0, np.nan], equal_nan=True)
    assert np.allclose(table["mag_r_error"][by_ra], [2.5 / np.log(10) * 0.1, np.nan, np.nan], equal_nan=True)
    assert np.allclose(table["mag_g"][by_ra], [22.5, 0.0, np.nan], equal_nan=True)
    assert np.allclose(table["mag_v"][by_ra], [np.nan, 20.5, np.nan], equal_nan=True)
    assert np.allclose(table["pmra"][by_ra], [5.0, 10.0, 0.0])
    assert np.allclose(table["pmdec"][by_ra], [10_000.0, 20_000.0, 0.0])


@pytest.mark.parametrize(("content", "words", "message"), [
    ("ra,dec,r\n10,nan,20\n11,1,20\n", WORDS, "dec of row 1 is nan"), ("ra,dec,r\n10,,20\n11,1,20\n", WORDS, "dec of row 1 is nan"),
    ("ra,dec,r\n10,0,20\nabc,1,20\n", WORDS, "column 'ra' of row 2 is 'abc' where a number is due"),
    ("ra,dec,r\n10,0,20\n11,1,faint\n", WORDS, "column 'r' of row 2 is 'faint'"),
    ("ra,dec,r\n370,0,20\n", WORDS, "ra of row 1 is 370, outside 0 to 360"), ("ra,dec,r\n10,-95,20\n", WORDS, "dec of row 1 is -95"),
    ("ra,dec,r_mag\n10,0,20\n", WORDS, "has no column 'r'"), ("ra,decl,r\n10,0,20\n", WORDS, "no column 'dec'; did you mean 'decl'"),
    ("", WORDS, "the file is empty"), ("   \n\n", WORDS, "the file is empty"), ("# only comments\n", WORDS, "without rows"),
    ("ra,dec,r\n", WORDS, "rows"), ("ra,ra,dec\n1,2,3\n", WORDS, "named twice"), ("ra,dec,r\n1,2,3\n1,2\n", WORDS, "damaged"),
    ("x,y\n1,2\n", None, "no columns of RA and Dec"), ("\x00\x01\x02binary", WORDS, "binary"),
    ("<VOTABLE version='1.4'><RESOURCE>", WORDS, "damaged"), ("SIMPLE  =                    T", WORDS, "damaged|without a table"),
    ("\\x = 1\n|ra|dec|\n", WORDS, "damaged|without rows"), ("PAR1 and no more", WORDS, "damaged"),
    ("# %ECSV 1.0\n# ---\n", WORDS, "damaged"),
])
def test_bad_files_say_so_in_one_line(tmp_path: Path, content: str, words: dict[str, object] | None, message: str) -> None:
    (tmp_path / "bad").write_text(content)
    with pytest.raises(CatalogueError, match=message) as caught:
        read_catalogue(tmp_path / "bad", words)
    assert "\n" not in str(caught.value) and str(tmp_path / "bad") in str(caught.value)


def test_missing_truncated_and_wrapped_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        read_catalogue(tmp_path / "none.fits")
    with pytest.raises(CatalogueError, match="cannot be read"):
        read_catalogue(tmp_path)
    Table({"ra": np.linspace(1, 2, 2000), "dec": np.zeros(2000), "r": np.full(2000, 20.0)}).write(tmp_path / "t.fits")
    whole = (tmp_path / "t.fits").read_bytes()
    for name, content in (("cut.fits", whole[:20_000]), ("cut.gz", gzip.compress(whole)[:9000]), ("cut.bz2", bz2.compress(whole)[:500])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CatalogueError, match=name) as caught:
            read_catalogue(tmp_path / name, WORDS)
        assert "\n" not in str(caught.value)
    (tmp_path / "t.fits.gz").write_bytes(gzip.compress(whole))
    assert len(read_catalogue(tmp_path / "t.fits.gz", WORDS).table) == 2000
    monkeypatch.setattr("awe.catalogues.rawtable.LARGEST", 30_000)
    with pytest.raises(CatalogueError, match="larger than"):
        read_catalogue(tmp_path / "t.fits.gz", WORDS)


def test_extension_of_a_fits_file(tmp_path: Path) -> None:
    tables = [fits.BinTableHDU(np.array([(ra, 0.0)], dtype=[("ra", "f8"), ("dec", "f8")]), name=name)
              for ra, name in ((1.0, "ONE"), (2.0, "TWO"))]
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(tmp_path / "t.fits")
    for hdu, expected in ((None, 1.0), ("TWO", 2.0), (2, 2.0)):
        words = {"catalogue": {"name": "T", **({"hdu": hdu} if hdu else {})}, "columns": {"ra": "ra", "dec": "dec"}}
        assert read_catalogue(tmp_path / "t.fits", words).table["ra"].tolist() == [expected]
    with pytest.raises(CatalogueError, match="in extension 'THREE'; it has"):
        read_catalogue(tmp_path / "t.fits", {"catalogue": {"name": "T", "hdu": "THREE"}, "columns": {"ra": "ra", "dec": "dec"}})


@pytest.mark.parametrize(("words", "message"), [
    ({**WORDS, "colums": {}}, "'colums'; did you mean 'columns'"), ({"catalogue": {"nam": "T"}, "columns": {}}, "did you mean 'name'"),
    ({"catalogue": {"name": "T"}, "columns": {"ra": "ra"}}, "lacks dec"),
    ({"columns": {"ra": "ra", "dec": "dec"}}, r"lacks the table \[catalogue\]"),
    ({"catalogue": {"name": "T", "frame": "FK6"}, "columns": WORDS["columns"]}, "did you mean 'FK5'"),
    ({"catalogue": {"name": "T", "epoch": "J2000"}, "columns": WORDS["columns"]}, "epoch: is 'J2000'; give a number"),
    ({"catalogue": {"name": "T"}, "columns": {"ra": {"column": "ra", "wrp": True}, "dec": "dec"}}, "did you mean 'wrap'"),
    ({**WORDS, "bands": {"r": {"column": "r", "system": "STM"}}}, "there are: AB, Vega"),
    ({**WORDS, "bands": {"r": 5}}, "give a name or a table"),
    ({"catalogue": {}, "columns": WORDS["columns"]}, "name: is None"), ("[catalogue\n", "not TOML"),
])
def test_mappings_that_are_none(words: dict[str, object] | str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message) as caught:
        load_mapping(words)
    assert "\n" not in str(caught.value)


def test_mapping_from_file(tmp_path: Path) -> None:
    (tmp_path / "m.toml").write_text(STRIPE)
    assert load_mapping(tmp_path / "m.toml") == load_mapping(STRIPE)
    assert load_mapping(str(tmp_path / "m.toml")).columns["ra"].offset == 360
    assert isinstance(load_mapping(STRIPE), Mapping)
    with pytest.raises(MissingFileError, match="no such file"):
        load_mapping(tmp_path / "none.toml")


def test_shards_must_be_alike(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("ra,dec,phot_g_mean_mag\n1,2,3\n")
    (tmp_path / "b.csv").write_text("ra,dec\n1,2\n")
    with pytest.raises(CatalogueError, match=r"b.csv: has no column 'phot_g_mean_mag'"):
        read_catalogue([tmp_path / "a.csv", tmp_path / "b.csv"])
    with pytest.raises(CatalogueError, match="from no files"):
        read_catalogue([])


def test_reference_catalogue_of_the_simulator(tmp_path: Path) -> None:
    pytest.importorskip("galsim", reason="GalSim is not installed: pip install 'awe[simulate]'")
    run = simulate_run(tmp_path / "run", 3, RunConfig.small(biases=0, darks=0, domes=0, twilights=0, exposures=0))
    found = read_catalogue(run.reference, run.reference_mapping)
    raw = Table.read(run.reference)
    assert len(found.table) == len(raw) and found.table.meta["epoch"] == 2016.0 and found.notes == ()
    assert sorted(found.table["mag_r"]) == sorted(raw["mag_r"].astype(float))
    guessed = read_catalogue(run.reference)
    assert guessed.mapping.name == "SIMREF" and guessed.mapping.bands.keys() == found.mapping.bands.keys()
    assert np.array_equal(guessed.table["pmra"], found.table["pmra"])


@pytest.mark.parametrize(("ra", "dec", "said"), [
    ([10.0, 400.0], [0.0, 1.0], "ra of row 2 is 400, outside 0 to 360 degrees"),
    ([10.0, -190.0], [0.0, 1.0], "ra of row 2 is -190, outside 0 to 360"),
    ([-10.0, 350.0], [0.0, 1.0], "ra of row 1 is -10, outside 0 to 360"),
    ([10.0, 11.0], [0.0, 90.5], "dec of row 2 is 90.5, outside -90 to 90"),
    ([float("nan"), float("nan")], [float("nan"), float("nan")], "ra of row 1 is nan, not a number \\(2 of 2 rows\\)"),
])
def test_what_is_no_position_is_refused(tmp_path: Path, ra: list[float], dec: list[float], said: str) -> None:
    """Also where the columns are guessed, which lets right ascensions run from -180 to 180."""
    path = tmp_path / "stars.csv"
    path.write_text("ra,dec,g\n" + "".join(f"{one},{other},18\n" for one, other in zip(ra, dec, strict=True)))
    with pytest.raises(CatalogueError, match=said):
        read_catalogue(path)


def test_guessed_right_ascensions_from_minus_180_are_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "stars.csv"
    path.write_text("ra,dec,g\n-10,0,18\n20,1,19\n")
    assert sorted(read_catalogue(path).table["ra"]) == [20.0, 350.0]


@pytest.mark.parametrize(("old", "new", "said"), [("12.5", "bright", "where a number is due"),
                                                   ("10:00:00", "10:99:00", "a position that is none")])
def test_what_is_no_number_in_a_table_of_standards_is_refused_in_words(old, new, said):
    row = "S1 10:00:00 -05:00:00 12.5 0.5 0.1 0.3 0.3 0.6 5 3 0.01 0.01 0.01 0.01 0.01 0.01"
    text = row.replace(old, new)
    assert is_landolt(text)
    with pytest.raises(CatalogueError, match=said):
        read_landolt([text])
