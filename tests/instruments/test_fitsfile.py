import bz2
import gzip
import tracemalloc
import zlib

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from awe.errors import FitsError
from awe.instruments import Limits, open_fits


def refused(path, **options):
    with pytest.raises(FitsError) as caught, open_fits(path, **options) as file:
        for hdu in file.images():
            file.pixels(hdu.index)
        file.verify()
    message = str(caught.value)
    assert path.name in message and "\n" not in message
    return message


def saved(tmp_path, data, name="a.fits", **options):
    path = tmp_path / name
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(data, name="SCI")]).writeto(path, **options)
    return path


@pytest.mark.parametrize("dtype", ["u1", "i2", "u2", "i4", "u4", "f4", "f8"])
def test_pixels_equal_what_was_written(tmp_path, dtype):
    data = np.arange(35).reshape(5, 7).astype(dtype)
    with open_fits(saved(tmp_path, data)) as file:
        read = file.pixels("sci")
    assert np.array_equal(read, data) and read.dtype.isnative and read.shape == (5, 7)


def test_unsigned_shorts_stay_shorts(tmp_path):
    data = np.array([[0, 1, 32767, 32768, 65535]], np.uint16)
    with open_fits(saved(tmp_path, data)) as file:
        assert file.pixels(1).dtype == np.uint16
        assert np.array_equal(file.pixels(1), data)


def test_scaled_integers_and_blank(tmp_path):
    hdu = fits.ImageHDU(np.array([[1, 2, -99]], np.int16))
    hdu.header["BSCALE"], hdu.header["BZERO"], hdu.header["BLANK"] = 0.5, 10.0, -99
    raw = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.array([[1, 2, -99]], np.int16))])
    path = tmp_path / "s.fits"
    raw.writeto(path)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[1].header.update({"BSCALE": 0.5, "BZERO": 10.0, "BLANK": -99})
    with open_fits(path) as file:
        assert np.array_equal(file.pixels(1), np.array([[10.5, 11.0, np.nan]], np.float32), equal_nan=True)


@pytest.mark.parametrize("ending,pack", [(".gz", gzip.compress), (".bz2", bz2.compress), ("", bytes)])
def test_compression_is_told_by_content(tmp_path, ending, pack):
    data = np.arange(300, dtype=np.int32).reshape(10, 30)
    plain = saved(tmp_path, data)
    for name in (f"b.fits{ending}", "misleading.fits"):
        path = tmp_path / name
        path.write_bytes(pack(plain.read_bytes()))
        with open_fits(path) as file:
            assert np.array_equal(file.pixels(1), data)
            assert [hdu.name for hdu in file.images()] == ["SCI"]


@pytest.mark.parametrize("algorithm", ["RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"])
def test_tile_compressed(tmp_path, algorithm):
    data = (np.arange(6400).reshape(80, 80) % 977).astype(np.uint16)
    path = tmp_path / "t.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, name="SCI", compression_type=algorithm)]).writeto(
        path, checksum=True
    )
    with open_fits(path) as file:
        hdu = file.images()[0]
        assert hdu.shape == (80, 80) and hdu.header["NAXIS1"] == 80 and "ZCMPTYPE" not in hdu.header
        assert np.array_equal(file.pixels("SCI"), data)


def test_tile_compressed_floats(tmp_path):
    data = np.random.default_rng(1).normal(100, 5, (64, 64)).astype(np.float32)
    path = tmp_path / "f.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(data, quantize_level=16)]).writeto(path)
    with open_fits(path) as file:
        read = file.pixels(1)
    assert np.abs(read - data).max() < 1.0 and read.dtype == np.float32
    with fits.open(path) as hdus:
        assert np.array_equal(read, hdus[1].data)


def test_empty(tmp_path):
    path = tmp_path / "empty.fits"
    path.write_bytes(b"")
    assert "empty" in refused(path)


def test_missing_and_folder(tmp_path):
    assert "cannot be read" in refused(tmp_path / "none.fits")
    assert "folder" in refused(tmp_path)


@pytest.mark.parametrize("content", [b"hello world", b"\0" * 10000, b"SIMPLE = T", b"<html>" * 1000])
def test_not_fits(tmp_path, content):
    path = tmp_path / "x.fits"
    path.write_bytes(content)
    refused(path)


def test_other_compressions_are_named(tmp_path):
    path = tmp_path / "x.fits.xz"
    path.write_bytes(b"\xfd7zXZ\x00rest")
    assert "xz" in refused(path)


