"""The target processor: choose a kind of target and its keys, see what would be made and why, and have it made."""
from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from awe.dataflow.node import Ask, Node
from awe.dataflow.plan import MARK, Plan
from awe.dataflow.planner import Options, Planner, refuse_blocked
from awe.dataflow.registry import target_classes
from awe.dataflow.state import State
from awe.errors import QueryError
from awe.face.named import object_named
from awe.face.plans import NONE_NEEDED, SPARED, is_settled_key, is_spared
from awe.face.words import edit_given, keys_given, parameters_given, target_named
from awe.persist.assume import with_assumed
from awe.persist.declare import natural_key, parameters
from awe.persist.view import seen_through, shadow_now
from awe.services.asked import Asked
from awe.services.declared import Parameter
from awe.services.page import Page
from awe.services.shown import Done, Shown
from awe.services.submitting import submissions

#: So many targets are planned at once, and so many nodes are drawn.
MOST, DRAWN = 200, 1500
#: So many raw frames of one slot are told one by one.
FEW = 3
#: Levels of what is to be done that are shown.
DEEPEST = 12
#: Keys that have a field of their own; others are written as key=value.
USUAL = ("instrument", "chip", "filter", "object", "exposure", "date")


def targets(asked: Asked) -> Shown:
    """The form; with a kind of target, the plan."""
    kinds = [{"name": cls.__name__, "number": cls.plan_number, "doc": (cls.__doc__ or "").strip().split("\n", 1)[0]}
             for cls in target_classes()]
    data: dict[str, Any] = {"kinds": sorted(kinds, key=lambda kind: (kind["number"] or "999", kind["name"]))}
    if not asked["cls"]:
        return Shown("targets.html", "Targets", {**data, "plan": None}, awe="CoaddFrame.plan(object='M13', filter='r')",
                     more={"usual": USUAL, "keys": (), "parameters": {}, "nodes": [], "running": submissions.running()})
    cls, words = target_named(asked["cls"]), words_of(asked)
    plan = planned(asked, cls, words)
    nodes = list(rows(plan, asked["depth"]))
    shown = {"counts": plan.counts(), "todo": len(plan.todo), "nodes": nodes, "is_whole": len(nodes) < DRAWN}
    keys = ", ".join(f"{word.partition('=')[0]}={word.partition('=')[2]!r}" for word in words)
    pars = parameters_given(pars_of(asked, cls))
    keys += f"{', ' if keys else ''}pars={pars}" if pars else ""
    return Shown("targets.html", f"{cls.__name__} {' '.join(words)}".strip(), {**data, "plan": shown}, awe=f"{cls.__name__}.plan({keys})",
                 more={"usual": USUAL, "keys": natural_key(cls), "parameters": parameters(cls), "nodes": nodes,
                       "running": submissions.running()})


def words_of(asked: Asked) -> list[str]:
    """The keys as ``key=value``."""
    words = [f"{name}={asked[name].strip()}" for name in USUAL if asked[name].strip()]
    return words + [one for one in re.split(r"[\s,]+", asked["keys"].strip()) if one]


def planned(asked: Asked, cls: Any, words: list[str]) -> Plan:
    """The plan, with the edits that are assumed."""
    edits = []
    for line in filter(None, map(str.strip, asked["assume"].splitlines())):
        name, field, value = edit_given(line)
        edits.append((object_named(asked.instance, name), field, value))
    with seen_through(with_assumed(shadow_now(), edits)):
        wanted = cls.requests(**keys_given(cls, words))
        if len(wanted) > MOST:
            raise QueryError(f"{len(wanted)} targets fit; name more keys, until {MOST} or fewer do")
        return Planner(options=options_of(asked, cls)).plan(wanted)


def pars_of(asked: Asked, cls: Any) -> list[str]:
    """The parameters as ``CLASS.name=value``; what is to be left out is one of them, so that the product tells of it."""
    found = [one for one in re.split(r"[\s,]+", asked["pars"].strip()) if one]
    excluded = ";".join(one for one in re.split(r"[\s,;]+", asked["exclude"]) if one)
    if not excluded:
        return found
    if "exclude" not in parameters(cls):
        able = ", ".join(sorted(each.__name__ for each in target_classes() if "exclude" in parameters(each)))
        raise QueryError(f"nothing can be left out of a {cls.__name__} by name; of {able} it can, and elsewhere is_valid = 0 does it")
    return [*found, f"{cls.__name__}.exclude={excluded}"]


def options_of(asked: Asked, cls: Any) -> Options:
    """How the request is meant."""
    pars = parameters_given(pars_of(asked, cls))
    return Options(pars, asked["retry"], asked["grow"], asked["fresh"])


