from __future__ import annotations

import numpy as np
import pytest

from awe.errors import PermanentError
from awe.science.dark import master_dark, scale_dark
from awe.science.mask import Bit

GAIN, NOISE = 1.5, 4.0


def darks(times: list[float], saturating: bool = False) -> tuple[list[np.ndarray], np.ndarray]:
    """Bias-subtracted darks in ADU and the true rate in e-/s."""
    rng = np.random.default_rng(1)
    rate = np.full((120, 200), 0.05)
    rate[rng.integers(0, 120, 40), rng.integers(0, 200, 40)] = 20.0
    frames = []
    for time in times:
        electrons = rng.poisson(rate * time).astype(float)
        if saturating:
            electrons = np.where(rate > 1, np.minimum(electrons, 3000), electrons)
        frames.append(electrons / GAIN + rng.normal(0, NOISE, rate.shape))
    return frames, rate


@pytest.mark.parametrize("times", [[100.0] * 5, [60.0, 120.0, 300.0, 300.0]])
def test_rate_and_variance(times: list[float]) -> None:
    frames, rate = darks(times)
    found = master_dark(frames, times, GAIN, NOISE)
    pull = (found.data - rate) / np.sqrt(found.variance)
    assert abs(pull.mean()) < 0.1
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    assert (found.shortest, found.longest) == (min(times), max(times))


def test_bias_error_is_common_to_all() -> None:
    frames, _ = darks([100.0] * 4)
    found = master_dark(frames, [100.0] * 4, GAIN, NOISE, bias_variance=2.0)
    without = master_dark(frames, [100.0] * 4, GAIN, NOISE)
    assert np.allclose(found.variance - without.variance, 2.0 * (GAIN / 100.0) ** 2, rtol=1e-3)


def test_hot_pixels_that_do_not_scale_are_masked() -> None:
    times = [30.0, 30.0, 600.0, 600.0]
    frames, rate = darks(times, saturating=True)
    found = master_dark(frames, times, GAIN, NOISE)
    hot = found.mask & Bit.HOT != 0
    assert hot[rate > 1].mean() > 0.95 and hot[rate < 1].sum() <= 2
    steady = master_dark(darks(times)[0], times, GAIN, NOISE)
    assert (steady.mask & Bit.HOT != 0).sum() <= 2


def test_scaled_dark() -> None:
    frames, _ = darks([100.0] * 3)
    dark = master_dark(frames, [100.0] * 3, GAIN, NOISE)
    found = scale_dark(dark, 250.0)
    assert found.factor == 2.5 and not found.extrapolated
    assert np.allclose(found.data, dark.data * 250) and np.allclose(found.variance, dark.variance * 250**2)
    far = scale_dark(dark, 1000.0)
    assert far.extrapolated and (far.mask & Bit.EXTRAPOLATED != 0).sum() > 30
    assert (scale_dark(dark, 0.0).data == 0).all()


def test_exact_dark() -> None:
    frames, _ = darks([100.0] * 3)
    dark = master_dark(frames, [100.0] * 3, GAIN, NOISE)
    assert np.allclose(scale_dark(dark, 101.0, mode="exact").data, dark.data * 100)
    with pytest.raises(PermanentError, match="take darks of that time"):
        scale_dark(dark, 60.0, mode="exact")


def test_refusals_and_dead_pixels() -> None:
    frames, _ = darks([100.0] * 2)
    for times in ([100.0], [100.0, 0.0], [100.0, float("nan")]):
        with pytest.raises(PermanentError, match="above 0 s"):
            master_dark(frames, times, GAIN)
    with pytest.raises(PermanentError, match="cannot be"):
        scale_dark(master_dark(frames, [100.0] * 2, GAIN), 10.0, mode="guess")
    for one in frames:
        one[2, 2] = np.nan
    found = master_dark(frames, [100.0] * 2, GAIN)
    assert found.mask[2, 2] == Bit.NO_DATA and np.isfinite(found.data).all() and np.isfinite(found.variance).all()
