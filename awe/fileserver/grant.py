"""What the layer above allows one who asks for a file."""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Grant:
    """That the holder of a token may get, or put, the file with this hash.

    `global_name` is offered as file name, `media_type` as type. `size` is what the rows say, where they do; a file
    of another size is not served. `may_get` is False where one may put a file of that hash, but see no object that
    refers to it: so the same answer does not tell whether there is one.
    """

    sha256: str
    global_name: str = ""
    size: int | None = None
    media_type: str = "application/octet-stream"
    may_put: bool = False
    may_get: bool = True


Resolve = Callable[[str, str | None], Grant | None]
"""``resolve(name_or_hash, token)``: the grant, or None where there is nothing that this token may see or put."""
