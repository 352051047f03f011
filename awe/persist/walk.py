"""A walk along links from a class to an attribute: what `Frame.flat.imstat.stdev` means."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe.errors import UnknownNameError
from awe.persist.declare import Attribute, Declaration, DependencyList, SystemAttribute
from awe.persist.mapping import Mapped

Step = Declaration[Any] | SystemAttribute[Any]


@dataclass(frozen=True)
class Walk:
    """The declarations that are passed, from the class `root` on."""

    root: type[Mapped]
    steps: tuple[Step, ...] = ()

    @classmethod
    def of(cls, root: type[Mapped], text: str) -> Walk:
        """The walk that a dotted path describes; raises UnknownNameError, with near names."""
        walk = cls(root)
        for name in text.split("."):
            walk = walk.to(name.strip())
        return walk

    def to(self, name: str) -> Walk:
        """The walk one step further."""
        end = self.end
        if end is None:
            raise UnknownNameError(f"{self} is a value of type {self.leaf.type.__name__}: it has no {name!r}")
        return Walk(self.root, (*self.steps, end.__mapping__.named(name)))

    @property
    def leaf(self) -> Step:
        """The last step."""
        return self.steps[-1]

    @property
    def end(self) -> type[Mapped] | None:
        """The class at the end of the walk; None when it ends at a value."""
        if not self.steps:
            return self.root
        return None if isinstance(self.leaf, Attribute | SystemAttribute) else self.leaf.type

    @property
    def has_list(self) -> bool:
        """Whether it leads through or to a list, so that one object has several ends."""
        return any(isinstance(step, DependencyList) for step in self.steps)

    @property
    def dotted(self) -> str:
        """The walk without the class it starts from."""
        return ".".join(step.name for step in self.steps)

    def __str__(self) -> str:
        return ".".join([self.root.__name__, *(step.name for step in self.steps)])