@pytest.mark.parametrize("keep", [100, 2880, 3000, 5760, 5761, 9000])
def test_truncated(tmp_path, keep):
    path = saved(tmp_path, np.zeros((100, 100), np.float32))
    path.write_bytes(path.read_bytes()[:keep])
    if keep == 2880:
        with open_fits(path) as file:
            assert file.images() == []
    else:
        assert "cut short" in refused(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("share", [0.2, 0.9, 0.999])
def test_truncated_compressed(tmp_path, pack, share):
    path = saved(tmp_path, np.random.default_rng(3).integers(0, 60000, (200, 200), np.uint16))
    packed = pack(path.read_bytes())
    path.write_bytes(packed[: int(share * len(packed))])
    assert "cut short" in refused(path)


def test_damaged_gzip(tmp_path):
    path = saved(tmp_path, np.random.default_rng(3).integers(0, 60000, (200, 200), np.uint16))
    packed = bytearray(gzip.compress(path.read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(bytes(packed))
    refused(path)


def test_padding_may_be_missing(tmp_path):
    path = saved(tmp_path, np.ones((10, 10), np.float32))
    path.write_bytes(path.read_bytes()[: 2 * 2880 + 400])
    with open_fits(path) as file:
        assert file.pixels(1).sum() == 100


def test_checksum_of_data_and_of_header(tmp_path):
    path = saved(tmp_path, np.ones((10, 10), np.float32), checksum=True)
    good = path.read_bytes()
    with open_fits(path) as file:
        file.verify()
        file.pixels(1)
    bad = bytearray(good)
    bad[2 * 2880 + 7] ^= 1
    path.write_bytes(bytes(bad))
    assert "wrong checksum" in refused(path)
    edited = good.replace(b"'SCI     '", b"'SCJ     '")
    path.write_bytes(edited)
    assert "CHECKSUM" in refused(path)
    with open_fits(path, checksum="data") as file:
        file.pixels(1)
    path.write_bytes(bytes(bad))
    with open_fits(path, checksum="ignore") as file:
        file.pixels(1)
        file.verify()


def test_checksum_of_a_header_without_data(tmp_path):
    path = tmp_path / "p.fits"
    hdu = fits.PrimaryHDU()
    hdu.header["OBJECT"] = "M13"
    fits.HDUList([hdu, fits.ImageHDU(np.ones((3, 3)))]).writeto(path, checksum=True)
    path.write_bytes(path.read_bytes().replace(b"M13", b"M31"))
    with open_fits(path) as file, pytest.raises(FitsError, match="HDU 0"):
        file.verify()


def header(*cards):
    text = "".join(card.ljust(80) for card in (*cards, "END"))
    return text.ljust(-(-len(text) // 2880) * 2880).encode()


def promise(nx, ny, bitpix=-64):
    return header(
        "SIMPLE  =                    T",
        f"BITPIX  = {bitpix:20d}",
        f"NAXIS   = {2:20d}",
        f"NAXIS1  = {nx:20d}",
        f"NAXIS2  = {ny:20d}",
    )


def bomb(start, mebibytes, level=9):
    packer = zlib.compressobj(level, wbits=31)
    zeros = bytes(1 << 20)
    return b"".join([packer.compress(start), *(packer.compress(zeros) for _ in range(mebibytes)), packer.flush()])


@pytest.mark.parametrize("start", [promise(10, 10), b"", promise(10**9, 10**9)])
def test_decompression_bomb_is_refused_in_bounded_memory(tmp_path, start):
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(bomb(start, 300))
    tracemalloc.start()
    try:
        refused(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 << 20


def test_bzip2_bomb(tmp_path):
    path = tmp_path / "bomb.fits.bz2"
    path.write_bytes(bz2.compress(promise(4, 4) + bytes(64 << 20)))
    assert "bomb" in refused(path)


def test_a_bomb_that_keeps_its_promise(tmp_path):
    """A header may promise what the limits allow, and little bytes grow to it: refused before it is unpacked."""
    path = tmp_path / "bomb.fits.gz"
    path.write_bytes(bomb(promise(20000, 20000), 1))
    assert "bomb" in refused(path)
    path.write_bytes(gzip.compress(promise(300, 300) + bytes(720000)))
    with open_fits(path) as file:
        assert file.pixels(0).sum() == 0


def test_header_without_end(tmp_path):
    path = tmp_path / "h.fits"
    path.write_bytes(promise(2, 2)[:400].ljust(2880) + b" " * (8 << 20))
    assert "header" in refused(path)


def test_too_many_pixels_and_hdus(tmp_path):
    path = saved(tmp_path, np.zeros((100, 100), np.float32))
    assert "limit" in refused(path, limits=Limits(pixels=9999))
    assert "limit" in refused(path, limits=Limits(data_bytes=39999))
    assert "limit" in refused(path, limits=Limits(hdus=1))
    with open_fits(path, limits=Limits(pixels=10000, data_bytes=40000, hdus=2)) as file:
        assert len(file.hdus) == 2


def test_tiles_that_cannot_be(tmp_path):
    path = tmp_path / "t.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(np.zeros((20, 20), np.int16))]).writeto(path)
    content = path.read_bytes()
    assert b"ZTILE1  =                   20" in content
    path.write_bytes(content.replace(b"ZTILE1  =                   20", b"ZTILE1  =           2000000000"))
    assert "ZTILE1" in refused(path)
    path.write_bytes(
        content.replace(b"ZNAXIS1 =                   20", b"ZNAXIS1 =           2000000000").replace(
            b"ZNAXIS2 =                   20", b"ZNAXIS2 =           2000000000"
        )
    )
    assert "limit" in refused(path)


def test_gzip_tile_that_grows(tmp_path):
    data = np.zeros((4, 100000), np.int32)
    path = tmp_path / "t.fits.fz"
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(data, compression_type="GZIP_1", tile_shape=(4, 100000))]
    ).writeto(path)
    content = path.read_bytes()
    for keyword in (b"ZNAXIS1 =               100000", b"ZTILE1  =               100000"):
        assert keyword in content
        content = content.replace(keyword, keyword.replace(b"100000", b"    10"))
    path.write_bytes(content)
    assert "bomb" in refused(path)


@pytest.mark.parametrize(
    "card,word",
    [
        ("BITPIX  =                   12", "BITPIX"),
        ("NAXIS   =                   -1", "NAXIS"),
        ("NAXIS   = 'two'", "NAXIS"),
        ("NAXIS   =                 2000", "NAXIS"),
    ],
)
def test_nonsense_in_mandatory_keywords(tmp_path, card, word):
    cards = {"BITPIX": "BITPIX  =                   16", "NAXIS": "NAXIS   =                    0"} | {word: card}
    path = tmp_path / "n.fits"
    path.write_bytes(header("SIMPLE  =                    T", *cards.values()))
    assert word in refused(path)


def test_random_groups(tmp_path):
    path = tmp_path / "g.fits"
    path.write_bytes(
        header(
            "SIMPLE  =                    T",
            "BITPIX  =                   16",
            "NAXIS   =                    2",
            "NAXIS1  =                    0",
            "NAXIS2  =                   10",
            "GROUPS  =                    T",
            "PCOUNT  =                    1",
            "GCOUNT  =                    1",
        )
        + bytes(2880)
    )
    assert "random groups" in refused(path)


def test_pixels_of_a_table_are_refused(tmp_path):
    path = tmp_path / "table.fits"
    table = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1, 2, 3])])
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    with open_fits(path) as file:
        assert file.images() == [] and file.hdus[1].structure.kind == "table"
        with pytest.raises(FitsError, match="no image"):
            file.pixels(1)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_is_one_error_or_the_same_pixels(tmp_path_factory, data):
    """Whatever byte is hit in a file with checksums, the answer is the right pixels or one refusal."""
    path = tmp_path_factory.mktemp("d") / "a.fits"
    pixels = np.arange(400, dtype=np.int16).reshape(20, 20)
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(pixels)]).writeto(path, checksum=True)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(content))
    try:
        with open_fits(path) as file:
            file.verify()
            images = [file.pixels(hdu.index) for hdu in file.images()]
    except FitsError:
        return
    assert not images or np.array_equal(images[0], pixels)


@pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")
def test_real_files_read_as_astropy_does(data):
    for name in (
        "arcsat_m13/Bias_BIN1_20190503_073730.fits.bz2",
        "tircam2_ic310/IC310_1.fits.bz2",
        "emmi_galaxies/galaxies.fits.bz2",
        "wfcam_wsa_votables/image.fits.bz2",
    ):
        with open_fits(data / name) as file, fits.open(data / name) as hdus:
            for hdu in file.images():
                assert np.array_equal(file.pixels(hdu.index), hdus[hdu.index].data)


def test_published_sums_that_are_wrong_are_refused_unless_told(data):
    path = data / "sdss_stripe82_gri" / "fpC-006377-g4-0399.fit.gz"
    assert "wrong checksum" in refused(path)
    with open_fits(path, checksum="ignore") as file:
        assert 1000 < np.median(file.pixels(0)) < 1200
