"""Backgrounds of overlapping frames: constants and planes are found from differences alone."""
import itertools

import numpy as np
import pytest

from awe.science.backmatch import match_backgrounds
from awe.science.grid import Window
from awe.science.layer import Layer, Planes


def frames(levels, slopes, scale=1.0, seed=1):
    """Frames on a staircase over one sky of stars and a gradient, each with its own background."""
    rng = np.random.default_rng(seed)
    found = []
    yy, xx = np.mgrid[:500, :600]
    sky = 5 * np.sin(xx / 250) + 3 * np.cos(yy / 200)
    sky[rng.random(sky.shape) < 0.01] += 500
    for k, (level, (across, up)) in enumerate(zip(levels, slopes, strict=True)):
        w = Window(70 * k, 40 * (k % 3), 320, 330)
        data = (sky[w.y0:w.y0 + w.ny, w.x0:w.x0 + w.nx] / scale + level + across * xx[:w.ny, w.x0:w.x0 + w.nx]
                + up * yy[w.y0:w.y0 + w.ny, :w.nx] + rng.normal(0, 1, w.shape)).astype(np.float32)
        data[:20, :20] = 1e5 if k == 2 else data[:20, :20]
        weight = np.ones(w.shape, np.float32)
        weight[100:110] = 0

        def read(part, w=w, data=data, weight=weight):
            where = part.within(w)
            return Planes(data[where], weight[where])
        found.append(Layer(w, read, scale))
    return found


def test_constants():
    levels = np.array([10.0, -4.0, 3.0, 0.0, 7.5])
    found = np.array(match_backgrounds(frames(levels, [(0, 0)] * 5)))
    np.testing.assert_allclose(found[:, 0], levels - levels.mean(), atol=0.15)
    assert not found[:, 1:].any()


def test_constants_in_the_unit_of_the_frame():
    levels = np.array([10.0, -4.0, 3.0, 0.0, 7.5])
    found = np.array(match_backgrounds(frames(levels, [(0, 0)] * 5, scale=4.0)))
    np.testing.assert_allclose(found[:, 0], levels - levels.mean(), atol=0.15)


def test_planes_agree_where_frames_overlap():
    slopes = [(0.01, 0.0), (-0.02, 0.01), (0.0, 0.0), (0.01, -0.02), (0.0, 0.03)]
    layers = frames([1.0, 2.0, 3.0, 4.0, 5.0], slopes)
    found = match_backgrounds(layers, "plane")
    matched = [Layer(layer.window, layer.read, 1.0, b) for layer, b in zip(layers, found, strict=True)]
    for a, b in itertools.pairwise(matched):
        common = a.window.intersection(b.window)
        difference = a.part(common).data - b.part(common).data
        assert abs(np.median(difference[:100])) < 0.2 and abs(np.median(difference[-100:])) < 0.2


@pytest.mark.parametrize("kind", ["constant", "plane"])
def test_frames_that_meet_no_other_stay_as_they_are(kind):
    layers = frames([5.0, 9.0], [(0, 0)] * 2)
    far = Layer(Window(9000, 0, 320, 330), lambda part: Planes(np.full(part.shape, 3, np.float32), np.ones(part.shape, np.float32)))
    found = np.array(match_backgrounds([*layers, far], kind))
    np.testing.assert_allclose(found[2], 0, atol=1e-9)
    assert match_backgrounds([far], kind) == [(0.0, 0.0, 0.0)]
    empty = Layer(far.window, lambda part: Planes(np.full(part.shape, np.nan, np.float32), np.zeros(part.shape, np.float32)))
    assert match_backgrounds([empty, empty], kind) == [(0.0, 0.0, 0.0)] * 2
