"""New processes of Python for tests, in a few milliseconds: forked from one that has loaded everything, instead of loading it again.

They are processes like others, with an environment, folder, streams and end of their own; only what they import is there already.
How a process really begins is tested where it is started as a user does (`tests/test_startup.py`, `tests/prompt`, the quickstart).
"""
from tests.forking.forked import Forked, run_forked, stand_in

__all__ = ["Forked", "run_forked", "stand_in"]
