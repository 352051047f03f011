import pytest

from awe.errors import InstrumentError
from awe.instruments.condition import read_conditions
from awe.instruments.source import from_mapping


def holds(content, name="flat_001.fits", attributes=None, **cards):
    source = from_mapping(cards, name)
    source.attributes.update(attributes or {})
    return [condition.holds(source) for condition in read_conditions(content, "recognise.x", "cam.toml")]


@pytest.mark.parametrize(
    "content,expected",
    [
        ({"OBSTYPE": "bias"}, True),
        ({"OBSTYPE": "BI*"}, True),
        ({"OBSTYPE": ["DARK", "BIAS"]}, True),
        ({"OBSTYPE": "DARK"}, False),
        ({"NONE": "x"}, False),
        ({"NUMBER": 3}, True),
        ({"NUMBER": "3"}, True),
        ({"NUMBER": {"above": 2, "below": 4}}, True),
        ({"NUMBER": {"below": 3}}, False),
        ({"OBSTYPE": {"below": 3}}, False),
        ({"OBSTYPE": {"not": "D*"}}, True),
        ({"NONE": {"not": "D*"}}, True),
        ({"NONE": {"present": False}}, True),
        ({"OBSTYPE": {"present": False}}, False),
        ({"OBSTYPE": {"present": True}}, True),
        ({"file": "flat*"}, True),
        ({"file": {"regex": r"_\d+$"}}, True),
        ({"exptime": {"above": 5}}, True),
        ({"object": "M13"}, False),
        ({"OBSTYPE": "BIAS", "NUMBER": 4}, False),
        ({"FLAG": True}, True),
        ({"NONE": {"not": "x", "above": 3}}, False),
        ({"NONE": {"is": "x", "not": "y"}}, False),
    ],
)
def test_checks(content, expected):
    assert holds(content, OBSTYPE="BIAS", NUMBER=3.0, FLAG=True, attributes={"exptime": 60.0}) == [expected]


def test_alternatives():
    assert holds([{"A": 1}, {"B": 2}], A=2, B=2) == [False, True]


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        "BIAS",
        {"obstype": "BIAS"},
        {"OBSTYPE": {"iss": "x"}},
        {"OBSTYPE": {"regex": "(a+)+"}},
        {"OBSTYPE": {"below": "x"}},
        {"OBSTYPE": [["x"]]},
        {"X": {"present": "yes"}},
    ],
)
def test_wrong_conditions(content):
    with pytest.raises(InstrumentError, match=r"cam\.toml: \[recognise\.x"):
        holds(content)


def test_in_words():
    condition = read_conditions(
        {
            "OBSTYPE": ["A", "B"],
            "exptime": {"below": 1, "above": 0},
            "X": {"not": "y"},
            "Y": {"regex": "z"},
            "Z": {"present": False},
        },
        "w",
        "f",
    )[0]
    assert str(condition) == (
        "OBSTYPE is A or B and exptime < 1 and exptime > 0 and X is not y and Y fits z and Z is absent"
    )
