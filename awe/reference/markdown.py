"""Tables and paragraphs as Markdown."""
from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Sequence

NOTE = "<!-- Written by `awe docs` from the code: change that, and run it again. -->"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; bars inside cells are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def code(text: object) -> str:
    """Text as code; nothing where there is none."""
    return f"`{text}`" if str(text) else ""


def page(title: str, *parts: str) -> str:
    """A page of parts with a title."""
    return "\n\n".join([f"# {title}", NOTE, *filter(None, parts)]) + "\n"


def first_line(thing: object) -> str:
    """The first sentence of a docstring."""
    return (inspect.getdoc(thing) or "").split("\n", 1)[0]


def member_docs(cls: type) -> dict[str, str]:
    """The docstrings that follow the members of a class body, by name."""
    (body,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(body, ast.ClassDef)
    found = {}
    for before, after in zip(body.body, body.body[1:], strict=False):
        target = before.targets[0] if isinstance(before, ast.Assign) else None
        if isinstance(target, ast.Name) and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[target.id] = " ".join(str(after.value.value).split())
    return found


def sections(docstring: str) -> dict[str, str]:
    """The items of a numpydoc section: names at the margin, their meaning indented below."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in docstring.splitlines():
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        elif line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
