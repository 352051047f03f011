"""How long tests of random histories and kills go on: short in every run, as long as `scripts/soak` says in a soak."""
from __future__ import annotations

import os

#: How many kills at random moments.
KILLS = int(os.environ.get("AWE_KILLS", "10"))
#: How many times as many random histories.
TIMES = int(os.environ.get("AWE_SOAK", "1"))


def seeds(sqlite: int, postgresql: int, first: int = 0) -> list[tuple[str, int]]:
    """The kind of database and the seed of so many histories on each."""
    kinds = {"sqlite": range(sqlite * TIMES), "postgresql": range(first, first + postgresql * TIMES)}
    return [(kind, seed) for kind, numbers in kinds.items() for seed in numbers]
