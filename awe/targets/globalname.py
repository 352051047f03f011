"""Global names of files: unique, and readable by people."""
from __future__ import annotations

import re
from typing import Any

from awe.persist.types import to_microseconds

#: Short names of products.
CODES = {"RawBiasFrame": "Bias", "RawDarkFrame": "Dark", "RawDomeFlatFrame": "Dome", "RawTwilightFlatFrame": "Twilight",
         "RawScienceFrame": "Sci", "ReducedScienceFrame": "Red", "RegriddedFrame": "Regr", "CoaddFrame": "Coadd", "SourceList": "Src"}


def global_name(obj: Any, role: str, ext: str) -> str:
    """``purpose-user-instrument-filter-chip-product-object-MJD-identity.ext``; what an object has not is left out."""
    product = CODES.get(type(obj).__name__, type(obj).__name__)
    purpose = "Cal" if getattr(type(obj), "is_calibration", False) else "Sci"
    mjd = to_microseconds(obj.anchor) / 86_400_000_000 + 40587.0
    words = [purpose, obj.creator, *(name_of(obj, key) for key in ("instrument", "filter", "chip")), product,
             name_of(obj, "object"), f"{mjd:.7f}", *([role] if role not in ("image", "raw", "catalogue") else []), obj.object_id[:12]]
    return "-".join(clean(word) for word in words if word) + ext


def name_of(obj: Any, key: str) -> str:
    """The name of a link, or the text of an attribute; empty where there is none."""
    found = getattr(obj, key, None)
    return str(getattr(found, "name", found) or "")


def clean(word: str) -> str:
    """A word with nothing in it that a file name or an address cannot hold."""
    return re.sub(r"[^A-Za-z0-9_.+]", "_", str(word)) or "_"
