"""The quality page of an object: pictures, statistics, parameters, limits, trends; and the judgement of a person, with its reason."""
from __future__ import annotations

import io
import threading
from typing import Any

from awe.dataflow.lifecycle import Makeable
from awe.errors import NotFoundError, QueryError
from awe.face.named import object_named
from awe.persist.comment import LONGEST, RATINGS, comment
from awe.persist.edit import edit
from awe.persist.guard import SAID
from awe.services.asked import Asked
from awe.services.card import card_of
from awe.services.declared import Parameter
from awe.services.imagery import PLANES, cutout, picture, planes_of
from awe.services.page import Page
from awe.services.shown import Done, Sent, Shown
from awe.services.siblings import trends_of

ID = Parameter("id", str, "the beginning of an object_id, or the global name of a file", of="object", longest=300)
STRETCHES = ("asinh", "linear", "sqrt")
#: Figures are drawn one at a time: the library that draws them keeps one state for all.
DRAWING = threading.Lock()
#: What a browser may keep: the content of an object never changes, and belongs to whoever may see it.
KEPT = {"Cache-Control": "private, max-age=86400"}


def quality(asked: Asked) -> Shown:
    """Everything that helps to judge one object."""
    obj = object_named(asked.instance, asked["id"])
    planes, card = planes_of(obj), card_of(obj, asked.identity)
    report = obj.report() if isinstance(obj, Makeable) else []
    limits = [{"limit": text, "value": value, "is_broken": broken} for text, value, broken in report]
    has_figure = isinstance(obj, Makeable) and type(obj).inspect is not Makeable.inspect
    data = {**card, "planes": planes, "limits": limits, "has_figure": has_figure}
    line = f"{card['class']}(object_id={obj.object_id!r}).inspect()"
    plane = asked["plane"] if asked["plane"] in planes else next(iter(planes), "")
    return Shown("quality.html", f"{card['class']} {obj.object_id[:8]}", data, line,
                 {"trends": trends_of(obj), "plane": plane, "stretch": asked["stretch"], "stretches": STRETCHES})


def preview(asked: Asked) -> Sent:
    """A plane of a frame as a picture."""
    obj = object_named(asked.instance, asked["id"])
    return Sent(picture(obj, asked["plane"], asked["stretch"], asked["size"]), "image/png", headers=KEPT)


def cut(asked: Asked) -> Sent:
    """A part of a frame as a picture."""
    obj = object_named(asked.instance, asked["id"])
    return Sent(cutout(obj, asked["x"], asked["y"], asked["size"], asked["plane"], asked["stretch"]), "image/png", headers=KEPT)


def figure(asked: Asked) -> Sent:
    """What `inspect()` shows."""
    from matplotlib import pyplot
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    obj = object_named(asked.instance, asked["id"])
    with DRAWING:
        drawn: Any = obj.inspect() if isinstance(obj, Makeable) else None
        if drawn is None:
            raise NotFoundError(f"{type(obj).__name__} {obj.object_id[:8]} has no figure to be judged by")
        buffer = io.BytesIO()
        FigureCanvasAgg(drawn).print_png(buffer)
        pyplot.close(drawn)
    return Sent(buffer.getvalue(), "image/png", headers=KEPT)


def judge(asked: Asked) -> Done:
    """Say that an object is good, bad, or ready for others, and why."""
    obj = object_named(asked.instance, asked["id"])
    why = asked["why"].strip()
    if not why:
        raise QueryError("say why: others will stand on your judgement")
    edit(obj, "is_valid", int(asked["is_valid"]), why)
    return Done(f"is_valid of {type(obj).__name__} {obj.object_id[:8]} is {asked['is_valid']} now.", f"/quality/{obj.object_id}",
                {"object_id": obj.object_id, "is_valid": int(asked["is_valid"])}, f"edit(obj, 'is_valid', {asked['is_valid']}, {why!r})")


def say(asked: Asked) -> Done:
    """Say something of an object, for all who see it."""
    obj = object_named(asked.instance, asked["id"])
    comment(obj, asked["text"], rating=asked["rating"], kind=asked["kind"])
    rated = "" if asked["rating"] is None else f", rating={asked['rating']}"
    return Done(f"Your {asked['kind']} stands with {type(obj).__name__} {obj.object_id[:8]}.", f"/quality/{obj.object_id}",
                {"object_id": obj.object_id, "comments": [one.as_dict() for one in obj.comments]},
                f"obj.comment({asked['text']!r}, kind={asked['kind']!r}{rated})")


PLANE = Parameter("plane", str, "which plane", "image", choices=PLANES)
STRETCH = Parameter("stretch", str, "how levels become grey", "asinh", choices=STRETCHES)

PAGES = [
    Page("quality", "/quality/{id}", quality, "what helps to judge one object", (ID, PLANE, STRETCH)),
    Page("preview", "/preview/{id}", preview, "a plane of a frame as a PNG", (
        ID, PLANE, STRETCH, Parameter("size", int, "pixels of its longer side", 512, at_least=16, at_most=2048))),
    Page("cutout", "/cutout/{id}", cut, "a part of a frame as a PNG", (
        ID, Parameter("x", float, "column of the middle, 0-based", required=True, at_least=-1e6, at_most=1e6),
        Parameter("y", float, "row of the middle, 0-based", required=True, at_least=-1e6, at_most=1e6),
        Parameter("size", int, "pixels of a side", 64, at_least=8, at_most=512), PLANE, STRETCH)),
    Page("figure", "/figure/{id}", figure, "what inspect() shows of an object, as a PNG", (ID,)),
    Page("comment", "/quality/{id}/comment", say, "say something of an object, for all who see it", (
        ID, Parameter("text", str, "what is said", required=True, longest=LONGEST),
        Parameter("kind", str, "a comment, a review, which may have a rating, or an announcement", "comment", choices=SAID),
        Parameter("rating", int, "of a review: 1 poor to 5 excellent", at_least=RATINGS[0], at_most=RATINGS[-1])),
        method="POST", needs_user=True),
    Page("judge", "/quality/{id}/judge", judge, "say whether an object is good, with a reason", (
        ID, Parameter("is_valid", str, "0 bad, 1 good, 2 ready for others", required=True, choices=("0", "1", "2")),
        Parameter("why", str, "the reason", required=True)), method="POST", needs_user=True),
]
