"""Random queries, asked of the database and of plain Python objects."""
import math

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from persist_sky import Chip, Coadd, Filter, Imstat, Instrument, MasterFlat, RawScience, Reduced

from awe.persist.query import Query
from awe.persist.session import connect

COMPARE = {"==": lambda a, b: a == b, "!=": lambda a, b: a is not None and a != b, "<": lambda a, b: a is not None and a < b,
           "<=": lambda a, b: a is not None and a <= b, ">": lambda a, b: a is not None and a > b,
           ">=": lambda a, b: a is not None and a >= b}
PATHS = {"sky": [None, -1.5, 0.0, 2.0, 7.5], "exposure": [0, 3, 11, 2.5], "chip.name": ["ccd0", "ccd1", "none"],
         "filename": [None, "a", "B*", ""], "imstat.stdev": [None, 1.0, 5.0], "imstat": [None], "flat": [None],
         "flat.imstat.stdev": [0.5, None], "flat.chip.name": ["ccd0", None], "good": [True, False, None], "is_valid": [0, 1],
         "raw.object": ["M13", "M82", None], "chip.instrument.name": ["WFI", "x"]}


@pytest.fixture(scope="module")
def sky(database_url):
    database = connect(database_url, user="ann", project="sky", create=True)
    camera, red = Instrument(name="WFI"), Filter(name="r")
    chips = [Chip(name=f"ccd{n}", instrument=camera if n else None) for n in range(2)]
    flats = [MasterFlat(chip=chips[0], filter=red, imstat=Imstat(stdev=0.5)), MasterFlat(chip=chips[1], filter=red), None]
    frames = []
    for n in range(12):
        raw = RawScience(chip=chips[n % 2], filter=red, exposure=n, object=[None, "M13", "M82"][n % 3])
        frames.append(Reduced(chip=chips[n % 2], filter=red, exposure=n, raw=raw, flat=flats[n % 3], is_valid=n % 3,
                              sky=[None, -1.5, 0.0, 2.0, 7.5, math.nan][n % 6], good=[True, False, None][n % 3],
                              filename=["a", "B*", None, "", "b%_"][n % 5],
                              imstat=None if n % 4 == 3 else Imstat(stdev=[1.0, None, 5.0, math.nan][n % 4])))
    Coadd(object="M13", filter=red, frames=frames).commit()
    yield frames
    database.close()


def value_at(obj, path):
    for name in path.split("."):
        obj = None if obj is None else getattr(obj, name)
    return obj


def walked(path):
    found = Reduced
    for name in path.split("."):
        found = getattr(found, name)
    return found


def leaf(path_value_operator):
    path, value, operator = path_value_operator
    at = walked(path)
    if value is None:
        absent = operator in ("==", "<", ">")
        return at.is_(None) if absent else at.is_not(None), lambda obj: (value_at(obj, path) is None) == absent
    if isinstance(value, bool):
        operator = "==" if operator in ("==", "<=") else "!="
    query = {"==": at.__eq__, "!=": at.__ne__, "<": at.__lt__, "<=": at.__le__, ">": at.__gt__, ">=": at.__ge__}[operator](value)
    return query, lambda obj: COMPARE[operator](value_at(obj, path), value)


leaves = st.sampled_from(sorted(PATHS)).flatmap(
    lambda path: st.tuples(st.just(path), st.sampled_from(PATHS[path]), st.sampled_from(sorted(COMPARE)))).filter(
    lambda each: not isinstance(each[1], str) or each[2] in ("==", "!=")).map(leaf)
queries = st.recursive(leaves, lambda inner: st.one_of(
    st.tuples(inner, inner).map(lambda two: (two[0][0] & two[1][0], lambda obj: two[0][1](obj) and two[1][1](obj))),
    st.tuples(inner, inner).map(lambda two: (two[0][0] | two[1][0], lambda obj: two[0][1](obj) or two[1][1](obj))),
    inner.map(lambda one: (~one[0], lambda obj: not one[1](obj)))), max_leaves=6)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(queries)
def test_a_query_finds_what_python_finds(sky, query):
    asked, wanted = query
    assert isinstance(asked, Query)
    expected = [frame.exposure for frame in sky if wanted(frame)]
    assert [frame.exposure for frame in asked] == expected
    assert len(asked) == len(expected)
    assert [row[0] for row in asked.values("exposure", "flat.imstat.stdev")] == expected
