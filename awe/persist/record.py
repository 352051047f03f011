"""What is written down for one new object: itself, what it was made from and how, its files."""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from awe.persist.mapping import Mapped


@dataclass(frozen=True)
class Input:
    """An object that was used.

    Attributes
    ----------
    slot
        the name of the dependency
    input
        the object, which may be one of the same transaction, or its row number
    sel, at
        what was asked for, at which time; by default its natural key at the anchor of what uses it
    input_value
        the value it had; by default the one it has
    per
        the natural key's digest of what a member of a group is made from, where the slot says `one_per`
    """

    slot: str
    pos: int
    input: Mapped | int
    sel: bytes | None = None
    at: int | None = None
    input_value: bytes | None = None
    per: bytes | None = None


@dataclass(frozen=True)
class WantRow:
    """What a set slot asked for, and how many it got; a single slot that found nothing got 0."""

    slot: str
    sel: bytes
    t_from: int
    t_to: int
    n: int


@dataclass(frozen=True)
class FileRow:
    """A file of an object, by its role; `ext` is the end of its name with the dot, `sha256` in hex."""

    role: str
    ext: str
    sha256: str
    size: int
    global_name: str


@dataclass(frozen=True)
class RecipeRow:
    """How it was made: version of the class, digest of the source, commit, versions of the libraries."""

    version: int
    digest: str
    git: str = ""
    env: Mapping[str, Any] = field(default_factory=dict)


@dataclass
class Record:
    """All that one transaction writes for one object.

    `value` is computed where it is not given; `blocking` is the mask of the quality flags that keep an object from being
    used, by default those of its class.
    """

    obj: Mapped
    inputs: list[Input] = field(default_factory=list)
    wants: list[WantRow] = field(default_factory=list)
    files: list[FileRow] = field(default_factory=list)
    recipe: RecipeRow | None = None
    parameters: Mapping[str, Any] | None = None
    derivation: bytes | None = None
    value: bytes | None = None
    blocking: int | None = None
