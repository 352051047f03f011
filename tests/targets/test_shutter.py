"""ShutterCheck on simulated dome flats of several exposure times, whose shutter is an iris."""
from __future__ import annotations

import pytest

from awe.errors import MakeError
from awe.targets import ShutterCheck
from tests.targets import walk


@pytest.mark.parametrize(("times", "delay"), [((2.0, 8.0), 0.2), ((8.0,), 0.2)])
def test_the_delay_of_an_iris_is_found_or_the_reason_told(tmp_path, times, delay):
    run = walk.simulate(tmp_path / "run", chips=1, width=256, height=256, domes=4, dome_times=times, shutter_delay=delay, twilights=0,
                        exposures=0, darks=0, biases=3)
    instance = walk.create(tmp_path / "home")
    walk.add_instrument(run.instrument)
    walk.ingest(list(run.raw_files), commit=True)
    if len(times) == 1:
        with pytest.raises(MakeError, match="take some shorter ones"):
            ShutterCheck.get()
    else:
        found = ShutterCheck.get()
        assert found.imstat.max == pytest.approx(delay, abs=0.05)
        assert found.spread == pytest.approx(0.9 * delay, rel=0.25)
    instance.close()
