"""``python -m tests.robustness.getting HOME URL CLASS [WORKERS]``: get all targets of a class of the toy observatory."""
from __future__ import annotations

import sys
from pathlib import Path

from awe.dataflow.planner import Planner
from tests.robustness import observatory
from tests.robustness.homes import Home


def main() -> None:
    home, url, name, *workers = sys.argv[1:]
    Home(Path(home), url).open()
    cls = getattr(observatory, name)
    Planner().get(cls.requests(), workers=int(workers[0]) if workers else 0)


if __name__ == "__main__":
    main()
