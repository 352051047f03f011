from __future__ import annotations

import pkgutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.table import MaskedColumn, Table
from astropy_healpix import HEALPix
from hypothesis import given
from hypothesis import strategies as st

from awe import catalogues
from awe.catalogues import Column, SourceTable, hpx29
from awe.errors import AweError, CatalogueError, UnknownNameError


def some_sources(count: int = 50, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "NUMBER": np.arange(1, count + 1, dtype=np.int32), "ALPHA_J2000": rng.uniform(0, 360, count),
        "DELTA_J2000": np.degrees(np.arcsin(rng.uniform(-1, 1, count))), "MAG_AUTO": rng.normal(20, 1, count).astype("f4"),
        "MAG_APER": rng.normal(20, 1, (count, 3)), "FLAGS": rng.integers(0, 4, count).astype("i2"),
    }


def test_key_is_that_of_astropy_healpix() -> None:
    data = some_sources(1000)
    mine = hpx29(data["ALPHA_J2000"], data["DELTA_J2000"])
    theirs = HEALPix(2**29, order="nested").lonlat_to_healpix(data["ALPHA_J2000"] * u.deg, data["DELTA_J2000"] * u.deg)
    # 0.4 mas cells: two libraries may round a position at a border differently
    assert mine.dtype == np.int64 and np.mean(mine == theirs) > 0.9
    assert np.array_equal(mine >> 20, np.asarray(theirs) >> 20)


def test_rows_are_sorted_along_the_sky_and_all_there() -> None:
    data = some_sources()
    table = SourceTable.from_arrays(data)
    assert len(table) == 50 and np.all(np.diff(table["hpx29"]) >= 0)
    assert table.names == ("hpx29", *data)
    order = table["NUMBER"] - 1
    for name, array in data.items():
        assert np.array_equal(table[name], array[order])
        assert table[name].dtype == array.dtype


def test_ties_go_by_number_then_by_place() -> None:
    data = {"ra": [5.0] * 4, "dec": [1.0] * 4, "NUMBER": [3, 1, 2, 1], "x": [0, 1, 2, 3]}
    assert SourceTable.from_arrays(data)["x"].tolist() == [1, 3, 2, 0]
    del data["NUMBER"]
    assert SourceTable.from_arrays(data)["x"].tolist() == [0, 1, 2, 3]


@given(st.permutations(range(12)))
def test_order_of_input_does_not_matter_where_numbers_differ(order: list[int]) -> None:
    data = some_sources(12)
    shuffled = {name: array[list(order)] for name, array in data.items()}
    assert SourceTable.from_arrays(shuffled) == SourceTable.from_arrays(data)


def test_known_columns_have_units_and_own_words_win() -> None:
    table = SourceTable.from_arrays(some_sources(), [Column("MAG_AUTO", "mag", "phot.mag;em.opt.R", "Magnitude in r")])
    assert table.column("ALPHA_J2000").unit == "deg"
    assert table.column("MAG_AUTO").ucd == "phot.mag;em.opt.R"
    assert table.column("MAG_AUTO").dtype == "float32" and table.column("MAG_APER").dtype == "float64[3]"


def test_structured_arrays_and_astropy_tables() -> None:
    data = some_sources()
    structured = np.zeros(50, dtype=[(n, a.dtype, a.shape[1:]) for n, a in data.items()])
    for name, array in data.items():
        structured[name] = array
    mine = SourceTable.from_arrays(structured)
    assert mine == SourceTable.from_arrays(data)
    again = SourceTable.from_astropy(mine.to_astropy())
    assert again == mine and again.columns == mine.columns


def test_missing_values_stay_missing() -> None:
    source = Table({"ra": [1.0, 2.0], "dec": [0.0, 0.0]})
    source["n"] = MaskedColumn([7, 8], mask=[True, False])
    source["s"] = MaskedColumn(["a", "b"], mask=[False, True])
    source["f"] = MaskedColumn([1.5, 2.5], mask=[True, False])
    table = SourceTable.from_astropy(source)
    by_ra = np.argsort(table["ra"])
    for name, mask in (("n", [True, False]), ("s", [False, True]), ("f", [True, False])):
        assert np.ma.getmaskarray(table[name])[by_ra].tolist() == mask
        assert np.ma.getmaskarray(table.to_astropy()[name])[by_ra].tolist() == mask
    assert table.to_arrow().column("n").null_count == 1


def test_table_is_immutable() -> None:
    table = SourceTable.from_arrays(some_sources())
    with pytest.raises(ValueError, match="read-only"):
        table["MAG_AUTO"][0] = 1.0


