"""Lint, types, layers, locks, the reference and the migrations: what is looked at as a whole, beside the other tests."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


WORDS = ("mypy", "ruff check .", "lint-imports", "awe lock check", "awe docs --check", "scripts/check-migrations")


@pytest.mark.parametrize("words", WORDS)
def test_it_has_nothing_to_say(words: str) -> None:
    places = {"PYTHONPATH": str(ROOT), "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(words.split(), cwd=ROOT, capture_output=True, text=True, timeout=600, env={**os.environ, **places})
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
