"""The accuracy report: ``python benchmarks/accuracy.py [STAGE ...] [--quick] [--json] [--output FILE]``.

Each module of `benchmarks/stages` that has a function ``measure(*, quick: bool) -> list[Check]`` is a stage.  It simulates its truth by
GalSim, or takes it from a third party, and says for each figure its tolerance, the number of stars or pixels it stands on, and the
interval that holds the true figure with 95 % confidence.  Exit code 1 where a tolerance is not met.
"""
from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

from stages.check import Check

STAGES = Path(__file__).parent / "stages"
COLUMNS = ("figure", "value", "95 % interval", "on", "tolerance", "")


def stages() -> list[str]:
    """The names of all stages."""
    return sorted(path.stem for path in STAGES.glob("*.py") if "def measure(" in path.read_text(encoding="utf8"))


def cells(check: Check) -> tuple[str, ...]:
    """One line of the report."""
    unit = f" {check.unit}" if check.unit else ""
    bar = "" if check.tolerance is None else f"{'at least' if check.at_least else 'at most'} {check.tolerance:g}{unit}"
    judged = {True: "good", False: "MISSED", None: ""}[check.passed]
    return (check.name, f"{check.value:.4g}{unit}", f"{check.low:.4g} to {check.high:.4g}", f"{check.number:,} {check.what}", bar, judged)


def table(checks: list[Check]) -> str:
    """The report in aligned columns."""
    lines = [COLUMNS, *map(cells, checks)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def main(arguments: list[str] | None = None) -> int:
    known = stages()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="STAGE", help=f"which: {', '.join(known)} (all)")
    parser.add_argument("--quick", action="store_true", help="less of everything: to see that it works, not for figures")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write the figures there, as JSON")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"there is no stage {unknown[0]!r}; there are {', '.join(known)}")
    checks: list[Check] = []
    for name in options.names or known:
        start = time.perf_counter()
        checks += importlib.import_module(f"stages.{name}").measure(quick=options.quick)
        print(f"--- {name}: {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    rows = [check.as_row() for check in checks]
    print(json.dumps(rows) if options.json else table(checks))
    if options.output:
        options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf8")
    return 1 if any(check.passed is False for check in checks) else 0


if __name__ == "__main__":
    sys.exit(main())
