"""What takes long to load is loaded by what needs it, and not by everything that starts."""
from __future__ import annotations

import subprocess
import sys

import pytest

#: Too slow for a command that only looks: write `import scipy` and `scipy.ndimage.label(...)`, which loads the part when it is used;
#: import the others in the function that needs them; kernels load numba when they are first called (`awe.science.kernel`).
SLOW = ("scipy.fft", "scipy.interpolate", "scipy.ndimage", "scipy.optimize", "scipy.signal", "scipy.sparse", "scipy.spatial",
        "scipy.special", "scipy.stats", "astropy.coordinates", "astropy.table", "astropy.time", "astropy.wcs", "httpx", "starlette",
        "uvicorn", "matplotlib", "pandas", "galsim", "IPython", "photutils", "numba")
#: What `awe --help` and `import awe` do without.
HEAVY = (*SLOW, "numpy", "sqlalchemy", "astropy", "pyarrow", "rich")


def loaded(module: str) -> set[str]:
    """The modules that are there after one was imported in a process of its own."""
    words = [sys.executable, "-c", f"import sys, {module}; print(*sys.modules)"]
    return set(subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout.split())


@pytest.mark.parametrize(("module", "without"), [("awe", HEAVY), ("awe.cli", HEAVY), ("awe.targets", SLOW), ("awe.ingest", SLOW)])
def test_modules_start_without_what_is_slow(module: str, without: tuple[str, ...]) -> None:
    assert not loaded(module).intersection(without)
