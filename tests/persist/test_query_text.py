import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from persist_sky import Coadd, Corrected, Frame, Reduced

from awe.errors import QueryError, UnknownNameError
from awe.persist.criterion import EVERYTHING
from awe.persist.query_text import parse_columns, parse_query


def full(text: str) -> str:
    """Names of classes with their package, since other tests have classes of the same names."""
    return re.sub(r"\b(Reduced|Coadd|Corrected)\b", r"persist_sky.\1", text)


@pytest.mark.parametrize("text, same", [
    ("(Reduced.chip.name == 'ccd53') & (Reduced.sky < 20)", lambda: (Reduced.chip.name == "ccd53") & (Reduced.sky < 20)),
    ("Reduced.sky < 20 and not Reduced.good == True", lambda: (Reduced.sky < 20) & ~(Reduced.good == True)),  # noqa: E712
    ("~(Reduced.exposure in [1, 2]) | (Reduced.filename.like('Sci*'))",
     lambda: ~Reduced.exposure.in_([1, 2]) | Reduced.filename.like("Sci*")),
    ("Reduced.exposure not in (1, 2)", lambda: ~Reduced.exposure.in_([1, 2])),
    ("20.5 > Reduced.sky", lambda: Reduced.sky < 20.5),
    ("Reduced.sky >= -3", lambda: Reduced.sky >= -3),
    ("Reduced.sky.between(1, 2)", lambda: Reduced.sky.between(1, 2)),
    ("1 <= Reduced.sky <= 2", lambda: Reduced.sky.between(1, 2)),
    ("Reduced.flat == None", lambda: Reduced.flat == None),  # noqa: E711
    ("Reduced.flat is not None", lambda: Reduced.flat != None),  # noqa: E711
    ("'x' in Reduced.filename", lambda: Reduced.filename.contains("x")),
    ("Reduced.filename.contains('x')", lambda: Reduced.filename.contains("x")),
    ("Reduced.creation_date > '2026-01-01'", lambda: Reduced.creation_date > "2026-01-01"),
    ("  Coadd.frames.flat.imstat.stdev != 1 ", lambda: Coadd.frames.flat.imstat.stdev != 1),
])
def test_text_means_what_the_expression_means(text, same):
    parsed, expected = parse_query(full(text)), same()
    assert parsed.cls is expected.cls
    assert flat(parsed.criterion) == flat(expected.criterion)


def flat(criterion):
    """A conjunction of one is what it holds."""
    parts = getattr(criterion, "parts", None)
    if parts is None:
        part = getattr(criterion, "part", None)
        return criterion if part is None else ("not", flat(part))
    return flat(parts[0]) if len(parts) == 1 else (type(criterion).__name__, [flat(part) for part in parts])


def test_a_class_alone_means_all_its_objects():
    for text in ("Reduced", "Reduced.select_all()"):
        assert parse_query(full(text)).cls is Reduced and parse_query(full(text)).criterion == EVERYTHING
    assert parse_query("persist_sky.Frame.chip.name == 'x'").cls is Frame
    assert parse_query(full("(Reduced.sky < 3) & (Corrected.crosstalk > 1)")).cls is Corrected


@pytest.mark.parametrize("text, message", [
    ("Reduced.sky <", "is not a query"),
    ("", "is not a query"),
    ("Reduced.chip.name == 'a' & Reduced.sky < 3", "put each comparison in parentheses"),
    ("__import__('os').system('x')", "no place in a query"),
    ("Reduced.__class__ == 1", "no attribute '__class__'"),
    ("(lambda: Reduced)()", "no place"),
    ("[x for x in Reduced]", "no place"),
    ("Reduced.sky == open('x')", "no place"),
    ("Reduced.sky == Reduced.exposure", "compared with a value"),
    ("(Reduced.sky < 3) & (Coadd.depth > 1)", "asks for Reduced and Coadd"),
    ("Reduced.filename.upper() == 'X'", "no place|is not known"),
    ("Reduced.filename.like('x', 'y')", "is not known; there are like"),
    ("Reduced.filename.like(x='x')", "no place"),
    ("Reduced.sky == 'bright'", "cannot be compared with 'bright'"),
    ("Reduced.sky == b'x'", "no place"),
    ("Reduced.sky == f'{1}'", "no place"),
    ("1 == 1", "no place"),
    ("'a'", "no place"),
    ("Reduced.sky == 1\nimport os", "is not a query"),
    ("(" * 3000 + "Reduced" + ")" * 3000, "is not a query|nested"),
    ("Reduced" + " " * 20000, "longer than"),
])
def test_what_is_not_on_the_list_is_refused_in_one_line(text, message):
    with pytest.raises(QueryError, match=message) as error:
        parse_query(full(text))
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def test_unknown_names_are_refused_with_near_ones():
    with pytest.raises(UnknownNameError, match="there is no class 'Correctd'; did you mean 'Corrected'"):
        parse_query("Correctd.sky < 3")
    with pytest.raises(UnknownNameError, match="did you mean 'chip'"):
        parse_query("Corrected.chp.name == 'x'")
    query = parse_query("Corrected")
    assert parse_columns(query, "sky, imstat.stdev ,") == ["sky", "imstat.stdev"]
    with pytest.raises(UnknownNameError):
        parse_columns(query, "sly")


@given(st.text(alphabet="Reduced.sky()<>=&|~'123 andornotin[],\\\"", max_size=40))
def test_any_text_is_a_query_or_a_query_error(text):
    try:
        parse_query(text)
    except QueryError as error:
        assert "\n" not in str(error)
