"""The states of a node in a plan, and why it is in one."""
from __future__ import annotations

import enum
import functools
from typing import NamedTuple

from awe.persist.types import from_microseconds

DAY = 86_400_000_000


class State(enum.Enum):
    """What is to be done about one target."""

    __hash__ = object.__hash__  # there is one of each; that of Enum takes three times as long
    UP_TO_DATE = "up to date"
    TO_BE_MADE = "to be made"
    OUT_OF_DATE = "out of date"
    UNDECIDED = "undecided"
    HELD = "held"
    MAY_GROW = "may grow"
    BEING_MADE = "being made"
    MISSING = "missing raw data"
    NOT_VISIBLE = "not visible"
    NOT_CHECKED = "not checked"

    @property
    def is_work(self) -> bool:
        """Whether an executor has something to do about it."""
        return self in WORK

    @property
    def is_blocked(self) -> bool:
        """Whether it cannot be made as things are."""
        return self in BLOCKED


WORK = frozenset({State.TO_BE_MADE, State.OUT_OF_DATE, State.UNDECIDED, State.BEING_MADE})
BLOCKED = frozenset({State.HELD, State.MISSING, State.NOT_VISIBLE})


class Cause(enum.Enum):
    """Why a node is in its state; each is said in words by `Reason.text`."""

    NOTHING_THERE = "none has been made"
    VERSION = "version {0} -> {1}"
    PARAMETER = "{0} {1} -> {2}"
    REPLACED = "{0} #{1} was replaced by {2} on {3}"
    INVALIDATED = "{0} {1} is no longer selectable"
    INPUT_TO_MAKE = "waits for {0}"
    ADDED = "{0} added"
    REMOVED = "{0} removed"
    NOW_AVAILABLE = "{0} can now be had"
    INPUT_BLOCKED = "{0} is {1}"
    TOO_FEW = "needs at least {0} {1}, found {2}; {3}"
    NO_RAW = "no {0} {1}"
    NOT_RELEASED = "none is in release {0}"
    CIRCLE = "{0} would have to be made from it first"
    NOT_SEEN = "the {0} that was used cannot be seen"
    FLAGGED = "its result {0} is flagged {1}; accept it (is_valid = 2), drop a raw, change a parameter, or retry=True"
    INVALID = "its result {0} was invalidated; change an input or a parameter, or retry=True"
    FAILED = "it failed before: {0}; retry=True makes it again"
    CAN_GROW = "{0} more {1} match"
    FRESH = "asked for afresh"
    DEPTH = "deeper than was asked"
    SHARES = "the same was made before as {0}: its result is shared"
    LEASED = "being made by {0}"

    def __init__(self, words: str) -> None:
        self.words = words


@functools.lru_cache(maxsize=4096)
def date_of(day: int) -> str:
    """The date of a day since 1970."""
    return f"{from_microseconds(day * DAY):%Y-%m-%d}"


class Reason(NamedTuple):
    """One cause with what it speaks of; that is put into words only when somebody reads it."""

    cause: Cause
    about: tuple[object, ...] = ()

    @property
    def text(self) -> str:
        """The reason in words."""
        cause, about = self
        return cause.words.format(*about).strip()

    def __str__(self) -> str:
        return self.text
