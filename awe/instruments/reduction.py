"""How frames that were calibrated elsewhere are laid out: the ``[reduced]`` table of an instrument file."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from awe.instruments.condition import Condition, read_conditions
from awe.instruments.rule import Rule, read_rule
from awe.instruments.table import Table

WORDS = ("when", "image", "unit", "soft_bias", "zero_point", "zero_point_per", "zero_point_system", "gain",
         "read_noise", "saturation", "weight", "mask")
RULES = ("soft_bias", "zero_point", "gain", "read_noise", "saturation")
UNITS = ("ADU", "electron", "ADU/s", "electron/s", "nanomaggy", "Jy")
PLANE_WORDS = ("hdu", "replace", "kind", "values", "bits")
WEIGHT_KINDS = ("weight", "variance", "rms", "confidence")
MASK_BITS = ("BAD", "HOT", "COLD", "SATURATED", "COSMIC", "SATELLITE", "NO_DATA", "CROSSTALK", "NOISY", "EXTRAPOLATED", "BLEEDING", "GHOST")


@dataclass(frozen=True)
class PlaneDefinition:
    """Where a weight or mask lies: in an HDU of the same file, or in a companion named by replacing text.

    `meaning` maps a pixel value (`by` = ``values``) or a bit number (`by` = ``bits``) to the name of a mask bit;
    empty, any value but zero is bad.
    """

    hdu: int | str | None = None
    replace: tuple[str, str] | None = None
    kind: str = "weight"
    by: str = "values"
    meaning: tuple[tuple[int, str], ...] = ()


@dataclass(frozen=True)
class ReducedDefinition:
    """How to tell a calibrated frame, and what its pixels mean."""

    when: tuple[Condition, ...]
    image: int | str | None = None
    unit: str = "ADU"
    zero_point_per: str = "second"
    zero_point_system: str = "AB"
    rules: tuple[tuple[str, Rule], ...] = ()
    weight: PlaneDefinition | None = None
    mask: PlaneDefinition | None = None


def read_reduced(table: Table) -> ReducedDefinition:
    """Return the description of calibrated frames."""
    if "when" not in table:
        raise table.error("needs when = {...}, the conditions by which a calibrated frame is told from a raw one")
    rules = tuple((word, read_rule(table.take(word), table.inside(word), table.file))
                  for word in RULES if word in table)
    definition = ReducedDefinition(
        when=read_conditions(table.take("when"), table.inside("when"), table.file), image=table.take("image"),
        unit=table.choice("unit", UNITS, "ADU"),
        zero_point_per=table.choice("zero_point_per", ("second", "exposure"), "second"),
        zero_point_system=table.choice("zero_point_system", ("AB", "Vega"), "AB"), rules=rules,
        weight=_plane(table, "weight"), mask=_plane(table, "mask"))
    table.finish(WORDS)
    return definition


def _plane(table: Table, word: str) -> PlaneDefinition | None:
    if word not in table:
        return None
    inner = table.table(word)
    replace = inner.take("replace")
    if replace is not None and (not isinstance(replace, list) or len(replace) != 2
                                or not all(isinstance(r, str) and r for r in replace)):
        raise inner.error(f"replace should be two texts, what to look for and what to put, not {replace!r}")
    hdu = inner.take("hdu")
    if hdu is None and replace is None:
        raise inner.error("needs hdu (same file) or replace = [text in the image's name, text in the companion's name]")
    kind = inner.choice("kind", WEIGHT_KINDS, "weight") if word == "weight" else "mask"
    by, meaning = read_meaning(inner) if word == "mask" else ("values", ())
    inner.finish(PLANE_WORDS)
    return PlaneDefinition(hdu, None if replace is None else (replace[0], replace[1]), kind, by, meaning)


def read_meaning(table: Table) -> tuple[str, tuple[tuple[int, str], ...]]:
    """Return whether a mask is coded by values or by bits, and which mask bit each means; empty, any value but zero is bad."""
    if "values" in table and "bits" in table:
        raise table.error("has both values and bits; a mask is coded in one way or the other")
    by = "bits" if "bits" in table else "values"
    content: Any = table.take(by, {})
    if not isinstance(content, dict):
        raise table.error(f"{by} should be a table of number to mask bit, not {content!r}")
    meaning = []
    for number, name in content.items():
        if not number.isdigit() or name not in MASK_BITS or (by == "bits" and int(number) > 63):
            raise table.error(f"{by}: {number} = {name!r} should be a number and one of {', '.join(MASK_BITS)}")
        meaning.append((int(number), str(name)))
    return by, tuple(sorted(meaning))
