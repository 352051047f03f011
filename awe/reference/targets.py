"""The page about classes: keys, dependencies, parameters, measured attributes, limits."""
from __future__ import annotations

import inspect
from typing import Any

import awe.targets  # noqa: F401 - defines the classes
from awe.dataflow.lifecycle import Makeable
from awe.persist.declare import Attribute, Dependency, DependencyList, Key, Parameter, Part, declarations, natural_key, slots
from awe.persist.mapping import Mapped, subclasses
from awe.reference.markdown import code, first_line, page, table

INTRODUCTION = """Every class with what identifies it, what it is made from, what can be turned, what is measured, and when it is flagged.
What `Class.info()` prints at the prompt is the same."""


#: Where the pictures are, seen from the page.
PICTURES = "../pictures/targets"


def classes(package: str = "awe") -> list[type[Mapped]]:
    """The classes that come with a package and have a table, raw data first."""
    within = "awe.targets." if package == "awe" else f"{package}."
    found = [cls for cls in subclasses() if f"{cls.__module__}.".startswith(within) and not cls.__abstract__]
    return sorted(found, key=lambda cls: (issubclass(cls, Makeable), cls.__name__))


def parts(package: str = "awe") -> list[type]:
    """The kinds of measured values that are objects of their own, of classes that come with a package."""
    found = {declared.type for cls in classes(package) for declared in declarations(cls).values() if isinstance(declared, Part)}
    return sorted(found, key=lambda cls: cls.__name__)


def targets(package: str = "awe") -> str:
    """Every class of a package."""
    whole, partial = classes(package), parts(package)
    contents = [f"[{cls.__name__}](#{cls.__name__.lower()})" for cls in [*whole, *partial]]
    return page("Classes", INTRODUCTION, " · ".join(contents), *map(about, whole), *map(about_part, partial))


def about(cls: Any) -> str:
    """One class."""
    return "\n\n".join(filter(None, [f"## {cls.__name__}", inspect.getdoc(cls) or "", facts(cls), picture(cls), keys(cls), links(cls),
                                     parameters(cls), attributes(cls), limits(cls)]))


def keys(cls: type) -> str:
    """What identifies an object, besides what it is linked to."""
    rows = [(code(n), one.type.__name__, one.doc) for n, one in declarations(cls).items() if isinstance(one, Key)]
    return table(["key", "type", "meaning"], rows) if rows else ""


def links(cls: type) -> str:
    """What an object is made from."""
    rows = [(code(n), kind(one), one.doc + condition(one)) for n, one in slots(cls).items()]
    return table(["made from" if issubclass(cls, Makeable) else "belongs to", "class", "meaning"], rows) if rows else ""


def parameters(cls: type) -> str:
    """What can be turned."""
    rows = [(code(n), code(repr(one.default)), one.unit, span(one), one.doc) for n, one in declarations(cls).items()
            if isinstance(one, Parameter)]
    return table(["parameter", "default", "unit", "range", "meaning"], rows) if rows else ""


def attributes(cls: type) -> str:
    """What is measured or described."""
    rows = [(code(n), one.type.__name__, one.unit, one.doc) for n, one in declarations(cls).items()
            if isinstance(one, Attribute | Part) and not isinstance(one, Key | Parameter)]
    return table(["attribute", "type", "unit", "meaning"], rows) if rows else ""


def limits(cls: Any) -> str:
    """When it is flagged."""
    rows = [(code(one.text), str(one.flag.name)) for one in getattr(cls, "limits", ())]
    return table(["limit", "flag"], rows) if rows else ""


def facts(cls: Any) -> str:
    """Key, version and plan number."""
    said = [f"Key: {', '.join(map(code, natural_key(cls)))}"]
    said += [f"version {cls.version}"] if issubclass(cls, Makeable) else []
    said += [f"plan number {cls.plan_number}"] if getattr(cls, "plan_number", "") else []
    return "; ".join(said) + "."


def picture(cls: Any) -> str:
    """What `inspect` shows of an object of a simulated run."""
    if not issubclass(cls, Makeable) or cls.inspect is Makeable.inspect:
        return ""
    return f"![What inspect() shows of one {cls.__name__}]({PICTURES}/{cls.__name__}.png)"


def kind(declared: Dependency[Any] | DependencyList[Any]) -> str:
    """The class at the other end."""
    name = declared.type.__name__
    if isinstance(declared, DependencyList):
        return f"list of {name}" + (f", one of each {declared.one_per.__name__}" if declared.one_per else "")
    return name


def condition(declared: Dependency[Any] | DependencyList[Any]) -> str:
    """Under which conditions it is chosen."""
    same = [ours if theirs == ours.rsplit(".", 1)[-1] else f"{theirs}={ours}" for theirs, ours in declared.same]
    said = [f"same {', '.join(same)}"] if same and not getattr(declared, "key", False) else []
    if getattr(declared, "key", False):
        said.append("part of the key")
    if isinstance(declared, DependencyList):
        if declared.within:
            said.append(f"of one {declared.within}" if isinstance(declared.within, str) else f"within {declared.within} days")
        said += [f"at least {declared.at_least}"]
        said += ["open: it may grow"] if declared.is_open else []
    said += ["may be missing"] if declared.optional else []
    return f" ({'; '.join(said)})" if said else ""


def span(declared: Parameter[Any]) -> str:
    """The values that are allowed."""
    if declared.choices:
        return ", ".join(map(str, declared.choices))
    ends = [f"at least {declared.at_least:g}"] if declared.at_least is not None else []
    return ", ".join([*ends, *([f"at most {declared.at_most:g}"] if declared.at_most is not None else [])])


def about_part(cls: type) -> str:
    """Measured values that are an object of their own."""
    rows = [(code(n), one.type.__name__, one.unit, one.doc) for n, one in declarations(cls).items()]
    return "\n\n".join([f"## {cls.__name__}", first_line(cls), table(["attribute", "type", "unit", "meaning"], rows)])
