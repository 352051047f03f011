"""What a command of `awe` is: its words, its arguments, and the function that does it."""
from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Argument:
    """One argument, in the words of `argparse`."""

    flags: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    def add_to(self, parser: ArgumentParser) -> None:
        """Let `parser` read it."""
        parser.add_argument(*self.flags, **self.settings)


def whole(text: str) -> int:
    """A number that counts something, for `argparse`."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number < 1 << 31:
        raise ArgumentTypeError(f"{text!r} should be a whole number, 0 or more")
    return number


def argument(*flags: str, **settings: Any) -> Argument:
    """An argument, as `ArgumentParser.add_argument` takes it."""
    return Argument(flags, settings)


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes
    ----------
    words
        what is typed after ``awe``: ``"get"``, or ``"instrument add"``
    module, function
        what does it: a function of a module of `awe.cli` that takes the arguments and returns an exit code
    summary
        one line
    arguments
        its arguments, but for those that all commands share
    details
        what a person should know besides, as paragraphs
    needs_instance
        whether it works on an instance, and so takes ``--home``
    """

    words: str
    module: str
    function: str
    summary: str
    arguments: tuple[Argument, ...] = ()
    details: str = ""
    needs_instance: bool = True

    @property
    def all_arguments(self) -> tuple[Argument, ...]:
        """Its own arguments, and those that all commands on an instance share."""
        return (*self.arguments, HOME) if self.needs_instance else self.arguments


HOME = argument("--home", metavar="DIR", help="the instance to work on; without it the one that AWE_HOME names, else ./awe-instance")
JSON = argument("--json", action="store_true", help="print JSON, for programs")
