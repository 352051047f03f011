"""All benchmarks, one after the other: ``python -m benchmarks [NAME ...] [--quick] [--output FILE]``.

Each script beside this one measures `awe` and a named peer in the same run, and prints rows of JSON; here they become one
table and one file, with the machine named.  Exit code 1 where a bar was missed.
"""
from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
COLUMNS = ("name", "ours", "peer", "theirs", "ratio", "bar", "")

Row = dict[str, Any]


def scripts() -> dict[str, Path]:
    """The scripts that measure speed; the other files are what they share, and the report on accuracy."""
    apart = (Path(__file__), HERE / "accuracy.py")
    found = [path for path in sorted(HERE.glob("*.py")) if path not in apart and "__main__" in path.read_text(encoding="utf8")]
    return {path.stem: path for path in found}


def measured(path: Path, *, quick: bool) -> tuple[list[Row], str]:
    """The rows of one script, and why there are none where it failed."""
    words = [sys.executable, str(path), "--json", *(["--quick"] if quick else [])]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, cwd=HERE.parent, env={**os.environ, "PYTHONPATH": str(HERE.parent)})
    try:
        rows: list[Row] = json.loads(done.stdout.strip().splitlines()[-1])
        return rows, ""
    except (IndexError, json.JSONDecodeError):
        return [], f"{path.name} printed no figures; exit code {done.returncode}"


def machine() -> dict[str, Any]:
    """Where it was measured."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {"processor": processor(), "cores": os.cpu_count(), "memory_GiB": round(memory, 1),
            "system": f"{platform.system()} {platform.release()}", "python": platform.python_version(),
            "date": datetime.date.today().isoformat()}


def processor() -> str:
    """The name of the processor, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def cells(row: Row) -> tuple[str, ...]:
    """One row of the table."""
    unit = row.get("unit") or "s"
    judged = "" if row.get("passed") is None else "good" if row["passed"] else "MISSED"
    bar = "" if row.get("bar") is None else f"{'at least' if row.get('at_least') else 'at most'} {row['bar']:g}"
    return (row["name"], number(row["ours"], unit), row["peer"], number(row.get("theirs"), unit),
            "-" if row.get("ratio") is None else f"{row['ratio']:.2f}", bar, judged)


def number(value: float | None, unit: str) -> str:
    """A figure with its unit."""
    if value is not None and unit == "s" and value < 0.1:
        value, unit = 1000 * value, "ms"
    return "-" if value is None else f"{value:.3g} {unit}"


def table(rows: list[Row]) -> str:
    """All rows in aligned columns."""
    lines = [COLUMNS, *map(cells, rows)]
    widths = [max(len(line[n]) for line in lines) for n in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)


def main(arguments: list[str] | None = None) -> int:
    known = scripts()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(known)} (all)")
    parser.add_argument("--quick", action="store_true", help="fewer runs and smaller data: to see that they work, not for figures")
    parser.add_argument("--output", type=Path, metavar="FILE", help="write rows and machine there, as JSON")
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in known]
    if unknown:
        parser.error(f"there is no benchmark {unknown[0]!r}; there are {', '.join(known)}")
    rows: list[Row] = []
    failures: list[str] = []
    for name in options.names or known:
        print(f"--- {name}", file=sys.stderr, flush=True)
        found, failure = measured(known[name], quick=options.quick)
        rows += [{**row, "script": name} for row in found]
        failures += [failure] if failure else []
    here = machine()
    print(table(rows))
    print(", ".join(f"{key} {value}" for key, value in here.items()))
    if options.output:
        options.output.write_text(json.dumps({"machine": here, "rows": rows}, indent=1) + "\n", encoding="utf8")
    print("\n".join(failures), file=sys.stderr, end="\n" if failures else "")
    return 1 if failures or any(row.get("passed") is False for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
