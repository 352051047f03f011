"""An object with everything that it says of itself, what it was made from and what was made from it; its files."""
from __future__ import annotations

from typing import Any
from urllib.parse import quote

from starlette.responses import RedirectResponse

from awe.errors import AweError, NotFoundError
from awe.face.named import object_named
from awe.fileserver import Grant
from awe.fileserver.answer import FileAnswer
from awe.persist.mapping import class_named
from awe.services.asked import Asked
from awe.services.card import card_of
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.resolver import find, media_type
from awe.services.shown import Shown

ID = Parameter("id", str, "the beginning of an object_id, or the global name of a file", of="object", longest=300)


def show(asked: Asked) -> Shown:
    """One object."""
    obj = object_named(asked.instance, asked["id"])
    card = card_of(obj, asked.identity)
    return Shown("object.html", f"{card['class']} {obj.object_id[:8]}", card, awe=f"{card['class']}(object_id={obj.object_id!r})")


def look_up(asked: Asked) -> RedirectResponse:
    """Go to the object, the file or the class that a text means."""
    text = asked["text"].strip()
    try:
        return RedirectResponse(f"/object/{object_named(asked.instance, text).object_id}", 303)
    except AweError:
        name = class_named(text.replace(".", ":") if "." in text else text).__mapping__.name
        return RedirectResponse(f"/database/{quote(name.removeprefix('awe:').replace(':', '.'))}", 303)


def download(asked: Asked) -> Any:
    """A file, by its global name or its SHA-256."""
    name = asked["name"]
    found = find(asked.instance, name, asked.identity)
    if found is None:
        raise NotFoundError(f"there is no file {name!r} that {asked.identity.user or 'anonymous'} can see")
    sha, global_name, size = found
    path = asked.instance.path_of(sha)
    grant = Grant(sha, global_name, size, media_type(global_name))
    return FileAnswer(path, grant, asked.headers, is_get=asked.is_get, by_hash=False)


PAGES = [
    Page("object", "/object/{id}", show, "one object: attributes, inputs, files, changes", (ID,)),
    Page("find", "/find", look_up, "go to an object, file or class by name",
         (Parameter("text", str, "what to look for", required=True),), api=""),
    Page("file", "/files/{name}", download, "a file by its global name or SHA-256", (
        Parameter("name", str, "the global name of a file, or its SHA-256", of="file", longest=300),), api=""),
]
