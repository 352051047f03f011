"""The planner says what the oracle says, after random histories."""
from __future__ import annotations

import pytest

from tests.dataflow.history import History, history
from tests.soak import seeds


@pytest.mark.parametrize(("kind", "seed"), seeds(sqlite=8, postgresql=2, first=25), indirect=["kind"])
def test_planner_and_oracle_agree_after_random_histories(observatory, seed):
    with history(History, observatory, seed) as ours:
        for _ in range(18):
            ours.steps()
            ours.choose.choice((ours.look, ours.get, ours.get))()
