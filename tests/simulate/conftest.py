from __future__ import annotations

from pathlib import Path

import pytest

from awe.simulate import Run, RunConfig, simulate_run

pytest.importorskip("galsim", reason="GalSim is not installed: pip install 'awe[simulate]'")


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small run in two filters, shared by the tests that only look."""
    directory: Path = tmp_path_factory.mktemp("simulated") / "run"
    return simulate_run(directory, seed=20240310, config=RunConfig.small(filters=("r", "g")))
