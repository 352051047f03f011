from __future__ import annotations

import hashlib
import io
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io.votable import parse_single_table
from hypothesis import given, settings
from hypothesis import strategies as st

from awe.catalogues import Column, SourceFile, SourceTable, read_parquet, write_parquet
from awe.catalogues.parquet import in_ranges
from awe.errors import CatalogueError, MissingFileError, UnknownNameError

PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from awe.catalogues import Column, SourceTable, write_parquet
rng = np.random.default_rng(3)
n = 45_000
table = SourceTable.from_arrays(
    {"NUMBER": np.arange(n), "ra": rng.uniform(10, 12, n), "dec": rng.uniform(-1, 1, n),
     "MAG_AUTO": np.where(rng.random(n) < 0.1, np.nan, rng.normal(20, 1, n)).astype("f4"),
     "vector": rng.normal(size=(n, 2)), "flag": rng.random(n) < 0.5, "name": np.array(["a", "bb", "ccc"])[rng.integers(0, 3, n)],
     "gap": np.ma.MaskedArray(rng.integers(0, 9, n).astype("i2"), mask=rng.random(n) < 0.2)},
    [Column("vector", "Jy", "phot.flux", 'with <odd> & "words"')], meta={"filter": "r", "limits": [1, 2.5]})
write_parquet(table, Path(sys.argv[1]))
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parquet") / "sources.parquet"
    subprocess.run([sys.executable, "-c", PROGRAM, path], check=True, cwd=Path(__file__).parents[2])
    return path


def test_same_value_same_bits_in_another_process(path: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.parquet"
    subprocess.run([sys.executable, "-c", PROGRAM, again], check=True, cwd=Path(__file__).parents[2])
    rewritten = tmp_path / "rewritten.parquet"
    write_parquet(read_parquet(path), rewritten)
    assert len({hashlib.sha256(p.read_bytes()).hexdigest() for p in (path, again, rewritten)}) == 1


def test_round_trip_keeps_everything(path: Path) -> None:
    with SourceFile(path) as file:
        assert len(file) == 45_000
        table = file.read()
    assert table == read_parquet(io.BytesIO(path.read_bytes()))
    assert table.meta == {"filter": "r", "limits": [1, 2.5]}
    vector = table.column("vector")
    assert (vector.unit, vector.ucd, vector.description, vector.dtype) == ("Jy", "phot.flux", 'with <odd> & "words"', "float64[2]")
    assert table["vector"].shape == (45_000, 2)
    assert table["MAG_AUTO"].dtype == np.float32 and 4000 < np.isnan(table["MAG_AUTO"]).sum() < 5000
    assert table["gap"].dtype == np.int16 and 8000 < np.ma.count_masked(table["gap"]) < 10_000
    assert table["flag"].dtype == bool and set(table["name"]) == {"a", "bb", "ccc"}
    assert np.all(np.diff(table["hpx29"]) >= 0)


def test_some_columns(path: Path) -> None:
    table = read_parquet(path, ["MAG_AUTO"])
    assert table.names == ("hpx29", "ra", "dec", "MAG_AUTO")
    with pytest.raises(UnknownNameError, match="did you mean 'MAG_AUTO'"):
        read_parquet(path, ["MAG_AUT"])


def test_ranges_of_keys_read_few_groups(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = read_parquet(path)
    keys = whole["hpx29"]
    ranges = np.array([[keys[100], keys[140]], [keys[30_000], keys[30_010]]])
    read: list[list[int]] = []
    original = pq.ParquetFile.read_row_groups
    monkeypatch.setattr(pq.ParquetFile, "read_row_groups",
                        lambda self, groups, **words: read.append(groups) or original(self, groups, **words))
    found = read_parquet(path, ranges=ranges)
    assert read == [[0, 1]]
    assert found == whole.rows(np.r_[100:140, 30_000:30_010])


@settings(max_examples=200)
@given(st.lists(st.integers(0, 60), min_size=0, max_size=20), st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=5))
def test_in_ranges(keys: list[int], spans: list[tuple[int, int]]) -> None:
    starts = sorted(dict(spans))
    ranges = [(a, min(a + dict(spans)[a], b)) for a, b in itertools.pairwise([*starts, 1000])]
    found = in_ranges(np.array(keys, dtype=np.int64), np.array(ranges, dtype=np.int64).reshape(-1, 2))
    assert found.tolist() == [any(a <= k < b for a, b in ranges) for k in keys]


def test_other_programs_find_units_and_ucds(path: Path) -> None:
    metadata = pq.read_metadata(path).metadata
    votable = parse_single_table(io.BytesIO(metadata[b"IVOA.VOTable-Parquet.content"]))
    fields = {field.name: field for field in votable.fields}
    assert fields["vector"].unit == "Jy" and fields["vector"].ucd == "phot.flux"
    assert fields["vector"].description == 'with <odd> & "words"' and fields["vector"].arraysize == "2"
    assert pq.read_table(path).num_rows == 45_000


def test_nothing_of_time_or_place_in_the_bytes(path: Path) -> None:
    content = path.read_bytes()
    assert b"pandas" not in content and str(path.parent).encode() not in content and b"ARROW:schema" not in content


def test_empty_and_one_row(tmp_path: Path) -> None:
    for count in (0, 1):
        table = SourceTable.from_arrays({"ra": np.zeros(count), "dec": np.zeros(count), "s": np.array(["x"] * count, "U1")},
                                        [Column("s", dtype="str")])
        write_parquet(table, tmp_path / "t.parquet")
        assert read_parquet(tmp_path / "t.parquet") == table
        assert len(read_parquet(tmp_path / "t.parquet", ranges=np.array([[0, 2**60]]))) in (0, count)


def test_files_that_cannot_be_read(path: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="no such file"):
        SourceFile(tmp_path / "none.parquet")
    for name, content in (("empty", b""), ("text", b"hello"), ("cut", path.read_bytes()[:5000])):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(CatalogueError, match="not a whole Parquet file") as caught:
            SourceFile(tmp_path / name)
        assert "\n" not in str(caught.value)
    pq.write_table(pa.table({"ra": [1.0]}), tmp_path / "foreign")
    with pytest.raises(CatalogueError, match="read_catalogue"):
        SourceFile(tmp_path / "foreign")


def test_failed_write_leaves_what_was_there(path: Path, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        write_parquet(read_parquet(path), tmp_path / "no" / "such" / "t.parquet")
    assert list(tmp_path.iterdir()) == []
