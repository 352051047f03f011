"""The command line: `awe`, `awe script.py`, `awe COMMAND`; looks at everything from above, and is imported by nothing."""
from awe.cli.main import main

__all__ = ["main"]
