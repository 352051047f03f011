"""The parameters of a request as texts, wherever they stand: in the path, the query, a form, or JSON."""
from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from awe.services.failures import Refused
from awe.services.page import Page

#: How much a form may hold, in bytes and in fields.
LARGEST, MOST_FIELDS = 1 << 20, 2000
LONGEST_QUERY = 32_768

Texts = dict[str, list[str]]


async def body_of(request: Request) -> bytes:
    """The body, as far as it is not too large."""
    stated = request.headers.get("content-length", "0")
    if not stated.isdecimal() or len(stated) > 12 or int(stated) > LARGEST:
        raise Refused(413, f"more than {LARGEST} bytes were sent; forms are shorter")
    found = bytearray()
    async for piece in request.stream():
        found += piece
        if len(found) > LARGEST:
            raise Refused(413, f"more than {LARGEST} bytes were sent; forms are shorter")
    return bytes(found)


def texts_of(request: Request, body: bytes, page: Page) -> Texts:
    """All parameters by name, as texts."""
    found: Texts = defaultdict(list)
    query = request.scope.get("query_string", b"").decode("latin-1")
    for name, text in pairs(query):
        found[name].append(text)
    if request.method not in ("GET", "HEAD"):
        for name, texts in sent(request.headers.get("content-type", ""), body, page).items():
            found[name].extend(texts)
    for name, value in request.path_params.items():
        found[name] = [str(value)]
    return found


def pairs(text: str) -> list[tuple[str, str]]:
    """Names and values of a query or a form."""
    if len(text) > LARGEST:
        raise Refused(413, "too much was sent")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace")
    except ValueError:
        raise Refused(400, f"more than {MOST_FIELDS} fields were sent") from None


def sent(kind: str, body: bytes, page: Page) -> Mapping[str, Sequence[str]]:
    """What a body says."""
    kind = kind.split(";")[0].strip().lower()
    if not body:
        return {}
    if kind == "application/json":
        return json_fields(body, page)
    if kind == "application/x-www-form-urlencoded":
        found: Texts = defaultdict(list)
        for name, text in pairs(body.decode("latin-1")):
            found[name].append(text)
        return found
    raise Refused(415, f"{kind or 'a body of no kind'!r} was sent; send application/json or a form")


def json_fields(body: bytes, page: Page) -> Mapping[str, Sequence[str]]:
    """The members of a JSON object: texts, numbers, truth values, or lists of them, each of the type that it should be."""
    try:
        held = json.loads(body, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"the body is no JSON: {str(error)[:100]}") from None
    if not isinstance(held, dict):
        raise Refused(400, "the body is JSON, but no object of names and values")
    known = page.all_parameters
    for name, value in held.items():
        one = known.get(name)
        if one is not None and (isinstance(value, list) != one.several or not all(map(one.is_like, value if one.several else [value]))):
            wanted = f"{'a list of ' if one.several else ''}{one.type.__name__}"
            raise Refused(400, f"{name} is {json.dumps(value)[:40]} in JSON, and should be {wanted}")
    return {name: [plain_text(name, one) for one in (value if isinstance(value, list) else [value])] for name, value in held.items()}


def refuse(word: str) -> Any:
    """Raise for NaN and infinities, which are no JSON."""
    raise ValueError(f"{word} is no number")


def plain_text(name: str, value: Any) -> str:
    """One value as a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(400, f"{name[:40]!r} is no finite number")
    if isinstance(value, str | int | float):
        try:
            return str(value)
        except ValueError:
            raise Refused(400, f"{name[:40]!r} has too many digits") from None
    raise Refused(400, f"{name[:40]!r} holds neither a text, nor a number, nor a truth value")
