"""Associations of two lists of sources with known partners."""
import numpy as np
import pytest

from awe.catalogues.associate import alone, associate
from awe.catalogues.table import SourceTable
from awe.errors import CatalogueError


def listed(ra, dec, flags=None):
    flags = np.zeros(len(ra), np.int16) if flags is None else np.asarray(flags, np.int16)
    return SourceTable.from_arrays({"NUMBER": np.arange(1, len(ra) + 1, dtype=np.int32), "ALPHA_J2000": np.asarray(ra, float),
                                    "DELTA_J2000": np.asarray(dec, float), "FLAGS": flags})


@pytest.fixture(scope="module")
def truth():
    """A list across RA 0 and its copy, moved by 0.12 arcsec east and 0.05 south with errors, in another order, with strangers in both."""
    rng = np.random.default_rng(3)
    ra, dec = (rng.uniform(-0.05, 0.05, 300) % 360.0, 40.0 + rng.uniform(-0.05, 0.05, 300))
    order = rng.permutation(300)[:250]
    moved = (ra[order] + (0.12 + rng.normal(0, 0.02, 250)) / 3600 / np.cos(np.radians(dec[order]))) % 360.0
    return listed(ra, dec), listed(moved, dec[order] - (0.05 + rng.normal(0, 0.02, 250)) / 3600), order


def test_each_source_finds_itself(truth):
    first, second, order = truth
    pairs = associate(first, second, 0.5)
    assert len(pairs) == 250 and len(np.unique(pairs["ROW_1"])) == len(np.unique(pairs["ROW_2"])) == 250
    assert np.array_equal(pairs["NUMBER_1"], order[pairs["NUMBER_2"] - 1] + 1)
    assert np.median(pairs["DELTA_EAST"]) == pytest.approx(0.12, abs=0.01)
    assert np.median(pairs["DELTA_NORTH"]) == pytest.approx(-0.05, abs=0.01)
    assert np.array_equal(first["NUMBER"][pairs["ROW_1"]], pairs["NUMBER_1"])
    assert len(alone(len(first), pairs["ROW_1"])) == 50 and len(alone(len(second), pairs["ROW_2"])) == 0


def test_it_is_the_same_from_the_other_side(truth):
    first, second, _ = truth
    here, there = associate(first, second, 0.5), associate(second, first, 0.5)
    assert set(zip(here["ROW_1"], here["ROW_2"], strict=True)) == set(zip(there["ROW_2"], there["ROW_1"], strict=True))


@pytest.mark.parametrize(("kind", "found"), [("mutual", {(1, 1)}), ("first", {(1, 1), (2, 1)}), ("second", {(1, 1), (1, 2)}),
                                             ("all", {(1, 1), (1, 2), (2, 1), (2, 2)})])
def test_kinds_of_association(kind, found):
    first, second = listed([10.0, 10.0 - 2 / 3600], [0.0, 0.0]), listed([10.0 + 0.5 / 3600, 10.0 + 2 / 3600], [0.0, 0.0])
    pairs = associate(first, second, 5.0, kind=kind)
    assert set(zip(pairs["NUMBER_1"], pairs["NUMBER_2"], strict=True)) == found


def test_flagged_sources_are_left_out_and_empty_lists_pair_with_nothing(truth):
    first, second, _ = truth
    flagged = listed(second["ALPHA_J2000"], second["DELTA_J2000"], [4] * 10 + [1] * 240)
    assert len(associate(first, flagged, 0.5, flag_mask=4)) == 240 and len(associate(first, flagged, 0.5, flag_mask=1)) == 10
    nobody = associate(first, listed([], []), 0.5)
    assert len(nobody) == 0 and "SEPARATION" in nobody.names


def test_a_kind_that_is_none_is_refused(truth):
    with pytest.raises(CatalogueError, match="choose from mutual"):
        associate(*truth[:2], 1.0, kind="mutal")
