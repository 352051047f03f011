"""Independent streams of random numbers by name, so that one more frame leaves all others as they were."""
from __future__ import annotations

import hashlib

import numpy as np


class Streams:
    """Random generators that depend on the seed of the run and on a name alone.

    >>> Streams(1).rng("bias", 3).random() == Streams(1).rng("bias", 3).random()
    True
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def rng(self, *name: object) -> np.random.Generator:
        """Return a fresh generator for `name`, always the same one for the same seed."""
        digest = hashlib.sha256("/".join(str(part) for part in name).encode()).digest()
        words = np.frombuffer(digest[:16], dtype="<u4")
        return np.random.default_rng([self.seed, *(int(word) for word in words)])
