from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import HeaderError, InstrumentError
from awe.instruments.rule import read_rule
from awe.instruments.source import Source, from_mapping, stem
from awe.instruments.transforms import TRANSFORMS, as_degrees, as_number


def apply(content, name="night/M13_r_017.fits.bz2", **cards):
    source = from_mapping({key.replace("_", "-"): value for key, value in cards.items()})
    return read_rule(content, "header.x", "cam.toml").apply(Source(name, source.headers, frozenset({"n/a"})))


@pytest.mark.parametrize(
    "content,expected",
    [
        ("EXPTIME", 40),
        (["EXPOSURE", "EXPTIME"], 40),
        ({"keyword": "EXPTIME", "scale": 2}, 80.0),
        (5, 5),
        ({"keyword": "EXPTIME", "scale": 0.5, "offset": 1}, 21.0),
        ({"keyword": "EXPTIME", "offset": 1, "scale": 0.5}, 20.5),
        ({"value": "J"}, "J"),
        ({"file": r"_(\d+)$"}, "017"),
        ({"file": True}, "M13_r_017"),
        ({"file": "xyz"}, None),
        ({"keyword": "FILT", "map": {"sdss_g": "g", "*": "other"}}, "g"),
        ({"keyword": "TYPE", "map": {"1": "dark"}}, "dark"),
        ({"keyword": "TYPE", "map": {"a": "b", "*": "other"}}, "other"),
        ({"keyword": "FILT", "regex": "_([a-z])"}, "g"),
        ({"keyword": "FILT", "split": {"at": "_", "take": 1}}, "SDSS"),
        ({"keyword": "PAIR", "split": {"at": " ", "take": 2}}, "7"),
        ({"keyword": "FILT", "lower": True}, "sdss_g"),
        ({"keyword": "FILT", "upper": True, "replace": ["_", "-"]}, "SDSS-G"),
        ({"keyword": "FILT", "strip": "Sg"}, "DSS_"),
        ({"keyword": "RA", "sexagesimal": "hours"}, 250.5),
        ({"keyword": "NONE", "default": 1.0}, 1.0),
        ({"keyword": "EXPTIME", "missing": ["40"], "default": 7}, 7),
        ("NONE", None),
        ("EMPTY", None),
        ("HOLDER", None),
        ({"join": ["FILT", "TYPE"], "with": "/"}, "SDSS_g/1"),
        ({"join": ["FILT", "NONE"]}, None),
        ({"first": ["NONE", {"keyword": "FILT", "regex": r"(\d)"}, "TYPE"]}, 1),
        ([{"file": "^zz"}, {"value": 3}], 3),
        ({"keyword": ["NONE", "TYPE"], "scale": 3}, 3.0),
        ({"keyword": "TEXTNUM", "scale": 1}, 53.907456),
    ],
)
def test_rules(content, expected):
    found = apply(
        content,
        EXPTIME=40,
        FILT="SDSS_g",
        TYPE=1,
        RA="16 42 00",
        EMPTY="  ",
        HOLDER="N/A",
        PAIR="3   7",
        TEXTNUM="53.907456",
    )
    assert found == pytest.approx(expected) if isinstance(expected, float) else found == expected


@pytest.mark.parametrize(
    "content,word",
    [
        ({"keyword": "FILT", "scale": 2}, "FILT"),
        ({"keyword": "FILT", "map": {"x": "y"}}, "map"),
        ({"keyword": "NAN", "offset": 0}, "NAN"),
        ({"keyword": "FILT", "split": {"at": "_", "take": 5}}, "part 5"),
        ({"keyword": "FILT", "date": "iso"}, "date"),
        ({"keyword": "FILT", "sexagesimal": "hours"}, "SDSS_g"),
    ],
)
def test_values_that_cannot_be_name_keyword_and_value(content, word):
    with pytest.raises(HeaderError, match=word):
        apply(content, FILT="SDSS_g", NAN="nan")


@pytest.mark.parametrize(
    "content,hint",
    [
        ("exptime", "value = 'exptime'"),
        ({"keyword": "X", "scael": 2}, "scale"),
        ({}, "needs one of"),
        ({"keyword": "X", "value": 1}, "keyword and value"),
        ([], "empty"),
        ({"keyword": "X", "scale": "two"}, "a number"),
        ({"keyword": "X", "regex": "(a+)+"}, "repeats a group"),
        ({"keyword": "X", "map": {}}, "map"),
        ({"keyword": "X", "split": {"at": " "}}, "take"),
        ({"keyword": "X", "time": "UT"}, "date"),
        ({"keyword": "X", "sexagesimal": "days"}, "hours"),
        ({"keyword": "X", "date": "mm/dd"}, "dd/mm/yy"),
        ({"keyword": "X", "lower": False}, "true"),
        ({"keyword": "X", "hdu": "second"}, "hdu"),
        ({"file": 3}, "regex"),
        ({"kyword": "X"}, "keyword"),
        ({"keyword": 3}, "list of texts"),
        ({"join": "X"}, "list"),
    ],
)
def test_wrong_rules_are_refused_with_the_place(content, hint):
    with pytest.raises(InstrumentError, match=r"cam\.toml: \[header\.x") as caught:
        read_rule(content, "header.x", "cam.toml")
    assert hint in str(caught.value)


