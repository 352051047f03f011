from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real observations, in AWE_REAL_DATA or beside the project."""
    folder = Path(os.environ.get("AWE_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data: neither AWE_REAL_DATA nor {folder} is a folder")
    return folder
