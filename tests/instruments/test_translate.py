import json
from datetime import UTC, datetime

import numpy as np
import pytest
from astropy.io import fits

from awe.errors import HeaderError
from awe.instruments import load, open_fits, shipped, translate
from awe.science.assemble import assemble
from awe.services.tracing import in_file
from tests.instruments.conftest import MINIMAL, chip_images, example_text, primary


def test_two_chips_in_one_and_in_two_hdus(camera, write):
    found = translate(write(), camera)
    assert (found.purpose, found.problems, [raw.chip for raw in found]) == ("science", [], ["ccd50", "ccd53"])
    first, second = found
    assert first.date_obs == datetime(2021, 3, 4, 2, 0, 30, tzinfo=UTC) and first.exptime == 60.0
    assert (first.filter, first.object, first.exposure, first.readout_mode) == ("r", "M 13", "X0001", "1x1")
    assert first.ra == pytest.approx(250.4208333) and first.dec == pytest.approx(36.4597222) and first.airmass == 1.2
    assert first.why == "science because OBSTYPE is OBJECT and exptime > 0"
    assert first.shape == second.shape == (200, 128)
    assert first.amplifiers[0] == {
        "name": "A",
        "hdu": 1,
        "data": [0, 200, 8, 72],
        "overscan": [0, 200, 72, 88],
        "prescan": [0, 200, 0, 8],
        "overscan_y": None,
        "position": [0, 200, 0, 64],
        "flip_x": False,
        "flip_y": False,
        "gain": 1.7,
        "read_noise": 5.1,
        "saturation": 60000.0,
        "linearity": None,
    }
    assert first.amplifiers[1]["linearity"] == [1.0, 1.5e-7] and first.amplifiers[1]["saturation"] == 52000.0
    assert [(a["hdu"], a["position"], a["flip_x"], a["gain"]) for a in second.amplifiers] == [
        (2, [0, 200, 0, 64], False, 1.5),
        (3, [0, 200, 64, 128], True, 1.5),
    ]
    json.dumps([raw.as_dict() for raw in found])


def test_the_sections_find_the_pixels(camera, write):
    with open_fits(write()) as file:
        for raw, levels in zip(translate(file, camera), ((1100, 1200), (1300, 1400)), strict=True):
            for amplifier, level in zip(raw.amplifiers, levels, strict=True):
                pixels = file.pixels(amplifier["hdu"])
                y0, y1, x0, x1 = amplifier["data"]
                assert np.all(pixels[y0:y1, x0:x1] == level)
                y0, y1, x0, x1 = amplifier["overscan"]
                assert np.all(pixels[y0:y1, x0:x1] == 1000)


@pytest.mark.parametrize(
    "cards,purpose,filter_name",
    [
        ({"OBSTYPE": "BIAS", "EXPTIME": 0.0, "FILTER": None}, "bias", None),
        ({"OBSTYPE": "BIAS", "EXPTIME": None}, "bias", None),
        ({"OBSTYPE": "dark"}, "dark", None),
        ({"OBSTYPE": "FLAT", "OBJECT": "Dome lamp"}, "domeflat", "r"),
        ({"OBSTYPE": "FLAT"}, "twilightflat", "r"),
        ({"OBSTYPE": "SKYFLAT", "FILTER": "Z "}, "twilightflat", "z"),
    ],
)
def test_purposes(camera, write, cards, purpose, filter_name):
    raw = translate(write(**cards), camera)[0]
    assert (raw.purpose, raw.filter) == (purpose, filter_name)


def test_skipped_files_have_no_descriptions(camera, write):
    found = translate(write(OBSTYPE="TEST3", EXPTIME="junk"), camera)
    assert (found.purpose, len(found), found.problems) == ("skip", 0, []) and "TEST" in found.why


