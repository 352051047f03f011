"""Natural magnitudes of frames with unknown zero points."""
import numpy as np
import pytest

from awe.science.colourterm import on_one_zero_point
from awe.science.extinction import transformation


@pytest.mark.parametrize("term", [-0.12, 0.0, 0.3])
def test_terms_are_found_whatever_the_zero_points_and_with_wrong_stars(term):
    rng = np.random.default_rng(5)
    pulls = []
    for _ in range(60):
        frame = np.repeat(np.arange(6), [40, 25, 30, 8, 12, 5])
        colour = rng.normal(0.6 + 0.1 * frame, 0.35)  # frames of different colour: their zero points must not be taken for a term
        primary = rng.uniform(15, 19, len(frame))
        natural = primary - term * colour + rng.normal(0, 0.02, len(frame))
        natural[::17] += 0.8
        instrumental = natural - 25.0 + 0.5 * frame
        found = transformation(on_one_zero_point(instrumental, primary, colour, frame), primary, colour, np.zeros(len(colour)))
        assert found is not None and abs(found.constant) < 0.02
        pulls.append((found.term - term) / found.term_error)
    assert abs(np.mean(pulls)) < 0.5 and np.std(pulls) == pytest.approx(1.15, abs=0.35)


def test_a_frame_without_stars_that_count_and_stars_without_a_colour():
    found = on_one_zero_point(np.array([1.0, 2.0, np.nan]), np.array([10.0, 11.0, 12.0]), np.array([0.5, np.nan, 0.1]), np.array([0, 1, 2]))
    assert np.isnan(found[1:]).all() and found[0] == pytest.approx(10.0)


def test_stars_that_are_on_all_frames_share_the_errors_of_the_catalogue():
    rng = np.random.default_rng(7)
    frame, star = np.repeat(np.arange(6), 20), np.tile(np.arange(20), 6)
    known, unknown = [], []
    for _ in range(200):
        colour, primary, wrong = rng.normal(0.6, 0.35, 20)[star], rng.uniform(15, 19, 20)[star], rng.normal(0, 0.02, 20)[star]
        instrumental = primary - 0.1 * colour + wrong + rng.normal(0, 0.01, len(star)) - 25.0
        natural = on_one_zero_point(instrumental, primary, colour, frame)
        for pulls, stars in ((known, star), (unknown, None)):
            found = transformation(natural, primary, colour, np.zeros(len(star)), frame=frame, star=stars)
            pulls.append((found.term - 0.1) / found.term_error)
    assert 0.8 < np.std(known) < 1.35 and np.std(unknown) > 1.8
