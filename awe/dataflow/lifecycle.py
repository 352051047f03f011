"""The life cycle of what makes itself: build, set dependencies, `make`, `verify`, `compare`, store, commit.

Afterwards a person may `inspect` it, and its files can be read.
"""
from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import sqlalchemy as sa

from awe.dataflow import instance as instances
from awe.dataflow.limits import Limit, flag_names, raised
from awe.errors import MissingFileError
from awe.persist import tables
from awe.persist.dbobject import DBObject


@dataclass(frozen=True)
class Content:
    """The content of one file of a target: bytes, or the path of a file that will be copied into the store."""

    source: bytes | bytearray | Path
    ext: str = ".fits"


class NoFlag(enum.IntFlag):
    """The flags of a class that has no limits."""


class Stored(DBObject):
    """A persistent object that may have files."""

    __abstract__ = True

    flags: ClassVar[type[enum.IntFlag]] = NoFlag
    can_be_made: ClassVar[bool] = False
    raw_data: ClassVar[bool] = False

    def files(self) -> dict[str, str]:
        """The SHA-256 of each file, by role."""
        return {role: row["sha256"] for role, row in self.file_rows().items()}

    def file_rows(self) -> dict[str, dict[str, Any]]:
        """What the database says of each file, by role: sha256, ext, global_name and size in bytes."""
        f, file = tables.object_file, tables.file
        statement = sa.select(f, file.c.size).select_from(f.join(file, file.c.sha256 == f.c.sha256)).where(f.c.oid == self.oid)
        with instances.current().database.reading() as connection:
            return {row.role: {"sha256": bytes(row.sha256).hex(), "ext": row.ext, "global_name": row.global_name, "size": row.size}
                    for row in connection.execute(statement.order_by(f.c.role))}

    def path(self, role: str = "image") -> Path:
        """Where a file of this object is on this machine."""
        found = self.files()
        if role not in found:
            raise MissingFileError(f"{self!r} has no {role!r} file; it has {', '.join(found) or 'none'}")
        return instances.current().path_of(found[role])

    @property
    def filename(self) -> str:
        """The global name of its first file."""
        return next((row["global_name"] for row in self.file_rows().values()), "")

    @classmethod
    def flag_names(cls, flags: int) -> list[str]:
        """The names of the bits in `flags`."""
        return flag_names(flags, cls.flags)

    def global_name(self, role: str, ext: str) -> str:
        """The unique human-readable name of one of its files."""
        return f"{type(self).__name__}-{role}-{self.object_id[:12]}{ext}"


class Makeable(Stored):
    """A persistent object that can make itself from what it depends on.

    A subclass declares its keys, dependencies, parameters and limits, and overrides `make`; `version` is raised when its
    results change.
    """

    __abstract__ = True

    version: ClassVar[int] = 1
    limits: ClassVar[tuple[Limit, ...]] = ()
    validity: ClassVar[tuple[float, float] | str | None] = None
    can_be_made: ClassVar[bool] = True
    plan_number: ClassVar[str] = ""

    def make(self) -> None:
        """Derive the content from the dependencies and the parameters."""
        raise TypeError(f"{type(self).__name__} does not say how it is made: it has no make()")

    def contents(self) -> dict[str, Content]:
        """The files to be stored, by role, after `make`."""
        return {}

    def verify(self) -> None:
        """Raise a flag for every limit that is broken."""
        self.quality_flags = (self.quality_flags or 0) | raised(self.limits, self)

    def compare(self, previous: Self | None) -> None:
        """Raise a flag for every limit on the difference from the previous version that is broken."""
        if previous is not None:
            self.quality_flags = (self.quality_flags or 0) | raised(self.limits, self, previous)

    def inspect(self) -> Any:
        """A figure that a person can judge it by; None where there is nothing to see."""
        return None

    def report(self) -> list[tuple[str, float | None, bool]]:
        """Each limit in words, what was measured, and whether it is broken."""
        return [(limit.text, limit.value(self), limit.is_broken_by(self)) for limit in self.limits if not limit.compare]

    @classmethod
    def complete(cls, keys: Mapping[str, Any], at: int | None) -> dict[str, Any]:
        """Add to `keys` those of the natural key that follow from them; a class with keys of its own making overrides this."""
        return dict(keys)

    @classmethod
    def describe(cls) -> str:
        """The plan number and the first line of the docstring."""
        first = (cls.__doc__ or "").strip().split("\n", 1)[0]
        return f"{cls.plan_number} {first}".strip()
