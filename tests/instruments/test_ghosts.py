"""Ghosts and bad-pixel masks in an instrument file."""
import pytest

from awe.errors import InstrumentError
from awe.instruments import load, shipped
from awe.instruments.masks import MaskDefinition

TEXT = shipped()["emmi"].read_text(encoding="utf8")


def test_what_they_say():
    camera = load(TEXT + '\n[[ghost]]\nradius = 60\nhole = 20\nflux_ratio = 1e-3\n\n[[ghost]]\nradius = 30\nflux_ratio = 2e-4\nplace = -1\n'
                  'axis = [3.5, -1]\nfilters = ["r", "i"]\n\n[mask]\nbits = {0 = "BAD", 3 = "HOT"}\n')
    first, second = camera.ghosts
    assert (first.radius, first.hole, first.place, first.axis) == (60.0, 20.0, 1.0, (0.0, 0.0)) and first.shows_in("z")
    assert second.place == -1.0 and second.axis == (3.5, -1.0) and second.shows_in("r") and not second.shows_in("z")
    assert camera.masks == MaskDefinition("bits", ((0, "BAD"), (3, "HOT")))
    assert load(TEXT).ghosts == () and load(TEXT).masks == MaskDefinition()


@pytest.mark.parametrize(("words", "match"), [("radius = 3", "flux_ratio"), ("radius = 3\nflux_ratio = 1e-3\nhole = 3", "less than radius"),
                                              ("radius = 3\nflux_ratio = 1e-3\nplce = 1", "place"),
                                              ("radius = 3\nflux_ratio = 2", "flux_ratio")])
def test_what_is_refused(words, match):
    with pytest.raises(InstrumentError, match=match):
        load(f"{TEXT}\n[[ghost]]\n{words}\n")
