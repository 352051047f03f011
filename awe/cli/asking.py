"""`awe plan` and `awe get`: what would be done, and doing it."""
from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from typing import Any

from awe.cli.opened import opened
from awe.cli.output import print_json
from awe.cli.progress import of_targets, progress_bar
from awe.dataflow.effects import effects
from awe.dataflow.finding import found, worded
from awe.dataflow.instance import Instance, current
from awe.dataflow.planner import Options, Pars, Planner, refuse_blocked
from awe.dataflow.request import Request
from awe.dataflow.run import Report
from awe.dataflow.target import number_of_workers
from awe.errors import AweError
from awe.face import plan_tree
from awe.face.named import object_named
from awe.face.words import edit_given, field_given, keys_given, parameters_given, target_named
from awe.persist.assume import Edit, with_assumed
from awe.persist.lineage import card
from awe.persist.view import seen_through, shadow_now
from awe.science.compiling import told


def plan(options: Namespace) -> int:
    """Show everything that the targets stand on, each with a state and its reasons."""
    with opened(options) as instance, seen_through(with_assumed(shadow_now(), edits_given(instance, options.assume))):
        cls = target_named(options.target)
        found = planner(options).plan(cls.requests(**keys_given(cls, options.keys)))
        if options.json:
            print_json(found.as_dict())
        else:
            print(found.tree(options.depth) if options.full else plan_tree(found, options.depth))
    return 0


def get(options: Namespace) -> int:
    """Find what is asked for, or make it; with ``--all`` one failure does not stop the others."""
    with opened(options):
        cls = target_named(options.target)
        keys = keys_given(cls, options.keys)
        asked = cls.requests(**keys) if options.all else [cls.request(**keys)]
        objects, report, failures = found_or_made(planner(options), asked, options)
        if options.json:
            print_json({"objects": [card(obj) for obj in objects], "report": counted(report), "failures": failures})
        elif objects or report.planned:
            print("\n".join([*map(repr, objects), *([str(report)] if not current().database.standpoint else [])]))
    for failure in failures:
        print(f"awe: {failure}", file=sys.stderr)
    return 2 if failures else 0


def effects_of(options: Namespace) -> int:
    """Tell what would become of the products that stand on an object, if it were edited."""
    with opened(options) as instance:
        obj = object_named(instance, options.id)
        found = effects([(obj, *field_given(word)) for word in options.edits])
        if options.json:
            print_json([{"class": one.request.cls.__name__, "keys": {name: str(value) for name, value in one.request.keys.items()},
                         "object": one.before.winner and one.before.winner.object_id, "state": one.after.state.value,
                         "text": one.text} for one in found])
        else:
            print("\n".join([*(one.text for one in found), f"{len(found)} products would not be up to date, or be other objects"]))
    return 0


def planner(options: Namespace) -> Planner:
    """A planner that goes about it as the options say."""
    return Planner(options=Options(parameters_given(options.pars), options.retry, options.grow, options.fresh))


def found_or_made(planner: Planner, asked: list[Request], options: Namespace) -> tuple[list[Any], Report, list[str]]:
    """The objects that could be had, what was done for them, and in words which could not be had."""
    if planner.instance.database.standpoint:
        return looked_for(asked, planner.options.pars)
    made = planner.plan(asked)
    failures = [why for top in made.tops if (why := failure_of(refuse_blocked, [top]))]
    if failures:
        asked = [one for one, top in zip(asked, made.tops, strict=True) if not top.state.is_blocked]
        made = planner.plan(asked)
    report = Report()
    if made.todo:
        with progress_bar(told("making")) as tell:
            report = planner.carry_out(made, workers=number_of_workers(options.workers), progress=of_targets(tell))
    objects: list[Any] = []
    failures += [why for top in made.tops if (why := failure_of(lambda node: objects.append(planner.object_of(node, report)), top))]
    return objects, report, failures


def edits_given(instance: Instance, words: list[str]) -> list[Edit]:
    """The edits in ``'ID field=value' ...``."""
    found = []
    for text in words:
        name, field, value = edit_given(text)
        found.append((object_named(instance, name), field, value))
    return found


def looked_for(asked: list[Request], pars: Pars | None) -> tuple[list[Any], Report, list[str]]:
    """The same where nothing can be made."""
    objects = found(asked, pars)
    standpoint = current().database.standpoint
    return ([obj for obj in objects if obj is not None], Report(),
            [f"{worded(one)} was not there {standpoint}, where nothing is made" for one, obj in zip(asked, objects, strict=True)
             if obj is None])


def failure_of(work: Callable[[Any], None], about: Any) -> str:
    """Do `work`, and say in one line why it could not be done; empty where it could."""
    try:
        work(about)
    except AweError as error:
        return " ".join(str(error).split())
    return ""


def counted(report: Report) -> dict[str, Any]:
    """What was done, as plain data."""
    return {"planned": report.planned, "made": len(report.made), "shared": len(report.shared), "cut_off": len(report.cut_off),
            "failed": {node.name: why for node, why in report.failed.items()},
            "held": {node.name: why for node, why in report.held.items()}}