def test_own_and_primary_header():
    own, primary = from_mapping({"A": 1}).headers[0], from_mapping({"A": 2, "B": 3}).headers[0]
    source = Source("f.fits", (own, primary))
    assert [
        read_rule(c, "x", "f").apply(source)
        for c in ("A", {"keyword": "A", "hdu": "primary"}, {"keyword": "B", "hdu": "own"}, "B")
    ] == [1, 2, None, 3]


def test_date_with_the_time_in_another_card():
    found = apply(
        {"keyword": "DATE-OBS", "date": "dd/mm/yy", "time": {"keyword": "SECONDS", "scale": 1 / 3600}},
        DATE_OBS="26/10/92",
        SECONDS=11048,
    )
    assert found.isoformat() == "1992-10-26T03:04:08+00:00"
    shifted = apply(
        {"keyword": "DATE-OBS", "date": "iso", "time": "UT", "offset": -60}, DATE_OBS="1992-10-26", UT="00:00:30"
    )
    assert shifted.isoformat() == "1992-10-25T23:59:30+00:00"


@pytest.mark.parametrize(
    "text,unit,degrees",
    [
        ("16 41 41.00", "hours", 250.4208333),
        ("+36 27 35.0", "degrees", 36.4597222),
        ("-00:30:00", "degrees", -0.5),
        ("16h41m41s", "hours", 250.4208333),
        ("12:30", "degrees", 12.5),
        ("8:22:21.1", "hours", 125.5879167),
        ("-0 00 36", "degrees", -0.01),
        ("187.5", "degrees", 187.5),
        (1.5, "hours", 22.5),
    ],
)
def test_sexagesimal(text, unit, degrees):
    assert as_degrees(text, unit) == pytest.approx(degrees, abs=1e-7)


@pytest.mark.parametrize("text", ["hh:mm:ss.ss", "12:75:00", "1:2:3:4", "", "--1:00:00", "nan"])
def test_not_angles(text):
    with pytest.raises(HeaderError):
        as_degrees(text, "hours")


@pytest.mark.parametrize("value", ["NaN", "inf", True, "forty", None, float("nan"), "1_000x", ""])
def test_not_numbers(value):
    with pytest.raises(HeaderError):
        as_number(value)


def test_numbers_as_text():
    assert as_number(" 53.907456 ") == 53.907456 and as_number("1.5D2") == 150.0


@given(
    st.sampled_from(sorted(TRANSFORMS)),
    st.one_of(
        st.text(),
        st.floats(),
        st.integers(),
        st.booleans(),
        st.none(),
        st.dictionaries(st.text(), st.integers()),
        st.lists(st.text()),
    ),
    st.one_of(st.text(max_size=30), st.floats(), st.booleans()),
)
def test_a_rule_is_refused_or_gives_a_value_or_a_header_error(name, argument, value):
    """Nothing in an instrument file or a header leads to any other exception."""
    try:
        rule = read_rule({"keyword": "X", name: argument}, "x", "f")
    except InstrumentError:
        return
    try:
        found = TRANSFORMS[rule.steps[0][0]](value, rule.steps[0][1])
    except HeaderError:
        return
    assert found is not None


@pytest.mark.parametrize(
    "name,expected",
    [("a/b.FITS.gz", "b"), ("x.fit", "x"), ("x.tar", "x.tar"), ("q.fz", "q"), ("bias1.FIT.bz2", "bias1")],
)
def test_stem(name, expected):
    assert stem(name) == expected


@pytest.mark.parametrize("day", [20230605, "20230605", "2023-06-05"])
def test_a_day_as_a_number_takes_its_time_from_the_other_card(day):
    rule = read_rule({"keyword": "NIGHT", "date": "auto", "time": "UT"}, "header.date_obs", "file")
    assert rule.apply(from_mapping({"NIGHT": day, "UT": "03:14:15.5"})) == datetime(2023, 6, 5, 3, 14, 15, 500000, UTC)
