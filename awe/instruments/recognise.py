"""What kind of frame a file is: the first rule that holds, in the order of the instrument file."""
from __future__ import annotations

from dataclasses import dataclass

from awe.errors import HeaderError
from awe.instruments.condition import Condition, read_conditions
from awe.instruments.source import Source
from awe.instruments.table import Table

PURPOSES = ("bias", "dark", "domeflat", "twilightflat", "science", "skip")


@dataclass(frozen=True)
class Recognition:
    """A purpose and the conditions of which one must hold."""

    purpose: str
    conditions: tuple[Condition, ...]


def read_recognitions(table: Table) -> tuple[Recognition, ...]:
    """Return the rules in the order of the file."""
    rules = []
    for purpose in table.words():
        if purpose in PURPOSES:
            rules.append(Recognition(purpose, read_conditions(table.take(purpose), table.inside(purpose), table.file)))
    table.finish(PURPOSES)
    return tuple(rules)


def recognise(rules: tuple[Recognition, ...], source: Source) -> tuple[str, str]:
    """Return the purpose of a frame, and a sentence that says why.

    Raises
    ------
    HeaderError
        Where no rule holds; the message shows what the rules looked at.
    """
    for rule in rules:
        for condition in rule.conditions:
            if condition.holds(source):
                return rule.purpose, f"{rule.purpose} because {condition}"
    words = dict.fromkeys(check.word for rule in rules for condition in rule.conditions for check in condition.checks)
    seen = ", ".join(f"{word} = {source.raw(word)!r}" for word in words) or "there are no [recognise] rules"
    raise HeaderError(f"what kind of frame this is cannot be told: {seen}; add a rule under [recognise]")
