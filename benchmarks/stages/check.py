"""One line of the accuracy report: what was measured on how much, how sure that is, and what it has to be."""
from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import beta

LEVEL = 0.95
"""Of the confidence intervals."""


@dataclass(frozen=True)
class Check:
    """A figure with its confidence interval and its tolerance."""

    name: str
    value: float
    low: float
    high: float
    number: int
    what: str
    tolerance: float | None
    unit: str = ""
    at_least: bool = False

    @property
    def passed(self) -> bool | None:
        """Whether the tolerance is met; None where there is none."""
        if self.tolerance is None:
            return None
        return bool(self.value >= self.tolerance if self.at_least else self.value <= self.tolerance)

    def as_row(self) -> dict[str, object]:
        """The line as plain data."""
        return {"name": self.name, "value": self.value, "low": self.low, "high": self.high, "number": self.number, "of": self.what,
                "unit": self.unit, "tolerance": self.tolerance, "at_least": self.at_least, "passed": self.passed}


def fraction(name: str, part: int, number: int, what: str, tolerance: float | None, *, at_least: bool = False) -> Check:
    """A part of so many, in percent, with the interval of Clopper and Pearson; `tolerance` in percent."""
    tail = (1 - LEVEL) / 2
    low = float(beta.ppf(tail, part, number - part + 1)) if part else 0.0
    high = float(beta.ppf(1 - tail, part + 1, number - part)) if part < number else 1.0
    value = part / number if number else math.nan
    return Check(name, 100 * value, 100 * low, 100 * high, number, what, tolerance, "%", at_least)


def measured(name: str, value: float, error: float, number: int, what: str, tolerance: float | None, unit: str = "", *,
             at_least: bool = False) -> Check:
    """A figure with a standard error."""
    return Check(name, value, value - 1.96 * error, value + 1.96 * error, number, what, tolerance, unit, at_least)


def spread(name: str, value: float, number: int, what: str, tolerance: float | None, unit: str = "") -> Check:
    """A root mean square of so many independent values, whose standard error is value / sqrt(2 N)."""
    return measured(name, value, value / math.sqrt(2 * max(number, 1)), number, what, tolerance, unit)
