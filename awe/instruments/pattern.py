"""Regular expressions from instrument files: a subset that cannot run away, on text of bounded length.

Allowed: literals, ``.``, classes, escapes, anchors, groups, alternation, and ``* + ? {m,n}`` behind a single
character or class (a group may only carry ``?``). Not allowed: back-references, look-around, inline flags,
repeated groups. With at most three open-ended repeats the work is a bounded polynomial of a short text.
"""
from __future__ import annotations

import re

LONGEST_PATTERN = 120
LONGEST_TEXT = 200
OPEN_REPEATS = 3
REPEATS = 8
BRANCHES = 10

_TOKEN = re.compile(
    r"(?P<class>\[\^?\]?(?:\\.|[^\]\\])*\])|(?P<escape>\\.)|(?P<special>\(\?(?!:|P<[A-Za-z_]\w*>))"
    r"|(?P<open>\((?:\?:|\?P<[A-Za-z_]\w*>)?)|(?P<close>\))|(?P<repeat>[*+?]|\{\d*,?\d*\})|(?P<bar>\|)|(?P<other>.)",
    re.DOTALL)


def compile_pattern(text: str) -> re.Pattern[str]:
    """Compile `text` if it lies within the subset.

    Raises
    ------
    ValueError
        With a sentence about what is not allowed.
    """
    if len(text) > LONGEST_PATTERN:
        raise ValueError(f"pattern of {len(text)} characters; at most {LONGEST_PATTERN} are allowed")
    _check(text)
    try:
        return re.compile(text)
    except (re.error, OverflowError) as error:
        raise ValueError(f"pattern {text!r} is not a regular expression: {error}") from None


def search(pattern: re.Pattern[str], text: str) -> str | None:
    """Return the first group of the first match (the whole match where there is no group), or None."""
    match = pattern.search(text[:LONGEST_TEXT])
    if match is None:
        return None
    return match.group(1) if pattern.groups else match.group(0)


def _check(text: str) -> None:
    repeats = open_repeats = branches = 0
    before = ""
    for token in _TOKEN.finditer(text):
        kind = str(token.lastgroup)
        word = token.group()
        if kind == "special":
            raise ValueError(f"pattern {text!r} uses {word!r}: look-around and flags are not allowed")
        if kind == "escape" and word[1] in "123456789":
            raise ValueError(f"pattern {text!r} refers back to a group, which is not allowed")
        if kind == "repeat":
            if before == "close" and word != "?":
                raise ValueError(f"pattern {text!r} repeats a group, which is not allowed; repeat one character or "
                                 "class")
            repeats += 1
            open_repeats += _is_open(word)
        branches += kind == "bar"
        before = kind
    if repeats > REPEATS or open_repeats > OPEN_REPEATS or branches > BRANCHES:
        raise ValueError(f"pattern {text!r} is too rich: at most {REPEATS} repeats, {OPEN_REPEATS} of them open-ended, "
                         f"and {BRANCHES} alternatives")


def _is_open(repeat: str) -> bool:
    """Say whether a repeat has no fixed count (`?` is counted apart)."""
    if repeat in "*+":
        return True
    if repeat == "?":
        return False
    low, comma, high = repeat.strip("{}").partition(",")
    return bool(comma) and low != high
