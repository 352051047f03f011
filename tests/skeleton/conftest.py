from __future__ import annotations

from tests.cli.conftest import awe

__all__ = ["awe"]
