"""`Frame.flat.imstat.stdev` as a person writes it; comparing it makes a query."""
from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from awe.errors import QueryError
from awe.persist.criterion import Both, compare
from awe.persist.query import Query
from awe.persist.selection import Order
from awe.persist.walk import Walk


class Path:
    """A walk from a class to an attribute, or on the way there.

    ``==``, ``!=``, ``<``, ``<=``, ``>``, ``>=``, `like`, `contains`, `in_`, `between` and `is_` make a query of the class
    it starts from.  A walk through a list asks for some member.
    """

    __slots__ = ("_walk",)

    def __init__(self, walk: Walk) -> None:
        self._walk = walk

    def __getattr__(self, name: str) -> Path:
        if name.startswith("_"):
            raise AttributeError(name)
        return Path(self._walk.to(name))

    def __dir__(self) -> list[str]:
        end = self._walk.end
        return end.__mapping__.names if end is not None else ["asc", "between", "contains", "desc", "in_", "is_", "is_not", "like"]

    def __repr__(self) -> str:
        if not self._walk.steps:
            return str(self._walk)
        leaf = self._walk.leaf
        unit = f" [{leaf.unit}]" if leaf.unit else ""
        return f"{self._walk}: {leaf.type.__name__}{unit}, {leaf.doc}"

    def __bool__(self) -> bool:
        raise QueryError(f"{self._walk} is the name of an attribute and neither true nor false; compare it, as in {self._walk} == ...")

    def _query(self, operator: str, value: Any) -> Query[Any]:
        return Query(self._walk.root, compare(self._walk, operator, value))

    def __eq__(self, value: object) -> Any:
        return self._query("==", value)

    def __ne__(self, value: object) -> Any:
        return self._query("!=", value)

    def __lt__(self, value: Any) -> Any:
        return self._query("<", value)

    def __le__(self, value: Any) -> Any:
        return self._query("<=", value)

    def __gt__(self, value: Any) -> Any:
        return self._query(">", value)

    def __ge__(self, value: Any) -> Any:
        return self._query(">=", value)

    __hash__ = object.__hash__

    def like(self, pattern: str) -> Any:
        """Texts that look like `pattern`, in which ``*`` stands for anything."""
        return self._query("like", pattern)

    def contains(self, part: Any) -> Any:
        """Texts in which `part` occurs, or lists of which it is a member."""
        return self._query("contains", part)

    def in_(self, values: Iterable[Any]) -> Any:
        """Values, or links to objects, that are among `values`."""
        return self._query("in", values)

    def between(self, low: Any, high: Any) -> Any:
        """Values from `low` to `high`, both included."""
        return Query(self._walk.root, Both((compare(self._walk, ">=", low), compare(self._walk, "<=", high))))

    def is_(self, value: None) -> Any:
        """That there is no value: ``is_(None)``, the same as ``== None``."""
        return self._query("==", value)

    def is_not(self, value: None) -> Any:
        """That there is a value: ``is_not(None)``, the same as ``!= None``."""
        return self._query("!=", value)

    def desc(self) -> Order:
        """For `order_by`: the greatest first."""
        return Order(self._walk, True)

    def asc(self) -> Order:
        """For `order_by`: the smallest first."""
        return Order(self._walk, False)
