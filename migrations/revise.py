"""Writes the next version, from what differs between the last one and the classes: ``python migrations/revise.py MESSAGE``."""
import sys

import awe.targets  # noqa: F401  (defines its tables)
from awe.persist.schema import revise

if __name__ == "__main__":
    message = " ".join(sys.argv[1:]) or sys.exit(__doc__)
    print(revise("awe", message) or "the tables are as the last version says; nothing is to be written")
