"""The page about errors."""
from __future__ import annotations

import inspect

import awe.errors
from awe.reference.markdown import code, first_line, page, table

INTRODUCTION = """A message says what was asked, what was there, and what to do, on one line. Each error is an `awe.AweError`; those with
a name in parentheses are that builtin too."""


def errors() -> str:
    """Every error a user can meet, with when it is raised."""
    tree = (inspect.getdoc(awe.errors) or "").split("::\n\n", 1)[1].split("\n\nCatch", 1)[0]
    found = [cls for _, cls in inspect.getmembers(awe.errors, inspect.isclass) if issubclass(cls, awe.errors.AweError)]
    rows = [(code(cls.__name__), first_line(cls)) for cls in found]
    return page("Errors", INTRODUCTION, f"```text\n{inspect.cleandoc(tree)}\n```", table(["error", "meaning"], rows))
