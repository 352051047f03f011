import pytest
from hypothesis import given
from hypothesis import strategies as st

from awe.errors import HeaderError
from awe.instruments.section import Section, is_section, parse_section


def test_iraf_counting():
    assert parse_section("[18:1382,1:1370]").as_list() == [0, 1370, 17, 1382]
    assert parse_section(" [ 33 : 1056 , 1 : 4612 ] ").shape == (4612, 1024)


def test_backwards_limits_flip():
    section = parse_section("[1018:510,4000:2001]")
    assert section.as_list() == [2000, 4000, 509, 1018] and section.flip_x and section.flip_y


def test_empty_section_is_none():
    assert parse_section("[0:0,0:0]") is None


@pytest.mark.parametrize(
    "text", ["[1:2]", "1:2,3:4", "[a:2,3:4]", "[0:2,1:4]", "[1:2,3:4", "", "[-1:2,3:4]", "[1.5:2,3:4]"]
)
def test_nonsense(text):
    with pytest.raises(HeaderError):
        parse_section(text)


numbers = st.integers(1, 20000)


@given(numbers, numbers, numbers, numbers)
def test_written_and_read_again(x1, x2, y1, y2):
    text = f"[{x1}:{x2},{y1}:{y2}]"
    section = parse_section(text)
    assert is_section(text) and parse_section(str(section)) == section
    assert section.shape == (abs(y2 - y1) + 1, abs(x2 - x1) + 1)
    assert section.shifted(3, -1).shifted(-3, 1) == section
    assert section.within((max(y1, y2), max(x1, x2))) and not section.within((max(y1, y2) - 1, max(x1, x2)))


def test_string_of_a_flipped_section():
    assert str(Section(0, 5, 0, 4, flip_x=True)) == "[4:1,1:5]"
