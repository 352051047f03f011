"""How objects show themselves at the prompt and in notebooks: on a few lines, with units and flags by name."""
from __future__ import annotations

import sys
from typing import Any

from awe.dataflow.plan import Plan
from awe.face.description import describe
from awe.face.plans import plan_tree
from awe.persist.dbobject import DBObject


def show_objects(shell: Any) -> None:
    """Let the IPython `shell` print objects as `describe` tells them, in lists on one line, and plans as `plan_tree` does."""
    plain = shell.display_formatter.formatters["text/plain"]
    plain.for_type(DBObject, pretty)
    plain.for_type(Plan, lambda plan, printer, cycle: printer.text(plan_tree(plan)))


def running_shell() -> Any:
    """The IPython shell that runs this, as in a notebook; None where there is none."""
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def pretty(obj: DBObject, printer: Any, cycle: bool) -> None:
    """Print one object with IPython's pretty printer."""
    nested = cycle or printer.indentation > 0 or len(printer.stack) > 1
    printer.text(repr(obj) if nested else describe(obj))