@pytest.mark.parametrize(
    "cards,hints",
    [
        ({"EXPTIME": None, "OBSTYPE": "FLAT"}, ["exptime is missing", "EXPTIME"]),
        ({"EXPTIME": None}, ["exptime = None"]),
        ({"EXPTIME": "long"}, ["exptime", "'long'"]),
        ({"EXPTIME": "NaN", "OBSTYPE": "FLAT"}, ["exptime", "finite"]),
        ({"EXPTIME": -3.0, "OBSTYPE": "FLAT"}, ["exptime", "-3"]),
        ({"DATE_OBS": None}, ["date_obs is missing", "DATE-OBS"]),
        ({"DATE_OBS": "2021-03-04"}, ["time of day"]),
        ({"DATE_OBS": "hh:mm:ss"}, ["date_obs (DATE-OBS)", "hh:mm:ss"]),
        ({"DATE_OBS": "0001-01-01T00:00:00"}, ["plausible"]),
        ({"OBSTYPE": "WEIRD"}, ["what kind of frame", "'WEIRD'", "[recognise]"]),
        ({"OBSTYPE": None}, ["what kind of frame"]),
        ({"FILTER": "H-alpha"}, ["filter 'H-alpha' is not known", "r, z"]),
        ({"FILTER": None}, ["filter is missing"]),
        ({"FILTER": "N/A"}, ["filter is missing"]),
    ],
)
def test_refused_as_a_whole(camera, write, cards, hints):
    path = write(**cards)
    with pytest.raises(HeaderError) as caught:
        translate(path, camera)
    message = str(caught.value)
    assert message.startswith("raw.fits: ") and "\n" not in message and all(hint in message for hint in hints), message


@pytest.mark.parametrize(
    "cards,word",
    [
        ({"RA": "hh:mm:ss"}, "ra left out"),
        ({"DEC": 123.0}, "dec left out"),
        ({"AIRMASS": "NaN"}, "airmass left out"),
        ({"AIRMASS": 99.99}, "airmass left out"),
        ({"RA": 400.0}, "ra left out"),
    ],
)
def test_what_is_not_needed_becomes_a_warning(camera, write, cards, word):
    raw = translate(write(**cards), camera)[0]
    assert len(raw.warnings) == 1 and word in raw.warnings[0]
    if "airmass" not in word:
        assert raw.ra is None and raw.dec is None
    assert translate(write(AIRMASS="-9999"), camera)[0].warnings == []


def test_numbers_as_text_and_decimal_degrees(camera, write):
    raw = translate(write(EXPTIME="40", RA="250.5", DEC="-30.25", AIRMASS="1.5"), camera)[0]
    assert (raw.exptime, raw.ra, raw.dec, raw.airmass) == (40.0, 250.5, -30.25, 1.5)


def test_a_missing_chip_is_reported_and_the_other_described(camera, write):
    found = translate(write(drop=("CCD50",)), camera)
    assert [raw.chip for raw in found] == ["ccd53"]
    assert found.problems == [
        "raw.fits: chip ccd50 is missing: no HDU 'CCD50'; there are CCD53A, CCD53B; "
        "correct hdu in the instrument file, or fetch the file again"
    ]


def test_a_missing_amplifier_fails_its_chip_only(camera, write):
    found = translate(write(drop=("CCD53B",)), camera)
    assert [raw.chip for raw in found] == ["ccd50"]
    assert "chip ccd53: amplifier B should lie in HDU 'CCD53B'" in found.problems[0]


def test_no_chip_at_all(camera, tmp_path):
    path = tmp_path / "none.fits"
    fits.HDUList([primary(), fits.ImageHDU(np.zeros((4, 4)), name="OTHER")]).writeto(path)
    with pytest.raises(HeaderError, match=r"none.fits: chip ccd50 is missing"):
        translate(path, camera)
    primary().writeto(path, overwrite=True)
    with pytest.raises(HeaderError, match="no image"):
        translate(path, camera)


