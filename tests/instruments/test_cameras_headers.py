"""Shipped cameras under genuine headers of mosaics whose pixels are not at hand: synthetic pixels are put there."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from astropy.io import fits

from awe.instruments import identify, load, open_fits, shipped, translate
from tests.instruments.conftest import dumped_headers, write_genuine

MEGACAM = (4644, 2112)


@pytest.fixture(scope="module")
def cameras():
    return {name: load(path) for name, path in shipped().items()}


@pytest.mark.parametrize(
    "name,purpose,filter_name,chips",
    [
        ("2463796o", "science", "r.MP9602", 40),
        ("2463854b", "bias", None, 40),
        ("2463857d", "dark", None, 40),
        ("1000003f", "twilightflat", "z.MP9801", 36),
        ("1257365o", "science", "i.MP9702", 36),
    ],
)
def test_megacam(data, cameras, tmp_path, name, purpose, filter_name, chips):
    headers = dumped_headers(data / "headers_megacam_a" / f"{name}.fits.header.bz2")
    path = write_genuine(tmp_path / f"{name}.fits", headers, MEGACAM)
    with open_fits(path) as file:
        assert identify(file, cameras.values()).name == "megacam"
        found = translate(file, cameras["megacam"])
    assert (found.purpose, found.problems, len(found)) == (purpose, [], chips)
    assert {raw.filter for raw in found} == {filter_name} and {raw.exposure for raw in found} == {name[:-1]}
    assert [raw.chip for raw in found] == [f"ccd{n:02}" for n in range(chips)]
    raw = found[1]
    assert raw.shape == (4612, 2048) and raw.readout_mode == "1x1"
    a, b = raw.amplifiers
    assert (a["data"], a["overscan"], a["position"]) == ([0, 4612, 32, 1056], [0, 4644, 0, 32], [0, 4612, 0, 1024])
    assert (b["data"], b["overscan"], b["position"]) == (
        [0, 4612, 1056, 2080],
        [0, 4644, 2080, 2112],
        [0, 4612, 1024, 2048],
    )
    assert (a["gain"], b["gain"], a["read_noise"], b["read_noise"]) == (1.6, 1.63, 4.0, 5.0)
    assert not any(amplifier["flip_x"] or amplifier["flip_y"] for amplifier in raw.amplifiers)
    assert bool(raw.wcs_cards) == (purpose == "science")


def test_megacam_pixels_under_a_genuine_header(data, cameras, tmp_path):
    headers = dumped_headers(data / "headers_megacam_a" / "2463796o.fits.header.bz2")
    pixels = np.full(MEGACAM, 1100, np.uint16)
    pixels[:4612, 32:1056] = 2000
    pixels[:4612, 1056:2080] = 3000
    path = write_genuine(tmp_path / "1o.fits", headers, MEGACAM, images=3, pixels=pixels)
    with open_fits(path, checksum="ignore") as file:
        found = translate(file, cameras["megacam"])
        assert [raw.chip for raw in found] == ["ccd00", "ccd01", "ccd02"]
        assert len(found.problems) == 33 and "chip ccd03 is missing" in found.problems[0]
        image = file.pixels(found[0].amplifiers[0]["hdu"])
        for amplifier, level in zip(found[0].amplifiers, (2000, 3000), strict=True):
            y0, y1, x0, x1 = amplifier["data"]
            assert np.all(image[y0:y1, x0:x1] == level)
            y0, y1, x0, x1 = amplifier["overscan"]
            assert np.all(image[y0:y1, x0:x1] == 1100)


def test_megacam_tile_compressed(data, cameras, tmp_path):
    """As the archive ships them: Rice-compressed tiles behind a genuine primary header."""
    headers = dumped_headers(data / "headers_megacam_a" / "2463796o.fits.header.bz2")
    plain = write_genuine(tmp_path / "p.fits", headers, MEGACAM, images=2, pixels=np.full(MEGACAM, 7, np.uint16))
    path = tmp_path / "2463796o.fits.fz"
    with fits.open(plain) as hdus:
        fits.HDUList([hdus[0], *(fits.CompImageHDU(hdu.data, hdu.header) for hdu in hdus[1:])]).writeto(
            path, output_verify="silentfix+ignore"
        )
    with open_fits(path) as file:
        found = translate(file, cameras["megacam"])
        assert [raw.chip for raw in found] == ["ccd00", "ccd01"] and found[0].shape == (4612, 2048)
        assert np.all(file.pixels("ccd00") == 7)


@pytest.mark.parametrize("name", ["1257365p", "19Bm03.bias.0.40.00", "11Bm04.flat.z.36.02", "03Am05.fringe.z.36.00"])
def test_what_elixir_made_is_left_aside(data, cameras, tmp_path, name):
    headers = dumped_headers(data / "headers_megacam_a" / f"{name}.fits.header.bz2")
    path = write_genuine(tmp_path / f"{name}.fits", headers, MEGACAM, images=2)
    assert translate(path, cameras["megacam"]).purpose == "skip"


@pytest.mark.parametrize(
    "name,purpose,filter_name", [("2281792o", "science", "J"), ("1706150f", "twilightflat", "LowOH2")]
)
def test_wircam(data, cameras, tmp_path, name, purpose, filter_name):
    headers = dumped_headers(data / "headers_megacam_a" / f"{name}.fits.header.bz2")
    path = write_genuine(tmp_path / f"{name}.fits", headers, (2048, 2048))
    with open_fits(path) as file:
        assert identify(file, cameras.values()).name == "wircam"
        found = translate(file, cameras["wircam"])
    assert found.problems == [] and Counter(raw.purpose for raw in found) == {purpose: 4}
    assert [raw.chip for raw in found] == ["h2rg77", "h2rg52", "h2rg54", "h2rg60"]
    assert {raw.filter for raw in found} == {filter_name}
    assert all(raw.shape == (2048, 2048) and raw.amplifiers[0]["read_noise"] > 0 for raw in found)


@pytest.mark.parametrize(
    "name,camera,chip,shape", [("wfcam", "wfcam", "wfcam1", (2048, 2048)), ("ufti", "ufti", "hawaii1", (1024, 1024))]
)
def test_ukirt(data, cameras, tmp_path, name, camera, chip, shape):
    cards = [card for card in dumped_headers(data / "headers_ukirt" / f"{name}.hdr")[0] if "=" in card[:10]]
    path = tmp_path / f"{name}.fits"
    header = fits.Header.fromstring("".join(cards))
    for keyword in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "BZERO", "BSCALE"):
        header.remove(keyword, ignore_missing=True)
    fits.PrimaryHDU(np.zeros(shape, np.int32), header).writeto(path, output_verify="silentfix+ignore")
    with open_fits(path) as file:
        assert identify(file, cameras.values()).name == camera
        (raw,) = translate(file, cameras[camera])
    assert (raw.chip, raw.purpose, raw.shape) == (chip, "science", shape)
    assert raw.ra is not None and 0 < raw.ra < 360 and raw.airmass > 1 and raw.filter == "K"
    if name == "wfcam":
        assert raw.ra == pytest.approx(165.4878096, abs=1e-5) and raw.wcs_cards["CTYPE1"] == "RA---ZPN"
        assert raw.wcs_cards["PV2_3"] == -50.0 and raw.amplifiers[0]["gain"] == 4.5


def test_decam_raw(data, cameras, tmp_path):
    """One CCD of a raw exposure: two amplifiers with pre-, over- and parallel scans."""
    yaml = (data / "headers_lsst_a" / "fitsheader-decam-raw_dec050441_25.yaml").read_text()
    cards = {}
    for line in yaml.splitlines():
        key, colon, value = line.partition(": ")
        if (
            colon
            and not line.startswith((" ", "#"))
            and value.strip("'")
            and len(key) <= 8
            and not key.startswith(
                ("Z", "NAXIS", "TT", "TF", "XT", "SIMPLE", "BITPIX", "PCOUNT", "GCOUNT", "EXTEND", "BZERO", "BSCALE")
            )
        ):
            cards[key] = value.strip("'") if value.startswith("'") or not _is_number(value) else float(value)
    primary, image = fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4146, 2160), np.uint16))
    primary.header.update(
        {
            key: cards[key]
            for key in (
                "INSTRUME",
                "PROCTYPE",
                "OBSTYPE",
                "EXPTIME",
                "FILTER",
                "DATE-OBS",
                "OBSID",
                "RA",
                "DEC",
                "AIRMASS",
                "OBJECT",
            )
        }
    )
    image.header.update({key: value for key, value in cards.items() if key not in primary.header})
    path = tmp_path / "dec050441.fits"
    fits.HDUList([primary, image]).writeto(path)
    with open_fits(path) as file:
        assert identify(file, cameras.values()).name == "decam"
        found = translate(file, cameras["decam"])
    (raw,) = found
    assert (raw.chip, raw.filter, raw.purpose, raw.exposure, raw.shape) == (
        "S1",
        "g",
        "science",
        "ct4m20130213t090140",
        (4096, 2048),
    )
    a, b = raw.amplifiers
    assert (
        a["data"] == [50, 4146, 1080, 2104]
        and a["position"] == [0, 4096, 1024, 2048]
        and a["overscan"] == [50, 4146, 2104, 2154]
    )
    assert b["prescan"] == [50, 4146, 0, 6] and b["overscan_y"] == [0, 50, 56, 1080] and b["saturation"] == 44935.0
    assert a["gain"] == pytest.approx(4.59347726229)
    assert len(found.problems) == 57


def _is_number(text):
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
