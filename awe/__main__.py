"""`python -m awe` is `awe`."""
import sys

from awe.cli import main

if __name__ == "__main__":
    sys.exit(main())
