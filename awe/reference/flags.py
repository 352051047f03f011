"""The page about flags: what the system says of a product, of a pixel, and how far an object got."""
from __future__ import annotations

from awe.dataflow.state import State
from awe.persist.identity import LEVELS
from awe.reference.markdown import code, member_docs, page, table
from awe.science.mask import DESCRIPTIONS, NO_WEIGHT
from awe.targets.flags import BLOCKING, Flag

STATES = {
    State.UP_TO_DATE: "there is nothing to do", State.TO_BE_MADE: "there is none yet, and it can be made",
    State.OUT_OF_DATE: "there is one, and it would now be made from other values",
    State.UNDECIDED: "waits for an input that will be remade; if that comes out with an equal value, it is up to date after all",
    State.HELD: "it was flagged, invalidated or failed, and is not remade unasked; consumers use the newest eligible older one",
    State.MAY_GROW: "up to date, and more members now match; `grow=True` remakes it", State.BEING_MADE: "another process makes it now",
    State.MISSING: "there is no raw data that it could be made from", State.NOT_VISIBLE: "it is there, and not for these eyes",
    State.NOT_CHECKED: "deeper than was asked",
}


def flags() -> str:
    """Quality flags, mask bits, states of a plan, validity, privileges."""
    meanings = member_docs(Flag)
    quality = [(code(flag.name), str(flag.value.bit_length() - 1), "yes" if flag & BLOCKING else "no", meanings[str(flag.name)])
               for flag in Flag]
    bits = [(code(bit.name), str(int(bit)), "yes" if bit & NO_WEIGHT else "no", meaning) for bit, meaning in DESCRIPTIONS.items()]
    return page(
        "Flags and states",
        "## Quality flags", "`quality_flags` is the system's judgement of an object. A flag that blocks keeps it from being used until a "
        "person says `is_valid = 2`.", table(["flag", "bit", "blocks", "meaning"], quality),
        "## Mask bits", "The MASK extension of a frame says why a pixel is not to be trusted.",
        table(["bit", "value", "weight 0", "meaning"], bits),
        "## States of a plan", "Each node of a plan is in one of these states, with its reasons in words.",
        table(["state", "meaning"], [(state.value, STATES[state]) for state in State]),
        "## Validity", "`is_valid` is the user's judgement.", table(["is_valid", "meaning"], [
            ("0", "bad: never used"), ("1", "OK: used unless a flag blocks it"), ("2", "qualified: used in spite of its flags")]),
        "## Privileges", "Who sees an object.", table(["privileges", "name"], [(str(level), name) for level, name in LEVELS.items()]))