@pytest.mark.parametrize(
    "card,value,hint",
    [
        ("DATASEC", "[1:64,1:300]", "reaches beyond the image of 80x200"),
        ("DATASEC", "[1:64]", "not a section"),
        ("DATASEC", None, "data is missing (DATASEC)"),
        ("CCDSEC", None, "position is missing"),
        ("CCDSEC", "[1:32,1:200]", "does not have the size"),
        ("GAIN", "two", "gain (GAIN): 'two'"),
        ("GAIN", "NaN", "finite"),
        ("CCDSEC", "[65:128,1:200]", "overlap"),
    ],
)
def test_sections_that_do_not_fit(camera, tmp_path, card, value, hint):
    images = chip_images()
    if value is None:
        del images[1].header[card]
    else:
        images[1].header[card] = value
    path = tmp_path / "raw.fits"
    fits.HDUList([primary(), *images]).writeto(path)
    found = translate(path, camera)
    assert [raw.chip for raw in found] == ["ccd50"] and hint in found.problems[0], found.problems


def test_an_unknown_gain_stays_unknown(camera, tmp_path):
    images = chip_images()
    del images[1].header["GAIN"]
    images[2].header["GAIN"] = 0.0
    path = tmp_path / "raw.fits"
    fits.HDUList([primary(), *images]).writeto(path)
    assert [a["gain"] for a in translate(path, camera)[1].amplifiers] == [None, None]


def test_wrong_shape(minimal, write_mini):
    assert translate(write_mini(), minimal)[0].shape == (8, 10)
    with pytest.raises(HeaderError, match=r"chip only: has 11x8 light-sensitive pixels.*says 10x8"):
        translate(write_mini(shape=(8, 11)), minimal)


def test_binning_and_windows(write_mini):
    text = MINIMAL.replace("object =", 'binning = "CCDSUM"\nwindow = {keyword = "WIN", missing = ["FULL"]}\nobject =')
    definition = load(text)
    assert translate(write_mini(shape=(4, 5), CCDSUM="2 2", WIN="FULL"), definition)[0].readout_mode == "2x2"
    assert translate(write_mini(shape=(2, 10), CCDSUM="1 4"), definition)[0].readout_mode == "1x4"
    raw = translate(write_mini(shape=(3, 3), CCDSUM="1", WIN="W3"), definition)[0]
    assert raw.readout_mode == "1x1-W3"
    with pytest.raises(HeaderError, match="with binning 2x2"):
        translate(write_mini(shape=(8, 10), CCDSUM="2,2"), definition)
    with pytest.raises(HeaderError, match="binning"):
        translate(write_mini(CCDSUM="none"), definition)


def test_layouts_by_readout_mode(write_mini):
    text = MINIMAL.replace("object =", 'readout_mode = "SPEED"\nobject =').replace(
        'name = "only"\nsize = [10, 8]',
        'name = "only"\nreadout_mode = "fast*"\ndata = "[1:5,1:8]"\n'
        '[[chip]]\nname = "only"\nreadout_mode = "slow"\ndata = "[3:10,1:8]"',
    )
    definition = load(text)
    assert translate(write_mini(SPEED="fast2"), definition)[0].amplifiers[0]["data"] == [0, 8, 0, 5]
    assert translate(write_mini(SPEED="slow"), definition)[0].amplifiers[0]["data"] == [0, 8, 2, 10]
    with pytest.raises(HeaderError, match=r"readout mode 'odd'.*fast\*, slow"):
        translate(write_mini(SPEED="odd"), definition)


def test_positions_in_mosaic_pixels(tmp_path):
    text = MINIMAL.replace(
        "size = [10, 8]",
        """hdu = "IM"
origin = "DETSEC"
[[chip.amplifier]]
data = "[1:5,1:8]"
position = "DETSECA"
[[chip.amplifier]]
data = "[6:10,1:8]"
position = "DETSECB"
flip = "none"
""",
    )
    image = fits.ImageHDU(np.zeros((8, 10)), name="IM")
    image.header.update({"DETSEC": "[110:101,208:201]", "DETSECA": "[101:105,208:201]", "DETSECB": "[110:106,201:208]"})
    path = tmp_path / "m.fits"
    fits.HDUList([primary(INSTRUME="MINI", FILTER="r"), image]).writeto(path)
    first, second = translate(path, load(text))[0].amplifiers
    assert (first["position"], first["flip_y"], first["flip_x"]) == ([0, 8, 0, 5], True, False)
    assert (second["position"], second["flip_x"]) == ([0, 8, 5, 10], False)


