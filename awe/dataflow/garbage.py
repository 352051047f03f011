"""Making many objects that all stay, without Python looking at them one by one for garbage."""
from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def uninterrupted() -> Iterator[None]:
    """Keep Python from looking for garbage while many objects are made that all stay.

    They are not looked at one by one afterwards either.  So what is made here has to be given up by itself, without cycles of references.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        gc.enable()
