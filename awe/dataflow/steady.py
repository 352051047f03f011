"""The same bits on any machine load: while something is made, linear algebra computes in one thread.

Libraries for linear algebra add up in another order with another number of threads, and the last bits differ; a pool gives each of its
workers fewer threads than a process alone has.  Kernels of our own keep theirs, as their bits do not depend on how many there are.
"""
from __future__ import annotations

from typing import Any

from threadpoolctl import threadpool_limits


def one_thread() -> Any:
    """A context in which BLAS and LAPACK compute in one thread."""
    return threadpool_limits(limits=1, user_api="blas")