@pytest.mark.parametrize("flip", ["transpose", "transpose x", "transpose y", "transpose xy"])
def test_a_chip_on_its_side(tmp_path, flip):
    text = MINIMAL.replace("size = [10, 8]", f'size = [8, 10]\ndata = "[1:10,1:8]"\noverscan = "[11:12,1:8]"\nflip = "{flip}"')
    pixels = np.arange(96, dtype=np.int16).reshape(8, 12)
    path = tmp_path / "m.fits"
    fits.HDUList([primary(INSTRUME="MINI", FILTER="r"), fits.ImageHDU(pixels)]).writeto(path)
    (amplifier,) = translate(path, load(text))[0].amplifiers
    assert (amplifier["position"], amplifier["flip_x"], amplifier["flip_y"]) == ([0, 10, 0, 8], "x" in flip, "y" in flip)
    light = pixels[:, :10].T
    turned = light[::-1 if "y" in flip else 1, ::-1 if "x" in flip else 1]
    assert np.array_equal(assemble({amplifier["hdu"]: pixels}, [amplifier], "none").data, turned)
    column, row = 3, 7
    (y,), (x,) = np.where(pixels == turned[row, column])
    assert in_file([amplifier], column, row).endswith(f"pixel {x + 1}, {y + 1}")


def test_one_file_per_chip(write_mini):
    text = MINIMAL.replace("object =", 'chip = {join = ["RAFT", "SLOT"], with = "_"}\nobject =').replace(
        '"only"', '"R{1,2}_S{0..2}"'
    )
    definition = load(text)
    found = translate(write_mini(RAFT="r1", SLOT="S2"), definition)
    assert [raw.chip for raw in found] == ["R1_S2"] and found.problems == []
    with pytest.raises(HeaderError, match="chip 'R9_S0'"):
        translate(write_mini(RAFT="R9", SLOT="S0"), definition)
    with pytest.raises(HeaderError, match="chip is missing"):
        translate(write_mini(RAFT="R1"), definition)


def test_exposure_time_at_the_end_and_in_atomic_time(write_mini):
    text = MINIMAL.replace("utc_offset = -4", 'utc_offset = -4\ndate_is = "end"\ntimescale = "tai"')
    raw = translate(write_mini(), load(text))[0]
    assert (datetime(2021, 3, 4, 2, tzinfo=UTC) - raw.date_obs).total_seconds() == 30 + 37


def test_default_exposure_names_tell_files_apart(minimal, write_mini):
    names = {translate(write_mini(name), minimal)[0].exposure for name in ("a b.fits", "c.fits")}
    assert names == {"20210304T020000-a_b", "20210304T020000-c"}


def test_purpose_from_one_card(write_mini):
    text = MINIMAL.replace(
        "object =", 'purpose = {keyword = "OBSTYPE", map = {OBJECT = "science", "*" = "skip"}}\nobject ='
    )
    assert translate(write_mini(), load(text)).purpose == "science"
    assert translate(write_mini(OBSTYPE="BIAS"), load(text)).purpose == "skip"


def test_wcs_cards_of_science_frames(minimal, write_mini):
    wcs = {
        "CTYPE1": "RA---TAN",
        "CTYPE2": "DEC--TAN",
        "CRVAL1": "124.6",
        "CRVAL2": 25.3,
        "CRPIX1": 5.0,
        "CRPIX2": 4.0,
        "CD1_1": "-1e-4",
        "CD2_2": 1e-4,
        "PV1_1": "1.0002",
        "EQUINOX": "2000.0",
        "RADESYS": "ICRS",
    }
    cards = translate(write_mini(**wcs), minimal)[0].wcs_cards
    assert (
        cards["CRVAL1"] == 124.6 and cards["CD1_1"] == -1e-4 and cards["PV1_1"] == 1.0002 and cards["RADESYS"] == "ICRS"
    )
    assert translate(write_mini(**(wcs | {"OBSTYPE": "FLAT"})), minimal)[0].wcs_cards == {}
    for wrong, hint in (
        ({"CRVAL2": 95.0}, "not a latitude"),
        ({"CRVAL1": "text"}, "CRVAL1"),
        ({"CD1_1": "NaN"}, "CD1_1"),
    ):
        raw = translate(write_mini(**(wcs | wrong)), minimal)[0]
        assert raw.wcs_cards == {} and hint in raw.warnings[0]
    raw = translate(write_mini(**(wcs | {"CTYPE1": "Linear Unbinned ADC Pixels"})), minimal)[0]
    assert raw.wcs_cards == {} and raw.warnings == []


