"""Which code made it: the digest of the normalised source that `make` reaches, the commit, the versions of the libraries.

Comments, docstrings, annotations and layout do not count; functions and methods of this package that `make` reaches do, through
other functions, and through the dispatchers of compiled ones.
"""
from __future__ import annotations

import ast
import functools
import hashlib
import inspect
import platform
import subprocess
import textwrap
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeGuard

from awe.persist.record import RecipeRow

LIBRARIES = ("numpy", "scipy", "astropy", "sep", "numba", "pyarrow")


def recipe_of(cls: Any) -> RecipeRow:
    """The recipe of a class: its version, the digest of its source, commit and libraries."""
    return RecipeRow(int(getattr(cls, "version", 1)), source_digest(cls), commit_of(cls), environment())


@functools.cache
def source_digest(cls: type) -> str:
    """The digest of everything that `make`, `verify` and `contents` of `cls` reach within its own package."""
    package = cls.__module__.split(".", 1)[0]
    seen: dict[str, str] = {}
    todo: list[Callable[..., Any]] = [getattr(cls, name) for name in ("make", "contents") if hasattr(cls, name)]
    while todo:
        function = unwrapped(todo.pop())
        name = f"{function.__module__}.{function.__qualname__}"
        if name in seen or function.__module__.split(".", 1)[0] not in (package, "awe") or is_machinery(function.__module__):
            continue
        seen[name] = normalised(function)
        todo.extend(reached(function, cls))
    text = "\n".join(f"{name}\n{seen[name]}" for name in sorted(seen))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_machinery(module: str) -> bool:
    """Whether a module only moves objects and files and leaves no trace in a result."""
    return module.startswith(("awe.persist", "awe.dataflow", "awe.fileserver", "awe.errors", "awe.config"))


def reached(function: FunctionType, cls: type) -> Iterator[Callable[..., Any]]:
    """The functions that `function` names: globals, attributes of modules, and methods of its class."""
    names = code_names(function.__code__)
    for name in sorted(names):
        found = function.__globals__.get(name)
        if isinstance(found, ModuleType) and found.__name__.split(".", 1)[0] in ("awe", cls.__module__.split(".", 1)[0]):
            yield from (member for other in sorted(names) if is_code(member := getattr(found, other, None)))
        elif isinstance(found, type):
            yield from (member for member in vars(found).values() if is_code(member) and counts(found, cls))
        elif is_code(found):
            yield found
        for method in methods(cls, name, every="super" in names):
            if is_code(method):
                yield method
            elif isinstance(method, property) and method.fget is not None:
                yield method.fget


def methods(cls: type, name: str, *, every: bool) -> list[Any]:
    """What `cls` calls `name`; where `super()` is spoken to, what its bases call so too."""
    found = [vars(base)[name] for base in cls.__mro__ if name in vars(base)]
    return found if every else found[:1]


def code_names(code: Any) -> set[str]:
    """All names in a code object and those nested in it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if hasattr(constant, "co_names"):
            found |= code_names(constant)
    return found


def is_code(found: Any) -> TypeGuard[Callable[..., Any]]:
    """Whether something is a function, or wraps one."""
    return isinstance(found, FunctionType | classmethod | staticmethod) or hasattr(found, "py_func") or (
        callable(found) and hasattr(found, "__wrapped__"))


def counts(found: type, cls: type) -> bool:
    """Whether the methods of a class that is named are part of what makes `cls`: those of awe, and of its own package."""
    return found.__module__.split(".", 1)[0] in ("awe", cls.__module__.split(".", 1)[0]) and not is_machinery(found.__module__)


def unwrapped(function: Any) -> FunctionType:
    """The function itself: behind compiled dispatchers, decorators, methods."""
    while True:
        if hasattr(function, "py_func"):
            function = function.py_func
        elif hasattr(function, "__wrapped__"):
            function = function.__wrapped__
        elif hasattr(function, "__func__"):
            function = function.__func__
        else:
            found: FunctionType = function
            return found


@functools.cache
def normalised(function: FunctionType) -> str:
    """The source of a function without comments, docstrings, annotations and layout."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return function.__code__.co_code.hex()
    return ast.dump(Plain().visit(tree))


class Plain(ast.NodeTransformer):
    """Takes docstrings and annotations away."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Take away docstring, annotations and decorators' arguments of layout."""
        node.returns = None
        if node.body and isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant) and len(node.body) > 1:
            node.body = node.body[1:]
        self.generic_visit(node)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Take away the annotation of an argument."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Make an annotated assignment a plain one."""
        self.generic_visit(node)
        if node.value is None:
            return ast.Pass()
        return ast.Assign(targets=[node.target], value=node.value, lineno=node.lineno)


@functools.cache
def commit_of(cls: type) -> str:
    """The commit of the checkout a class comes from, or the version of its distribution."""
    package = cls.__module__.split(".", 1)[0]
    source = inspect.getsourcefile(cls)
    if source is not None:
        answer = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=12"], cwd=Path(source).parent,
                                capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return answer.stdout.strip()
    for name in packages_distributions().get(package, []):
        return f"{name} {version(name)}"
    return ""


@functools.cache
def environment() -> dict[str, str]:
    """The versions of Python and of the libraries that compute."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
