from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.votable import parse_single_table
from astropy.table import Table

from awe.catalogues import Column, SourceTable, export, read_catalogue, read_parquet
from awe.errors import CatalogueError


@pytest.fixture(scope="module")
def table() -> SourceTable:
    rng = np.random.default_rng(2)
    n = 20
    return SourceTable.from_arrays(
        {"NUMBER": np.arange(n), "ra": rng.uniform(10, 11, n), "dec": rng.uniform(0, 1, n), "mag_r": rng.normal(20, 1, n).astype("f4"),
         "MAG_APER": rng.normal(20, 1, (n, 2)), "good": rng.random(n) < 0.5, "name": np.array([f"obj, {i}" for i in range(n)]),
         "epochs": np.ma.MaskedArray(np.arange(n, dtype="i2"), mask=np.arange(n) % 3 == 0)},
        [Column("mag_r", "mag", "phot.mag;em.opt.R", "Magnitude in r, 100 % of the light"), Column("epochs", "d", "time.epoch", "Epochs")],
        meta={"filter": "r", "a_long_keyword_indeed": 1.5, "list": [1, 2]})


def test_fits_keeps_units_ucds_and_descriptions(table: SourceTable, tmp_path: Path) -> None:
    path = export(table, tmp_path / "t.fits")
    with fits.open(path) as hdus:
        hdus.verify("exception")
        hdu = hdus["SOURCES"]
        place = hdu.columns.names.index("mag_r") + 1
        assert hdu.header[f"TUNIT{place}"] == "mag" and hdu.header[f"TUCD{place}"] == "phot.mag;em.opt.R"
        assert hdu.header[f"TCOMM{place}"] == "Magnitude in r, 100 % of the light"
        assert hdu.header["FILTER"] == "r" and hdu.header["A_LONG_KEYWORD_INDEED"] == 1.5
        assert hdu.data["MAG_APER"].shape == (20, 2)
    again = Table.read(path)
    assert np.array_equal(again["hpx29"], table["hpx29"]) and np.array_equal(again["mag_r"], table["mag_r"])
    assert np.array_equal(np.ma.getmaskarray(np.ma.asarray(again["epochs"])), np.ma.getmaskarray(table["epochs"]))


def test_votable_keeps_units_ucds_and_descriptions(table: SourceTable, tmp_path: Path) -> None:
    votable = parse_single_table(export(table, tmp_path / "t.vot"))
    fields = {field.name: field for field in votable.fields}
    assert fields["mag_r"].unit == "mag" and fields["mag_r"].ucd == "phot.mag;em.opt.R"
    assert fields["mag_r"].description == "Magnitude in r, 100 % of the light"
    assert fields["ra"].ucd == "pos.eq.ra;meta.main"
    again = votable.to_table()
    assert np.array_equal(again["hpx29"], table["hpx29"]) and np.array_equal(again["MAG_APER"], table["MAG_APER"])
    assert list(again["name"]) == list(table["name"])
    assert np.array_equal(np.ma.getmaskarray(again["epochs"]), np.ma.getmaskarray(table["epochs"]))


def test_votable_holds_every_type(tmp_path: Path) -> None:
    data = {"ra": [1.0, 2.0], "dec": [0.0, 0.0], "s": np.array(["å", "plain"]), "b": [True, False]}
    data |= {f"c_{t}": np.array([0, 100], dtype=t) for t in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8")}
    data["nan"] = [np.nan, 1.0]
    data["u1v"] = np.array([[1, 2], [3, 4]], dtype="u1")
    data["null"] = np.ma.MaskedArray([5, 6], mask=[False, True])
    data["text"] = np.ma.MaskedArray(["x", "yy"], mask=[True, False])
    table = SourceTable.from_arrays(data, meta={"note": 'a <b> & "c"'})
    again = parse_single_table(export(table, tmp_path / "t.vot"), verify="exception").to_table()
    assert again.colnames == list(table.names)
    for name in table.names:
        for mine, theirs in zip(np.ma.asarray(table[name]), np.ma.asarray(again[name]), strict=True):
            missing = np.all(np.ma.getmaskarray(mine)) or (np.ndim(mine) == 0 and mine != mine)
            gone = np.all(np.ma.getmaskarray(theirs)) or (name == "text" and str(theirs) == "")  # astropy reads a null text as empty
            assert gone if missing else np.array_equal(mine, theirs), name
    assert np.ma.getmaskarray(again["null"]).sum() == 1


def test_csv_is_plain_below_its_comments(table: SourceTable, tmp_path: Path) -> None:
    text = export(table, tmp_path / "t.csv").read_text()
    assert "# mag_r [mag] <phot.mag;em.opt.R>: Magnitude in r, 100 % of the light\n" in text
    rows = list(csv.DictReader(io.StringIO("".join(line for line in text.splitlines(True) if not line.startswith("#")))))
    assert len(rows) == 20 and rows[3]["name"] == table["name"][3]
    assert [float(row["ra"]) for row in rows] == table["ra"].tolist()
    assert [np.float32(row["mag_r"]) for row in rows] == table["mag_r"].tolist()
    assert float(rows[0]["MAG_APER_2"]) == table["MAG_APER"][0, 1]
    assert [row["epochs"] == "" for row in rows] == np.ma.getmaskarray(table["epochs"]).tolist()


def test_ecsv_and_parquet_round_trip(table: SourceTable, tmp_path: Path) -> None:
    again = Table.read(export(table, tmp_path / "t.ecsv"))
    assert again["mag_r"].unit == "mag" and again["mag_r"].description == "Magnitude in r, 100 % of the light"
    assert SourceTable.from_astropy(again, meta=again.meta) == table
    assert read_parquet(export(table, tmp_path / "t.parquet")) == table


@pytest.mark.parametrize("ending", ["fits", "vot", "csv", "ecsv", "parquet"])
def test_what_was_exported_can_be_read_as_a_catalogue(table: SourceTable, tmp_path: Path, ending: str) -> None:
    found = read_catalogue(export(table, tmp_path / f"t.{ending}"))
    assert np.allclose(found.table["ra"], table["ra"], rtol=0, atol=1e-13)
    assert np.array_equal(found.table["hpx29"], table["hpx29"])


@pytest.mark.parametrize("ending", ["fits", "vot", "csv", "ecsv", "parquet"])
def test_exports_of_the_same_content_are_the_same(table: SourceTable, tmp_path: Path, ending: str) -> None:
    files = [export(table, tmp_path / f"{name}.{ending}") for name in "ab"]
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in files}) == 1


def test_empty_table(tmp_path: Path) -> None:
    empty = SourceTable.from_arrays({"ra": np.zeros(0), "dec": np.zeros(0), "name": np.zeros(0, "U3")})
    for ending in ("fits", "vot", "csv", "ecsv", "parquet"):
        assert export(empty, tmp_path / f"t.{ending}").stat().st_size > 0


def test_forms_that_are_none(table: SourceTable, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=r"means no form of table; did you mean '\.fit"):
        export(table, tmp_path / "t.fitz")
    with pytest.raises(CatalogueError, match="did you mean 'votable'"):
        export(table, tmp_path / "t.x", "votabel")
    assert list(tmp_path.iterdir()) == []