def test_kept_keywords(camera, write):
    assert translate(write(CCDTEMP=-100.5), camera)[0].extra == {"CCDTEMP": -100.5}
    assert translate(write(CCDTEMP="N/A"), camera)[0].extra == {}


def test_thirty_two_chips_with_two_amplifiers(tmp_path):
    """A mosaic written only as TOML: half of the chips read out backwards, one chip lost."""
    text = example_text()
    text = (
        text[: text.index("[[chip]]")]
        + """
[[chip]]
name = "det{00..31}"
hdu = "IM{1}"
size = [8, 6]
[[amplifier]]
name = "L"
data = "[1:4,1:6]"
overscan = "[9:10,1:6]"
position = "[1:4,1:6]"
gain = "GAINL"
[[amplifier]]
name = "R"
data = "[5:8,1:6]"
overscan = "[11:12,1:6]"
position = "[8:5,1:6]"
gain = "GAINR"
"""
        + text[text.index("[[filter]]") :]
    )
    images = []
    for n in range(32):
        image = fits.ImageHDU(np.full((6, 12), 1000 + n, np.uint16), name=f"IM{n:02}")
        image.header["GAINL"], image.header["GAINR"] = 1 + n / 100, 2 + n / 100
        images.append(image)
    del images[13]
    path = tmp_path / "mosaic.fits.fz"
    fits.HDUList([primary(), *images]).writeto(path)
    with open_fits(path) as file:
        found = translate(file, load(text))
        assert len(found) == 31 and found.problems == [
            "mosaic.fits.fz: chip det13 is missing: no HDU 'IM13'; "
            "there are IM00, IM01, IM02, IM03, IM04, IM05, IM06, IM07 and 23 more; "
            "correct hdu in the instrument file, or fetch the file again"
        ]
        for raw in found:
            n = int(raw.chip[3:])
            assert [a["gain"] for a in raw.amplifiers] == [1 + n / 100, 2 + n / 100]
            assert np.all(file.pixels(raw.amplifiers[0]["hdu"]) == 1000 + n)
            assert raw.amplifiers[1]["flip_x"] and raw.shape == (6, 8)


def test_a_file_kept_under_another_name(data, tmp_path):
    """Rules that look at file names see the name the file had where it comes from."""
    kept = tmp_path / "5d41402abc4b2a76"
    kept.write_bytes((data / "tircam2_ic310" / "IC310_1.fits.bz2").read_bytes())
    camera = load(shipped()["tircam2"])
    with open_fits(kept, name="IC310_1.fits.bz2") as file:
        raw = translate(file, camera)[0]
    assert (raw.object, raw.exposure) == ("IC310", "20221023T083124-IC310_1")


def test_hierarchical_keywords(write_mini):
    text = MINIMAL.replace('OBSTYPE = "OBJECT"', '"ESO DPR TYPE" = "SCI*"').replace('"EXPTIME"', '"ESO DET WIN1 DIT1"')
    path = write_mini(**{"HIERARCH ESO DPR TYPE": "SCIENCE", "HIERARCH ESO DET WIN1 DIT1": 12.5})
    raw = translate(path, load(text))[0]
    assert (raw.purpose, raw.exptime) == ("science", 12.5) and "ESO DPR TYPE is SCI*" in raw.why


def test_cards_that_cannot_be_read(minimal, write_mini):
    path = write_mini()
    path.write_bytes(path.read_bytes().replace(b"EXPTIME =                 60.0", b"EXPTIME =              '60.0 x"))
    with pytest.raises(HeaderError, match="EXPTIME"):
        translate(path, minimal)