def rows(plan: Plan, depth: int) -> Iterator[dict[str, Any]]:
    """The nodes of a plan as the rows of a tree: what is up to date ends its branch, unless it is asked for by depth."""
    seen: set[Node] = set()
    left = DRAWN
    stack = [(top, 0, "", False) for top in reversed(plan.tops)]
    plan.complete(plan.nodes)
    while stack and left:
        node, level, slot, spared = stack.pop()
        again = node in seen and bool(node.inputs)
        yield {"level": level, "slot": slot, "name": node.name, "again": again,
               "state": NONE_NEEDED if spared else node.state.value, "mark": SPARED if spared else MARK[node.state],
               "reasons": [] if spared else [reason.text for reason in node.reasons[:4]],
               "object_id": node.winner.object_id if node.winner else None,
               "is_work": node.state.is_work, "is_blocked": node.state.is_blocked and not spared}
        left -= 1
        seen.add(node)
        if not again and unfolds(node, level, depth):
            stack += reversed(list(below(node, level + 1)))


def unfolds(node: Node, level: int, depth: int) -> bool:
    """Whether what a node stands on is shown: to a depth where all is well, and far down where something is to be done."""
    settled = not node.state.is_work and not node.state.is_blocked
    return level < depth if settled else level < max(depth, DEEPEST)


def below(node: Node, level: int) -> Iterator[tuple[Node, int, str, bool]]:
    """What a node stands on, but for keys that there is nothing to do about; of raw data that are all well the first stands for all."""
    for slot, asked in node.inputs.items():
        nodes = [one.node for one in ([asked] if isinstance(asked, Ask) else asked)
                 if one.node is not None and not is_settled_key(node, slot, one.node)]
        well = [one for one in nodes if one.state is State.UP_TO_DATE and not one.inputs]
        if len(well) > FEW:
            yield well[0], level, f"{slot}: {len(well)} of them", False
        for one in nodes:
            if len(well) <= FEW or one not in well:
                yield one, level, slot, isinstance(asked, Ask) and is_spared(node, slot, one)


def make(asked: Asked) -> Done:
    """Have made what the plan says."""
    cls, words = target_named(asked["cls"]), words_of(asked)
    if asked["assume"].strip():
        raise QueryError("nothing is made of what is only assumed; edit it, or take the assumption away")
    plan = planned(asked, cls, words)
    if not plan.todo:
        refuse_blocked(plan.tops)
        return Done("Everything is up to date; nothing was to be made.", back(asked), {"todo": 0})
    flags = [f"--{name}" for name in ("retry", "grow", "fresh") if asked[name]]
    pars = [word for one in pars_of(asked, cls) for word in ("--pars", one)]
    workers = ["--workers", str(asked["workers"])] if asked["workers"] else []
    submissions.submit(asked.house, asked.need_user(), [cls.__name__, *words, "--all", *flags, *pars, *workers])
    return Done(f"{len(plan.todo)} are being made; this page follows them.", "/jobs", {"todo": len(plan.todo)},
                f"{cls.__name__}.get_all({', '.join(words)})")


def back(asked: Asked) -> str:
    """The page of the same plan."""
    return asked.url(workers=None).replace("/targets/make", "/targets", 1)


def key(name: str, doc: str) -> Parameter:
    """A field of the form."""
    return Parameter(name, str, doc, "", longest=200)


KEYS = (Parameter("cls", str, "the kind of target, such as CoaddFrame", "", longest=120), key("instrument", "name of the camera"),
        key("chip", "name of the detector"), key("filter", "name of the filter"), key("object", "name of the field"),
        key("exposure", "name of the exposure"), key("date", "a night, as 2024-03-10"),
        Parameter("keys", str, "other keys, as key=value with blanks between", "", longest=1000),
        Parameter("pars", str, "process parameters, as CLASS.name=value with blanks between", "", longest=2000),
        Parameter("exclude", str, "frames that are left out, where the target can: EXPOSURE or EXPOSURE:CHIP with ;", "", longest=2000),
        Parameter("assume", str, "edits that are only assumed, a line each: ID field=value", "", longest=4000),
        Parameter("retry", bool, "make again what is held", False), Parameter("grow", bool, "remake sets that may grow", False),
        Parameter("fresh", bool, "make anew from the nearest raw data", False),
        Parameter("depth", int, "how many levels of what is up to date are shown", 1, at_least=0, at_most=20))

PAGES = [
    Page("targets", "/targets", targets, "what would be made for a target, and why", KEYS, menu="Targets", rank=30),
    Page("make", "/targets/make", make, "have a target made", (
        *KEYS, Parameter("workers", int, "processes that make", 0, at_least=0, at_most=16)), method="POST", needs_user=True),
]
