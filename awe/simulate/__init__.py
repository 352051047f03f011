"""A simulated observing run with known truth: raw frames as a camera would write them.

The simulator imports nothing of `awe` but its errors, so that the code under test never makes its own truth.
GalSim draws the sky and is imported only when a sky is drawn.

>>> from pathlib import Path
>>> run = simulate_run(Path("run"), seed=1, config=RunConfig.small())    # doctest: +SKIP
>>> len(run.raw_files)                                                   # doctest: +SKIP
24
"""
from awe.simulate.config import RunConfig
from awe.simulate.run import Run, simulate_run

__all__ = ["Run", "RunConfig", "simulate_run"]