def test_digest_tells_values_columns_and_meta_apart() -> None:
    data = some_sources()
    one = SourceTable.from_arrays(data)
    changed = {**data, "MAG_AUTO": data["MAG_AUTO"] + np.float32(1e-3)}
    others = [
        SourceTable.from_arrays(changed), SourceTable.from_arrays(data, meta={"filter": "r"}),
        SourceTable.from_arrays(data, [Column("MAG_AUTO", "mag", "phot.mag", "other words")]),
        one.select(["MAG_AUTO"]), one.rows(np.arange(49)),
    ]
    assert len({t.digest() for t in [one, *others]}) == 6
    assert SourceTable.from_arrays(dict(data)).digest() == one.digest()


def test_digest_does_not_depend_on_bits_of_nan_or_on_the_process() -> None:
    other_nan = np.array([0x7FF8000000000001], dtype="u8").view("f8")
    tables = [SourceTable.from_arrays({"ra": [1.0], "dec": [2.0], "v": v}) for v in ([np.nan], other_nan)]
    assert tables[0].digest() == tables[1].digest()
    program = ("from awe.catalogues import SourceTable as T; "
               "print(T.from_arrays({'ra': [1.0], 'dec': [2.0], 'v': [float('nan')]}).digest())")
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True,
                            cwd=Path(__file__).parents[2])
    assert answer.stdout.strip() == tables[0].digest()


def test_pandas_and_arrow_hold_the_same_numbers() -> None:
    table = SourceTable.from_arrays(some_sources(), meta={"filter": "r"})
    frame = table.to_pandas()
    assert np.array_equal(frame["MAG_AUTO"], table["MAG_AUTO"]) and frame.attrs["filter"] == "r"
    field = table.to_arrow().schema.field("MAG_AUTO")
    assert field.metadata[b"unit"] == b"mag" and field.metadata[b"ucd"] == b"phot.mag"


@pytest.mark.parametrize(("ra", "dec", "words"), [
    ([1.0, np.nan], [0.0, 0.0], "RA of row 2 is nan, not a number"), ([1.0, 360.5], [0.0, 0.0], "row 2 is 360.5, outside 0 to 360"),
    ([-1.0, 2.0], [0.0, 0.0], "row 1 is -1"), ([1.0, 2.0], [0.0, 91.0], "Dec of row 2 is 91"),
    (["a", "b"], [0.0, 0.0], "must be numbers"), ([1.0], [0.0, 1.0], "equal length"), ([1.0, np.inf], [0, 0], "not a number"),
])
def test_positions_that_are_none(ra: list[float], dec: list[float], words: str) -> None:
    with pytest.raises(CatalogueError, match=words) as caught:
        SourceTable.from_arrays({"ra": np.array(ra), "dec": np.array(dec)})
    assert "\n" not in str(caught.value)


def test_names_that_are_not_there() -> None:
    data = some_sources()
    with pytest.raises(UnknownNameError, match="did you mean 'MAG_AUTO'"):
        SourceTable.from_arrays(data, [Column("MAG_AUT")])
    with pytest.raises(UnknownNameError, match="did you mean 'MAG_AUTO'"):
        SourceTable.from_arrays(data)["MAG_AUTO_"]
    with pytest.raises(CatalogueError, match="no columns of RA and Dec"):
        SourceTable.from_arrays({"x": [1.0]})
    with pytest.raises(UnknownNameError, match="DELTA_J2000"):
        SourceTable.from_arrays(data, ra="ALPHA_J2000", dec="DELTA_J200")


def test_types_that_no_table_holds() -> None:
    with pytest.raises(CatalogueError, match="cannot stand in a source table"):
        SourceTable.from_arrays({"ra": [1.0], "dec": [1.0], "z": [1 + 2j]})
    with pytest.raises(CatalogueError, match="dimensions"):
        SourceTable.from_arrays({"ra": [1.0], "dec": [1.0], "z": np.zeros((1, 2, 2))})
    with pytest.raises(CatalogueError, match="did you mean 'float32'"):
        Column("x", dtype="float3")
    with pytest.raises(CatalogueError, match="blanks"):
        Column(" x")


def test_empty_table_is_a_table() -> None:
    table = SourceTable.from_arrays({"ra": np.zeros(0), "dec": np.zeros(0), "name": np.zeros(0, "U3")})
    assert len(table) == 0 and len(table.to_astropy()) == 0


def test_package_loads_lightly() -> None:
    program = ("import sys, awe.catalogues; sys.exit(any(m in sys.modules for m in "
               "('pyarrow', 'astropy', 'scipy', 'pandas', 'hpgeom')))")
    assert subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2]).returncode == 0


def test_every_public_name_is_there() -> None:
    import awe.catalogues as catalogues

    assert all(getattr(catalogues, name) is not None for name in catalogues.__all__)
    assert set(catalogues.__all__) <= set(dir(catalogues))
    with pytest.raises(AttributeError):
        catalogues.nothing
    assert issubclass(CatalogueError, AweError)


def test_no_name_of_the_package_is_that_of_a_module():
    """Else it would be the module where that was loaded first, and what is meant where it was not."""
    assert not {info.name for info in pkgutil.iter_modules(catalogues.__path__)} & set(catalogues.__all__)
